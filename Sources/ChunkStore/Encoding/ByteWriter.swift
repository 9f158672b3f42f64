public import StoreCrypto

/// Appends values in the encodings that `ByteReader` takes.
public struct ByteWriter {
  /// The bytes that were appended.
  public var bytes: [UInt8] = []

  /// Has nothing yet.
  @inlinable
  public init() {}

  /// Has nothing yet, and room for so many bytes.
  @inlinable
  public init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

  /// Bytes that were appended.
  @inlinable
  public var count: Int { bytes.count }

  /// Appends a byte.
  @inlinable
  public mutating func byte(_ value: UInt8) { bytes.append(value) }

  /// Appends a big-endian integer.
  @inlinable
  public mutating func integer<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
    for shift in stride(from: T.bitWidth - 8, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> T(shift)))
    }
  }

  /// How many bytes a number takes.
  @inlinable
  public static func varintSize(_ value: Int) -> Int {
    max(1, (UInt64.bitWidth - UInt64(value).leadingZeroBitCount + 6) / 7)
  }

  /// Appends a base-128 varint.
  @inlinable
  public mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: value))
  }

  /// Appends a number that is not negative as a varint.
  @inlinable
  public mutating func varint(_ value: Int) { varint(UInt64(value)) }

  /// Appends a signed number in zigzag form.
  @inlinable
  public mutating func signed(_ value: Int64) {
    varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  /// Appends bytes as they are.
  @inlinable
  public mutating func raw(_ values: some Collection<UInt8>) { bytes.append(contentsOf: values) }

  /// Appends bytes, preceded by their number.
  @inlinable
  public mutating func blob(_ values: some Collection<UInt8>) {
    varint(values.count)
    raw(values)
  }

  /// Appends a digest.
  @inlinable
  public mutating func digest(_ digest: Digest256) { digest.append(to: &bytes) }

  /// Appends so many zeros.
  @inlinable
  public mutating func zeros(_ count: Int) {
    bytes.append(contentsOf: repeatElement(0, count: count))
  }

  /// Begins anew, in the same memory.
  @inlinable
  public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// A field: its number, then what `write` appends, preceded by its length.
  @inlinable
  public mutating func field(_ number: UInt64, _ write: (inout ByteWriter) -> Void) {
    varint(number)
    // Nearly all are short: a byte is left for the length, and more are made where that is too few.
    let start = bytes.count
    bytes.append(0)
    write(&self)
    let length = bytes.count - start - 1
    if length < 0x80 {
      bytes[start] = UInt8(truncatingIfNeeded: length)
    } else {
      var prefix = ByteWriter()
      prefix.varint(length)
      bytes.replaceSubrange(start...start, with: prefix.bytes)
    }
  }
}
