/// 32 bytes of hash output: a SHA-256 or an HMAC-SHA-256.
///
/// Held as four big-endian words, so that comparing two digests compares their bytes in order
/// and no digest costs an allocation.
public struct Digest256: Hashable, Comparable, Sendable {
  /// Bytes in a digest.
  public static let size = 32

  let words: (UInt64, UInt64, UInt64, UInt64)

  /// Takes 32 bytes.
  ///
  /// - Precondition: `bytes` has exactly `Digest256.size` elements.
  public init(_ bytes: Span<UInt8>) {
    precondition(bytes.count == Self.size, "a digest has 32 bytes")
    func word(_ at: Int) -> UInt64 {
      var value: UInt64 = 0
      for i in at..<(at + 8) { value = value << 8 | UInt64(bytes[i]) }
      return value
    }
    words = (word(0), word(8), word(16), word(24))
  }

  /// Takes four big-endian words.
  public init(bigEndianWords a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
    words = (a, b, c, d)
  }

  /// Parses 64 hexadecimal digits, in lower case.
  public init?(hex: some Collection<UInt8>) {
    guard hex.count == 2 * Self.size else { return nil }
    self.init(hex: Array(hex).span)
  }

  /// Parses 64 hexadecimal digits, in lower case.
  ///
  /// Without a branch for each digit: listings have a hundred thousand names.
  public init?(hex: Span<UInt8>) {
    guard hex.count == 2 * Self.size else { return nil }
    var wrong: UInt8 = 0
    func word(_ at: Int) -> UInt64 {
      var value: UInt64 = 0
      for i in at..<(at + 16) {
        let digit = hex[i]
        // Letters have this bit, and figures do not.
        let nibble = (digit & 0x0f) &+ 9 &* (digit >> 6 & 1)
        let spelled = nibble < 10 ? nibble &+ 0x30 : nibble &+ 0x57
        wrong |= (spelled ^ digit) | nibble & 0xf0
        value = value << 4 | UInt64(nibble)
      }
      return value
    }
    words = (word(0), word(16), word(32), word(48))
    if wrong != 0 { return nil }
  }

  /// The 32 bytes.
  public var bytes: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(Self.size)
    append(to: &result)
    return result
  }

  /// Appends the 32 bytes to `output`.
  public func append(to output: inout [UInt8]) {
    output.append(addingCapacity: Self.size) { output in
      func put(_ word: UInt64) {
        for i in 0..<8 { output.append(UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * i))) }
      }
      put(words.0)
      put(words.1)
      put(words.2)
      put(words.3)
    }
  }

  /// 64 hexadecimal digits, in lower case.
  public var hex: String {
    func digit(_ value: UInt8) -> UInt8 {
      value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + (value - 10)
    }
    let digits = [UInt8](capacity: 2 * Self.size) { digits in
      for byte in bytes {
        digits.append(digit(byte >> 4))
        digits.append(digit(byte & 15))
      }
    }
    return String(decoding: digits, as: UTF8.self)
  }

  /// The first eight bytes, as a big-endian number.
  public var leadingWord: UInt64 { words.0 }

  /// Whether both have the same bytes.
  ///
  /// Stops at the first difference: what proves who wrote something is compared with
  /// `constantTimeEquals`.
  public static func == (a: Digest256, b: Digest256) -> Bool {
    a.words.0 == b.words.0 && a.words.1 == b.words.1 && a.words.2 == b.words.2
      && a.words.3 == b.words.3
  }

  /// Whether the bytes of `a` come before those of `b`, in lexicographic order.
  public static func < (a: Digest256, b: Digest256) -> Bool {
    if a.words.0 != b.words.0 { return a.words.0 < b.words.0 }
    if a.words.1 != b.words.1 { return a.words.1 < b.words.1 }
    if a.words.2 != b.words.2 { return a.words.2 < b.words.2 }
    return a.words.3 < b.words.3
  }

  /// Feeds half of the bytes to `hasher`, which is more than enough of a hash.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
    hasher.combine(words.3)
  }
}
