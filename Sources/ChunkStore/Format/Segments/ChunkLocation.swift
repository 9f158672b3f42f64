package import StoreCrypto

/// One place where a chunk can be read.
package struct ChunkLocation: Sendable {
  package var segment: Digest256
  package var header: ObjectHeader
  /// Where the sealed block stands in the segment.
  package var blockOffset: Int
  package var sealedLength: Int
  package var number: UInt64
  package var rawLength: Int
  package var chunksInBlock: Int
  /// Where the chunk stands in the raw block.
  package var offset: Int
  package var length: Int

  package init(
    segment: Digest256, header: ObjectHeader, blockOffset: Int, sealedLength: Int, number: UInt64,
    rawLength: Int, chunksInBlock: Int, offset: Int, length: Int
  ) {
    self.segment = segment
    self.header = header
    self.blockOffset = blockOffset
    self.sealedLength = sealedLength
    self.number = number
    self.rawLength = rawLength
    self.chunksInBlock = chunksInBlock
    self.offset = offset
    self.length = length
  }

  /// The sealed block in the segment.
  package var blockRange: Range<Int> { blockOffset..<(blockOffset + sealedLength) }
  /// The sealed block, as one of all blocks.
  package var block: BlockKey { BlockKey(segment: segment, offset: blockOffset) }
}

/// Tells a block from all others.
package struct BlockKey: Hashable, Sendable {
  package let segment: Digest256
  /// Where the sealed block stands in the segment.
  package let offset: Int

  package init(
    segment: Digest256, offset: Int
  ) {
    self.segment = segment
    self.offset = offset
  }
}
