package import StoreCrypto
package import StoreEncoding

/// A name that was given to an archive, or a note that was given to a key slot, later on.
///
/// Nothing in a repository is ever changed, so a new name is a new object; the newest one counts.
package struct Label: Hashable, Sendable {
  package enum Purpose: UInt8, Sendable {
    // The numbers are on disk.
    case archiveName = 1
    case keySlotNote = 2
  }

  package var purpose: Purpose
  package var target: Digest256
  package var text: String
  package var time: Timestamp

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.field(2) { $0.byte(purpose.rawValue) }
    writer.field(4) { $0.digest(target) }
    writer.field(6) { $0.raw(text.utf8) }
    writer.field(8) { $0.timestamp(time) }
    return writer.bytes
  }

  package init(purpose: Purpose, target: Digest256, text: String, time: Timestamp) {
    self.purpose = purpose
    self.target = target
    self.text = text
    self.time = time
  }

  package init(decoding reader: ByteReader) throws(FormatError) {
    var fields = FieldReader(reader)
    var purpose: Purpose?
    var target: Digest256?
    var text: String?
    var time: Timestamp?
    while case (let number, var value)? = try fields.next() {
      switch number {
      case 2:
        let raw = try value.byte()
        guard let known = Purpose(rawValue: raw) else {
          throw .unknownAlgorithm("purpose of a label", UInt64(raw))
        }
        purpose = known
      case 4: target = try value.digest()
      case 6: text = value.text()
      case 8: time = try value.timestamp()
      default:
        try FieldReader.passOver(number)
        continue
      }
      try value.finish()
    }
    guard let purpose, let target, let text, let time else {
      throw .missingField("label")
    }
    self.init(purpose: purpose, target: target, text: text, time: time)
  }
}

/// Fields that an owner has signed: `fields length | fields | signature 64`.
enum SignedFields {
  package static func encode(
    _ fields: [UInt8], context: String, authority: SigningKey
  ) throws(CryptoError) -> [UInt8] {
    var writer = ByteWriter()
    writer.blob(fields)
    writer.raw(try authority.sign((Array(context.utf8) + fields).span))
    return writer.bytes
  }

  /// - Throws: `FormatError` if the signature is not the owner's.
  package static func decode(
    _ reader: inout ByteReader, context: String, authority: [UInt8]
  ) throws -> FieldReader {
    let bytes = try reader.blob("signed fields", limit: Limits.archiveSize)
    let signature = try reader.take(64)
    try reader.finish()
    guard
      try Signature.isValid(
        signature.span, message: (Array(context.utf8) + bytes).span, publicKey: authority.span)
    else { throw FormatError.authenticationFailed }
    return FieldReader(bytes)
  }

  /// Decodes a record of objects: `2` their names, `4` a time.
  static func namesAndTime(
    _ record: FieldReader
  ) throws(FormatError) -> (names: [Digest256], time: Timestamp) {
    var fields = record
    var names: [Digest256] = []
    var time: Timestamp?
    while case (let number, var value)? = try fields.next() {
      switch number {
      case 2: names = try value.names()
      case 4: time = try value.timestamp()
      default:
        try FieldReader.passOver(number)
        continue
      }
      try value.finish()
    }
    guard !names.isEmpty else { throw .missingField("names") }
    guard let time else { throw .missingField("time") }
    return (names, time)
  }
}

extension ByteReader {
  /// Names of objects, to the end.
  fileprivate mutating func names() throws(FormatError) -> [Digest256] {
    guard remaining <= Limits.names * Digest256.size else {
      throw .limitExceeded(
        "names in a record", found: UInt64(remaining / Digest256.size),
        limit: UInt64(Limits.names))
    }
    var names: [Digest256] = []
    while !isAtEnd { names.append(try digest()) }
    return names
  }
}

/// A record that an owner has removed archives: signed, so that an archive that is merely gone is
/// noticed.
package struct Removal: Hashable, Sendable {
  package var archives: [Digest256]
  package var time: Timestamp

  private static let context = "archivist/1 removal signature"
  /// More archives are recorded in several objects.
  package static let most = Limits.names
  /// More records than this are put together.
  package static let mostRecords = 64

  package func signed(by authority: SigningKey) throws(CryptoError) -> [UInt8] {
    var fields = ByteWriter()
    fields.field(2) { field in
      for archive in archives { field.digest(archive) }
    }
    fields.field(4) { $0.timestamp(time) }
    return try SignedFields.encode(fields.bytes, context: Self.context, authority: authority)
  }

  package init(archives: [Digest256], time: Timestamp) {
    self.archives = archives
    self.time = time
  }

  package init(decoding reader: inout ByteReader, authority: [UInt8]) throws {
    let fields = try SignedFields.decode(&reader, context: Self.context, authority: authority)
    (archives, time) = try SignedFields.namesAndTime(fields)
  }
}

/// A record that segments are damaged: nothing refers to them anew.
///
/// So the next backup stores again what is lost. Signed by an owner, because it ends deduplication against them.
package struct Quarantine: Hashable, Sendable {
  package var segments: [Digest256]
  package var time: Timestamp

  private static let context = "archivist/1 quarantine signature"
  /// More segments are recorded in several objects.
  package static let most = Limits.names

  package func signed(by authority: SigningKey) throws(CryptoError) -> [UInt8] {
    var fields = ByteWriter()
    fields.field(2) { field in
      for segment in segments { field.digest(segment) }
    }
    fields.field(4) { $0.timestamp(time) }
    return try SignedFields.encode(fields.bytes, context: Self.context, authority: authority)
  }

  package init(segments: [Digest256], time: Timestamp) {
    self.segments = segments
    self.time = time
  }

  package init(decoding reader: inout ByteReader, authority: [UInt8]) throws {
    let fields = try SignedFields.decode(&reader, context: Self.context, authority: authority)
    (segments, time) = try SignedFields.namesAndTime(fields)
  }
}

/// A record that segments are to go, and which running operations are waited for before they do.
///
/// Only a hint, and final: a segment is never un-doomed. Readers may still use it.
package struct Doom: Hashable, Sendable {
  /// `segments` names the segments; `waits` the leases that were there when it was published.
  package var segments: [Digest256]
  /// For a record of what an earlier object waits for: that object.
  package var about: Digest256?
  package var leases: [Digest256]

  /// More segments are doomed by several objects.
  package static let most = Limits.names
  /// More leases than this are not waited for: a record of them would be too large to be read.
  package static let mostLeases = 30_000

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.field(2) { field in
      for segment in segments { field.digest(segment) }
    }
    if let about { writer.field(4) { $0.digest(about) } }
    writer.field(6) { field in
      for lease in leases { field.digest(lease) }
    }
    return writer.bytes
  }

  package init(segments: [Digest256]) {
    self.segments = segments
    leases = []
  }

  /// Makes the list of what the doomed object `about` waits for.
  package init(about: Digest256, waitsFor leases: [Digest256]) {
    segments = []
    self.about = about
    self.leases = leases
  }

  package init(decoding reader: ByteReader) throws(FormatError) {
    var fields = FieldReader(reader)
    segments = []
    leases = []
    while case (let number, var value)? = try fields.next() {
      switch number {
      case 2: segments = try value.names()
      case 4: about = try value.digest()
      case 6: while !value.isAtEnd { leases.append(try value.digest()) }
      default:
        try FieldReader.passOver(number)
        continue
      }
      try value.finish()
    }
    guard about == nil ? leases.isEmpty : segments.isEmpty else {
      throw .inconsistent("a doomed object that is a record as well")
    }
  }
}
