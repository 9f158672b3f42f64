import StoreCrypto
package import StoreEncoding

/// A request of a client: the operations of `Storage`, and nothing more.
package enum Request: Equatable, Sendable {
  /// Names the repository; the first request of a connection.
  case open(path: String, makes: Bool, makesParents: Bool)
  /// A range, or `nil` for the whole object.
  case get(ObjectName, Range<Int>?)
  case put(ObjectName, [UInt8])
  /// Begins an object whose pieces and name follow, all with the id of this request.
  case begin
  case piece([UInt8])
  case commit(ObjectName)
  case abort
  case list(ObjectName.Kind)
  case generations
  case delete(ObjectName)
  case settle([ObjectName.Kind])
  case removeAbandonedUploads
  case releaseReserve
  case restoreReserve
  case makeMissingDirectories
  case setAside(ObjectName)
  case ping
  /// The last request: the leases that were put in this connection stay.
  case goodbye

  /// Of a piece, which makes up nearly all that is ever sent.
  static let pieceCode: UInt8 = 5

  // The numbers are on the wire for good: add, never renumber.
  private var code: UInt8 {
    switch self {
    case .open: 1
    case .get: 2
    case .put: 3
    case .begin: 4
    case .piece: Self.pieceCode
    case .commit: 6
    case .abort: 7
    case .list: 8
    case .generations: 9
    case .delete: 10
    case .settle: 11
    case .removeAbandonedUploads: 12
    case .releaseReserve: 13
    case .restoreReserve: 14
    case .ping: 15
    case .goodbye: 16
    case .makeMissingDirectories: 17
    case .setAside: 18
    }
  }

  package func frame(id: UInt32) -> Frame {
    if case .piece(let bytes) = self { return Frame(kind: code, id: id, body: bytes) }
    var writer = ByteWriter()
    switch self {
    case .open(let path, let makes, let makesParents):
      writer.byte((makes ? 1 : 0) | (makesParents ? 2 : 0))
      writer.blob(path.utf8)
    case .get(let name, let range):
      name.encode(to: &writer)
      if let range {
        writer.varint(range.lowerBound)
        writer.varint(range.count)
      }
    case .put(let name, let bytes):
      name.encode(to: &writer)
      writer.raw(bytes)
    case .commit(let name), .delete(let name), .setAside(let name): name.encode(to: &writer)
    case .list(let kind): writer.byte(kind.code)
    case .settle(let kinds): for kind in kinds { writer.byte(kind.code) }
    case .begin, .piece, .abort, .generations, .removeAbandonedUploads, .releaseReserve,
      .restoreReserve, .makeMissingDirectories, .ping, .goodbye:
      break
    }
    return Frame(kind: code, id: id, body: writer.bytes)
  }

  /// Takes a frame apart; `nil` for a request that this version does not know.
  package init?(decoding frame: Frame) throws(FormatError) {
    var reader = ByteReader(frame.body)
    switch frame.kind {
    case 1:
      let flags = try reader.byte()
      guard flags <= 3 else { throw .unknownAlgorithm("flags", UInt64(flags)) }
      let path = try reader.blob("path", limit: 4096)
      guard let text = String(validating: path, as: UTF8.self), !path.contains(0) else {
        throw .inconsistent("the path of a repository has to be UTF-8")
      }
      self = .open(path: text, makes: flags & 1 != 0, makesParents: flags & 2 != 0)
    case 2:
      let name = try ObjectName(decoding: &reader)
      var range: Range<Int>?
      if !reader.isAtEnd {
        let start: Int = try reader.varint("offset", limit: 1 << 40)
        range = start..<(start + (try reader.varint("length", limit: Limits.segmentSize)))
      }
      self = .get(name, range)
    case 3:
      let name = try ObjectName(decoding: &reader)
      self = .put(name, reader.rest())
    case 4: self = .begin
    case Self.pieceCode:
      self = .piece(frame.body)
      return
    case 6: self = .commit(try ObjectName(decoding: &reader))
    case 7: self = .abort
    case 8: self = .list(try ObjectName.Kind(decoding: &reader))
    case 9: self = .generations
    case 10: self = .delete(try ObjectName(decoding: &reader))
    case 11:
      var kinds: [ObjectName.Kind] = []
      while !reader.isAtEnd, kinds.count < 16 {
        kinds.append(try ObjectName.Kind(decoding: &reader))
      }
      self = .settle(kinds)
    case 12: self = .removeAbandonedUploads
    case 13: self = .releaseReserve
    case 14: self = .restoreReserve
    case 15: self = .ping
    case 16: self = .goodbye
    case 17: self = .makeMissingDirectories
    case 18: self = .setAside(try ObjectName(decoding: &reader))
    default: return nil
    }
    try reader.finish()
  }
}

extension ObjectName.Kind {
  /// The number on the wire, for good; 0 is a configuration.
  fileprivate var code: UInt8 {
    switch self {
    case .key: 1
    case .segment: 2
    case .index: 3
    case .archive: 4
    case .doomed: 5
    case .removal: 6
    case .quarantine: 7
    case .label: 8
    case .lease: 9
    }
  }

  fileprivate init(decoding reader: inout ByteReader) throws(FormatError) {
    let code = try reader.byte()
    guard let kind = Self.allCases.first(where: { $0.code == code }) else {
      throw .unknownAlgorithm("kind of object", UInt64(code))
    }
    self = kind
  }
}

extension ObjectName {
  /// `0 generation:u32`, or the kind's number and 32 bytes: no name is a path.
  package func encode(to writer: inout ByteWriter) {
    switch self {
    case .config(let generation):
      writer.byte(0)
      writer.integer(generation)
    case .object(let kind, let id):
      writer.byte(kind.code)
      writer.digest(id)
    }
  }

  package init(decoding reader: inout ByteReader) throws(FormatError) {
    var first = reader
    if try first.byte() == 0 {
      reader = first
      self = .config(try reader.integer())
    } else {
      let kind = try Kind(decoding: &reader)
      self = .object(kind, try reader.digest())
    }
  }
}
