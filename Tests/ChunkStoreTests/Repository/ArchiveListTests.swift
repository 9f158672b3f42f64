import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct ArchiveListTests {
  let test: TestRepository
  var repository: Repository { test.repository }

  init() throws { test = try TestRepository() }

  private func putLabel(_ target: Digest256, _ text: String, at seconds: Int64) throws {
    try repository.publish(
      Label(
        purpose: .archiveName, target: target, text: text, time: Timestamp(seconds: seconds)
      ).encoded(), as: .label, in: .label)
  }

  @Test func `archives are listed by their start, checkpoints among them`() throws {
    try test.addArchive("late", start: 300)
    try test.addArchive("early", start: -100)
    try test.addArchive("middle", start: 200, kind: .checkpoint)
    let archives = try test.reopen().archives()
    #expect(archives.map(\.name) == ["early", "middle", "late"])
    #expect(archives.map(\.manifest.kind) == [.archive, .checkpoint, .archive])
  }

  @Test func `an archive is found by its name, or by the beginning of its id`() throws {
    let a = try test.addArchive("a")
    let b = try test.addArchive("b")
    try test.addArchive("half", kind: .checkpoint)
    #expect(try repository.archive(named: "a").id == a.id)
    #expect(try repository.archive(named: "id:\(b.id.hex)").id == b.id)
    #expect(try repository.archive(named: "id:\(b.id.hex.prefix(12))").name == "b")
    for name in ["c", "", "A", "half", "id:", "id:zz", "id:\(a.id.hex.uppercased())0"] {
      let error = #expect(throws: RepositoryError.self) { try repository.archive(named: name) }
      guard case .archiveMissing = error else {
        Issue.record("'\(name)': \(String(describing: error))")
        continue
      }
    }
  }

  @Test func `two archives of one name are told apart by id only`() throws {
    let one = try test.addArchive("a", start: 1)
    let two = try test.addArchive("a", start: 2)
    let error = #expect(throws: RepositoryError.self) { try repository.archive(named: "a") }
    guard case .archiveAmbiguous("a", let ids) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(ids == [one.id, two.id])
    #expect(try repository.archive(named: "id:\(two.id.hex)").start.seconds == 2)
  }

  @Test func `names in another normal form are other names`() throws {
    try test.addArchive("caf\u{e9}")
    #expect(throws: RepositoryError.self) { try repository.archive(named: "cafe\u{301}") }
    #expect(try Array(repository.archive(named: "caf\u{e9}").name.utf8).count == 5)
    let other = try test.addArchive("x")
    #expect(throws: Never.self) { try repository.rename(other, to: "cafe\u{301}") }
  }

  @Test(arguments: [
    "", "a/b", "a\nb", "a\tb", "\u{7f}", "\0", "@now", "id:abc", " a", "a ",
    String(repeating: "x", count: 1025),
  ])
  func `names that could not be told or found are refused`(name: String) throws {
    let archive = try test.addArchive("a")
    #expect(throws: RepositoryError.self) { try repository.rename(archive, to: name) }
    #expect(try repository.archives().map(\.name) == ["a"])
  }

  @Test func `the newest label names an archive`() throws {
    let archive = try test.addArchive("first")
    try repository.rename(archive, to: "second")
    #expect(try test.reopen().archives().map(\.name) == ["second"])
    try repository.rename(archive, to: "third")
    #expect(try test.reopen().archives().map(\.name) == ["third"])
    #expect(try test.reopen().archives().map(\.manifest.name) == ["first"])
    // Those that count no more are gone.
    #expect(try test.storage.list(.label).count == 1)
    #expect(throws: RepositoryError.self) { try repository.archive(named: "first") }
  }

  @Test func `of several labels the newest counts, whatever the order of their names`() throws {
    let archive = try test.addArchive("a")
    var random = PseudoRandomBytes(seed: 1)
    for round in 0..<10 {
      let times = (0..<6).map { Int64($0) }.shuffled(using: &random)
      for time in times {
        try putLabel(archive.id, "at \(time) in \(round)", at: 10 * Int64(round) + time)
      }
      #expect(try repository.archives().map(\.name) == ["at 5 in \(round)"])
    }
  }

  @Test(arguments: [SystemClock.now.seconds + 1_000_000, .max - 1, .max])
  func `a clock that was set back does not undo a renaming`(future: Int64) throws {
    let archive = try test.addArchive("a")
    try putLabel(archive.id, "from the future", at: future)
    for name in ["b", "c", "d", "e", "f"] {
      try repository.rename(archive, to: name)
      #expect(try repository.archives().map(\.name) == [name])
    }
  }

  @Test func `a name that is taken is refused`() throws {
    let a = try test.addArchive("a")
    let b = try test.addArchive("b")
    #expect(throws: RepositoryError.self) { try repository.rename(a, to: "b") }
    try repository.rename(b, to: "c")
    // The name that it was made with is free again.
    try repository.rename(a, to: "b")
    #expect(try repository.archives().map(\.name).sorted() == ["b", "c"])
  }

  @Test func `labels of other purposes name no archive`() throws {
    let archive = try test.addArchive("a")
    try repository.setLabel(.keySlotNote, of: archive.id, to: "note")
    #expect(try repository.archives().map(\.name) == ["a"])
    let notes = try repository.labels(.keySlotNote) { _, _ in }
    #expect(notes[archive.id]?.label.text == "note")
  }

  @Test func `what was deleted is gone, with a record that an owner has signed`() throws {
    let a = try test.addArchive("a")
    try test.addArchive("b")
    let c = try test.addArchive("c")
    try repository.rename(a, to: "d")
    try repository.delete([a, c])
    let opened = try test.reopen()
    #expect(try opened.archives().map(\.name) == ["b"])
    #expect(try test.storage.list(.label).isEmpty)
    let records = try test.storage.list(.removal)
    #expect(records.count == 1)
    var body = try opened.body(.object(.removal, records[0].id), .removal)
    let removal = try Removal(decoding: &body, authority: opened.authority)
    #expect(Set(removal.archives) == [a.id, c.id])
    #expect(removal.time.earlier(bySeconds: 60) < SystemClock.now)
    // Deleting nothing leaves no record.
    try repository.delete([])
    #expect(try test.storage.list(.removal).count == 1)
  }

  @Test func `an archive that was deleted, and is put back, stays deleted`() throws {
    let a = try test.addArchive("a")
    try test.addArchive("b")
    try repository.rename(a, to: "c")
    let saved = try test.storage.copy()
    try repository.delete([a])
    _ = try repository.compact()
    for kind in [ObjectName.Kind.archive, .label] {
      for object in try saved.list(kind) {
        let name = ObjectName.object(kind, object.id)
        try test.storage.put(name, try saved.get(name, range: nil))
      }
    }
    let opened = try test.reopen()
    #expect(try opened.archives().map(\.name) == ["b"])
    #expect(try opened.returnedArchives() == [a.id])
    #expect(throws: RepositoryError.self) { try opened.archive(named: "c") }
    // Its chunks are gone: that stops nobody.
    _ = try opened.compact()
    #expect(try opened.returnedArchives().isEmpty)
    #expect(try test.storage.list(.archive).count == 1)
    #expect(try test.storage.list(.label).isEmpty)
  }

  @Test func `many records of removals become few, and say the same`() throws {
    var removed: Set<Digest256> = []
    for number in 0..<(Removal.mostRecords + 3) {
      let id = Digest256(bigEndianWords: 0, 0, 0, UInt64(number))
      removed.insert(id)
      let removal = Removal(archives: [id], time: Timestamp(seconds: 1))
      try repository.publish(
        try removal.signed(by: repository.keys.authority), as: .removal, in: .removal)
    }
    // One that is full stays as it is.
    let full = (0..<UInt64(Removal.most)).map { Digest256(bigEndianWords: 1, 0, 0, $0) }
    let large = try repository.publish(
      try Removal(archives: full, time: Timestamp(seconds: 1)).signed(
        by: repository.keys.authority), as: .removal, in: .removal)
    #expect(try repository.removedArchives() == removed.union(full))
    _ = try repository.compact()
    let left = try test.storage.list(.removal)
    #expect(left.count == 2)
    #expect(left.contains { $0.id == large })
    #expect(left.allSatisfy { $0.size <= Limits.archiveSize })
    let opened = try test.reopen()
    #expect(try opened.removedArchives() == removed.union(full))
    #expect(try opened.vanished(removed.map(\.hex)).isEmpty)
  }

  @Test func `a removal that somebody else has signed is refused`() throws {
    let stranger = try Structure.authority
    let removal = Removal(
      archives: [Digest256(bigEndianWords: 0, 0, 0, 1)], time: Timestamp(seconds: 1))
    let forged = try removal.signed(by: stranger)
    #expect(throws: FormatError.authenticationFailed) {
      var reader = ByteReader(forged)
      _ = try Removal(decoding: &reader, authority: repository.authority)
    }
    let good = try removal.signed(by: repository.keys.authority)
    for byte in good.indices {
      var changed = good
      changed[byte] ^= 1
      #expect(throws: (any Error).self, "byte \(byte)") {
        var reader = ByteReader(changed)
        _ = try Removal(decoding: &reader, authority: repository.authority)
      }
    }
    // A signature of a configuration is none of a removal.
    #expect(throws: (any Error).self) {
      var reader = ByteReader(try repository.config.signed(by: repository.keys.authority))
      _ = try Removal(decoding: &reader, authority: repository.authority)
    }
  }

  @Test(arguments: [8, 50, 85, 4095])
  func `a damaged archive is named, and the others can be had`(byte: Int) throws {
    try test.addArchive("a")
    let bad = try test.addArchive("b")
    let name = ObjectName.object(.archive, bad.id)
    try test.damage(name, at: byte)
    #expect(throws: RepositoryError.self) { try repository.archives() }
    var problems: [ObjectName] = []
    let rest = try repository.archives { name, _ in problems.append(name) }
    #expect(rest.map(\.name) == ["a"])
    #expect(problems == [name])
  }

  @Test func `what is not an archive is not taken for one`() throws {
    // Sealed by us as something else, or an archive of another repository, under its right name.
    let manifest = try ArchiveManifest(
      name: "x", start: Timestamp(seconds: 1), end: Timestamp(seconds: 1)
    ).encoded()
    for type in ObjectType.allCases where type != .archive {
      let id = try repository.publish(manifest, as: type, in: .archive)
      #expect(throws: RepositoryError.self) { try repository.archives() }
      try test.storage.delete(.object(.archive, id))
    }
    let other = try TestRepository()
    let foreign = try other.addArchive("x")
    let bytes = try other.storage.get(.object(.archive, foreign.id), range: nil)
    try test.storage.put(.object(.archive, foreign.id), bytes)
    #expect(throws: RepositoryError.self) { try repository.archives() }
    try test.storage.delete(.object(.archive, foreign.id))
    // One of our own, under another name.
    let ours = try test.addArchive("y")
    let name = ObjectName.object(.archive, Digest256(bigEndianWords: 9, 9, 9, 9))
    test.storage.replace(name, try test.storage.get(.object(.archive, ours.id), range: nil))
    var problems: [ObjectName] = []
    _ = try repository.archives { name, _ in problems.append(name) }
    #expect(problems == [name])
  }

  @Test func `a label that cannot be read is reported, and hides no archive`() throws {
    let archive = try test.addArchive("a")
    try repository.rename(archive, to: "b")
    let label = try #require(try test.storage.list(.label).first)
    try test.damage(.object(.label, label.id), at: 100)
    var problems: [ObjectName] = []
    let archives = try repository.archives { name, _ in problems.append(name) }
    #expect(archives.map(\.name) == ["a"])
    #expect(problems == [.object(.label, label.id)])
  }
}
