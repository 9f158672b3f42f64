import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// One thread's part in a `BlockTransfer`: opens blocks of the source, and seals them anew.
struct BlockLane: ~Copyable {
  private let source: Repository
  private let marks: FinishedMarks
  private let compression: Compression
  private let repacksContents: Bool
  private let writer: ChunkWriter
  private var reader: ChunkReader
  private var packer: BlockPacker

  /// A lane for one thread.
  ///
  /// - Parameters:
  ///   - source: Where blocks are read.
  ///   - marks: Which chunks are wanted.
  ///   - compression: For what cannot stay as it is.
  ///   - repacksContents: Whether contents are compressed anew in any case.
  ///   - writer: Takes the blocks.
  /// - Throws: What keeps a thread from its contexts.
  init(
    source: Repository, marks: FinishedMarks, compression: Compression, repacksContents: Bool,
    writer: ChunkWriter
  ) throws {
    let reader = try ChunkReader(keys: source.keys)
    let packer = try BlockPacker()
    self.source = source
    self.marks = marks
    self.compression = compression
    self.repacksContents = repacksContents
    self.writer = writer
    self.reader = reader
    self.packer = packer
  }

  /// Stores the wanted chunks of a segment.
  ///
  /// - Returns: How many of them were there, and whole; what is damaged is passed over.
  mutating func move(
    _ segment: StoredObject, meter: Meter, interruption: Event
  ) throws -> Int {
    let directory: SegmentDirectory
    do {
      directory = try SegmentReader.directory(
        of: segment.id, size: segment.size, storage: source.storage, keys: source.keys)
    } catch let error where Corruption.isOfOnePlace(error) {
      return 0
    }
    var blocks: [WantedBlock] = []
    directory.forEachBlock(of: segment.id) { location, held in
      let wanted = held.filter {
        marks.isMarked($0.id, in: segment.id, blockOffset: location.blockOffset)
      }
      guard !wanted.isEmpty else { return }
      blocks.append(WantedBlock(location: location, held: held, wanted: wanted))
    }
    var stretches = BlockStretches(
      blocks.lazy.map(\.location.blockRange), of: segment.id, in: source.storage)
    var stored = 0
    for block in blocks {
      if interruption.isSet { throw RepositoryError.interrupted }
      guard let (packed, raw) = try whole(block, &stretches) else { continue }
      stored += block.wanted.count
      meter.advance(
        by: UInt64(block.location.sealedLength) * UInt64(block.wanted.count)
          / UInt64(block.held.count))
      try write(block, packed: packed, raw: raw, type: directory.type)
    }
    return stored
  }

  /// Stores what nobody else is storing of a block.
  private mutating func write(
    _ block: WantedBlock, packed: [UInt8], raw: PlacedBytes, type: ObjectType
  ) throws {
    let claimed = Set(block.wanted.filter { writer.claims.claim($0.id) })
    if claimed.count == block.held.count, !(repacksContents && type == .contentSegment) {
      try writer.write(packed: packed, rawLength: raw.count, chunks: block.held, type: type)
    } else {
      try writer.write(
        partOf: raw.bytes, holding: block.held, keeping: claimed, type: type,
        compression: compression, packer: &packer)
    }
  }

  /// A block as it was packed, and as it was before; `nil` if it is not what its chunks' ids say.
  private mutating func whole(
    _ block: WantedBlock, _ stretches: inout BlockStretches
  ) throws -> (packed: [UInt8], raw: PlacedBytes)? {
    do {
      let sealed = try stretches.sealedBlock(at: block.location)
      let packed = try reader.unseal(sealed, at: block.location, keys: source.keys)
      let raw = try reader.unpack(packed, at: block.location)
      try reader.verify(raw, holds: block.held, type: block.location.header.type)
      return (packed, raw)
    } catch let error where Corruption.isOfOnePlace(error) {
      return nil
    }
  }
}

/// A block of the source of which something is wanted.
private struct WantedBlock {
  let location: ChunkLocation
  /// The chunks that the block holds.
  let held: [ChunkReference]
  let wanted: [ChunkReference]
}
