import Crypto

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

  /// - Parameters:
  ///   - segment: The segment.
  ///   - hashesName: Whether its name has to be compared with its bytes.
  /// - Returns: How many chunks and bytes it has.
  /// - Throws: What is wrong with it.
  mutating func verify(
    _ segment: StoredObject, hashesName: Bool
  ) throws -> (chunks: Int, bytes: Int) {
    let name = ObjectName.object(.segment, segment.id)
    let storage = repository.storage
    let directory = try SegmentReader.directory(
      of: segment.id, size: segment.size, storage: storage, keys: repository.keys)
    var hash = try SHA256()
    let start = directory.headers[0].encodedSize
    if hashesName {
      let head = try storage.get(name, range: 0..<start)
      try hash.update(head.span)
    }
    var end = start
    var ahead = BlocksAhead(of: name, from: start, storage)
    try directory.forEachBlock(of: segment.id) { location, held in
      ahead.reach(location.blockOffset, directory.blocks)
      end = location.blockOffset + location.sealedLength
      let sealed = try storage.get(name, range: location.blockOffset..<end)
      if hashesName { try hash.update(sealed.span) }
      try verify(sealed, at: location, chunks: held)
    }
    if hashesName {
      let tail = try storage.get(name, range: end..<segment.size)
      try hash.update(tail.span)
      guard try hash.finalize() == segment.id else { throw FormatError.authenticationFailed }
    }
    return (directory.chunks.count, segment.size)
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
    _ sealed: [UInt8], at location: ChunkLocation, chunks: [ChunkReference]
  ) throws {
    let raw = try reader.open(sealed, at: location, keys: repository.keys)
    try reader.verify(raw, holds: chunks, type: location.header.type)
  }
}

/// Announces the blocks of a segment a little ahead.
private struct BlocksAhead {
  private let name: ObjectName
  private let storage: any Storage
  /// The first block that was not announced, and where it begins.
  private var next = 0
  private var offset: Int

  /// So many bytes, for each thread that verifies.
  private static let size = 8 << 20

  init(of name: ObjectName, from offset: Int, _ storage: any Storage) {
    self.name = name
    self.storage = storage
    self.offset = offset
  }

  mutating func reach(_ position: Int, _ blocks: [SegmentDirectory.BlockRow]) {
    guard storage.announcedSize > 0 else { return }
    while next < blocks.count, offset < position + Self.size {
      let end = offset + Int(blocks[next].sealedLength)
      storage.announce(name, range: offset..<end)
      offset = end
      next += 1
    }
  }
}
