// swift-tools-version: 6.2
import PackageDescription

// Programs that use the library as others do: built and run by the tests.

let package = Package(
  name: "Examples",
  dependencies: [.package(name: "archivist", path: "..")],
  targets: [
    // Stands in for swift-crypto, whose module has this name: both have to fit into one program.
    .target(name: "Crypto"),
    .executableTarget(
      name: "FirstArchive",
      dependencies: ["Crypto", .product(name: "ChunkStore", package: "archivist")],
      swiftSettings: [
        .strictMemorySafety(), .treatAllWarnings(as: .error),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("ExistentialAny"),
      ]),
  ]
)
