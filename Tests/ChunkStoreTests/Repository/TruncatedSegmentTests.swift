import Glibc
import StoreCrypto
import Testing

@testable import ChunkStore

/// A repository in a directory, whose listings tell names alone.
@Suite struct TruncatedSegmentTests {
  let directory: TemporaryDirectory
  let storage: LocalStorage
  private var random = PseudoRandomBytes(seed: 1)

  init() throws {
    directory = try TemporaryDirectory()
    storage = try LocalStorage.create(path: "\(directory.path)/r")
    _ = try Repository.create(
      in: storage, suite: .none, passphrase: nil, cacheDirectory: "\(directory.path)/cache")
  }

  private func open() throws -> Repository {
    try Repository.open(storage, cacheDirectory: "\(directory.path)/cache") { Secret("") }
  }

  private func backUp(_ files: [TestFile], as name: String) throws -> Archive {
    let builder = try ArchiveBuilder(try open(), options: .init()) { _, _ in }
    for file in files { try builder.add(try file.item(), content: file) }
    return try builder.finish { $0.name = name }
  }

  /// Cuts a byte off the end of each segment of contents.
  private func truncate(_ repository: Repository) throws {
    for object in try storage.list(.segment) {
      let name = ObjectName.object(.segment, object.id)
      let isOfContents = try storage.get(name, range: 8..<9) == [ObjectType.contentSegment.rawValue]
      guard isOfContents else { continue }
      let path = "\(directory.path)/r/\(name.path)"
      guard unsafe Glibc.truncate(path, off_t(object.size - 1)) == 0 else {
        throw StorageError.last("truncate", path)
      }
    }
  }

  @Test mutating func `a truncated segment is noticed by whoever would rely on it`() throws {
    let files = [TestFile(path: "a", bytes: random.bytes(50_000))]
    let archive = try backUp(files, as: "first")
    let repository = try open()
    try repository.refresh()
    var items = try repository.items(of: archive)
    let content = try #require(try items.next()?.content)
    #expect(try repository.isUsable(content))
    #expect(!repository.hasKnownDamage)
    #expect(try repository.lostRanges(of: content).isEmpty)

    try truncate(repository)
    try repository.refresh()
    #expect(try !repository.isUsable(content))
    #expect(repository.hasKnownDamage)
    #expect(try repository.lostRanges(of: content) == [0..<50_000])

    // The next backup stores it again: the archive before is whole again, too.
    _ = try backUp(files, as: "second")
    try repository.refresh()
    #expect(try repository.isUsable(content))
    #expect(try repository.lostRanges(of: content).isEmpty)
    for name in ["first", "second"] {
      #expect(
        try repository.contents(of: try repository.archive(named: name)) == files.contents)
    }
  }

  @Test mutating func `check finds a truncated segment that nobody relies on`() throws {
    _ = try backUp([TestFile(path: "a", bytes: random.bytes(50_000))], as: "first")
    #expect(try open().check(CheckOptions()) { _ in }.problems.isEmpty)
    try truncate(try open())
    let problems = try open().check(CheckOptions()) { _ in }.problems
    #expect(problems.contains { $0.contains("and the index says") })
  }

  @Test mutating func `a directory with the name of a segment is told of, and nothing else`() throws
  {
    _ = try backUp([TestFile(path: "a", bytes: random.bytes(50_000))], as: "first")
    let name = ObjectName.object(.segment, random.digest())
    try LocalFile.makePrivateDirectories("\(directory.path)/r/\(name.path)")
    #expect(try open().refresh().map(\.object) == [name])
    let archive = try open().archive(named: "first")
    let reader = try open()
    try reader.refresh()
    #expect(try reader.contents(of: archive).count == 1)
  }
}
