/// Which message under a key this is; no two messages under one key may share it.
///
///     nonce := part:u32 number:u64        12 bytes, big-endian
public struct Nonce: Hashable, Sendable {
  /// The kind of message within an object.
  public var part: UInt32

  /// The number of the message among those of its part.
  public var number: UInt64

  /// The nonce of message `number` of `part`.
  public init(part: UInt32, number: UInt64) {
    self.part = part
    self.number = number
  }

  /// Bytes in a nonce: what both AEADs take without hashing it first.
  static let size = 12

  var bytes: InlineArray<12, UInt8> {
    InlineArray { i in
      i < 4
        ? UInt8(truncatingIfNeeded: part >> UInt32(24 - 8 * i))
        : UInt8(truncatingIfNeeded: number >> UInt64(88 - 8 * i))
    }
  }
}
