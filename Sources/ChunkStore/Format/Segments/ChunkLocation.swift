import Crypto

/// One place where a chunk can be read.
struct ChunkLocation: Sendable {
  var segment: Digest256
  var header: ObjectHeader
  /// Where the sealed block stands in the segment.
  var blockOffset: Int
  var sealedLength: Int
  var number: UInt64
  var rawLength: Int
  var chunksInBlock: Int
  /// Where the chunk stands in the raw block.
  var offset: Int
  var length: Int

  /// The sealed block in the segment.
  var blockRange: Range<Int> { blockOffset..<(blockOffset + sealedLength) }
  /// The sealed block, as one of all blocks.
  var block: BlockKey { BlockKey(segment: segment, offset: blockOffset) }
}

/// Tells a block from all others.
struct BlockKey: Hashable, Sendable {
  let segment: Digest256
  /// Where the sealed block stands in the segment.
  let offset: Int
}
