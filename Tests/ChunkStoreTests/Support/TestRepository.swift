import StoreCrypto

@testable import ChunkStore

/// A repository in memory, with what a test wants in it.
final class TestRepository {
  let storage: MemoryStorage
  let repository: Repository
  let directory: TemporaryDirectory
  private var random = PseudoRandomBytes(seed: 11)

  /// Of a suite that needs no passphrase, unless the test is about them.
  init(suite: Suite = .none, passphrase: Secret? = nil) throws {
    storage = MemoryStorage()
    directory = try TemporaryDirectory()
    repository = try Repository.create(
      in: storage, suite: suite, passphrase: passphrase, parameters: TestKeys.scrypt,
      cacheDirectory: "\(directory.path)/cache")
  }

  /// As another machine opens it, which has no cache.
  func reopen(passphrase: Secret? = nil, clientSlots: [[UInt8]] = []) throws -> Repository {
    try Repository.open(
      storage, clientSlots: clientSlots,
      cacheDirectory: "\(directory.path)/\(try Digest256.random().hex)"
    ) {
      guard let passphrase else { throw KeyError.passphraseNeeded }
      return passphrase
    }
  }

  var slot: [UInt8] {
    get throws {
      guard let name = try storage.list(.key).first else { throw KeyError.noSlot }
      return try storage.get(.object(.key, name.id), range: nil)
    }
  }

  /// The secrets, for tests that play the part of a newer version, or of an attacker.
  func bundle(passphrase: Secret? = nil) throws -> KeyBundle {
    guard let bundle = try KeySlot(decoding: try slot).open(passphrase: passphrase) else {
      throw KeyError.wrongPassphrase
    }
    return bundle
  }

  /// Publishes an archive without items.
  @discardableResult
  func addArchive(_ name: String, start: Int64 = 1000, kind: ArchiveManifest.Kind = .archive) throws
    -> Archive
  {
    var manifest = ArchiveManifest(
      name: name, start: Timestamp(seconds: start), end: Timestamp(seconds: start + 1))
    manifest.kind = kind
    let id = try repository.publish(try manifest.encoded(), as: .archive, in: .archive)
    return Archive(id: id, name: name, manifest: manifest)
  }

  /// Publishes a segment of chunks, one block for each element of `blocks`.
  func addSegment(_ blocks: [[[UInt8]]], type: ObjectType = .contentSegment) throws -> IndexEntry {
    let keys = repository.keys
    var hash = try keys.idHash(type == .treeSegment ? .tree : .content)
    var compressor = try Compressor()
    let salt = random.bytes(8)
    let sealer = try BlockSealer(type, first: salt.span, keys: keys)
    let writer = try SegmentWriter(sealer, storage: storage, keys: keys)
    for block in blocks {
      let raw = Array(block.joined())
      let (bytes, number) = try sealer.seal(try compressor.pack(raw, with: .default))
      try writer.append(
        SealedBlock(
          bytes: bytes, header: sealer.header, number: number, rawLength: UInt32(raw.count),
          chunks: try block.map {
            ChunkReference(id: ChunkID(try hash.digest(of: $0)), length: UInt32($0.count))
          }))
    }
    return try writer.finish().publish()
  }

  @discardableResult
  func addIndex(_ entries: [IndexEntry]) throws -> Digest256 {
    try repository.publish(IndexObject(entries: entries).encoded(), as: .index, in: .index)
  }

  /// Flips one bit of an object.
  func damage(_ name: ObjectName, at byte: Int) throws {
    var bytes = try storage.get(name, range: nil)
    bytes[byte] ^= 1
    storage.replace(name, bytes)
  }

  /// Puts a configuration after the newest one.
  func addConfig(
    generation: UInt32 = 2, signedBy authority: SigningKey? = nil,
    previous: Digest256? = nil, _ change: (inout RepositoryConfig) -> Void = { _ in }
  ) throws {
    let last = try storage.get(.config(generation - 1), range: nil)
    var config = repository.config
    config.generation = generation
    config.previous = try previous ?? SHA256.digest(of: last.span)
    change(&config)
    try storage.put(
      .config(generation),
      try SealedObject.seal(
        try config.signed(by: authority ?? repository.keys.authority), as: .config,
        keys: repository.keys, extension: repository.id.bytes))
  }
}
