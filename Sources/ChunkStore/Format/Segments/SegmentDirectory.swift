package import StoreCrypto
package import StoreEncoding

/// The directory of a segment: its blocks, and the chunks in each of them.
///
///     directory := header count | headers | block count | block* | chunk count | chunk*
///     block     := sealed length | header number | nonce number | chunk count | raw length
///     chunk     := id 32 | length
///
/// Block follows block without a gap, from the end of the segment's own header, which is header
/// number 0. The other headers are those of segments that blocks came from: a block moves
/// verbatim, and stays sealed under the header and number it was made with. The chunks of a block
/// are the next ones of the list. The same bytes stand at the end of the segment and in an index
/// object.
package struct SegmentDirectory: Hashable, Sendable {
  package var headers: [ObjectHeader]
  package var blocks: [BlockRow] = []
  package var chunks: [ChunkReference] = []

  package struct BlockRow: Hashable, Sendable {
    /// Bytes in the segment, tag included.
    package var sealedLength: UInt32
    /// Which of `headers` the block was sealed under.
    package var header: Int
    /// Its number under that header: the nonce.
    package var number: UInt64
    /// How many of `chunks` it holds.
    package var chunkCount: Int
    /// Bytes of all its chunks.
    package var rawLength: UInt32

    package init(
      sealedLength: UInt32, header: Int, number: UInt64, chunkCount: Int, rawLength: UInt32
    ) {
      self.sealedLength = sealedLength
      self.header = header
      self.number = number
      self.chunkCount = chunkCount
      self.rawLength = rawLength
    }
  }

  /// Whether the blocks hold contents or tree nodes.
  package var type: ObjectType { headers.first?.type ?? .contentSegment }

  /// Calls `body` with each block: where it is in the segment, and the chunks that it holds.
  package func forEachBlock(
    of segment: Digest256, _ body: (ChunkLocation, [ChunkReference]) throws -> Void
  ) rethrows {
    var offset = headers[0].encodedSize
    var rest = chunks[...]
    for block in blocks {
      let held = Array(rest.prefix(block.chunkCount))
      rest = rest.dropFirst(block.chunkCount)
      try body(
        ChunkLocation(
          segment: segment, header: headers[block.header], blockOffset: offset,
          sealedLength: Int(block.sealedLength), number: block.number,
          rawLength: Int(block.rawLength), chunksInBlock: held.count, offset: 0, length: 0),
        held)
      offset += Int(block.sealedLength)
    }
  }

  /// Where each block stands.
  package var blockRanges: [Range<Int>] {
    var end = headers[0].encodedSize
    return blocks.map { block in
      let start = end
      end += Int(block.sealedLength)
      return start..<end
    }
  }

  /// Calls `body` with each chunk and its place.
  package func forEachChunk(
    of segment: Digest256, _ body: (ChunkLocation, ChunkReference) throws -> Void
  ) rethrows {
    try forEachBlock(of: segment) { block, held in
      var location = block
      for chunk in held {
        location.length = Int(chunk.length)
        try body(location, chunk)
        location.offset += location.length
      }
    }
  }

  package func encode(to writer: inout ByteWriter) {
    writer.varint(headers.count)
    for header in headers { writer.raw(header.encoded) }
    writer.varint(blocks.count)
    for block in blocks {
      writer.varint(UInt64(block.sealedLength))
      writer.varint(block.header)
      writer.varint(block.number)
      writer.varint(block.chunkCount)
      writer.varint(UInt64(block.rawLength))
    }
    writer.varint(chunks.count)
    for chunk in chunks {
      writer.digest(chunk.id.digest)
      writer.varint(UInt64(chunk.length))
    }
  }

  package init(header: ObjectHeader) { headers = [header] }

  package init(decoding reader: inout ByteReader) throws(FormatError) {
    let headerCount: Int = try reader.varint("headers", limit: Limits.headersInSegment)
    guard headerCount > 0 else { throw .missingField("header of the segment") }
    headers = []
    for _ in 0..<headerCount { headers.append(try ObjectHeader(decoding: &reader)) }
    let type = headers[0].type
    guard type == .contentSegment || type == .treeSegment,
      headers.allSatisfy({ $0.type == type })
    else { throw .inconsistent("a segment's blocks are sealed as something else") }

    let blockCount: Int = try reader.varint("blocks", limit: Limits.blocksInSegment)
    guard blockCount > 0 else { throw .missingField("blocks") }
    var total = 0
    var end = headers[0].encodedSize
    for _ in 0..<blockCount {
      let block = BlockRow(
        sealedLength: try reader.varint("block", limit: UInt32(Limits.segmentSize)),
        header: try reader.varint("header number", limit: headerCount - 1),
        number: try reader.varint(),
        chunkCount: try reader.varint("chunks of a block", limit: Limits.chunksInSegment),
        rawLength: try reader.varint("raw block", limit: UInt32(Limits.chunkSize)))
      guard block.chunkCount > 0 else { throw .inconsistent("a block without a chunk") }
      blocks.append(block)
      total += block.chunkCount
      end += Int(block.sealedLength)
    }
    guard end <= Limits.segmentSize else {
      throw .limitExceeded(
        "blocks of a segment", found: UInt64(end), limit: UInt64(Limits.segmentSize))
    }
    let chunkCount: Int = try reader.varint("chunks", limit: Limits.chunksInSegment)
    guard chunkCount == total else {
      throw .inconsistent("the blocks of a segment claim \(total) of its \(chunkCount) chunks")
    }
    chunks.reserveCapacity(min(chunkCount, reader.remaining / Digest256.size))
    for block in blocks {
      var raw: UInt64 = 0
      for _ in 0..<block.chunkCount {
        let chunk = ChunkReference(
          id: try reader.chunkID(),
          length: try reader.varint("chunk", limit: UInt32(Limits.chunkSize)))
        raw += UInt64(chunk.length)
        chunks.append(chunk)
      }
      guard raw == block.rawLength, block.chunkCount <= 1 || raw <= Limits.sharedBlockSize else {
        throw .inconsistent("a block's chunks do not fill it")
      }
    }
  }
}

/// Where the directory of a segment is: its last bytes, of fixed size.
///
///     trailer := sealed(directory offset u64 | sealed directory length u64)
package struct SegmentTrailer: Hashable {
  package static let sealedSize = 16 + SealingContext.tagSize

  package var directoryOffset: UInt64
  package var directoryLength: UInt64

  package var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.integer(directoryOffset)
    writer.integer(directoryLength)
    return writer.bytes
  }

  package init(directoryOffset: Int, directoryLength: Int) {
    self.directoryOffset = UInt64(directoryOffset)
    self.directoryLength = UInt64(directoryLength)
  }

  package init(decoding bytes: [UInt8]) throws(FormatError) {
    var reader = ByteReader(bytes)
    directoryOffset = try reader.integer()
    directoryLength = try reader.integer()
    try reader.finish()
  }
}

/// The parts of an object that are sealed apart from each other.
package enum SealedPart {
  package static let block: UInt32 = 0
  package static let directory: UInt32 = 1
  package static let trailer: UInt32 = 2
}
