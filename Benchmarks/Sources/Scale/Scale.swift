import Glibc
import StoreCrypto

@testable import ChunkStore
@testable import LinuxSystem
@testable import ObjectStorage
@testable import StoreEncoding
@testable import StoreFormat

/// Makes repositories that are large in one respect, and measures them; `scale` beside this package
/// runs it.
@main enum Scale {
  static let usage = """
    usage: Scale make-index|index|make-items|items|make-archives|archives DIRECTORY NUMBER

    Makes a repository in DIRECTORY/repository with NUMBER chunks, items or archives, or measures it.
    Each measurement is a process of its own, whose memory counts.

    """

  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, let number = Int(arguments[3]), number > 0 else {
      print(usage, terminator: "")
      exit(2)
    }
    let directory = arguments[2]
    var figures = Figures()
    switch arguments[1] {
    case "make-index":
      let repository = try make(directory)
      let index = SyntheticIndex(repository: repository, directory: "\(directory)/repository")
      try figures.time("make") { _ = try index.publish(0..<number) }
      try figures.time("first_view") { try repository.refresh() }
    case "index":
      let repository = try figures.time("open") { try open(directory) }
      try SyntheticIndex(repository: repository, directory: "\(directory)/repository")
        .measure(number, &figures)
    case "make-items":
      let repository = try make(directory)
      let index = SyntheticIndex(repository: repository, directory: "\(directory)/repository")
      _ = try index.publish(0..<number)
      try figures.time("make") {
        try SyntheticItems(repository: repository, count: number).make()
      }
    case "items":
      try SyntheticItems(repository: try open(directory), count: number).measure(&figures)
    case "make-archives":
      let repository = try make(directory)
      try figures.time("make") { try SyntheticArchives(repository: repository).make(number) }
    case "archives":
      try SyntheticArchives(repository: try open(directory)).measure(number, &figures)
    default:
      print(usage, terminator: "")
      exit(2)
    }
    figures.addMemory("peak")
    figures.print()
  }

  private static func make(_ directory: String) throws -> Repository {
    let storage = try LocalStorage.create(path: "\(directory)/repository")
    return try Repository.create(
      in: storage, suite: .aes256GCM, passphrase: Secret(copying: Array("secret".utf8).span),
      cacheDirectory: "\(directory)/cache")
  }

  private static func open(_ directory: String) throws -> Repository {
    try Repository.open(
      try LocalStorage(path: "\(directory)/repository"), cacheDirectory: "\(directory)/cache"
    ) { Secret(copying: Array("secret".utf8).span) }
  }
}
