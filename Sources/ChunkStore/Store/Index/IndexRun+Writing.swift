internal import Glibc
import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

extension IndexRun {
  /// The tables in front of the chunks of a run.
  struct Tables {
    var sources: [Digest256] = []
    private var segments = ByteWriter()
    private var segmentCount = 0
    private var headerEnds = ByteWriter()
    private var headerBytes = ByteWriter()
    private var headerRows: [ObjectHeader: Int] = [:]

    mutating func add(segment: Digest256, size: UInt64) -> Int {
      segments.digest(segment)
      segments.native(size)
      segmentCount += 1
      return segmentCount - 1
    }

    mutating func add(_ header: ObjectHeader) -> Int {
      if let known = headerRows[header] { return known }
      headerBytes.raw(header.encoded)
      headerEnds.native(UInt32(truncatingIfNeeded: headerBytes.count))
      headerRows[header] = headerRows.count
      return headerRows.count - 1
    }

    /// Head and tables of a run with this many blocks and chunks.
    func encoded(
      blockCount: Int, chunkCount: Int, repositoryID: RepositoryID
    ) throws -> [UInt8] {
      var tables = ByteWriter()
      for source in sources { tables.digest(source) }
      tables.raw(segments.bytes)
      tables.raw(headerEnds.bytes)
      tables.raw(headerBytes.bytes)
      var head = ByteWriter()
      head.native(IndexRun.magic)
      for count in [
        sources.count, segmentCount, headerRows.count, headerBytes.count, blockCount, chunkCount,
      ] {
        head.native(UInt64(count))
      }
      head.digest(repositoryID)
      head.digest(try SHA256.digest(of: tables.bytes.span))
      return head.bytes + tables.bytes
    }
  }

  /// A run being written: all blocks, then all chunks in ascending order.
  ///
  /// It is written aside, and renamed to its name when it is whole.
  private final class Draft {
    /// The path of the draft in the cache until it is renamed, or goes.
    private let path: String?
    private let place: RunPlace
    private let file: LocalFile
    private let repositoryID: RepositoryID
    private var buffer = ByteWriter(reserving: 1 << 20)
    private var hash: SHA256
    private let stretches: Stretches
    /// The first rows of the stretches that have begun.
    private var firstRows: [UInt64] = []
    private var chunkCount: UInt64 = 0

    init(
      _ tables: Tables, blockCount: Int, chunkCount: Int, in place: RunPlace,
      repositoryID: RepositoryID
    ) throws {
      let hash = try SHA256()
      switch place {
      case .cache(let directory):
        let path = "\(directory)/\(IndexRun.draftPrefix)\(try Digest256.random().hex.prefix(24))"
        file = try LocalFile.open(path, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        self.path = path
      case .temporary(let directory):
        file = try LocalFile.unnamed(in: directory)
        path = nil
      case .memory:
        file = try LocalFile.inMemory()
        path = nil
      }
      self.place = place
      self.repositoryID = repositoryID
      self.hash = hash
      stretches = Stretches(count: chunkCount)
      firstRows.reserveCapacity(stretches.number)
      let head = try tables.encoded(
        blockCount: blockCount, chunkCount: chunkCount, repositoryID: repositoryID)
      try file.write(head.span)
    }

    deinit { if let path { LocalFile.discard(path) } }

    func put(_ block: Block) throws {
      buffer.native(UInt32(truncatingIfNeeded: block.segment))
      buffer.native(UInt32(truncatingIfNeeded: block.header))
      buffer.native(block.offset)
      buffer.native(block.sealedLength)
      buffer.native(block.number)
      buffer.native(block.rawLength)
      buffer.native(block.chunkCount)
      try flushIfFull()
    }

    func put(_ row: Row) throws {
      begin(until: stretches.stretch(of: row.id))
      chunkCount += 1
      buffer.digest(row.id.digest)
      buffer.native(UInt32(truncatingIfNeeded: row.block))
      buffer.native(row.offset)
      buffer.native(row.length)
      buffer.native(UInt32(truncatingIfNeeded: row.segment))
      try flushIfFull()
    }

    /// Begins all stretches up to this one.
    private func begin(until stretch: Int) {
      while firstRows.count <= stretch { firstRows.append(chunkCount) }
    }

    private func flushIfFull() throws {
      if buffer.count > (1 << 20) - 64 { try flush() }
    }

    private func flush() throws {
      let bytes = buffer.bytes
      try hash.update(bytes.span)
      try file.write(bytes.span)
      buffer.removeAll()
    }

    /// Opens the run; without a name its file is gone with its last user.
    func finish(name: String?) throws -> IndexRun {
      begin(until: stretches.number - 1)
      for row in firstRows {
        buffer.native(row)
        try flushIfFull()
      }
      try flush()
      try file.write(try hash.finalize().bytes.span)
      guard let name, let path, case .cache(let directory) = place else {
        return try IndexRun(file: file, repositoryID: repositoryID)
      }
      // Or a power cut leaves a file of zeros under the name.
      try file.synchronize()
      let run = try IndexRun(file: file, repositoryID: repositoryID)
      try LocalFile.rename(path, to: "\(directory)/\(name)")
      return run
    }
  }

  /// The run of some index entries, which are in memory.
  static func build(
    _ entries: [IndexEntry], sources: [Digest256], in place: RunPlace, name: String?,
    repositoryID: RepositoryID
  ) throws -> IndexRun {
    var tables = Tables()
    tables.sources = sources
    var rows: [Row] = []
    rows.reserveCapacity(entries.reduce(0) { $0 + $1.directory.chunks.count })
    var blocks: [Block] = []
    for entry in entries {
      let segment = tables.add(segment: entry.segment, size: entry.size)
      let headers = entry.directory.headers.map { tables.add($0) }
      var offset = UInt32(truncatingIfNeeded: entry.directory.headers.first?.encodedSize ?? 0)
      var chunks = entry.directory.chunks[...]
      for block in entry.directory.blocks {
        let number = blocks.count
        blocks.append(
          Block(
            segment: segment, header: headers[block.header], offset: offset,
            sealedLength: block.sealedLength, number: block.number, rawLength: block.rawLength,
            chunkCount: UInt32(truncatingIfNeeded: block.chunkCount)))
        offset += block.sealedLength
        var within: UInt32 = 0
        for chunk in chunks.prefix(block.chunkCount) {
          rows.append(
            Row(
              id: chunk.id, block: number, offset: within, length: chunk.length,
              segment: segment))
          within += chunk.length
        }
        chunks = chunks.dropFirst(block.chunkCount)
      }
    }
    rows.sort { $0.id < $1.id }
    let draft = try Draft(
      tables, blockCount: blocks.count, chunkCount: rows.count, in: place,
      repositoryID: repositoryID)
    for block in blocks { try draft.put(block) }
    for row in rows { try draft.put(row) }
    return try draft.finish(name: name)
  }

  /// One run of several, row by row, in constant memory but for the tables.
  static func merge(
    _ runs: [IndexRun], in place: RunPlace, name: String, repositoryID: RepositoryID
  ) throws -> IndexRun {
    var tables = Tables()
    // Of each run, what its segments, headers and blocks are numbered in the new one.
    var segments: [[Int]] = []
    var headers: [[Int]] = []
    var firstBlocks: [Int] = []
    var blockCount = 0
    for run in runs {
      tables.sources += run.sources
      segments.append(
        (0..<run.segmentCount).map { row in
          let segment = run.segment(row)
          return tables.add(segment: segment.id, size: UInt64(segment.size))
        })
      headers.append(
        try (0..<run.headerCount).map { row in
          guard let header = run.header(row) else {
            throw FormatError.inconsistent("a run has a header that is none")
          }
          return tables.add(header)
        })
      firstBlocks.append(blockCount)
      blockCount += run.blockCount
    }
    let draft = try Draft(
      tables, blockCount: blockCount, chunkCount: runs.reduce(0) { $0 + $1.count }, in: place,
      repositoryID: repositoryID)
    for (number, run) in runs.enumerated() {
      for row in 0..<run.blockCount {
        guard var block = run.block(row), block.segment < segments[number].count,
          block.header < headers[number].count
        else { throw FormatError.inconsistent("a run names a segment that it does not have") }
        block.segment = segments[number][block.segment]
        block.header = headers[number][block.header]
        try draft.put(block)
      }
      run.letGo()
    }
    var next = MergeOrder(runs)
    var merged = 0
    while let (number, position) = next.pop() {
      var row = runs[number].row(position)
      guard row.segment < segments[number].count else {
        throw FormatError.inconsistent("a run names a segment that it does not have")
      }
      row.block += firstBlocks[number]
      row.segment = segments[number][row.segment]
      try draft.put(row)
      merged += 1
      if merged % (1 << 20) == 0 { for run in runs { run.letGo() } }
    }
    return try draft.finish(name: name)
  }
}

/// The rows of several runs in the order of their ids.
///
/// A binary heap with one row of each run, the least on top.
private struct MergeOrder {
  private let runs: [IndexRun]
  private var heap: [(id: ChunkID, run: Int, row: Int)] = []

  init(_ runs: [IndexRun]) {
    self.runs = runs
    for (number, run) in runs.enumerated() where run.count > 0 {
      heap.append((run.id(0), number, 0))
    }
    for position in heap.indices.reversed() { sink(position) }
  }

  mutating func pop() -> (run: Int, row: Int)? {
    guard let (_, number, row) = heap.first else { return nil }
    if row + 1 < runs[number].count {
      heap[0] = (runs[number].id(row + 1), number, row + 1)
    } else {
      heap.swapAt(0, heap.count - 1)
      heap.removeLast()
    }
    sink(0)
    return (number, row)
  }

  /// Exchanges an entry with smaller ones below it, until there is none.
  private mutating func sink(_ start: Int) {
    var position = start
    while true {
      var least = position
      for child in [2 * position + 1, 2 * position + 2]
      where child < heap.count && heap[child].id < heap[least].id {
        least = child
      }
      guard least != position else { return }
      heap.swapAt(least, position)
      position = least
    }
  }
}

extension ByteWriter {
  /// A number in the byte order of the machine, for files that never leave it.
  fileprivate mutating func native<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
    // `integer` writes big-endian: of the swapped number, where the machine is little-endian.
    integer(value.bigEndian)
  }
}
