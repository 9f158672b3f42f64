import StoreCrypto
import Testing

@testable import ChunkStore
@testable import archivist

@Suite struct ItemsAheadTests {
  let directory: TemporaryDirectory
  let repository: Repository

  init() throws {
    directory = try TemporaryDirectory()
    let storage = try LocalStorage.create(path: text(directory("repo")))
    repository = try Repository.create(
      in: storage, suite: .none, passphrase: nil, cacheDirectory: text(directory("cache")))
  }

  private func path(_ text: String) throws -> ArchivePath { try ArchivePath(bytes(text)) }

  /// An archive of so many directories, each with one in it.
  private func archive(_ count: Int) throws -> Archive {
    let builder = try ArchiveBuilder(repository, options: .init()) { _, _ in }
    for number in 0..<count {
      for name in ["\(10_000 + number)", "\(10_000 + number)/in"] {
        try builder.add(
          Item(
            path: path(name), mode: 0o040755, uid: 0, gid: 0, mtime: Timestamp(seconds: 7)))
      }
    }
    return try builder.finish { $0.name = "a" }
  }

  @Test(arguments: [0, 1, 128, 20_000])
  func `all items come, in order`(count: Int) throws {
    let archive = try archive(count)
    let ahead = ItemsAhead(archive, in: nil, of: repository)
    var items = try repository.items(of: archive)
    while let some = try ahead.next() {
      for item in some { #expect(try items.next() == item) }
    }
    #expect(try items.next() == nil)
    #expect(try ahead.next() == nil)
  }

  @Test func `of some places only what is there comes`() throws {
    let places = try ["10007", "12345/in", "29999", "3"].map(path)
    let ahead = ItemsAhead(try archive(20_000), in: places, of: repository)
    var found: [String] = []
    while let some = try ahead.next() { found += some.map { text($0.path.bytes) } }
    #expect(found == ["10007", "10007/in", "12345/in", "29999", "29999/in"])
  }

  @Test func `who wants no more of them need not take the rest`() throws {
    let archive = try archive(20_000)
    for taken in [0, 1, 100] {
      let ahead = ItemsAhead(archive, in: nil, of: repository)
      for _ in 0..<taken { #expect(try ahead.next() != nil) }
    }
  }

  @Test func `what cannot be read is an error, once, and not the end`() throws {
    var archive = try archive(1)
    archive.manifest.tree?.id = ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4))
    let ahead = ItemsAhead(archive, in: nil, of: repository)
    #expect(throws: LostItems.self) { try ahead.next() }
    #expect(try ahead.next() == nil)
  }
}
