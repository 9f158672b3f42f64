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
    .target(name: "Crypto", dependencies: ["COpenSSL", "CLinux"], swiftSettings: fuzzed),
    .target(
      name: "ChunkStore", dependencies: ["Crypto", "CZstd", "CLZ4", "CLinux"],
      swiftSettings: fuzzed),
    // A library here, whose entry point has another name: libFuzzer brings the one that counts.
    .target(
      name: "archivist",
      dependencies: [
        "ChunkStore", "Crypto", "CLinux",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: fuzzed + [
        .unsafeFlags([
          "-Xfrontend", "-entry-point-function-name", "-Xfrontend", "archivist_main",
        ])
      ]),
    .executableTarget(
      name: "Fuzz", dependencies: ["archivist", "ChunkStore", "Crypto", "CLinux", "CFuzzer"],
      swiftSettings: fuzzed,
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]),
  ]
)
