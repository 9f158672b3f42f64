// swift-tools-version: 6.2
import PackageDescription

// The fuzzers: the same sources as the program (the directories in Sources are links), built so that
// libFuzzer sees which of their lines an input reaches. `scripts/fuzz` builds and runs them.

let fuzzed: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .unsafeFlags([
    "-sanitize=fuzzer,address", "-enable-testing", "-O", "-parse-as-library",
  ]),
]

let package = Package(
  name: "Fuzzing",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto"),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd"),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4"),
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "CFuzzer"),
    .target(
      name: "StoreCrypto", dependencies: ["COpenSSL", "CLinux"], path: "Sources/Crypto",
      swiftSettings: fuzzed),
    .target(
      name: "StoreEncoding", dependencies: ["StoreCrypto"], path: "Sources/ChunkStore/Encoding",
      swiftSettings: fuzzed),
    .target(
      name: "StoreFormat", dependencies: ["StoreEncoding", "StoreCrypto", "CZstd", "CLZ4"],
      path: "Sources/ChunkStore/Format", swiftSettings: fuzzed),
    .target(
      name: "LinuxSystem", dependencies: ["StoreEncoding", "CLinux"],
      path: "Sources/ChunkStore/System", swiftSettings: fuzzed),
    .target(
      name: "ObjectStorage",
      dependencies: ["LinuxSystem", "StoreEncoding", "StoreCrypto", "CLinux"],
      path: "Sources/ChunkStore/Storage", swiftSettings: fuzzed),
    .target(
      name: "ServeStorage",
      dependencies: [
        "ObjectStorage", "LinuxSystem", "StoreFormat", "StoreEncoding", "StoreCrypto", "CLinux",
      ], path: "Sources/ChunkStore/Serve", swiftSettings: fuzzed),
    .target(
      name: "ChunkStore",
      dependencies: [
        "ServeStorage", "ObjectStorage", "LinuxSystem", "StoreFormat", "StoreEncoding",
        "StoreCrypto", "CLinux",
      ], path: "Sources/ChunkStore/Store", swiftSettings: fuzzed),
    // A library here, whose entry point has another name: libFuzzer brings the one that counts.
    .target(
      name: "archivist",
      dependencies: [
        "ChunkStore", "LinuxSystem", "StoreCrypto", "CLinux",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: fuzzed + [
        .unsafeFlags([
          "-Xfrontend", "-entry-point-function-name", "-Xfrontend", "archivist_main",
        ])
      ]),
    .executableTarget(
      name: "Fuzz",
      dependencies: ["archivist", "ChunkStore", "LinuxSystem", "StoreCrypto", "CLinux", "CFuzzer"],
      swiftSettings: fuzzed,
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]),
  ]
)
