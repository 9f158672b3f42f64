// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "archivist",
  products: [
    .library(name: "ChunkStore", targets: ["ChunkStore"]),
    .executable(name: "archivist", targets: ["archivist"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CLinux"),

    .target(name: "Crypto", dependencies: ["COpenSSL", "CLinux"], swiftSettings: strict),
    .target(
      name: "ChunkStore", dependencies: ["Crypto", "CZstd", "CLZ4", "CLinux"],
      swiftSettings: strict),
    .executableTarget(
      name: "archivist",
      dependencies: [
        "ChunkStore", "Crypto", "CLinux",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    .testTarget(name: "CryptoTests", dependencies: ["Crypto"], swiftSettings: strict),
    .testTarget(
      name: "ChunkStoreTests", dependencies: ["ChunkStore", "Crypto"], swiftSettings: strict),
    .testTarget(
      name: "archivistTests", dependencies: ["archivist", "ChunkStore", "Crypto"],
      swiftSettings: strict),
  ]
)
