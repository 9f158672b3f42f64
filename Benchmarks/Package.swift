// swift-tools-version: 6.2
import PackageDescription

// Measurements of the library's parts, and of how it scales. They look at what is internal, so they
// are built with `swift build -c release -Xswiftc -enable-testing`: see README.md here.

let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "Benchmarks",
  dependencies: [
    .package(name: "archivist", path: ".."),
    // Without its traits: they replace malloc, whose speed is a part of ours.
    .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
  ],
  targets: [
    .executableTarget(
      name: "Scale", dependencies: [.product(name: "ChunkStore", package: "archivist")],
      swiftSettings: strict),
    .executableTarget(
      name: "Micro",
      dependencies: [
        .product(name: "ChunkStore", package: "archivist"),
        .product(name: "Benchmark", package: "benchmark"),
      ],
      // Its plugin makes programs of what is in a directory of this name, and of nothing else.
      path: "Benchmarks/Micro", swiftSettings: [.enableUpcomingFeature("ExistentialAny")],
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
  ]
)
