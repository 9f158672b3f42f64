package import StoreCrypto
package import StoreEncoding

/// Everything that an opened key slot hands over: the secrets that all keys come from.
///
///     D    deduplication secret: ids, chunker, node boundaries
///     S_e  sealing secret of epoch e
///     A    seed of the authority's Ed25519 key; only owners have it
///
/// `docs/format.md`, "Keys", is normative.
package struct KeyBundle: Sendable {
  static let secretSize = 32

  package var repositoryID: RepositoryID
  package var suite: Suite
  package var deduplication: Secret
  /// By epoch, ascending, at least one; the last one seals.
  package var sealing: [(epoch: UInt32, secret: Secret)]
  package var authority: Secret

  /// New secrets for a new repository.
  ///
  /// With `relative`, all but one: chunks of the two repositories have the same ids.
  package static func random(
    suite: Suite, relative: KeyBundle? = nil
  ) throws(CryptoError) -> KeyBundle {
    let new = try Secret.random(count: secretSize)
    return KeyBundle(
      repositoryID: try Digest256.random(),
      suite: suite,
      deduplication: relative?.deduplication ?? new,
      sealing: [(1, try Secret.random(count: secretSize))],
      authority: try Secret.random(count: secretSize))
  }

  private enum Field {
    static let role: UInt64 = 2
    static let repositoryID: UInt64 = 4
    static let suite: UInt64 = 6
    static let deduplication: UInt64 = 8
    static let sealing: UInt64 = 10
    static let authority: UInt64 = 12
  }
  private static let owner: UInt8 = 1

  /// The bundle as it is sealed in a slot.
  ///
  /// The caller wipes the bytes.
  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reserving: 512)
    writer.field(Field.role) { $0.byte(Self.owner) }
    writer.field(Field.repositoryID) { $0.digest(repositoryID) }
    writer.field(Field.suite) { $0.byte(suite.rawValue) }
    writer.field(Field.deduplication) { $0.secret(deduplication) }
    writer.field(Field.sealing) { field in
      for (epoch, secret) in sealing {
        field.integer(epoch)
        field.secret(secret)
      }
    }
    writer.field(Field.authority) { $0.secret(authority) }
    return writer.bytes
  }

  package init(
    repositoryID: RepositoryID, suite: Suite, deduplication: Secret,
    sealing: [(epoch: UInt32, secret: Secret)], authority: Secret
  ) {
    self.repositoryID = repositoryID
    self.suite = suite
    self.deduplication = deduplication
    self.sealing = sealing
    self.authority = authority
  }

  package init(decoding reader: ByteReader) throws(FormatError) {
    var fields = FieldReader(reader)
    var role: UInt8?
    var id: RepositoryID?
    var suite: Suite?
    var deduplication: Secret?
    var authority: Secret?
    var sealing: [(epoch: UInt32, secret: Secret)] = []
    while case (let number, var value)? = try fields.next() {
      switch number {
      case Field.role: role = try value.byte()
      case Field.repositoryID: id = try value.digest()
      case Field.suite:
        let raw = try value.byte()
        guard let known = Suite(rawValue: raw) else {
          throw .unknownAlgorithm("suite", UInt64(raw))
        }
        suite = known
      case Field.deduplication: deduplication = try value.secret()
      case Field.sealing:
        while !value.isAtEnd {
          let epoch: UInt32 = try value.integer()
          guard epoch > sealing.last?.epoch ?? 0 else { throw .fieldOrder }
          sealing.append((epoch, try value.secret()))
        }
      case Field.authority: authority = try value.secret()
      default:
        try FieldReader.passOver(number)
        continue
      }
      try value.finish()
    }
    guard role == Self.owner else { throw .unknownAlgorithm("key role", UInt64(role ?? 0)) }
    guard let id else { throw .missingField("repository id") }
    guard let suite else { throw .missingField("suite") }
    guard let deduplication else { throw .missingField("deduplication secret") }
    guard let authority else { throw .missingField("authority") }
    guard !sealing.isEmpty else { throw .missingField("sealing secret") }
    self.init(
      repositoryID: id, suite: suite, deduplication: deduplication, sealing: sealing,
      authority: authority)
  }
}

extension ByteReader {
  package mutating func secret() throws(FormatError) -> Secret {
    var bytes = try take(KeyBundle.secretSize)
    return Secret(wiping: &bytes)
  }
}

extension ByteWriter {
  package mutating func secret(_ secret: Secret) {
    secret.withBytes { bytes in
      for i in bytes.indices { byte(bytes[i]) }
    }
  }
}
