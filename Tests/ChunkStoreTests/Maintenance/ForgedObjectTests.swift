import Crypto
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

  private func entries(_ repository: Repository) throws -> [IndexEntry] {
    try test.storage.list(.index).flatMap { try repository.indexEntries($0.id) }
  }

  /// Segments of garbage whose directories, and index, say that they hold what the victim's do.
  private func putLyingSegments(_ repository: Repository) throws {
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

  @Test func `an index object that says other things of the same segments`() throws {
    let repository = try test.open()
    let honest = try entries(repository)
    for change in 0..<4 {
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
      try repository.publish(IndexObject(entries: forged).encoded(), as: .index, in: .index)
      try test.storage.age()
      try expectNothingLost("change \(change)")
    }
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
    var manifest = ArchiveManifest(name: "forged", start: Clock.now, end: Clock.now)
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
