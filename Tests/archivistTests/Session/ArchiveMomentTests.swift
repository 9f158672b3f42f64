import StoreCrypto
import Testing

@testable import ChunkStore
@testable import archivist

@Suite struct `An archive named by a time` {
  private static let day: Int64 = 86_400
  private let now = Timestamp(seconds: 100 * day)

  private func archive(
    _ name: String, day: Int64, host: String = "alpha", number: UInt64 = 0
  ) -> Archive {
    let start = Timestamp(seconds: day * Self.day)
    var manifest = ArchiveManifest(name: name, start: start, end: start)
    manifest.hostname = host
    return Archive(
      id: Digest256(bigEndianWords: number, UInt64(day), 0, 0), name: name, manifest: manifest)
  }

  private func choose(_ text: String, _ archives: [Archive]) throws -> String? {
    try ArchiveMoment(Array(text.utf8)).map { try $0.choose(from: archives, now: now).name }
  }

  @Test func `is the newest one that was begun by then`() throws {
    let archives = [archive("a", day: 80), archive("b", day: 90), archive("c", day: 99)]
    #expect(try choose("@now", archives) == "c")
    #expect(try choose("@10D", archives) == "b")
    #expect(try choose("@9D", archives) == "b")
    #expect(try choose("@11D", archives) == "a")
  }

  @Test func `is one whose name matches`() throws {
    let archives = [
      archive("web-1", day: 80), archive("db-1", day: 90, host: "beta"),
    ]
    #expect(try choose("web-*@now", archives) == "web-1")
    #expect(try choose("db-1@now", archives) == "db-1")
    #expect(try choose("*@now", archives) == "db-1")
  }

  @Test func `is refused where it may be any machine's`() {
    let archives = [archive("a", day: 80), archive("b", day: 90, host: "beta")]
    #expect(throws: CommandFailure.self) { try choose("@now", archives) }
  }

  @Test func `is another machine's only if that had one by then`() throws {
    let archives = [archive("a", day: 80), archive("b", day: 90, host: "beta")]
    #expect(try choose("@15D", archives) == "a")
  }

  @Test func `is refused where two were begun at the same time`() {
    let archives = [archive("a", day: 80), archive("b", day: 80, number: 1)]
    #expect(throws: CommandFailure.self) { try choose("@now", archives) }
  }

  @Test func `is refused where there is none`() {
    #expect(throws: CommandFailure.self) { try choose("@now", []) }
    #expect(throws: CommandFailure.self) { try choose("@50D", [archive("a", day: 80)]) }
    #expect(throws: CommandFailure.self) { try choose("x*@now", [archive("a", day: 80)]) }
  }

  @Test func `is none where the text behind the @ is no time`() throws {
    #expect(try ArchiveMoment(Array("me@host".utf8)).map { _ in true } == nil)
    #expect(try ArchiveMoment(Array("plain".utf8)).map { _ in true } == nil)
    #expect(throws: TimeSelector.NotATime.self) { try ArchiveMoment(Array("@yesterday".utf8)) }
  }
}
