import Glibc
import StoreCrypto
import Testing

@testable import ChunkStore

/// Blocks of one segment, read many at a time.
@Suite struct BlockStretchesTests {
  private let source: SharedRepository
  private let recording: RecordingStorage
  private let segment: StoredObject
  private let blocks: [ChunkLocation]

  init() throws {
    source = try SharedRepository()
    var random = PseudoRandomBytes(seed: 71)
    try source.open().backUp(
      "a", (0..<300).map { TestFile(path: "\($0)", bytes: random.bytes(40_000)) })
    segment = try #require(try source.storage.list(.segment).max { $0.size < $1.size })
    var blocks: [ChunkLocation] = []
    try SegmentReader.directory(
      of: segment.id, size: segment.size, storage: source.storage, keys: source.open().keys
    ).forEachBlock(of: segment.id) { location, _ in blocks.append(location) }
    self.blocks = blocks
    recording = RecordingStorage(source.storage)
  }

  private func expectRead(
    _ wanted: [ChunkLocation], from storage: any Storage,
    location: SourceLocation = #_sourceLocation
  ) throws {
    var stretches = BlockStretches(wanted.map(\.blockRange), of: segment.id, in: storage)
    for block in wanted {
      let expected = try SegmentReader.sealedBlock(at: block, storage: source.storage)
      let isEqual = try stretches.sealedBlock(at: block).bytes == expected.bytes
      #expect(isEqual, sourceLocation: location)
    }
  }

  @Test func `neighbours come with one request, up to a bound`() throws {
    try #require(blocks.count > 15)
    try expectRead(blocks, from: recording)
    let ranges = recording.ranges
    #expect(ranges.count < segment.size / (1 << 20) + 2)
    #expect(ranges.allSatisfy { $0.count <= BlockStretches.longest })
    // A granule more at each end.
    #expect(ranges.reduce(0) { $0 + $1.count } < segment.size + (ranges.count + 1) * (128 << 10))
  }

  @Test func `what is far away is not read along`() throws {
    let some = [blocks[0], blocks[5], blocks[6], blocks[13]]
    try expectRead(some, from: recording)
    #expect(recording.ranges.count == 3)
    let wanted = some.reduce(0) { $0 + $1.sealedLength }
    #expect(recording.ranges.reduce(0) { $0 + $1.count } < wanted + 3 * (128 << 10))
  }

  @Test func `what was not said before is read all the same`() throws {
    var stretches = BlockStretches([blocks[3].blockRange], of: segment.id, in: recording)
    for block in [blocks[1], blocks[3], blocks[9]] {
      let expected = try SegmentReader.sealedBlock(at: block, storage: source.storage)
      let isEqual = try stretches.sealedBlock(at: block).bytes == expected.bytes
      #expect(isEqual)
    }
  }

  @Test func `a bad sector costs the block that it is in`() throws {
    let bad = blocks[4]
    let storage = BadSector(source.storage, at: bad.blockOffset + bad.sealedLength / 2)
    var stretches = BlockStretches(blocks.map(\.blockRange), of: segment.id, in: storage)
    for block in blocks {
      do {
        let found = try stretches.sealedBlock(at: block)
        let isEqual =
          try found.bytes
          == SegmentReader.sealedBlock(at: block, storage: source.storage).bytes
        #expect(isEqual && block.blockOffset != bad.blockOffset)
      } catch StorageError.system(_, _, EIO) {
        #expect(block.blockOffset == bad.blockOffset)
      }
    }
  }

  @Test func `a segment that ends too early says so`() throws {
    let name = ObjectName.object(.segment, segment.id)
    let last = try #require(blocks.last)
    let whole = try source.storage.get(name, range: nil)
    let short = MemoryStorage()
    try short.put(name, Array(whole[..<(last.blockOffset + 10)]))
    var stretches = BlockStretches(blocks.map(\.blockRange), of: segment.id, in: short)
    for block in blocks.dropLast() { _ = try stretches.sealedBlock(at: block) }
    #expect(throws: FormatError.self) { try stretches.sealedBlock(at: last) }
  }
}

/// Passes everything on, but cannot read what holds a certain byte.
private final class BadSector: PassingStorage {
  let inner: any Storage
  private let position: Int

  init(_ inner: any Storage, at position: Int) {
    self.inner = inner
    self.position = position
  }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    guard range?.contains(position) != true else {
      throw .system(path: name.path, operation: "read", code: EIO)
    }
    return try inner.get(name, range: range)
  }
}
