import StoreCrypto
package import StoreEncoding

/// Seals and opens the objects that are one body under one header: everything but segments.
///
///     object := header sealed(length u64 | body | zeros)
///
/// Part 0, number 0. The zeros fill the object to a padded size; a reader passes over them.
package enum SealedObject {
  private static let nonce = Nonce(part: 0, number: 0)
  private static let lengthSize = 8

  package static func seal(
    _ body: [UInt8], as type: ObjectType, keys: KeyRing, extension: [UInt8] = []
  ) throws -> [UInt8] {
    let header = try keys.newHeader(type, first: body.span, extension: `extension`)
    let overhead = header.encodedSize + SealingContext.tagSize
    let size = Padding.padded(overhead + lengthSize + body.count)
    var plaintext = ByteWriter(reserving: size)
    plaintext.integer(UInt64(body.count))
    plaintext.raw(body)
    plaintext.zeros(size - overhead - plaintext.count)
    var output = header.encoded
    output.reserveCapacity(size)
    var context = try keys.context(header, role: Role(type))
    try context.seal(plaintext.bytes.span, nonce: nonce, into: &output)
    return output
  }

  package static func open(_ object: [UInt8], as type: ObjectType, keys: KeyRing) throws
    -> ByteReader
  {
    guard object.count <= type.maximumSize else {
      throw FormatError.limitExceeded(
        "object", found: UInt64(object.count), limit: UInt64(type.maximumSize))
    }
    var reader = ByteReader(object)
    let header = try ObjectHeader(decoding: &reader)
    guard header.type == type else {
      throw FormatError.wrongType(expected: type.rawValue, found: header.type.rawValue)
    }
    var context = try keys.context(header, role: Role(type))
    let sealed = object.span.extracting(header.encodedSize..<object.count)
    let plaintext: [UInt8]
    do throws(CryptoError) {
      plaintext = try context.open(sealed, nonce: nonce)
    } catch .authenticationFailed {
      throw FormatError.authenticationFailed
    }
    var inner = ByteReader(plaintext)
    let length: UInt64 = try inner.integer()
    guard let count = Int(exactly: length) else {
      throw FormatError.limitExceeded("object body", found: length, limit: UInt64(Int.max))
    }
    return try inner.nested(count)
  }
}
