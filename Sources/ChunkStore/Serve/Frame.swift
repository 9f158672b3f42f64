package import StoreEncoding

/// A unit of the protocol between a client and `archivist serve`.
///
///     frame := length:u32 kind:u8 id:u32 body[length - 5]
///
/// `docs/protocol.md` is normative. The id is the client's: an answer has that of its request.
package struct Frame: Equatable, Sendable {
  package var kind: UInt8
  package var id: UInt32
  package var body: [UInt8]

  /// Bytes in front of the body.
  static let headerSize = 9
  /// The longest body: neither side ever allocates more because of a number it was told.
  package static let maximumBody = 1 << 20
  /// Objects are sent in pieces of this size.
  package static let pieceSize = 256 << 10

  package init(kind: UInt8, id: UInt32, body: [UInt8] = []) {
    self.kind = kind
    self.id = id
    self.body = body
  }

  /// The header in front of a body.
  package static func header(kind: UInt8, id: UInt32, bodyLength: Int) -> [UInt8] {
    var writer = ByteWriter(reserving: headerSize)
    writer.integer(UInt32(truncatingIfNeeded: bodyLength + 5))
    writer.byte(kind)
    writer.integer(id)
    return writer.bytes
  }

  /// Takes a header apart.
  ///
  /// - Throws: `FormatError` for a length that no frame has.
  package static func decode(
    header reader: inout ByteReader
  ) throws(FormatError) -> (kind: UInt8, id: UInt32, bodyLength: Int) {
    let length: UInt32 = try reader.integer()
    guard length >= 5, length <= UInt32(5 + maximumBody) else {
      throw .limitExceeded("frame", found: UInt64(length), limit: UInt64(5 + maximumBody))
    }
    let kind = try reader.byte()
    let id: UInt32 = try reader.integer()
    return (kind, id, Int(length) - 5)
  }
}
