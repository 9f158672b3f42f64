import ObjectStorage
public import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

/// A repository that has been opened with its keys.
///
/// Everything above the storage is here, and is the same for every kind of storage: archives,
/// chunks, trees, their removal. Safe to use from any thread.
public final class Repository: Sendable {
  let storage: any Storage
  let keys: KeyRing
  let index: ChunkIndex
  let machine: Machine
  let configState: Mutex<RepositoryConfig>
  let blockCache: BlockCache
  let removalRecords = RemovalRecords()
  /// One look at the repository at a time: an older one must not take the place of a newer one,
  /// which has seen more segments doomed.
  let viewing = Mutex<Void>(())
  /// Whether anything is known from segments that no index object names.
  ///
  /// One that an index object names is durable, because it was before the index object was made. Of
  /// others nobody knows: their writer may have died, or be about to make them so.
  let hasAdopted = Atomic(false)

  /// The leases that this process holds here.
  let ownLeases = Mutex<Set<Digest256>>([])
  /// The action when a reader has lost its lease.
  let leaseLoss = Mutex<(@Sendable (Bool) -> Void)?>(nil)

  /// Files among the key slots that were passed over when the repository was opened: damaged, out
  /// of reach, of another repository, or too costly to try.
  public let passedOverSlots: [PassedOverSlot]

  /// The id that tells this repository from all others.
  public var id: RepositoryID { keys.repositoryID }

  /// How its objects are sealed.
  public var suite: Suite { keys.suite }

  /// Where it is, for people.
  public var location: String { storage.location }

  /// Ed25519 public key of its owners: what a client remembers a repository by.
  public var authority: [UInt8] { keys.authority.publicKey }

  /// The number of the newest configuration.
  public var generation: UInt32 { configState.withLock { $0.generation } }

  var config: RepositoryConfig { configState.withLock { $0 } }

  /// Bytes of blocks that are kept, or on their way.
  private static let blocksInMemory = 32 << 20

  private init(
    storage: any Storage, keys: KeyRing, config: RepositoryConfig, cacheDirectory: String,
    machine: Machine, passedOver: [PassedOverSlot] = []
  ) throws {
    self.storage = storage
    passedOverSlots = passedOver
    self.keys = keys
    self.machine = try machine.identified(in: keys.repositoryID)
    // Bytes that the storage holds for readers are not held twice.
    blockCache = BlockCache(capacity: Self.blocksInMemory - storage.announcedSize)
    configState = Mutex(config)
    index = try ChunkIndex(
      directory: "\(cacheDirectory)/\(keys.repositoryID.hex)/index", repositoryID: keys.repositoryID
    )
  }

  /// Tells why the cache of this client is not written to, if it is not: then what is made of the
  /// index is made again by the next operation.
  public func onCacheFailure(_ body: @escaping @Sendable (StorageError) -> Void) {
    index.onCacheFailure(body)
  }

  // MARK: Making and opening

  /// Where a new repository's key slot is kept.
  public enum KeyPlace: Sendable {
    /// In the repository itself.
    case repository
    /// With the client; the repository cannot be opened without that file.
    case client
  }

  /// Makes a new repository in an empty storage.
  ///
  /// - Parameters:
  ///   - storage: Where it is made.
  ///   - suite: How its objects are sealed.
  ///   - passphrase: Protects the keys; `nil` only for suite `none`, whose keys are no secret.
  ///   - parameters: What the derivation of a key from the passphrase costs.
  ///   - keyPlace: Where the key slot goes.
  ///   - keep: Keeps the key slot with the client, if it goes there; before there is a repository
  ///     that nobody could open without it.
  ///   - relative: The keys of a repository whose deduplication secret it shares.
  ///   - cacheDirectory: A directory for disposable data of all repositories.
  /// - Returns: The repository.
  /// - Throws: What `keep` throws; errors of the storage, or of libcrypto; `KeyError.wouldBecomePublic` if a secret of
  ///   the relative would stand in the clear.
  public static func create(
    in storage: any Storage, suite: Suite, passphrase: Secret?,
    parameters: ScryptParameters = .default, keyPlace: KeyPlace = .repository,
    keep: (_ slot: [UInt8], RepositoryID) throws -> Void = { _, _ in },
    like relative: KeySlots? = nil, cacheDirectory: String
  ) throws -> Repository {
    guard passphrase != nil || suite == .none else { throw KeyError.passphraseNeeded }
    try relative?.checkSharing(with: suite)
    let bundle = try KeyBundle.random(suite: suite, relative: relative?.bundle)
    let keys = try KeyRing(bundle)
    let slot = try KeySlot(sealing: bundle, passphrase: passphrase, parameters: parameters)
    let slotID = try SHA256.digest(of: slot.encoded.span)
    switch keyPlace {
    case .repository: try storage.put(.object(.key, slotID), slot.encoded)
    case .client: try keep(slot.encoded, keys.repositoryID)
    }
    let config = RepositoryConfig(
      generation: 1, repositoryID: keys.repositoryID,
      epochs: [RepositoryConfig.Epoch(number: keys.epoch, suite: suite)],
      authority: keys.authority.publicKey,
      previous: Digest256(bigEndianWords: 0, 0, 0, 0))
    // Last, because its presence is what makes a directory a repository.
    try storage.put(
      .config(config.generation),
      try SealedObject.seal(
        try config.signed(by: keys.authority), as: .config, keys: keys,
        extension: keys.repositoryID.bytes))
    // Only one can put the first configuration: slots of whoever was interrupted, or came too late,
    // open nothing.
    for (id, _) in try storage.names(.key) where id != slotID {
      try storage.deleteIfPermitted(.object(.key, id))
    }
    return try Repository(
      storage: storage, keys: keys, config: config, cacheDirectory: cacheDirectory,
      machine: .current)
  }

  /// The id of the repository in a storage, which stands in the clear.
  ///
  /// - Throws: `StorageError.missingRepository`, or `Corruption` if the configuration is damaged.
  public static func identify(_ storage: any Storage) throws -> RepositoryID {
    guard let newest = try storage.generations().last else {
      throw StorageError.missingRepository(storage.location)
    }
    let name = ObjectName.config(newest)
    return try Corruption.locate(name) {
      var reader = ByteReader(try storage.get(name, range: nil))
      let header = try ObjectHeader(decoding: &reader)
      guard header.extension.count == Digest256.size else {
        throw FormatError.missingField("repository id")
      }
      return Digest256(header.extension.span)
    }
  }

  /// Opens a repository.
  ///
  /// - Parameters:
  ///   - storage: Where it is.
  ///   - clientSlots: Key slots that the client keeps for this repository.
  ///   - cacheDirectory: A directory for disposable data of all repositories.
  ///   - passphrase: Asked only if a slot needs one.
  /// - Returns: The repository; its index is read when it is first needed.
  /// - Throws: `KeyError` if no slot opens, `Corruption` for a damaged object, `StorageError`.
  public static func open(
    _ storage: any Storage, clientSlots: [[UInt8]] = [], cacheDirectory: String,
    passphrase: () throws -> Secret
  ) throws -> Repository {
    try open(
      storage, clientSlots: clientSlots, cacheDirectory: cacheDirectory, machine: .current,
      passphrase: passphrase)
  }

  /// Opens a repository as another machine does, or by another clock.
  static func open(
    _ storage: any Storage, clientSlots: [[UInt8]] = [], cacheDirectory: String, machine: Machine,
    passphrase: () throws -> Secret
  ) throws -> Repository {
    let id = try identify(storage)
    // Everything that needs no missing directory is available; `demand` stops all else.
    let storage = try IncompleteStorage.wrapping(storage)
    let stored = try configs(storage)
    var slots = try SlotSearch(storage, of: id, clientSlots: clientSlots)
    if slots.entries.isEmpty { try demandDirectories([.key], of: storage) }
    let (keys, config) = try slots.open(passphrase: passphrase) { bundle in
      let keys = try KeyRing(bundle, fresh: machine.fresh)
      return (keys, try newestConfig(of: stored, in: storage, keys: keys))
    }.value
    let unknown = config.unknownFeatures(for: .read)
    guard unknown.isEmpty else { throw RepositoryError.unknownFeatures("read", unknown) }
    return try Repository(
      storage: storage, keys: keys, config: config, cacheDirectory: cacheDirectory,
      machine: machine,
      passedOver: slots.passedOver)
  }

  /// The generations of the configuration, ascending, as they are stored.
  private static func configs(
    _ storage: any Storage
  ) throws -> [(generation: UInt32, bytes: [UInt8])] {
    try storage.generations().map { generation in
      let name = ObjectName.config(generation)
      return (generation, try Corruption.locate(name) { try storage.get(name, range: nil) })
    }
  }

  private static func newestConfig(
    of stored: [(generation: UInt32, bytes: [UInt8])], in storage: any Storage, keys: KeyRing
  ) throws -> RepositoryConfig {
    var previous: (bytes: [UInt8], config: RepositoryConfig)?
    // Each generation has to name the one before: the whole chain is short, and checked.
    for (generation, bytes) in stored {
      previous = try Corruption.locate(.config(generation)) {
        var reader = try SealedObject.open(bytes, as: .config, keys: keys)
        let config = try RepositoryConfig(decoding: &reader)
        guard config.repositoryID == keys.repositoryID,
          config.authority == keys.authority.publicKey, config.generation == generation
        else { throw FormatError.inconsistent("the configuration is of another repository") }
        if let previous {
          guard config.previous == (try SHA256.digest(of: previous.bytes.span)) else {
            throw FormatError.inconsistent("the configuration does not follow the one before")
          }
        }
        return (bytes, config)
      }
    }
    guard let newest = previous?.config else {
      throw StorageError.missingRepository(storage.location)
    }
    return newest
  }

  /// Refuses an operation that needs a feature this version does not know, or a directory that is
  /// missing.
  func demand(_ operation: RepositoryConfig.Operation) throws {
    let unknown = config.unknownFeatures(for: operation)
    guard unknown.isEmpty else {
      throw RepositoryError.unknownFeatures(operation.rawValue, unknown)
    }
    switch operation {
    case .read: break
    case .write:
      try Self.demandDirectories(
        [.segment, .index, .archive, .doomed, .quarantine, .lease], of: storage)
    case .delete: try Self.demandDirectories(ObjectName.Kind.allCases, of: storage)
    }
  }

  /// Refuses to go on without what was in a directory: neither to refer to what it may have forbidden,
  /// nor to delete what it may have referred to.
  private static func demandDirectories(
    _ kinds: [ObjectName.Kind], of storage: any Storage
  ) throws(StorageError) {
    let missing = try storage.missingDirectories()
    for kind in kinds where missing.contains(kind.rawValue) {
      throw .missingDirectory("\(storage.location)/\(kind.rawValue)")
    }
  }

  /// The directories that are missing though they held something, or may have: what was in them is not
  /// seen.
  ///
  /// Leases and uploads are of nobody any more after a while, and a copy may be without them.
  ///
  /// - Throws: Errors of the storage.
  public func missingDirectories() throws(StorageError) -> [String] {
    try storage.missingDirectories().filter { directory in
      ObjectName.Kind(rawValue: directory).map { $0 != .lease } ?? false
    }
  }

  // MARK: Objects

  /// The body of a sealed object.
  func body(_ name: ObjectName, _ type: ObjectType) throws -> ByteReader {
    try Corruption.locate(name) {
      // Small objects have small limits: a hostile storage must not fill our memory.
      let limit = type == .index ? Limits.indexSize : Limits.archiveSize
      let bytes = try storage.get(name, range: 0..<(limit + 1))
      guard bytes.count <= limit else {
        throw FormatError.limitExceeded(
          "object", found: UInt64(bytes.count), limit: UInt64(limit))
      }
      if case .object(let kind, let id) = name, kind.isContentAddressed {
        guard try SHA256.digest(of: bytes.span) == id else {
          throw FormatError.authenticationFailed
        }
      }
      return try SealedObject.open(bytes, as: type, keys: keys)
    }
  }

  /// Seals and publishes an object that is named by its content, or by chance.
  @discardableResult
  func publish(
    _ body: [UInt8], as type: ObjectType, in kind: ObjectName.Kind
  ) throws -> Digest256 {
    let bytes = try SealedObject.seal(body, as: type, keys: keys)
    let id =
      kind.isContentAddressed
      ? try SHA256.digest(of: bytes.span) : try keys.newName()
    try storage.put(.object(kind, id), bytes)
    return id
  }

  // MARK: Chunks

  /// Reads one chunk, and verifies it against its id.
  func chunk(_ reference: ChunkReference, _ reader: inout ChunkReader) throws -> PlacedBytes {
    let chunk = try reader.find(reference.id, namespace: .content, repository: self)
    guard chunk.count == Int(reference.length) else {
      throw RepositoryError.damagedChunk(
        reference.id, FormatError.inconsistent("a chunk of another length than its item says"))
    }
    return chunk
  }

  /// Says that a chunk will be read soon, so that it may be on its way already.
  public func announce(_ chunk: ChunkReference) { announce(chunk.id) }

  func announce(_ id: ChunkID) {
    guard storage.announcedSize > 0, let location = index.locations(of: id).first else {
      return
    }
    guard !blockCache.contains(location.block) else { return }
    storage.announce(
      .object(.segment, location.segment), range: SegmentReader.stretch(of: location))
  }

  /// The block that a chunk is read from, if it is there.
  func block(of chunk: ChunkReference) -> BlockKey? {
    index.locations(of: chunk.id).first?.block
  }
}
