package import StoreCrypto
package import StoreEncoding

/// A key bundle under a passphrase.
///
///     magic 8 | version u8 | kdf u8 | log2 N u8 | p u8 | r u32 | repository id 32 | salt 32
///     | commitment 32 | sealed bundle
///
/// The passphrase is stretched by scrypt (RFC 7914), salted with the repository's id; HKDF, salted
/// with the slot's own salt, makes of the result a wrapping key and a commitment. So a passphrase is
/// stretched once for all slots of equal parameters, and nobody can make opening slow by adding
/// slots. The commitment is compared before anything is decrypted: plain GCM can be made to open
/// under several passphrases. All bytes before the sealed bundle are associated data.
/// kdf 0 stands for no passphrase: repositories that do not encrypt keep their keys in the clear.
package struct KeySlot {
  package static let magic: [UInt8] = Array("arcvslot".utf8)
  package static let version: UInt8 = 1
  package static let headSize = 8 + 4 + 4 + 32 + 32 + 32
  package static let saltSize = 32
  /// The bundle is padded to this size, so that its length tells nothing.
  static let bundleSize = 1024
  /// No slot is larger.
  package static let maximumSize = 16 << 10

  package enum Derivation: Equatable {
    case none
    case scrypt(ScryptParameters)

    /// N · p: what trying a passphrase costs.
    package var work: UInt64 {
      switch self {
      case .none: 0
      case .scrypt(let parameters): UInt64(parameters.p) << UInt64(parameters.logN)
      }
    }
  }

  package let derivation: Derivation
  package let repositoryID: RepositoryID
  private let bytes: [UInt8]

  /// The slot as it is stored.
  package var encoded: [UInt8] { bytes }

  /// Parses a slot, and checks what it demands before any work is done for it.
  package init(decoding bytes: [UInt8]) throws {
    guard bytes.count <= Self.maximumSize else {
      throw FormatError.limitExceeded(
        "key slot", found: UInt64(bytes.count), limit: UInt64(Self.maximumSize))
    }
    var reader = ByteReader(bytes)
    guard try reader.take(Self.magic.count) == Self.magic else { throw FormatError.wrongMagic }
    let version = try reader.byte()
    guard version == Self.version else { throw FormatError.unknownVersion(version) }
    let kdf = try reader.byte()
    let logN = try reader.byte()
    let p = try reader.byte()
    let r: UInt32 = try reader.integer()
    switch kdf {
    case 0:
      guard logN == 0, p == 0, r == 0 else {
        throw FormatError.inconsistent("a slot without passphrase that has parameters for one")
      }
      derivation = .none
    case 1:
      let parameters = ScryptParameters(logN: logN, r: r, p: UInt32(p))
      try parameters.validate()
      derivation = .scrypt(parameters)
    default: throw FormatError.unknownAlgorithm("key derivation", UInt64(kdf))
    }
    repositoryID = try reader.digest()
    _ = try reader.take(Self.saltSize + Digest256.size)
    guard reader.remaining >= SealingContext.tagSize else {
      throw FormatError.truncated(wanted: SealingContext.tagSize, found: reader.remaining)
    }
    self.bytes = bytes
  }

  /// Seals `bundle` under `passphrase`; without one the bundle is there for everybody.
  package init(sealing bundle: KeyBundle, passphrase: Secret?, parameters: ScryptParameters) throws
  {
    guard passphrase != nil || bundle.suite == .none else { throw KeyError.passphraseNeeded }
    let salt = try Random.bytes(count: Self.saltSize)
    derivation = passphrase == nil ? .none : .scrypt(parameters)
    repositoryID = bundle.repositoryID
    var head = ByteWriter(reserving: 2 * Self.bundleSize)
    head.raw(Self.magic)
    head.byte(Self.version)
    switch derivation {
    case .none:
      head.zeros(7)
    case .scrypt(let parameters):
      try parameters.validate()
      head.byte(1)
      head.byte(parameters.logN)
      head.byte(UInt8(truncatingIfNeeded: parameters.p))
      head.integer(parameters.r)
    }
    head.digest(bundle.repositoryID)
    head.raw(salt)
    let stretched = try Self.stretch(passphrase, as: derivation, for: repositoryID)
    let keys = try Self.keys(from: stretched, salt: salt)
    head.raw(keys.commitment)

    var plaintext = ByteWriter(reserving: Self.bundleSize)
    var encoded = bundle.encoded()
    plaintext.integer(UInt32(truncatingIfNeeded: encoded.count))
    plaintext.raw(encoded)
    plaintext.zeros(max(0, Self.bundleSize - plaintext.count))
    wipe(&encoded)
    var secret = plaintext.bytes
    plaintext = ByteWriter()
    defer { wipe(&secret) }
    var context = try SealingContext(
      suite: .aes256GCM, key: keys.wrapping, associatedData: head.bytes)
    var output = head.bytes
    try context.seal(secret.span, nonce: Nonce(part: 0, number: 0), into: &output)
    bytes = output
  }

  /// Opens the slot; `nil` if it is not for this passphrase.
  ///
  /// - Throws: `FormatError` when the passphrase fits and the contents do not.
  package func open(passphrase: Secret?) throws -> KeyBundle? {
    try open(stretched: try Self.stretch(passphrase, as: derivation, for: repositoryID))
  }

  /// Opens the slot with a passphrase that has been stretched; `nil` if it is not for this one.
  ///
  /// - Throws: `FormatError` when the passphrase fits and the contents do not.
  package func open(stretched: Secret) throws -> KeyBundle? {
    let salt = Array(bytes[(Self.headSize - 64)..<(Self.headSize - 32)])
    let keys = try Self.keys(from: stretched, salt: salt)
    let commitment = bytes.span.extracting((Self.headSize - 32)..<Self.headSize)
    guard constantTimeEquals(keys.commitment.span, commitment) else { return nil }
    var context = try SealingContext(
      suite: .aes256GCM, key: keys.wrapping, associatedData: Array(bytes[..<Self.headSize]))
    var plaintext = try context.opened(bytes.span.extracting(Self.headSize...), part: 0)
    defer { wipe(&plaintext) }
    var reader = ByteReader(plaintext)
    let length: UInt32 = try reader.integer()
    let bundle = try KeyBundle(decoding: try reader.nested(Int(length)))
    guard bundle.repositoryID == repositoryID else {
      throw FormatError.inconsistent("the slot is for another repository than its keys")
    }
    // Otherwise whoever holds the storage could offer keys of their own, which open without a
    // passphrase, for a repository that looks encrypted.
    guard derivation != .none || bundle.suite == .none else {
      throw FormatError.inconsistent("the slot has no passphrase, and its keys are secret")
    }
    return bundle
  }

  /// The work that a passphrase costs: the same for all slots of a repository with these parameters.
  ///
  /// - Throws: `KeyError.passphraseNeeded` if there is none, and the derivation takes one.
  package static func stretch(
    _ passphrase: Secret?, as derivation: Derivation, for repository: RepositoryID
  ) throws -> Secret {
    switch derivation {
    case .none:
      // Known to everybody, as these keys are meant to be.
      return Secret(copying: [UInt8](repeating: 0, count: 32).span)
    case .scrypt(let parameters):
      guard let passphrase else { throw KeyError.passphraseNeeded }
      let salt = repository.bytes
      return try Scrypt.derive(
        passphrase: passphrase, salt: salt.span, parameters: parameters, count: 32)
    }
  }

  private static func keys(
    from stretched: Secret, salt: [UInt8]
  ) throws(CryptoError) -> (wrapping: Secret, commitment: [UInt8]) {
    let both = try HKDF.derive(
      from: stretched, salt: salt.span, info: Array("archivist/1 slot".utf8).span, count: 64)
    return both.withBytes { bytes in
      (
        Secret(copying: bytes.extracting(0..<32)),
        (32..<64).map { bytes[$0] }
      )
    }
  }
}

/// Why a repository's keys could not be had.
public enum KeyError: Error, Equatable, Sendable {
  /// No slot opens under the passphrase.
  case wrongPassphrase
  /// No slot opens under the passphrase; but these were passed over, and might have.
  case noneOpens(passedOver: [String])
  /// The keys are protected by a passphrase, and none was given.
  case passphraseNeeded
  /// There is no slot at all: neither in the repository nor in the key directory.
  case noSlot
  /// Too many slots.
  case tooManySlots(limit: Int)
  /// No slot has an id that begins so.
  case unknownSlot(String)
  /// Several slots have an id that begins so.
  case ambiguousSlot(String, count: Int)
  /// A slot belongs to this repository, which is another one.
  case slotOfOtherRepository(String)
  /// The last slot cannot be removed: nobody could open the repository again.
  case lastSlot
  /// The slot that was opened cannot be removed: it is the only one that is known to open.
  case openedSlot
  /// Somebody else is removing a slot: the operation, for people.
  case beingChanged(by: String)
  /// The slot that was opened has been removed by somebody else, and may have been put back.
  case slotVanished(isPutBack: Bool)
  /// A repository whose keys are no secret cannot share one with a repository whose keys are.
  case wouldBecomePublic

  /// Whether another passphrase may open the repository.
  public var isWrongPassphrase: Bool {
    switch self {
    case .wrongPassphrase, .noneOpens: true
    default: false
    }
  }
}
