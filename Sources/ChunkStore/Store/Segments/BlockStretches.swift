import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Reads those blocks of a segment that are wanted, many with one request.
///
/// Neighbours, and those with little between them that nobody wants, are read together, up to a
/// bound; what comes next is announced. As for single blocks, ranges begin and end at round numbers.
struct BlockStretches {
  private let name: ObjectName
  private let storage: any Storage
  /// Ascending, and each longer than nothing.
  let ranges: [Range<Int>]
  /// The one that was read last, and what there was.
  private var current = 0
  private var bytes: [UInt8]?
  /// The first that was not announced.
  private var next = 0

  /// A stretch is no longer than this, unless a single block is.
  static let longest = 2 << 20
  /// Reading so much for nothing costs less than another request.
  private static let gap = 128 << 10
  /// How far ahead stretches are announced, for each thread that reads.
  private static let ahead = 4 << 20

  /// For blocks in ascending order.
  ///
  /// - Parameters:
  ///   - blocks: Where they are in the segment.
  ///   - segment: The segment.
  ///   - storage: Where that is.
  init(_ blocks: some Sequence<Range<Int>>, of segment: Digest256, in storage: any Storage) {
    var ranges: [Range<Int>] = []
    for block in blocks.lazy.map(ReadGranule.widened) {
      if let last = ranges.last, block.lowerBound <= last.upperBound + Self.gap,
        block.upperBound - last.lowerBound <= Self.longest
      {
        ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, block.upperBound)
      } else {
        ranges.append(block)
      }
    }
    self.ranges = ranges
    self.storage = storage
    name = .object(.segment, segment)
  }

  /// A block's bytes as they stand in the segment.
  ///
  /// Blocks are to be asked for in ascending order. Where a stretch cannot be read, each of its
  /// blocks is read alone.
  mutating func sealedBlock(at location: ChunkLocation) throws -> PlacedBytes {
    let block = location.blockRange
    while current < ranges.count, ranges[current].upperBound < block.upperBound {
      current += 1
      bytes = nil
    }
    guard current < ranges.count, ranges[current].lowerBound <= block.lowerBound else {
      return try SegmentReader.sealedBlock(at: location, storage: storage)
    }
    let start = ranges[current].lowerBound
    let found = try bytes ?? read(ranges[current])
    bytes = found
    guard start + found.count >= block.upperBound else {
      return try SegmentReader.sealedBlock(at: location, storage: storage)
    }
    return PlacedBytes(found, (block.lowerBound - start)..<(block.upperBound - start))
  }

  private mutating func read(_ range: Range<Int>) throws -> [UInt8] {
    announce(from: range.lowerBound)
    do {
      return try storage.get(name, range: range)
    } catch let error where Corruption.isOfOnePlace(error) {
      return []  // A bad sector, say, in one of the blocks.
    }
  }

  private mutating func announce(from position: Int) {
    guard storage.announcedSize > 0 else { return }
    while next < ranges.count, ranges[next].lowerBound < position + Self.ahead {
      storage.announce(name, range: ranges[next])
      next += 1
    }
  }
}
