import StoreCrypto
import Testing

@testable import ChunkStore
@testable import archivist

@Suite struct `Archives with the names of checkpoints` {
  private func archive(_ name: String, _ day: Int64, _ host: String) -> Archive {
    let start = Timestamp(seconds: day * 86_400)
    var manifest = ArchiveManifest(name: name, start: start, end: start)
    manifest.hostname = host
    return Archive(
      id: Digest256(bigEndianWords: UInt64(day), 0, 0, 0), name: name, manifest: manifest)
  }

  private func names(_ archives: [Archive]) -> [String] { archives.map(\.name).sorted() }

  @Test func `are superseded by archives of their own machine alone`() {
    let archives = [
      archive("web", 1, "web"), archive("web.checkpoint", 2, "web"),
      archive("db.checkpoint", 3, "db"), archive("db.checkpoint.1", 4, "db"),
      archive("old.checkpoint", 5, "file"), archive("file", 6, "file"),
      archive("mail", 9, "mail"),
    ]
    let found = NamedCheckpoints(archives, by: .byHost, .borg)
    #expect(names(found.others) == ["file", "mail", "web"])
    #expect(names(found.kept) == ["db.checkpoint.1", "web.checkpoint"])
    #expect(names(found.superseded) == ["db.checkpoint", "old.checkpoint"])
  }

  @Test func `are superseded by any where machines are not told apart`() throws {
    let archives = [
      archive("web.checkpoint", 2, "web"), archive("db", 3, "db"),
      archive("db.checkpoint", 4, "db"),
    ]
    let found = NamedCheckpoints(archives, by: try ArchiveGrouping("none"), .borg)
    #expect(names(found.kept) == ["db.checkpoint"])
    #expect(names(found.superseded) == ["web.checkpoint"])
  }

  @Test func `are archives like others in archivist's own style`() {
    let archives = [archive("web.checkpoint", 2, "web"), archive("web", 3, "web")]
    let found = NamedCheckpoints(archives, by: .byHost, .native)
    #expect(found.others.count == 2 && found.kept.isEmpty && found.superseded.isEmpty)
  }
}
