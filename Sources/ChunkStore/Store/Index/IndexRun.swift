internal import Glibc
import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

/// A sorted, immutable, memory-mapped table of chunks: a part of the local copy of the index.
///
///     magic 8 | counts of sources, segments, headers, header bytes, blocks, chunks: 6 × u64
///     | repository id 32 | SHA-256 of the tables 32
///     | tables: sources 32* | segments (id 32, size u64)* | header ends u32* | header bytes
///     | blocks: (segment u32, header u32, offset u32, sealed u32, number u64, raw u32,
///       chunk count u32)*
///     | chunks, by id: (id 32, block u32, offset u32, length u32, segment u32)*
///     | stretches: row u64*
///     | SHA-256 of blocks, chunks and stretches 32
///
/// A stretch is of the chunks whose ids begin with the same bits: here stands its first row. There
/// are as many as it takes for at most 32 chunks each, on average: a look-up reads these, however
/// many chunks there are.
///
/// Numbers are in the byte order of the machine; this file never leaves it. It is a cache: it
/// counts only while the index objects it was made from (its sources) are still listed, every
/// chunk read through it is verified, and deleting it costs time, never data.
final class IndexRun: Sendable {
  static let magic: UInt64 = 0x6172_6376_7275_6e33  // "arcvrun3"
  /// The beginning of a run's name while it is written.
  static let draftPrefix = "new-"
  fileprivate static let headSize = 8 + 6 * 8 + 32 + 32
  private static let segmentSize = 40
  private static let blockSize = 32
  static let chunkSize = 48
  private static let stretchSize = 8

  let sources: [Digest256]
  let segmentCount: Int
  let count: Int
  private let bytes: MappedBytes
  let file: LocalFile
  private let residentLimit: Int
  let headerCount: Int
  /// Those that were asked for: each segment has one, and few are read from.
  private let headers = Mutex<[Int: ObjectHeader]>([:])
  private let headerEnds: Int
  private let headerBytes: Int
  private let segmentsStart: Int
  private let blocksStart: Int
  let blockCount: Int
  let chunksStart: Int
  let stretches: Stretches
  private let stretchesStart: Int
  /// How many locations were asked for.
  private let lookups = Atomic<Int>(0)

  /// Opens a run.
  ///
  /// - Parameters:
  ///   - file: What it is in.
  ///   - repositoryID: Whose index it is a part of.
  ///   - residentLimit: How much of it is resident, at most, apart from its stretches.
  /// - Throws: `FormatError` when the file is not a whole run of this repository.
  init(
    file: LocalFile, repositoryID: RepositoryID, residentLimit: Int = 32 << 20
  ) throws {
    let size = try file.status().size
    guard size >= Self.headSize else {
      throw FormatError.truncated(wanted: Self.headSize, found: size)
    }
    self.file = file
    self.residentLimit = residentLimit
    bytes = try file.map(size)
    guard bytes.load(0, as: UInt64.self) == Self.magic else { throw FormatError.wrongMagic }
    var counts: [Int] = []
    for field in 0..<6 {
      guard let count = Int(exactly: bytes.load(8 + 8 * field, as: UInt64.self)), count <= size
      else { throw FormatError.invalidNumber }
      counts.append(count)
    }
    guard bytes.digest(56) == repositoryID else {
      throw FormatError.inconsistent("the run is of another repository")
    }
    segmentCount = counts[1]
    blockCount = counts[4]
    count = counts[5]
    segmentsStart = Self.headSize + 32 * counts[0]
    headerCount = counts[2]
    headerEnds = segmentsStart + Self.segmentSize * counts[1]
    headerBytes = headerEnds + 4 * counts[2]
    blocksStart = headerBytes + counts[3]
    chunksStart = blocksStart + Self.blockSize * counts[4]
    stretches = Stretches(count: counts[5])
    stretchesStart = chunksStart + Self.chunkSize * counts[5]
    guard stretchesStart + Self.stretchSize * stretches.number + Digest256.size == size else {
      throw FormatError.inconsistent("the run's size is not what its counts say")
    }
    guard
      try Self.digest(file, Self.headSize..<blocksStart) == bytes.digest(88)
    else { throw FormatError.authenticationFailed }
    let table = bytes
    sources = (0..<counts[0]).map { table.digest(Self.headSize + 32 * $0) }
  }

  /// The header of a row of their table; `nil` in a damaged run.
  func header(_ row: Int) -> ObjectHeader? {
    if let known = headers.withLock({ $0[row] }) { return known }
    guard row < headerCount else { return nil }
    let start = row > 0 ? Int(bytes.load(headerEnds + 4 * (row - 1), as: UInt32.self)) : 0
    let end = Int(bytes.load(headerEnds + 4 * row, as: UInt32.self))
    guard start <= end, headerBytes + end <= blocksStart else { return nil }
    var reader = ByteReader(bytes.bytes((headerBytes + start)..<(headerBytes + end)))
    guard let header = try? ObjectHeader(decoding: &reader) else { return nil }
    headers.withLock { $0[row] = header }
    return header
  }

  /// Whether blocks and chunks are those that were written: opening a run does not look at them,
  /// because there may be millions.
  ///
  /// A chunk that is not found is stored again, which costs little; but whoever deletes what nobody
  /// refers to, or makes another run of this one, has to be sure.
  func isIntact() throws -> Bool {
    let end = bytes.count - Digest256.size
    return try Self.digest(file, blocksStart..<end) == bytes.digest(end)
  }

  private static func digest(_ file: LocalFile, _ range: Range<Int>) throws -> Digest256 {
    var hash = try SHA256()
    for start in stride(from: range.lowerBound, to: range.upperBound, by: 1 << 20) {
      let count = min(1 << 20, range.upperBound - start)
      let part = try file.read(from: start, count: count)
      try hash.update(part.span)
    }
    return try hash.finalize()
  }

  func segment(_ row: Int) -> (id: Digest256, size: Int) {
    let start = segmentsStart + Self.segmentSize * row
    return (bytes.digest(start), Int(clamping: bytes.load(start + 32, as: UInt64.self)))
  }

  /// Whether parts of the file are read, because it must not become resident as a whole.
  ///
  /// Reading costs less than the page faults would if the pages were let go time and again.
  var isLarge: Bool { bytes.count > residentLimit }

  /// The first row of a stretch; in a damaged run it may be anything.
  func firstRow(_ stretch: Int) -> Int {
    Int(clamping: bytes.load(stretchesStart + Self.stretchSize * stretch, as: UInt64.self))
  }

  /// Locations are all over the file, and each makes some pages of it resident: they are let go
  /// from time to time.
  ///
  /// They stay in the page cache, and come back at the cost of a page fault. The stretches stay,
  /// which each look-up needs.
  private func boundMemory() {
    guard isLarge else { return }
    let now = lookups.add(1, ordering: .relaxed).newValue
    if now % (residentLimit / Self.faultSize / 2 + 1) == 0 { letGo() }
  }

  /// The kernel maps this much around a place that is touched.
  private static let faultSize = 64 << 10

  /// Takes blocks and chunks out of this process's memory, until somebody asks for them.
  func letGo() { bytes.letGo(..<stretchesStart) }

  func id(_ row: Int) -> ChunkID { ChunkID(bytes.digest(chunksStart + Self.chunkSize * row)) }

  struct Row {
    var id: ChunkID
    var block: Int
    var offset: UInt32
    var length: UInt32
    var segment: Int
  }

  func row(_ row: Int) -> Row {
    let start = chunksStart + Self.chunkSize * row
    return Row(
      id: id(row), block: Int(bytes.load(start + 32, as: UInt32.self)),
      offset: bytes.load(start + 36, as: UInt32.self),
      length: bytes.load(start + 40, as: UInt32.self),
      segment: Int(bytes.load(start + 44, as: UInt32.self)))
  }

  struct Block {
    var segment: Int
    var header: Int
    var offset: UInt32
    var sealedLength: UInt32
    var number: UInt64
    var rawLength: UInt32
    var chunkCount: UInt32
  }

  func block(_ row: Int) -> Block? {
    guard row < blockCount else { return nil }
    let start = blocksStart + Self.blockSize * row
    return Block(
      segment: Int(bytes.load(start, as: UInt32.self)),
      header: Int(bytes.load(start + 4, as: UInt32.self)),
      offset: bytes.load(start + 8, as: UInt32.self),
      sealedLength: bytes.load(start + 12, as: UInt32.self),
      number: bytes.load(start + 16, as: UInt64.self),
      rawLength: bytes.load(start + 24, as: UInt32.self),
      chunkCount: bytes.load(start + 28, as: UInt32.self))
  }

  /// All blocks.
  var blocks: some Sequence<Block> { (0..<blockCount).lazy.compactMap { self.block($0) } }

  /// Whether a block holds contents or tree nodes; `nil` in a damaged run.
  func type(ofBlock row: Int) -> ObjectType? {
    guard let block = block(row) else { return nil }
    return header(block.header)?.type
  }

  /// Where to read the chunk of a row; `nil` in a damaged run.
  func location(_ row: Int) -> ChunkLocation? {
    boundMemory()
    let chunk = self.row(row)
    guard let block = block(chunk.block), block.segment < segmentCount,
      let header = header(block.header)
    else { return nil }
    return ChunkLocation(
      segment: segment(block.segment).id, header: header,
      blockOffset: Int(block.offset), sealedLength: Int(block.sealedLength),
      number: block.number, rawLength: Int(block.rawLength),
      chunksInBlock: Int(block.chunkCount), offset: Int(chunk.offset), length: Int(chunk.length))
  }
}
