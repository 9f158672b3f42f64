package import StoreCrypto
package import StoreEncoding

/// The configuration of a repository: its id, its suite, and the features needed to use it.
///
/// Stored as numbered generations under `config/`. Each one names the SHA-256 of the one before,
/// and is signed by the authority, so that nobody who merely holds the storage, or a client that
/// may only add, can change it.
package struct RepositoryConfig: Hashable, Sendable {
  /// Counts from 1.
  package var generation: UInt32
  package var repositoryID: RepositoryID
  /// The suite that each epoch's objects are sealed with, ascending.
  package var epochs: [Epoch]
  /// Ed25519 public key of the owners.
  package var authority: [UInt8]
  /// SHA-256 of the generation before this one; zeros for the first.
  package var previous: Digest256
  /// The features that a program has to know in order to read, to write, and to delete.
  package var features = Features()
  /// For how many seconds `compact` keeps the copies of what it has moved.
  package var grace: UInt64 = 0

  package struct Epoch: Hashable, Sendable {
    package var number: UInt32
    package var suite: Suite

    package init(
      number: UInt32, suite: Suite
    ) {
      self.number = number
      self.suite = suite
    }
  }

  package struct Features: Hashable, Sendable {
    package var toRead: [String] = []
    package var toWrite: [String] = []
    package var toDelete: [String] = []
  }

  /// The features that this version knows: none are defined yet.
  static let knownFeatures: Set<String> = []

  private enum Field {
    static let generation: UInt64 = 2
    static let repositoryID: UInt64 = 4
    static let epochs: UInt64 = 6
    static let authority: UInt64 = 8
    static let previous: UInt64 = 10
    static let featuresToRead: UInt64 = 12
    static let featuresToWrite: UInt64 = 13
    static let featuresToDelete: UInt64 = 15
    static let grace: UInt64 = 17
  }

  /// `fields length | fields | signature 64`: the body of the sealed object.
  package func signed(by authority: SigningKey) throws(CryptoError) -> [UInt8] {
    let fields = encodedFields
    var writer = ByteWriter(reserving: fields.count + 80)
    writer.blob(fields)
    writer.raw(try authority.sign(Self.signedText(fields).span))
    return writer.bytes
  }

  private var encodedFields: [UInt8] {
    var writer = ByteWriter()
    writer.field(Field.generation) { $0.varint(UInt64(generation)) }
    writer.field(Field.repositoryID) { $0.digest(repositoryID) }
    writer.field(Field.epochs) { field in
      for epoch in epochs {
        field.integer(epoch.number)
        field.byte(epoch.suite.rawValue)
      }
    }
    writer.field(Field.authority) { $0.raw(authority) }
    writer.field(Field.previous) { $0.digest(previous) }
    writer.names(Field.featuresToRead, features.toRead)
    writer.names(Field.featuresToWrite, features.toWrite)
    writer.names(Field.featuresToDelete, features.toDelete)
    if grace != 0 { writer.field(Field.grace) { $0.varint(grace) } }
    return writer.bytes
  }

  /// The text that the signature covers: a signature for one purpose is none for another.
  private static func signedText(_ fields: [UInt8]) -> [UInt8] {
    Array("archivist/1 config signature".utf8) + fields
  }

  package init(
    generation: UInt32, repositoryID: RepositoryID, epochs: [Epoch], authority: [UInt8],
    previous: Digest256
  ) {
    self.generation = generation
    self.repositoryID = repositoryID
    self.epochs = epochs
    self.authority = authority
    self.previous = previous
  }

  /// Decodes a body, and checks its signature by the authority that it names itself; whether that
  /// is the right authority is for the caller to say.
  package init(decoding reader: inout ByteReader) throws {
    let fieldBytes = try reader.blob("configuration", limit: Limits.archiveSize)
    let signature = try reader.take(64)
    try reader.finish()
    var fields = FieldReader(fieldBytes)
    var generation: UInt32?
    var id: RepositoryID?
    var epochs: [Epoch] = []
    var authority: [UInt8]?
    var previous: Digest256?
    var features = Features()
    var grace: UInt64 = 0
    while case (let number, var value)? = try fields.next() {
      switch number {
      case Field.generation: generation = try value.varint("generation")
      case Field.repositoryID: id = try value.digest()
      case Field.epochs:
        while !value.isAtEnd {
          let epoch: UInt32 = try value.integer()
          let raw = try value.byte()
          guard let suite = Suite(rawValue: raw) else {
            throw FormatError.unknownAlgorithm("suite", UInt64(raw))
          }
          guard epoch > epochs.last?.number ?? 0 else { throw FormatError.fieldOrder }
          epochs.append(Epoch(number: epoch, suite: suite))
        }
      case Field.authority: authority = try value.take(32)
      case Field.previous: previous = try value.digest()
      case Field.featuresToRead: features.toRead = try value.names()
      case Field.featuresToWrite: features.toWrite = try value.names()
      case Field.featuresToDelete: features.toDelete = try value.names()
      case Field.grace: grace = try value.varint()
      default:
        try FieldReader.passOver(number)
        continue
      }
      try value.finish()
    }
    guard let generation else { throw FormatError.missingField("generation") }
    guard let id else { throw FormatError.missingField("repository id") }
    guard let authority else { throw FormatError.missingField("authority") }
    guard let previous else { throw FormatError.missingField("previous configuration") }
    guard generation > 0 else { throw FormatError.invalidNumber }
    guard generation > 1 || previous.bytes.allSatisfy({ $0 == 0 }) else {
      throw FormatError.inconsistent("the first configuration follows another one")
    }
    guard
      try Signature.isValid(
        signature.span, message: Self.signedText(fieldBytes).span, publicKey: authority.span)
    else { throw FormatError.authenticationFailed }
    self.init(
      generation: generation, repositoryID: id, epochs: epochs, authority: authority,
      previous: previous)
    self.features = features
    self.grace = grace
  }

  /// A class of operations, as far as feature flags are concerned.
  package enum Operation: String { case read, write, delete }

  /// The features that `operation` needs and that this version does not know.
  package func unknownFeatures(for operation: Operation) -> [String] {
    let needed =
      switch operation {
      case .read: features.toRead
      case .write: features.toRead + features.toWrite
      case .delete: features.toRead + features.toWrite + features.toDelete
      }
    return needed.filter { !Self.knownFeatures.contains($0) }
  }
}

extension ByteWriter {
  /// A field with a list of names; left out if there are none.
  fileprivate mutating func names(_ number: UInt64, _ names: [String]) {
    guard !names.isEmpty else { return }
    field(number) { field in
      for name in names { field.blob(name.utf8) }
    }
  }
}

extension ByteReader {
  fileprivate mutating func names() throws(FormatError) -> [String] {
    var names: [String] = []
    while !isAtEnd {
      names.append(String(decoding: try blob("feature name", limit: 255), as: UTF8.self))
    }
    return names
  }
}
