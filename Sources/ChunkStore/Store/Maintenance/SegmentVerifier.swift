import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Reads a whole segment: its bytes against their tags, its chunks against their ids.
///
/// These are all of it: header, blocks, directory with the zeros that pad it, and trailer, none of
/// which opens if a bit is another. The name, which is the hash of the same bytes, adds only that
/// this is not some other segment; it is looked at where no index object has said so.
struct SegmentVerifier: ~Copyable {
  private let repository: Repository
  private var reader: ChunkReader

  init(_ repository: Repository) throws {
    let reader = try ChunkReader(keys: repository.keys)
    self.repository = repository
    self.reader = reader
  }

  /// The findings in a segment.
  struct Findings {
    /// Chunks that are what their ids say.
    var chunks = 0
    /// Bytes that were read.
    var bytes = 0
    /// Blocks that there are.
    var blocks = 0
    /// Where those begin that are damaged.
    var damaged: [Int] = []
    /// The fault of the first of them, or of the segment.
    var error: (any Error)?
  }

  /// Reads all of a segment, also behind a block that is damaged.
  ///
  /// - Parameters:
  ///   - segment: The segment.
  ///   - hashesName: Whether its name has to be compared with its bytes.
  /// - Returns: What was found.
  /// - Throws: Why its directory cannot be had, or errors that do not concern this segment alone.
  mutating func verify(_ segment: StoredObject, hashesName: Bool) throws -> Findings {
    let name = ObjectName.object(.segment, segment.id)
    let storage = repository.storage
    let directory = try SegmentReader.directory(
      of: segment.id, size: segment.size, storage: storage, keys: repository.keys)
    guard hashesName else { return try verify(directory, of: segment.id, segment.size) }
    var hash = try SHA256()
    let start = directory.headers[0].encodedSize
    let head = try storage.get(name, range: 0..<start)
    try hash.update(head.span)
    var end = start
    var findings = try verify(directory, of: segment.id, segment.size) { sealed, range in
      try hash.update(sealed.whole.span.extracting(sealed.range))
      end = range.upperBound
    }
    guard findings.error == nil else { return findings }
    let tail = try storage.get(name, range: end..<segment.size)
    try hash.update(tail.span)
    if try hash.finalize() != segment.id { findings.error = FormatError.authenticationFailed }
    return findings
  }

  /// Reads the blocks of a segment that a directory tells of.
  ///
  /// - Parameters:
  ///   - directory: The segment's own, or what an index object says.
  ///   - segment: The segment.
  ///   - size: Its bytes.
  ///   - body: Called with each block that could be read, and where it stands.
  /// - Returns: What was found.
  /// - Throws: Errors that do not concern this segment alone; `StorageError.notFound` if it has gone.
  mutating func verify(
    _ directory: SegmentDirectory, of segment: Digest256, _ size: Int,
    _ body: (PlacedBytes, Range<Int>) throws -> Void = { _, _ in }
  ) throws -> Findings {
    let name = ObjectName.object(.segment, segment)
    let storage = repository.storage
    var findings = Findings(bytes: size, blocks: directory.blocks.count)
    var stretches = BlockStretches(directory.blockRanges, of: segment, in: storage)
    try directory.forEachBlock(of: segment) { location, held in
      do {
        // Where nobody watches, each block alone is read, and nothing twice.
        let sealed =
          storage.announcedSize > 0
          ? try stretches.sealedBlock(at: location)
          : PlacedBytes(try storage.get(name, range: location.blockRange))
        try body(sealed, location.blockRange)
        try verify(sealed, at: location, chunks: held)
        findings.chunks += held.count
      } catch StorageError.notFound {
        throw StorageError.notFound(name.path)
      } catch let error where Corruption.isOfOnePlace(error) {
        findings.damaged.append(location.blockOffset)
        findings.error = findings.error ?? error
      }
    }
    return findings
  }

  /// Whether each of these chunks was read, and is what its id says, in a segment that new archives
  /// may rely on.
  mutating func hasOtherPlaces(_ chunks: [ChunkReference], type: ObjectType) throws -> Bool {
    for chunk in chunks {
      var isThere = false
      for location in repository.index.usableLocations(of: chunk.id) where !isThere {
        isThere =
          try reader.read(chunk.id, at: location, type: type, repository: repository) != nil
      }
      guard isThere else { return false }
    }
    return true
  }

  /// Opens a block, and verifies its chunks against their ids.
  mutating func verify(
    _ sealed: PlacedBytes, at location: ChunkLocation, chunks: [ChunkReference]
  ) throws {
    let raw = try reader.open(sealed, at: location, keys: repository.keys)
    try reader.verify(raw, holds: chunks, type: location.header.type)
  }
}
