import Testing

@testable import ChunkStore
@testable import archivist

@Suite struct `What a backup counts` {
  /// A content that changes while it is read, the first time.
  private final class Changing: ContentSource, ContentStream {
    var expectedSize: UInt64 { 10 }
    func open() throws -> any ContentStream { self }
    func read(_ count: Int) throws -> [UInt8] { [UInt8](repeating: 1, count: count) }
    func finish() throws -> ContentSummary {
      ContentSummary(size: 30, holes: [Item.Hole(offset: 10, length: 20)], changedWhileRead: true)
    }
    func isWorthReading(afterAttempt attempt: Int) -> Bool { attempt == 1 }
  }

  @Test func `is what was read, with the holes, and once for each file`() throws {
    let counters = BackupCounters()
    let content = counters.counting(Changing(), at: try ArchivePath(Array("a/b".utf8)))
    func read() throws {
      let stream = try content.open()
      _ = try stream.read(4)
      _ = try stream.read(6)
      #expect(counters.path == Array("a/b".utf8))
      _ = try stream.finish()
    }
    try read()
    #expect(counters.fileCount == 1)
    #expect(counters.originalSize == 30)
    #expect(content.isWorthReading(afterAttempt: 1))
    #expect(counters.fileCount == 0)
    #expect(counters.originalSize == 0)
    try read()
    #expect(!content.isWorthReading(afterAttempt: 2))
    counters.addKnown(Item.Content(size: 5, chunks: .inline([])))
    #expect(counters.fileCount == 2)
    #expect(counters.originalSize == 35)
  }
}
