public import StoreCrypto

/// Takes values off the front of some bytes, and never reads past their end.
///
/// Integers are big-endian, or base-128 varints in their shortest form; `docs/format.md`,
/// "Encodings", is normative.
public struct ByteReader {
  @usableFromInline let bytes: [UInt8]
  @usableFromInline var position: Int
  @usableFromInline var end: Int

  /// Reads all of some bytes.
  @inlinable
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    position = 0
    end = bytes.count
  }

  @usableFromInline
  init(_ bytes: [UInt8], from position: Int, to end: Int) {
    self.bytes = bytes
    self.position = position
    self.end = end
  }

  /// Bytes not read yet.
  @inlinable
  public var remaining: Int { end - position }

  /// Whether nothing is left.
  @inlinable
  public var isAtEnd: Bool { position == end }

  /// Takes a byte.
  @inlinable
  public mutating func byte() throws(FormatError) -> UInt8 {
    guard position < end else { throw .truncated(wanted: 1, found: 0) }
    defer { position += 1 }
    return bytes[position]
  }

  /// Takes a big-endian integer.
  @inlinable
  public mutating func integer<T: FixedWidthInteger & UnsignedInteger>(
    _: T.Type = T.self
  ) throws(FormatError) -> T {
    let size = T.bitWidth / 8
    guard remaining >= size else { throw .truncated(wanted: size, found: remaining) }
    var value: T = 0
    for i in position..<(position + size) { value = value << 8 | T(bytes[i]) }
    position += size
    return value
  }

  /// A base-128 varint, least significant group first.
  @inlinable
  public mutating func varint() throws(FormatError) -> UInt64 {
    // Most are short.
    if position < end, bytes[position] < 0x80 {
      defer { position += 1 }
      return UInt64(bytes[position])
    }
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte()
      let group = UInt64(next & 0x7f)
      // The tenth group has room for one bit, and a last group of zero is not the shortest form.
      if shift == 63, group > 1 { throw .invalidNumber }
      if shift > 0, next == 0 { throw .invalidNumber }
      value |= group << shift
      if next < 0x80 { return value }
      shift += 7
      if shift > 63 { throw .invalidNumber }
    }
  }

  /// A varint that has to fit `T` and must not exceed `limit`.
  @inlinable
  public mutating func varint<T: FixedWidthInteger>(
    _ what: String, limit: T = .max
  ) throws(FormatError) -> T {
    let value = try varint()
    guard let exact = T(exactly: value), exact <= limit else {
      throw .limitExceeded(what, found: value, limit: UInt64(clamping: limit))
    }
    return exact
  }

  /// A signed number in zigzag form.
  @inlinable
  public mutating func signed() throws(FormatError) -> Int64 {
    let value = try varint()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// Takes so many bytes.
  @inlinable
  public mutating func take(_ count: Int) throws(FormatError) -> [UInt8] {
    guard count >= 0, remaining >= count else { throw .truncated(wanted: count, found: remaining) }
    defer { position += count }
    return Array(bytes[position..<(position + count)])
  }

  /// Bytes preceded by their number.
  @inlinable
  public mutating func blob(_ what: String, limit: Int) throws(FormatError) -> [UInt8] {
    try take(try varint(what, limit: limit))
  }

  /// A reader of the next `count` bytes, which this one then has passed.
  @inlinable
  public mutating func nested(_ count: Int) throws(FormatError) -> ByteReader {
    guard count >= 0, remaining >= count else { throw .truncated(wanted: count, found: remaining) }
    defer { position += count }
    return ByteReader(bytes, from: position, to: position + count)
  }

  /// Narrows this reader to the next `count` bytes, until `leave`.
  ///
  /// Does what `nested` does, without another owner of the bytes for each value.
  ///
  /// - Returns: Where the bytes around them end: what `leave` has to be given.
  @inlinable
  public mutating func enter(_ count: Int) throws(FormatError) -> Int {
    guard count >= 0, remaining >= count else { throw .truncated(wanted: count, found: remaining) }
    defer { end = position + count }
    return end
  }

  /// Demands that all was read since `enter`, and goes on behind it.
  @inlinable
  public mutating func leave(_ outer: Int) throws(FormatError) {
    try finish()
    end = outer
  }

  /// Appends the next `count` bytes to `output`.
  @inlinable
  public mutating func take(_ count: Int, into output: inout [UInt8]) throws(FormatError) {
    guard count >= 0, remaining >= count else { throw .truncated(wanted: count, found: remaining) }
    output += bytes[position..<(position + count)]
    position += count
  }

  /// Takes a digest.
  @inlinable
  public mutating func digest() throws(FormatError) -> Digest256 {
    guard remaining >= Digest256.size else {
      throw .truncated(wanted: Digest256.size, found: remaining)
    }
    defer { position += Digest256.size }
    return Digest256(bytes.span.extracting(position..<(position + Digest256.size)))
  }

  /// Takes the id of a chunk.
  @inlinable
  public mutating func chunkID() throws(FormatError) -> ChunkID { ChunkID(try digest()) }

  /// Everything that is left.
  @inlinable
  public mutating func rest() -> [UInt8] {
    defer { position = end }
    return Array(bytes[position..<end])
  }

  /// Everything that is left; where it is the same as `last`, the very array.
  ///
  /// The owners of files hardly ever change from one item to the next.
  @inlinable
  public mutating func rest(like last: [UInt8]) -> [UInt8] {
    guard remaining == last.count else { return rest() }
    for (offset, byte) in last.enumerated() where bytes[position + offset] != byte {
      return rest()
    }
    position = end
    return last
  }

  /// Passes over everything that is left.
  @inlinable
  public mutating func skip() { position = end }

  /// Whether what is left of two readers is the same.
  @inlinable
  public static func isRestEqual(_ a: ByteReader, _ b: ByteReader) -> Bool {
    guard a.remaining == b.remaining else { return false }
    for offset in 0..<a.remaining
    where a.bytes[a.position + offset] != b.bytes[b.position + offset] {
      return false
    }
    return true
  }

  /// Demands that nothing is left.
  @inlinable
  public func finish() throws(FormatError) {
    guard isAtEnd else { throw .trailingBytes(remaining) }
  }
}

/// Reads fields: each a number, a length and a value; numbers ascend and none comes twice.
///
/// A reader meets an unknown even number with `unknownCriticalField`; it passes over odd ones.
public struct FieldReader {
  @usableFromInline var reader: ByteReader
  @usableFromInline var last: UInt64?

  /// Reads the fields that are left in `reader`.
  @inlinable
  public init(_ reader: ByteReader) { self.reader = reader }

  /// Reads all of some bytes.
  @inlinable
  public init(_ bytes: [UInt8]) { self.init(ByteReader(bytes)) }

  /// Takes the next field; `nil` behind the last one.
  @inlinable
  public mutating func next() throws(FormatError) -> (number: UInt64, value: ByteReader)? {
    if reader.isAtEnd { return nil }
    let number = try reader.varint()
    if let last, number <= last { throw .fieldOrder }
    last = number
    let length: Int = try reader.varint("field length", limit: reader.remaining)
    return (number, try reader.nested(length))
  }

  /// Goes into the next field of `reader`, in place; `nil` if there is none.
  ///
  /// - Parameters:
  ///   - reader: Reads the fields.
  ///   - last: The number of the field before.
  /// - Returns: The field's number, and what `ByteReader.leave` has to be given behind it.
  /// - Throws: What is wrong with the field's number or length.
  @inlinable
  public static func enter(
    _ reader: inout ByteReader, after last: UInt64?
  ) throws(FormatError) -> (number: UInt64, outer: Int)? {
    if reader.isAtEnd { return nil }
    let number = try reader.varint()
    if let last, number <= last { throw .fieldOrder }
    let length: Int = try reader.varint("field length", limit: reader.remaining)
    return (number, try reader.enter(length))
  }

  /// Handles a field that the reader does not know.
  package static func passOver(_ number: UInt64) throws(FormatError) {
    if number % 2 == 0 { throw .unknownCriticalField(number) }
  }
}
