import StoreCrypto

@testable import ChunkStore

extension PseudoRandomBytes {
  /// A segment of some blocks as an index object describes it; it exists nowhere.
  mutating func syntheticEntry(ids: [ChunkID]) -> IndexEntry {
    let type: ObjectType = .contentSegment
    var directory = SegmentDirectory(header: header(type))
    if once(in: 2) { directory.headers.append(header(type)) }
    var rest = ids[...]
    while !rest.isEmpty {
      let chunks = rest.prefix(int(1...5)).map {
        ChunkReference(id: $0, length: UInt32(int(1...4000)))
      }
      rest = rest.dropFirst(chunks.count)
      directory.blocks.append(
        SegmentDirectory.BlockRow(
          sealedLength: UInt32(int(20...9000)), header: int(0...(directory.headers.count - 1)),
          number: number(), chunkCount: chunks.count,
          rawLength: chunks.reduce(0) { $0 + $1.length }))
      directory.chunks += chunks
    }
    return IndexEntry(segment: digest(), size: UInt64(int(4096...(1 << 26))), directory: directory)
  }

  mutating func syntheticEntries(_ count: Int, chunks: Int) -> [IndexEntry] {
    (0..<count).map { _ in syntheticEntry(ids: (0..<chunks).map { _ in chunkID() }) }
  }
}

extension IndexEntry {
  /// Where each chunk is, reckoned from the front of the segment.
  var locations: [(id: ChunkID, location: ChunkLocation)] {
    var found: [(id: ChunkID, location: ChunkLocation)] = []
    var blockOffset = directory.headers[0].encodedSize
    var next = 0
    for block in directory.blocks {
      var offset = 0
      for _ in 0..<block.chunkCount {
        let chunk = directory.chunks[next]
        next += 1
        found.append(
          (
            chunk.id,
            ChunkLocation(
              segment: segment, header: directory.headers[block.header], blockOffset: blockOffset,
              sealedLength: Int(block.sealedLength), number: block.number,
              rawLength: Int(block.rawLength), chunksInBlock: block.chunkCount, offset: offset,
              length: Int(chunk.length))
          ))
        offset += Int(chunk.length)
      }
      blockOffset += Int(block.sealedLength)
    }
    return found
  }
}

extension ChunkLocation {
  /// Everything that a location says, for comparisons.
  var summary: [String] {
    [
      segment.hex, "\(header)",
      "\(blockOffset) \(sealedLength) \(number) \(rawLength) \(chunksInBlock) \(offset) \(length)",
    ]
  }
}

extension ChunkID {
  /// The id that comes before this one, or after it, in the order of ids.
  func neighbour(_ step: Int) -> ChunkID {
    var bytes = digest.bytes
    var at = bytes.count - 1
    while at >= 0 {
      let (value, overflow) =
        step > 0 ? bytes[at].addingReportingOverflow(1) : bytes[at].subtractingReportingOverflow(1)
      bytes[at] = value
      if !overflow { break }
      at -= 1
    }
    return ChunkID(Digest256(bytes.span))
  }
}
