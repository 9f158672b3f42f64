package import StoreCrypto
package import StoreEncoding

/// A kind of object that has keys of its own, so that none is ever taken for another.
package enum Role: Sendable, CaseIterable {
  case content, tree, index, archive, lease, removal, config, doomed, label

  /// The role's name in the derivation of its key.
  package var label: String { "\(self)" }

  package init(_ type: ObjectType) {
    switch type {
    case .contentSegment: self = .content
    case .treeSegment: self = .tree
    case .index: self = .index
    case .archive: self = .archive
    case .lease: self = .lease
    case .removal: self = .removal
    case .config: self = .config
    case .doomed: self = .doomed
    case .label: self = .label
    }
  }
}

/// A source of bytes that it never gives twice, and that nobody can guess.
package struct FreshBytes: Sendable {
  /// The next ones.
  package var next: @Sendable () throws(CryptoError) -> [UInt8]

  package init(
    next: @escaping @Sendable () throws(CryptoError) -> [UInt8]
  ) {
    self.next = next
  }
}

/// The keys that this process has been given, asked for by what they are for.
///
/// Built from a `KeyBundle`; nothing outside this file knows a root secret. All derivations are
/// HKDF-SHA-256 (RFC 5869) with the labels of `docs/format.md`, "Keys".
package final class KeyRing: Sendable {
  package let repositoryID: RepositoryID
  package let suite: Suite
  /// The epoch that new objects are sealed in.
  package let epoch: UInt32
  package let chunker: ChunkerKeys
  /// The source of unique salts and random names.
  private let fresh: FreshBytes
  /// Signs configurations and removals; only owners have it.
  package let authority: SigningKey

  private let ids: [Namespace: Secret]
  private let boundary: Secret
  private let hedge: Secret
  private let roles: [Epoch: [Role: RoleKey]]

  /// The two kinds of chunks; they never share an id.
  package enum Namespace: Hashable, Sendable { case content, tree }

  private typealias Epoch = UInt32

  struct RoleKey: Sendable {
    package let key: Secret
    /// Says in an object's header which key it was sealed with.
    package let id: [UInt8]
  }

  package init(_ bundle: KeyBundle, fresh: FreshBytes) throws(CryptoError) {
    self.fresh = fresh
    repositoryID = bundle.repositoryID
    suite = bundle.suite
    authority = try SigningKey(seed: bundle.authority)
    let derive = { (label: String, count: Int) throws(CryptoError) -> Secret in
      try HKDF.derive(
        from: bundle.deduplication, salt: Array("archivist/1 dedup".utf8).span,
        info: Array(label.utf8).span, count: count)
    }
    ids = [.content: try derive("content id", 32), .tree: try derive("tree id", 32)]
    boundary = try derive("node boundary", 32)
    chunker = ChunkerKeys(
      table: try derive("chunker table", 2048), prf: try derive("chunker prf", 32))

    let id = bundle.repositoryID.bytes
    var roles: [Epoch: [Role: RoleKey]] = [:]
    var newest: (epoch: Epoch, secret: Secret)?
    for (epoch, secret) in bundle.sealing {
      newest = (epoch, secret)
      for role in Role.allCases {
        var info = ByteWriter()
        info.raw("archivist/1 ".utf8)
        info.raw(role.label.utf8)
        info.byte(bundle.suite.rawValue)
        info.integer(epoch)
        let key = try HKDF.derive(from: secret, salt: id.span, info: info.bytes.span, count: 32)
        let keyID = try HKDF.derive(
          from: key, salt: id.span, info: Array("archivist/1 key id".utf8).span,
          count: ObjectHeader.keyIDSize)
        roles[epoch, default: [:]][role] = RoleKey(
          key: key, id: keyID.withBytes { bytes in bytes.indices.map { bytes[$0] } })
      }
    }
    guard let newest else { throw .invalidParameter("a key bundle without a sealing secret") }
    epoch = newest.epoch
    hedge = try HKDF.derive(
      from: newest.secret, salt: id.span, info: Array("archivist/1 hedge".utf8).span, count: 32)
    self.roles = roles
  }

  /// Whether both give the same chunks the same ids, and cut trees in the same places: whether they
  /// come from the same deduplication secret.
  package func isRelated(to other: KeyRing) -> Bool {
    boundary.isEqual(to: other.boundary)
      && ids.allSatisfy { name, key in other.ids[name]?.isEqual(to: key) ?? false }
  }

  /// A context that gives chunks of `namespace` their ids; one per thread.
  package func idHash(_ namespace: Namespace) throws(CryptoError) -> KeyedHash {
    guard let key = ids[namespace] else { throw .invalidParameter("no id key") }
    return try KeyedHash(key: key)
  }

  /// A context that decides where tree nodes end.
  package func boundaryHash() throws(CryptoError) -> KeyedHash { try KeyedHash(key: boundary) }

  /// A name for an object that is not named by its bytes.
  package func newName() throws(CryptoError) -> Digest256 {
    var hash = try KeyedHash(key: hedge)
    let seed = try fresh.next()
    return try hash.digest(seed.span, Array("name".utf8).span)
  }

  /// The header of a new object: a salt that repeats for nobody, a cloned machine included,
  /// because the clock, the process and `first`, what is sealed first, go into it.
  package func newHeader(
    _ type: ObjectType, first: Span<UInt8>, extension: [UInt8] = []
  ) throws(CryptoError) -> ObjectHeader {
    guard let role = roles[epoch]?[Role(type)] else { throw .invalidParameter("no role key") }
    let seed = try fresh.next()
    var hash = try KeyedHash(key: hedge)
    let salt = try hash.digest(seed.span, first)
    return ObjectHeader(
      type: type, suite: suite, epoch: epoch, keyID: role.id, salt: salt.bytes,
      extension: `extension`)
  }

  /// A context for what stands under `header`, with the key that `role` has for it.
  ///
  /// - Throws: `FormatError` when the header names a suite, an epoch or a key that is not ours.
  package func context(
    _ header: ObjectHeader, role: Role
  ) throws -> SealingContext {
    guard header.suite == suite else {
      throw FormatError.unknownAlgorithm(
        "suite of this repository's objects", UInt64(header.suite.rawValue))
    }
    guard let key = roles[header.epoch]?[role] else {
      throw FormatError.unknownAlgorithm("key epoch", UInt64(header.epoch))
    }
    let encoded = header.encoded
    let object = try HKDF.derive(
      from: key.key, salt: header.salt.span,
      info: (Array("archivist/1 object".utf8) + encoded).span, count: 32)
    return try SealingContext(suite: suite, key: object, associatedData: encoded)
  }
}
