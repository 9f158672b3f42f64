import LinuxSystem
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Reads chunks: finds, fetches, opens, unpacks, verifies.
///
/// One per thread.
struct ChunkReader: ~Copyable {
  private var contentHash: KeyedHash
  private var treeHash: KeyedHash
  private var compressor: Compressor

  init(keys: KeyRing) throws {
    let content = try keys.idHash(.content)
    let tree = try keys.idHash(.tree)
    let compressor = try Compressor()
    contentHash = content
    treeHash = tree
    self.compressor = compressor
  }

  /// The bytes of a chunk, from the first of its places where they are whole.
  mutating func read(
    _ id: ChunkID, namespace: KeyRing.Namespace, repository: Repository
  ) throws -> [UInt8] {
    try find(id, namespace: namespace, repository: repository).bytes
  }

  /// Returns the chunk as a range of its block, uncopied.
  mutating func find(
    _ id: ChunkID, namespace: KeyRing.Namespace, repository: Repository
  ) throws -> PlacedBytes {
    var failure: (any Error)?
    // Somebody may have moved the chunk since we looked: look again before reporting damage.
    for attempt in 0..<2 {
      for location in repository.index.locations(of: id) {
        do {
          return try read(id, at: location, namespace: namespace, repository: repository)
        } catch let error where Corruption.isOfOnePlace(error) {
          failure = error
        }
      }
      if attempt == 0 { try repository.refresh() }
    }
    throw failure.map { RepositoryError.damagedChunk(id, $0) }
      ?? RepositoryError.missingChunk(id)
  }

  /// The id that a chunk of a content with these bytes has.
  mutating func contentID(_ bytes: [UInt8]) throws -> ChunkID {
    ChunkID(try contentHash.digest(bytes.span))
  }

  /// Compares an unpacked block with the ids of the chunks that it is said to hold.
  ///
  /// - Parameters:
  ///   - raw: The block.
  ///   - chunks: All its chunks, in order.
  ///   - type: Decides the key of the ids.
  ///   - isWanted: Whether a chunk matters; the others are not looked at.
  /// - Throws: `FormatError.authenticationFailed` for the first one that is something else.
  mutating func verify(
    _ raw: PlacedBytes, holds chunks: some Sequence<ChunkReference>, type: ObjectType,
    where isWanted: (ChunkReference) -> Bool = { _ in true }
  ) throws {
    var start = raw.range.lowerBound
    for chunk in chunks {
      let end = start + Int(chunk.length)
      guard end <= raw.range.upperBound else {
        throw FormatError.inconsistent("chunks that are longer than their block")
      }
      defer { start = end }
      guard isWanted(chunk) else { continue }
      let bytes = raw.whole.span.extracting(start..<end)
      let id = type == .treeSegment ? try treeHash.digest(bytes) : try contentHash.digest(bytes)
      guard ChunkID(id) == chunk.id else { throw FormatError.authenticationFailed }
    }
  }

  /// A chunk as it is in one place, compared with its id; `nil` if it is not whole there.
  ///
  /// - Throws: What speaks of the storage, and not of this place.
  mutating func read(
    _ id: ChunkID, at location: ChunkLocation, type: ObjectType, repository: Repository
  ) throws -> PlacedBytes? {
    do {
      return try read(
        id, at: location, namespace: type == .treeSegment ? .tree : .content,
        repository: repository)
    } catch let error where Corruption.isOfOnePlace(error) {
      return nil
    }
  }

  private mutating func read(
    _ id: ChunkID, at location: ChunkLocation, namespace: KeyRing.Namespace,
    repository: Repository
  ) throws -> PlacedBytes {
    try Corruption.locate(.object(.segment, location.segment)) {
      guard location.header.type == namespace.type else {
        throw FormatError.wrongType(
          expected: namespace.type.rawValue, found: location.header.type.rawValue)
      }
      let block = try block(at: location, repository: repository)
      guard location.offset + location.length <= block.count else {
        throw FormatError.inconsistent("the index points behind the end of a block")
      }
      let chunk = block.part(location.offset..<(location.offset + location.length))
      let bytes = chunk.whole.span.extracting(chunk.range)
      let digest =
        namespace == .content ? try contentHash.digest(bytes) : try treeHash.digest(bytes)
      guard ChunkID(digest) == id else { throw FormatError.authenticationFailed }
      return chunk
    }
  }

  /// The raw bytes of the block at `location`.
  mutating func block(at location: ChunkLocation, repository: Repository) throws -> PlacedBytes {
    // Blocks of a single chunk are hardly ever read twice.
    guard location.chunksInBlock > 1 || location.header.type == .treeSegment else {
      return try fetch(location, repository)
    }
    let key = location.block
    if let known = repository.blockCache.claim(key) { return known }
    var raw: PlacedBytes?
    defer { repository.blockCache.settle(key, raw) }
    let block = try fetch(location, repository)
    raw = block
    return block
  }

  private mutating func fetch(
    _ location: ChunkLocation, _ repository: Repository
  ) throws -> PlacedBytes {
    try open(
      try SegmentReader.sealedBlock(at: location, storage: repository.storage), at: location,
      keys: repository.keys)
  }

  /// Opens a sealed block, and unpacks it.
  mutating func open(
    _ sealed: PlacedBytes, at location: ChunkLocation, keys: KeyRing
  ) throws -> PlacedBytes {
    try unpack(try unseal(sealed, at: location, keys: keys), at: location)
  }

  /// Opens a sealed block, which stays packed.
  func unseal(
    _ sealed: PlacedBytes, at location: ChunkLocation, keys: KeyRing
  ) throws -> [UInt8] {
    var context = try keys.context(location.header, role: Role(location.header.type))
    return try context.opened(
      sealed.whole.span.extracting(sealed.range), part: SealedPart.block, number: location.number)
  }

  /// Unpacks a block that was opened.
  mutating func unpack(
    _ packed: [UInt8], at location: ChunkLocation
  ) throws(FormatError) -> PlacedBytes {
    let raw = try compressor.unpack(packed, limit: Limits.chunkSize)
    guard raw.count == location.rawLength else {
      throw FormatError.inconsistent("a block of another length than the index says")
    }
    return raw
  }
}

extension KeyRing.Namespace {
  /// The type of the segments that a reader looks for chunks of this kind in.
  var type: ObjectType { self == .content ? .contentSegment : .treeSegment }
}

/// Blocks that were unpacked lately, because the next chunk is often in the same one.
///
/// Threads that go on together want the same block at the same time: one of them reads it, and the
/// others wait.
///
/// Sendable: all state is touched under the monitor.
final class BlockCache: @unchecked Sendable {
  private let capacity: Int
  private let monitor = Monitor()
  private var blocks: [BlockKey: PlacedBytes] = [:]
  /// Oldest first.
  private var order: [BlockKey] = []
  private var size = 0
  /// Those that somebody is reading.
  private var claimed: Set<BlockKey> = []

  init(capacity: Int) { self.capacity = capacity }

  /// Whether a block is here.
  func contains(_ key: BlockKey) -> Bool { monitor.withLock { blocks[key] != nil } }

  /// A block; `nil` if the caller has to read it, and to call `settle` then, whatever comes of it.
  func claim(_ key: BlockKey) -> PlacedBytes? {
    monitor.withLock {
      while true {
        if let block = blocks[key] { return block }
        if claimed.insert(key).inserted { return nil }
        monitor.wait()
      }
    }
  }

  /// Takes a block that was claimed; without one, the next who wants it tries again.
  func settle(_ key: BlockKey, _ block: PlacedBytes?) {
    monitor.withLock {
      claimed.remove(key)
      monitor.broadcast()
      guard let block, blocks.updateValue(block, forKey: key) == nil else { return }
      order.append(key)
      size += block.whole.count
      while size > capacity, order.count > 1 {
        let oldest = order.removeFirst()
        size -= blocks.removeValue(forKey: oldest)?.whole.count ?? 0
      }
    }
  }
}
