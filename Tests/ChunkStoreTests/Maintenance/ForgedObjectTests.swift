import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

/// A client that has the keys, and may only add things, wants others to lose their history.
@Suite struct ForgedObjectTests {
  private let test: SharedRepository
  private let files: [TestFile]

  init() throws {
    test = try SharedRepository()
    var random = PseudoRandomBytes(seed: 41)
    files = random.files(10) + [TestFile(path: "x", bytes: random.bytes(100_000))]
    try test.open().backUp("a", files)
  }

  /// Begins with a repository that is there.
  private init(_ test: SharedRepository, _ files: [TestFile]) throws {
    self.test = test
    self.files = files
  }

  private func entries(_ repository: Repository) throws -> [IndexEntry] {
    try test.storage.list(.index).flatMap { try repository.indexEntries($0.id) }
  }

  /// Segments of garbage whose directories, and index, say that they hold what the victim's do.
  ///
  /// With `padding` bytes that nothing refers to, so that a compaction wants to move the rest.
  private func putLyingSegments(_ repository: Repository, padding: Int = 0) throws {
    let keys = repository.keys
    var forged: [IndexEntry] = []
    for entry in try entries(repository) {
      let type = entry.directory.type
      let sealer = try BlockSealer(type, first: [UInt8](repeating: 1, count: 8).span, keys: keys)
      let writer = try SegmentWriter(sealer, storage: test.storage, keys: keys)
      var compressor = try Compressor()
      for chunk in entry.directory.chunks {
        let garbage = [UInt8](repeating: 0x5a, count: Int(chunk.length))
        let (bytes, number) = try sealer.seal(try compressor.pack(garbage, with: .default))
        try writer.append(
          SealedBlock(
            bytes: bytes, header: sealer.header, number: number, rawLength: chunk.length,
            chunks: [chunk]))
      }
      if padding > 0 {
        let unused = [UInt8](repeating: 0x77, count: padding)
        let (bytes, number) = try sealer.seal(
          try compressor.pack(unused, with: Compression(.none, isAutomatic: false)))
        try writer.append(
          SealedBlock(
            bytes: bytes, header: sealer.header, number: number,
            rawLength: UInt32(padding),
            chunks: [
              ChunkReference(
                id: ChunkID(try SHA256.digest(of: unused.span)), length: UInt32(padding))
            ]))
      }
      forged.append(try writer.finish().publish())
    }
    try repository.publish(IndexObject(entries: forged).encoded(), as: .index, in: .index)
  }

  private func expectNothingLost(_ comment: Comment) throws {
    for threshold in [0, 0.1, 0] {
      do {
        _ = try test.open().compact(threshold: threshold)
      } catch is RepositoryError {
        // To stop is allowed; to delete is not.
      } catch is Corruption {
      }
    }
    try test.expect(["a": files], comment)
    // A machine that has nothing cached.
    try test.copy().expect(["a": files], comment)
  }

  @Test func `segments that claim to hold what others hold`() throws {
    try putLyingSegments(try test.open())
    try test.storage.age()
    try expectNothingLost("lying segments")
  }

  @Test func `the same, before anything else is known of the repository`() throws {
    // Names decide in which order places are tried: so both orders are.
    for _ in 0..<8 {
      try putLyingSegments(try test.open())
      try test.storage.age()
      try expectNothingLost("lying segments")
    }
  }

  @Test func `lying segments that a compaction moves, met first in the index`() throws {
    // An owner who looks before and after, and one who does not, whose cache is of many sources.
    for looksFirst in [true, false] {
      let owner = try test.copy()
      if looksFirst { try owner.expectClean() }
      let hasFoundLie = try ForgedObjectTests(owner, files).attackAndMaintain()
      // A reader that has looked before asks the part of the index first that the forger has made.
      // An object that was known by somebody's word does not go without being said.
      #expect(hasFoundLie || !looksFirst)
      try owner.expect(["a": files])
      try owner.copy().expect(["a": files])
    }
  }

  /// Returns whether a compaction has said that something is not what it should be.
  private func attackAndMaintain() throws -> Bool {
    var hasFoundLie = false
    try putLyingSegments(try test.open(), padding: 900_000)
    // Empty index objects change which part of the local index is asked first.
    for _ in 0..<12 {
      try test.open().publish(IndexObject(entries: []).encoded(), as: .index, in: .index)
    }
    for day in 0..<4 {
      try test.storage.age()
      var random = PseudoRandomBytes(seed: UInt64(day))
      try test.open().backUp("day\(day)", files + random.files(1))
      try test.storage.age()
      let report = try test.open().compact()
      if day > 0 { try test.open().delete(named: ["day\(day - 1)"]) }
      hasFoundLie = hasFoundLie || !report.damagedSegments.isEmpty
    }
    return hasFoundLie
  }

  @Test func `a repair takes no place's word for another`() throws {
    let honest = try entries(try test.open())
    for change in 0..<4 {
      let copy = try test.copy()
      let attacked = try ForgedObjectTests(copy, files)
      try attacked.putFalseEntries(about: honest, change)
      if change % 2 == 0 { try attacked.putLyingSegments(try copy.open(), padding: 900_000) }
      try copy.storage.age()
      for _ in 0..<2 {
        var options = CheckOptions()
        options.verifyData = change < 2
        _ = try copy.open().repair(options, isDryRun: false, confirm: { _ in true }) { _ in }
        try attacked.expectNothingLost("repair after change \(change)")
      }
    }
  }

  @Test func `a compaction that finds a lie says where, and the repair ends it`() throws {
    try putLyingSegments(try test.open(), padding: 900_000)
    for _ in 0..<12 {
      try test.open().publish(IndexObject(entries: []).encoded(), as: .index, in: .index)
    }
    try test.storage.age()
    // From its second look on, the local index asks the part of most sources first.
    try test.open().refresh()
    #expect(try !test.open().compact().damagedSegments.isEmpty)
    var options = CheckOptions()
    options.verifyData = true
    _ = try test.open().repair(options, isDryRun: false, confirm: { _ in true }) { _ in }
    try test.storage.age()
    _ = try test.open().compact()
    _ = try test.open().compact()
    let report = try test.open().compact()
    #expect(report.damagedSegments.isEmpty)
    #expect(report.removedSegments == 0)
    try test.expect(["a": files])
    try test.expectClean()
  }

  @Test func `more leases than can be recorded stop a compaction, and lose nothing`() throws {
    try test.open().backUp("b", files)
    try test.open().delete(named: ["a"])
    // A segment that nobody needs, so that there is something to be recorded.
    var random = PseudoRandomBytes(seed: 7)
    try test.open().backUp("c", [TestFile(path: "y", bytes: random.bytes(50_000))])
    try test.open().delete(named: ["c"])
    try test.storage.age()
    for _ in 0...Doom.mostLeases {
      try test.storage.put(
        .object(.lease, Digest256(random.bytes(32).span)), [0])
    }
    #expect(throws: RepositoryError.self) { try test.open().compact() }
    for object in try test.storage.list(.doomed) {
      #expect(object.size <= Limits.archiveSize)
    }
    _ = try test.open().breakLeases(all: true)
    #expect(try test.open().compact().removedSegments > 0)
    try test.expect(["b": files])
  }

  @Test func `index objects that are put together never exceed what readers accept`() throws {
    // A directory as large as there can be: only its size matters here.
    let repository = try test.open()
    var entry = try #require(try entries(repository).first)
    let chunk = try #require(entry.directory.chunks.first)
    entry.directory.chunks = [ChunkReference](repeating: chunk, count: Limits.chunksInSegment)
    var batch = IndexBatch()
    var count = 0
    while batch.hasRoom(for: entry) {
      batch.add(entry)
      count += 1
    }
    #expect(count > 1)
    let object = try SealedObject.seal(
      IndexObject(entries: batch.entries).encoded(), as: .index, keys: repository.keys)
    #expect(object.count <= Limits.indexSize)
    let header = entry.directory.headers[0]
    entry.directory.headers = [ObjectHeader](repeating: header, count: Limits.headersInSegment * 10)
    #expect(!IndexBatch.canHold(entry))
  }

  @Test func `an index object that says other things of the same segments`() throws {
    let honest = try entries(try test.open())
    for change in 0..<4 {
      try putFalseEntries(about: honest, change)
      try test.storage.age()
      try expectNothingLost("change \(change)")
    }
  }

  private func putFalseEntries(about honest: [IndexEntry], _ change: Int) throws {
    var forged = honest
    for index in forged.indices {
      switch change {
      case 0: forged[index].size += 4096
      case 1:
        forged[index].directory.chunks = forged[index].directory.chunks.map {
          ChunkReference(id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), length: $0.length)
        }
      case 2: forged[index].directory = honest[(index + 1) % honest.count].directory
      default: forged[index].directory.chunks.reverse()
      }
    }
    try test.open().publish(IndexObject(entries: forged).encoded(), as: .index, in: .index)
  }

  @Test func `an archive of nothing, of the future and of the past`() throws {
    for start in [Int64.min, 0, Int64.max] {
      var manifest = ArchiveManifest(
        name: "forged\(start)", start: Timestamp(seconds: start), end: Timestamp(seconds: .max))
      try test.open().publish(try manifest.encoded(), as: .archive, in: .archive)
      manifest.becomeCheckpoint()
      manifest.end = Timestamp(seconds: .min)
      try test.open().publish(try manifest.encoded(), as: .archive, in: .archive)
    }
    try expectNothingLost("forged archives")
  }

  @Test func `an archive whose tree is missing ends every compaction, and frees nothing`() throws {
    var manifest = ArchiveManifest(name: "forged", start: SystemClock.now, end: SystemClock.now)
    manifest.tree = ItemTreeRoot(
      id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), itemCount: 1)
    try test.open().publish(try manifest.encoded(), as: .archive, in: .archive)
    let before = try test.storage.ids(.segment)
    #expect(throws: RepositoryError.self) { try test.open().compact(threshold: 0) }
    #expect(try test.storage.ids(.segment) == before)
    try test.expect(["a": files])
  }

  @Test func `leases and heartbeats by the hundred only make a compaction wait`() throws {
    for _ in 0..<100 {
      let lease = try test.putLease(ageInSeconds: 10)
      try test.open().publish(
        LeaseObject.heartbeat(of: lease).encoded(), as: .lease, in: .lease)
    }
    let other = try test.open()
    try other.delete(named: ["a"])
    #expect(try other.compact().removedSegments == 0)
    #expect(try other.breakLeases(all: true).count == 100)
    #expect(try other.compact().removedSegments > 0)
  }
}
