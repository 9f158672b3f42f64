import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

/// The fate of a damaged repository.
@Suite struct RepairTests {
  private let test: SharedRepository
  private let files: [TestFile]

  init() throws {
    test = try SharedRepository()
    var random = PseudoRandomBytes(seed: 31)
    files = random.files(10) + [TestFile(path: "x", bytes: random.bytes(200_000))]
    try test.open().backUp("a", files)
  }

  @discardableResult
  private func repair(
    _ test: SharedRepository, through storage: (any Storage)? = nil, isDryRun: Bool = false,
    confirm: (RepairReport) -> Bool = { _ in true }
  ) throws -> RepairReport {
    var options = CheckOptions()
    options.verifyData = true
    return try test.open(through: storage).repair(
      options, isDryRun: isDryRun, confirm: confirm
    ) { _ in }
  }

  /// The content segment, one bit flipped in the middle of its blocks.
  private func damageSegment(_ test: SharedRepository) throws -> ObjectName {
    for object in try test.storage.list(.segment) {
      let name = ObjectName.object(.segment, object.id)
      let directory = try SegmentReader.directory(
        of: object.id, size: object.size, storage: test.storage, keys: test.open().keys)
      guard directory.type == .contentSegment else { continue }
      var bytes = try test.storage.get(name, range: nil)
      bytes[bytes.count / 3] ^= 1
      test.storage.replace(name, bytes)
      return name
    }
    throw RepositoryError.archiveMissing("content segment")
  }

  /// The files that can be had of an archive, and the others.
  private func readable(_ test: SharedRepository) throws -> (whole: Int, lost: Int) {
    let repository = try test.open()
    try repository.refresh()
    let reader = try ContentReader(repository)
    var (whole, lost) = (0, 0)
    var items = try repository.items(of: try repository.archive(named: "a"))
    while let item = try items.next() {
      guard let content = item.content else { continue }
      do {
        var chunks = try repository.chunks(of: content)
        while let chunk = try chunks.next() { _ = try reader.read(chunk) }
        whole += 1
        #expect(try repository.lostRanges(of: content).isEmpty)
      } catch is RepositoryError {
        lost += 1
        #expect(try !repository.lostRanges(of: content).isEmpty)
      }
    }
    return (whole, lost)
  }

  @Test func `a whole repository is left as it is`() throws {
    let before = Set(test.storage.names)
    let report = try repair(test) { _ in
      Issue.record("there is nothing to ask")
      return true
    }
    #expect(report.actions.isEmpty)
    #expect(Set(test.storage.names) == before)
  }

  @Test func `nothing is changed without consent, or in a dry run`() throws {
    _ = try damageSegment(test)
    let before = Set(test.storage.names)
    #expect(try repair(test, isDryRun: true).actions.count == 1)
    #expect(try repair(test, confirm: { _ in false }).actions.count == 1)
    #expect(Set(test.storage.names) == before)
  }

  @Test func `what is whole of a damaged segment is saved, and the rest heals`() throws {
    let segment = try damageSegment(test)
    let report = try repair(test)
    #expect(report.salvagedBlocks > 0)
    #expect(!report.lost.isEmpty)
    let (whole, lost) = try readable(test)
    #expect(whole > 0)
    #expect(lost > 0)
    #expect(test.storage.names.contains(segment), "nothing is removed")
    // Known damage is no news, but what is lost is.
    let check = try test.open().check(CheckOptions()) { _ in }
    #expect(check.quarantined == 1)
    #expect(check.problems.allSatisfy { $0.contains("archive a: ") })
    #expect(try repair(test).actions.isEmpty)

    // Compaction goes on, and keeps what somebody may still want to have a look at.
    _ = try test.open().compact(threshold: 0)
    #expect(test.storage.names.contains(segment))

    // The next backup brings the lost chunks back, to all archives.
    try test.open().backUp("b", files)
    try test.expect(["a": files, "b": files])
    try test.expectClean()
    #expect(try readable(test).lost == 0)
    _ = try test.open().compact(threshold: 0)
    #expect(!test.storage.names.contains(segment))
    #expect(try test.storage.list(.quarantine).isEmpty)
    try test.expect(["a": files, "b": files])
    try test.expectClean()
  }

  @Test func `a segment that is cut short keeps what is in front of the cut`() throws {
    let segment = try damageSegment(test)
    let bytes = try test.storage.get(segment, range: nil)
    test.storage.replace(segment, Array(bytes[..<(bytes.count * 3 / 4)]))
    let report = try repair(test)
    #expect(report.salvagedBlocks > 0)
    #expect(try readable(test).whole > 0)
  }

  @Test func `a missing segment heals by itself`() throws {
    let segment = try damageSegment(test)
    try test.storage.delete(segment)
    #expect(try readable(test).lost > 0)
    #expect(try test.open().check(CheckOptions()) { _ in }.problems.count > 0)
    try test.open().backUp("b", files)
    try test.expect(["a": files, "b": files])
    try test.expectClean()
  }

  @Test func `the index is made anew from the segments`() throws {
    let objects = try test.storage.list(.index)
    #expect(!objects.isEmpty)
    for object in objects {
      let name = ObjectName.object(.index, object.id)
      test.storage.replace(name, Array(try test.storage.get(name, range: nil).dropLast()))
    }
    try repair(test)
    #expect(try test.storage.ids(.index).isDisjoint(with: objects.map(\.id)))
    try test.expectClean()
    // By a machine that has no cache.
    let copy = try test.copy()
    try copy.expect(["a": files])
  }

  @Test func `what cannot be repaired is told, with what can be done`() throws {
    let archive = try #require(try test.storage.list(.archive).first?.id)
    let name = ObjectName.object(.archive, archive)
    test.storage.replace(name, Array(try test.storage.get(name, range: nil).dropLast()))
    let report = try repair(test)
    #expect(report.actions.isEmpty)
    #expect(report.remaining.contains { $0.contains(archive.hex) && $0.contains("--damaged") })
    #expect(throws: RepositoryError.self) { try test.open().compact() }
    try test.open().giveUp(archive)
    #expect(try test.open().vanished([archive.hex]).isEmpty, "that is on record")
    #expect(try test.open().compact().removedSegments > 0)
    #expect(throws: (any Error).self) { try test.open().giveUp(archive) }
  }

  /// The uploads of a client that may only add objects.
  private func garbage(_ kind: ObjectName.Kind) throws -> [[UInt8]] {
    let keys = try test.open().keys
    let type: ObjectType = kind == .segment ? .contentSegment : kind == .index ? .index : .archive
    var random = PseudoRandomBytes(seed: 5)
    let sealed = try SealedObject.seal([0xff, 0xff], as: type, keys: keys)
    return [
      [], random.bytes(5000), Array(sealed.prefix(ObjectHeader.fixedSize)) + random.bytes(4096),
      // Sealed as it should be, and no segment, index or archive all the same.
      sealed,
    ]
  }

  @Test(arguments: [ObjectName.Kind.segment, .index, .archive])
  func `what was never an object is set aside, and everything works again`(
    kind: ObjectName.Kind
  ) throws {
    var names: Set<ObjectName> = []
    for bytes in try garbage(kind) {
      let name = ObjectName.object(kind, try SHA256.digest(of: bytes.span))
      try test.storage.put(name, bytes)
      names.insert(name)
    }
    #expect(throws: (any Error).self) { try test.open().compact() }
    let before = try test.storage.ids(.segment)
    let report = try repair(test)
    #expect(kind == .index || report.actions.contains { $0.contains("aside/") })
    #expect(report.remaining.isEmpty)
    #expect(Set(test.storage.setAsideNames) == names)
    _ = try test.open().compact()
    if kind != .segment { #expect(try test.storage.ids(.segment) == before) }
    try test.expect(["a": files])
    try test.expectClean()
  }

  @Test func `an archive that was damaged later, or is of a later version, is not set aside`()
    throws
  {
    let keys = try test.open().keys
    let archive = try #require(try test.storage.list(.archive).first?.id)
    let damaged = ObjectName.object(.archive, archive)
    var fields = ByteWriter()
    fields.field(2) { $0.byte(1) }
    fields.field(200) { $0.byte(1) }
    let later = try SealedObject.seal(fields.bytes, as: .archive, keys: keys)
    let unknown = ObjectName.object(.archive, try SHA256.digest(of: later.span))
    try test.storage.put(unknown, later)
    test.storage.replace(damaged, Array(try test.storage.get(damaged, range: nil).dropLast()))
    let report = try repair(test)
    #expect(report.remaining.count == 2)
    #expect(test.storage.setAsideNames.isEmpty)
    #expect(throws: RepositoryError.self) { try test.open().compact() }
  }

  @Test func `only an owner's quarantine counts`() throws {
    let segments = try test.storage.list(.segment).map(\.id)
    let keys = try test.open().keys
    var forged = Quarantine(segments: segments, time: SystemClock.now)
    var seed = [UInt8](repeating: 9, count: 32)
    let other = try SigningKey(seed: Secret(wiping: &seed))
    try test.open().publish(try forged.signed(by: other), as: .removal, in: .quarantine)
    let repository = try test.open()
    #expect(try repository.refresh().count == 1, "it is told")
    #expect(
      repository.index.runs.allSatisfy { run in
        (0..<run.index.segmentCount).allSatisfy { run.standing($0) == .usable }
      })
    // A removal's signature is no quarantine's.
    forged.segments = []
    let removal = Removal(archives: segments, time: SystemClock.now)
    try repository.publish(
      try removal.signed(by: keys.authority), as: .removal, in: .quarantine)
    #expect(try repository.refresh().count == 2)
  }

  @Test func `a crash at any step of a repair loses nothing that was whole`() throws {
    _ = try damageSegment(test)
    for object in try test.storage.list(.index) {
      let name = ObjectName.object(.index, object.id)
      test.storage.replace(name, Array(try test.storage.get(name, range: nil).dropLast()))
    }
    let done = try test.copy()
    try repair(done)
    let best = try readable(done)
    for isDone in [false, true] {
      var at = 0
      while true {
        let copy = try test.copy()
        let faulty = FaultyStorage(copy.storage)
        faulty.arm(.crash(at: at, isDone: isDone))
        let result = Result { try repair(copy, through: faulty) }
        if !faulty.hasFailed {
          _ = try result.get()
          break
        }
        try copy.abandonLeases()
        try repair(copy)
        let found = try readable(copy)
        #expect(found.whole == best.whole, "crash at \(at), done: \(isDone)")
        try copy.open().backUp("b", files)
        try copy.expect(["a": files, "b": files], "crash at \(at), done: \(isDone)")
        at += 1
      }
    }
  }
}
