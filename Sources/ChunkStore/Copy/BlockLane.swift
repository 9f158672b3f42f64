import Crypto

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
    } catch let error where ChunkReader.isDamage(error) {
      return 0
    }
    var stored = 0
    try directory.forEachBlock(of: segment.id) { location, held in
      if interruption.isSet { throw RepositoryError.interrupted }
      let wanted = held.filter {
        marks.isMarked($0.id, in: segment.id, blockOffset: location.blockOffset)
      }
      guard !wanted.isEmpty, let block = try whole(location, held) else { return }
      stored += wanted.count
      meter.advance(
        by: UInt64(location.sealedLength) * UInt64(wanted.count) / UInt64(held.count))
      let claimed = Set(wanted.filter { writer.claims.claim($0.id) })
      if claimed.count == held.count, !(repacksContents && directory.type == .contentSegment) {
        try writer.write(
          packed: block.packed, rawLength: block.raw.count, chunks: held, type: directory.type)
      } else {
        try writer.write(
          partOf: block.raw, holding: held, keeping: claimed, type: directory.type,
          compression: compression, packer: &packer)
      }
    }
    return stored
  }

  /// A block as it was packed, and as it was before; `nil` if it is not what its chunks' ids say.
  private mutating func whole(
    _ location: ChunkLocation, _ held: [ChunkReference]
  ) throws -> (packed: [UInt8], raw: [UInt8])? {
    do {
      let sealed = try ChunkReader.sealedBlock(at: location, storage: source.storage)
      let packed = try reader.unseal(sealed, at: location, keys: source.keys)
      let raw = try reader.unpack(packed, at: location)
      try reader.verify(raw, holds: held, type: location.header.type)
      return (packed, raw)
    } catch let error where ChunkReader.isDamage(error) {
      return nil
    }
  }
}
