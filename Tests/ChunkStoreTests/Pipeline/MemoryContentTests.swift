import StoreCrypto
import Testing

@testable import ChunkStore

/// Archives of values in memory.
@Suite struct MemoryContentTests {
  private let test: SharedRepository

  init() throws { test = try SharedRepository() }

  private func path(_ text: String) throws -> ArchivePath { try ArchivePath(Array(text.utf8)) }

  @Test(arguments: [0, 1, 5, 100_000, 3_000_000])
  func `bytes come back as they were`(count: Int) throws {
    var random = PseudoRandomBytes(seed: 7)
    let bytes = random.bytes(count)
    let repository = try test.open()
    let builder = try ArchiveBuilder(repository)
    try builder.add(bytes, at: path("a"))
    let archive = try builder.finish(as: "memory")
    var items = try repository.items(of: archive)
    let item = try #require(try items.next())
    let content = try #require(item.content)
    var chunks = try repository.chunks(of: content)
    let reader = try ContentReader(repository)
    var found: [UInt8] = []
    while let chunk = try chunks.next() { found += try reader.read(chunk) }
    #expect(found == bytes)
    #expect(content.size == UInt64(count))
    #expect(try items.next() == nil)
  }

  @Test func `a name that is taken, or is none, is refused, and another one may be tried`() throws {
    let repository = try test.open()
    let first = try ArchiveBuilder(repository)
    try first.add([1], at: path("a"))
    try first.finish(as: "taken")
    let second = try ArchiveBuilder(repository)
    try second.add([2], at: path("a"))
    for name in ["taken", "", "a/b", "@now"] {
      #expect(throws: RepositoryError.self) { try second.finish(as: name) }
    }
    try second.finish(as: "free")
    #expect(try repository.archives().map(\.name).sorted() == ["free", "taken"])
    try test.expectClean()
  }

  @Test func `items out of order are an error, and there is no archive`() throws {
    let repository = try test.open()
    let builder = try ArchiveBuilder(repository)
    #expect(throws: FormatError.self) {
      try builder.add([1], at: path("b"))
      try builder.add([2], at: path("a"))
      try builder.finish(as: "unsorted")
    }
    #expect(try repository.archives().isEmpty)
  }
}
