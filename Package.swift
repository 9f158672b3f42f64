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

    // The module is not called Crypto, as the directory is: swift-crypto has one of that name.
    .target(
      name: "StoreCrypto", dependencies: ["COpenSSL", "CLinux"], path: "Sources/Crypto",
      swiftSettings: strict),
    .target(
      name: "StoreEncoding", dependencies: ["StoreCrypto"], path: "Sources/ChunkStore/Encoding",
      swiftSettings: strict),
    .target(
      name: "StoreFormat", dependencies: ["StoreEncoding", "StoreCrypto", "CZstd", "CLZ4"],
      path: "Sources/ChunkStore/Format", swiftSettings: strict),
    .target(
      name: "LinuxSystem", dependencies: ["StoreEncoding", "CLinux"],
      path: "Sources/ChunkStore/System", swiftSettings: strict),
    .target(
      name: "ObjectStorage",
      dependencies: ["LinuxSystem", "StoreEncoding", "StoreCrypto", "CLinux"],
      path: "Sources/ChunkStore/Storage", swiftSettings: strict),
    .target(
      name: "ServeStorage",
      dependencies: [
        "ObjectStorage", "LinuxSystem", "StoreFormat", "StoreEncoding", "StoreCrypto", "CLinux",
      ], path: "Sources/ChunkStore/Serve", swiftSettings: strict),
    .target(
      name: "ChunkStore",
      dependencies: [
        "ServeStorage", "ObjectStorage", "LinuxSystem", "StoreFormat", "StoreEncoding",
        "StoreCrypto", "CLinux",
      ], path: "Sources/ChunkStore/Store", swiftSettings: strict),
    .executableTarget(
      name: "archivist",
      dependencies: [
        "ChunkStore", "LinuxSystem", "StoreCrypto", "CLinux",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    .testTarget(name: "CryptoTests", dependencies: ["StoreCrypto"], swiftSettings: strict),
    .testTarget(
      name: "ChunkStoreTests", dependencies: ["ChunkStore", "LinuxSystem", "StoreCrypto"],
      swiftSettings: strict),
    .testTarget(
      name: "archivistTests",
      dependencies: ["archivist", "ChunkStore", "LinuxSystem", "StoreCrypto"],
      swiftSettings: strict),
  ]
)
