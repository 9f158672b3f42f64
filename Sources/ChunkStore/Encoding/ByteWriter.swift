import Crypto

/// Appends values in the encodings that `ByteReader` takes.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init() {}

  init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

  var count: Int { bytes.count }

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func integer<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
    for shift in stride(from: T.bitWidth - 8, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> T(shift)))
    }
  }

  /// How many bytes a number takes.
  static func varintSize(_ value: Int) -> Int {
    max(1, (UInt64.bitWidth - UInt64(value).leadingZeroBitCount + 6) / 7)
  }

  mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: value))
  }

  mutating func varint(_ value: Int) { varint(UInt64(value)) }

  mutating func signed(_ value: Int64) {
    varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  mutating func raw(_ values: some Collection<UInt8>) { bytes.append(contentsOf: values) }

  mutating func blob(_ values: some Collection<UInt8>) {
    varint(values.count)
    raw(values)
  }

  mutating func digest(_ digest: Digest256) { digest.append(to: &bytes) }

  mutating func zeros(_ count: Int) {
    bytes.append(contentsOf: repeatElement(0, count: count))
  }

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// A field: its number, then what `write` appends, preceded by its length.
  mutating func field(_ number: UInt64, _ write: (inout ByteWriter) -> Void) {
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
