package import StoreCrypto
package import StoreEncoding

/// One segment in an index object: its name, its size, and its directory.
package struct IndexEntry: Hashable, Sendable {
  package var segment: Digest256
  package var size: UInt64
  package var directory: SegmentDirectory

  package init(
    segment: Digest256, size: UInt64, directory: SegmentDirectory
  ) {
    self.segment = segment
    self.size = size
    self.directory = directory
  }
}

/// Facts about some segments: `count | (segment 32 | size | directory)*`, sealed.
///
/// Index objects only ever add facts; none overrides another. An entry is true while its segment
/// exists.
package struct IndexObject {
  package var entries: [IndexEntry]

  /// A writer publishes an index object when it has this many new chunks.
  package static let chunkTarget = 100_000

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(entries.count)
    for entry in entries {
      writer.digest(entry.segment)
      writer.varint(entry.size)
      entry.directory.encode(to: &writer)
    }
    return writer.bytes
  }

  package init(entries: [IndexEntry]) { self.entries = entries }

  package init(decoding reader: inout ByteReader) throws(FormatError) {
    let count: Int = try reader.varint("segments of an index", limit: Limits.indexSize / 64)
    entries = []
    for _ in 0..<count {
      entries.append(
        IndexEntry(
          segment: try reader.digest(),
          size: try reader.varint("segment", limit: UInt64(Limits.segmentSize)),
          directory: try SegmentDirectory(decoding: &reader)))
    }
    try reader.finish()
  }
}

/// Entries that become index objects, none of which is larger than readers accept.
package struct IndexBatch {
  package private(set) var entries: [IndexEntry] = []
  package private(set) var chunks = 0

  package init() {}
  private var size = 0

  /// Well below `Limits.indexSize`, for header, padding and tag come on top of it.
  private static let sizeLimit = Limits.indexSize / 4 * 3

  /// Whether there is room for an entry beside those that are there.
  package func hasRoom(for entry: IndexEntry) -> Bool {
    entries.isEmpty || size + entry.largestSize <= Self.sizeLimit
  }

  /// Whether an entry can stand in an index object at all; a hostile one may be too large.
  package static func canHold(_ entry: IndexEntry) -> Bool { entry.largestSize <= sizeLimit }

  package mutating func add(_ entry: IndexEntry) {
    entries.append(entry)
    chunks += entry.directory.chunks.count
    size += entry.largestSize
  }
}

extension IndexEntry {
  /// Bytes that it takes, at most.
  fileprivate var largestSize: Int {
    let numbers = 10
    return Digest256.size + numbers
      + directory.headers.reduce(3 * numbers) { $0 + $1.encodedSize }
      + directory.blocks.count * 5 * numbers
      + directory.chunks.count * (Digest256.size + numbers)
  }
}
