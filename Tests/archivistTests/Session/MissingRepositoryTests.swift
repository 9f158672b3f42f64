import ChunkStore
import Testing

@testable import archivist

@Suite struct MissingRepositoryTests {
  private let known = ClientMemory.Absent(
    repository: String(repeating: "ab", count: 32), lastBackup: Timestamp(seconds: 0))

  private func text(_ missing: MissingRepository) -> String {
    String(decoding: missing.message.bytes, as: UTF8.self)
  }

  @Test func `of a place that is known, the disk is asked for, and nothing new is offered`() {
    let text = text(MissingRepository(location: "usb/repo", known: known))
    #expect(text.hasPrefix("usb/repo: there is no repository here now. Repository ababab"))
    #expect(text.contains("last backup to it was at 1970-01-01T"))
    #expect(text.contains("Is its disk not connected or not mounted"))
    #expect(!text.contains("init"))
  }

  @Test func `on another machine its disk is there`() {
    #expect(
      text(MissingRepository(location: "ssh://storage/repo", known: known))
        .hasSuffix("Is its disk not mounted on the server, or was it moved?"))
  }

  @Test func `where it is now says more`() {
    let missing = MissingRepository(location: "repo", known: known, found: "/new/repo")
    #expect(text(missing).hasSuffix("It is in /new/repo, which this client knows as well"))
  }

  @Test func `something else in its place, and the rest of it, are told apart`() {
    #expect(
      text(MissingRepository(location: "r", known: known, isOther: true))
        .contains("another disk mounted here"))
    #expect(
      text(MissingRepository(location: "r", known: known, hasRemains: true))
        .contains("bring config/ back"))
  }

  @Test func `of an unknown place, a new repository is offered, or what was meant`() {
    #expect(
      text(MissingRepository(location: "repo"))
        == "repo: there is no repository here. `archivist init repo` makes one")
    #expect(
      text(MissingRepository(location: "rep", meant: "/a/repo"))
        == "rep: there is no repository here; did you mean /a/repo? `archivist init rep` makes one")
    #expect(
      text(MissingRepository(location: "repo:x", meant: "repo::x", isArchiveMeant: true))
        == "repo:x: there is no repository here; did you mean repo::x?")
  }
}
