package import ObjectStorage
import StoreCrypto
package import StoreEncoding

/// An answer of a server: any number of `part`, then one `done` or `failed`.
package enum Answer: Equatable, Sendable {
  /// Bytes, and more will follow.
  case part([UInt8])
  /// The last bytes, or none.
  case done([UInt8])
  /// The request was not carried out.
  case failed(StorageError)

  static let partCode: UInt8 = 128
  static let doneCode: UInt8 = 129

  /// Whether a frame of this kind has a body of bytes that were asked for.
  package static func isContent(_ kind: UInt8) -> Bool { kind == partCode || kind == doneCode }

  package func frame(id: UInt32) -> Frame {
    switch self {
    case .part(let bytes): return Frame(kind: Self.partCode, id: id, body: bytes)
    case .done(let bytes): return Frame(kind: Self.doneCode, id: id, body: bytes)
    case .failed(let error):
      var writer = ByteWriter()
      error.encode(to: &writer)
      return Frame(kind: 130, id: id, body: writer.bytes)
    }
  }

  package init(decoding frame: Frame) throws(FormatError) {
    switch frame.kind {
    case Self.partCode: self = .part(frame.body)
    case Self.doneCode: self = .done(frame.body)
    case 130:
      var reader = ByteReader(frame.body)
      self = .failed(try StorageError(decoding: &reader))
    default: throw .unknownAlgorithm("kind of answer", UInt64(frame.kind))
    }
  }
}

extension StorageError {
  /// `code:u8 number:u32 text:blob text:blob`.
  fileprivate func encode(to writer: inout ByteWriter) {
    let parts: (code: UInt8, number: Int32, first: String, second: String) =
      switch self {
      case .notFound(let path): (1, 0, path, "")
      case .missingRepository(let path): (2, 0, path, "")
      case .notARepository(let path): (3, 0, path, "")
      case .locationNotEmpty(let path): (4, 0, path, "")
      case .noSpace(let path): (5, 0, path, "")
      case .system(let path, let operation, let code): (6, code, path, operation)
      case .damaged(let path, let what): (7, 0, path, what)
      case .refused(let what): (8, 0, what, "")
      case .quotaExceeded(let what): (9, 0, what, "")
      case .missingDirectory(let path): (12, 0, path, "")
      case .repositoryExists(let path): (13, 0, path, "")
      case .missingParent(let path): (14, 0, path, "")
      case .insideRepository(let path, let outer): (15, 0, path, outer)
      case .deletedInPart(let path): (16, 0, path, "")
      case .connection(.unknownRequest(let what)): (10, 0, what, "")
      case .connection(let failure): (11, 0, "\(failure)", "")
      }
    writer.byte(parts.code)
    writer.integer(UInt32(bitPattern: parts.number))
    writer.blob(parts.first.utf8.prefix(Self.longestText))
    writer.blob(parts.second.utf8.prefix(Self.longestText))
  }

  private static let longestText = 8192

  /// An error of a code that this version does not know is told by its texts.
  fileprivate init(decoding reader: inout ByteReader) throws(FormatError) {
    let code = try reader.byte()
    let number: UInt32 = try reader.integer()
    let first = String(
      decoding: try reader.blob("text", limit: Self.longestText), as: UTF8.self)
    let second = String(
      decoding: try reader.blob("text", limit: Self.longestText), as: UTF8.self)
    switch code {
    case 1: self = .notFound(first)
    case 2: self = .missingRepository(first)
    case 3: self = .notARepository(first)
    case 4: self = .locationNotEmpty(first)
    case 5: self = .noSpace(first)
    case 6: self = .system(path: first, operation: second, code: Int32(bitPattern: number))
    case 7: self = .damaged(first, second)
    case 9: self = .quotaExceeded(first)
    case 10: self = .connection(.unknownRequest(first))
    case 11: self = .connection(.malformed(first))
    case 12: self = .missingDirectory(first)
    case 13: self = .repositoryExists(first)
    case 14: self = .missingParent(first)
    case 15: self = .insideRepository(first, second)
    case 16: self = .deletedInPart(first)
    default: self = .refused(second.isEmpty ? first : "\(first): \(second)")
    }
  }
}

/// How the names of directories travel.
enum DirectoryList {
  /// More than a repository has.
  private static let most = 64
  package static let maximumSize = most * 33

  package static func encode(_ directories: [String]) -> [UInt8] {
    var writer = ByteWriter()
    for directory in directories { writer.blob(directory.utf8) }
    return writer.bytes
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> [String] {
    var reader = ByteReader(bytes)
    var directories: [String] = []
    while !reader.isAtEnd, directories.count < most {
      directories.append(String(decoding: try reader.blob("directory", limit: 32), as: UTF8.self))
    }
    try reader.finish()
    return directories
  }
}

/// How lists travel: entries of 52 bytes, so many to a frame.
package enum Listing {
  static let entrySize = Digest256.size + 8 + 12
  /// Entries that fit a piece.
  static let entriesInPart = Frame.pieceSize / entrySize

  package static func encode(_ objects: some Sequence<StoredObject>) -> [UInt8] {
    var writer = ByteWriter()
    for object in objects {
      writer.digest(object.id)
      writer.integer(UInt64(object.size))
      writer.integer(UInt64(bitPattern: object.date.seconds))
      writer.integer(object.date.nanoseconds)
    }
    return writer.bytes
  }

  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> [StoredObject] {
    var reader = ByteReader(bytes)
    var objects: [StoredObject] = []
    objects.reserveCapacity(bytes.count / entrySize)
    while !reader.isAtEnd {
      let id = try reader.digest()
      let size: UInt64 = try reader.integer()
      let seconds: UInt64 = try reader.integer()
      let nanoseconds: UInt32 = try reader.integer()
      guard let size = Int(exactly: size), nanoseconds < 1_000_000_000 else {
        throw .invalidNumber
      }
      objects.append(
        StoredObject(
          id: id, size: size,
          date: Timestamp(seconds: Int64(bitPattern: seconds), nanoseconds: nanoseconds)))
    }
    return objects
  }
}
