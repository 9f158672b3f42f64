/// The hash XXH64 with seed 0, as its specification has it: quick, and no protection against anybody.
struct XXH64 {
  private static let primes: (UInt64, UInt64, UInt64, UInt64, UInt64) = (
    0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5
  )

  private var lanes: (UInt64, UInt64, UInt64, UInt64) = (
    Self.primes.0 &+ Self.primes.1, Self.primes.1, 0, 0 &- Self.primes.0
  )
  private var count: UInt64 = 0
  /// Less than a stripe of 32 bytes.
  private var pending: [UInt8] = []

  /// Takes more bytes.
  mutating func update(_ bytes: Span<UInt8>) {
    count &+= UInt64(bytes.count)
    var position = 0
    if !pending.isEmpty {
      while pending.count < 32, position < bytes.count {
        pending.append(bytes[position])
        position += 1
      }
      guard pending.count == 32 else { return }
      let stripe = pending
      add(stripe.span, at: 0)
      pending.removeAll(keepingCapacity: true)
    }
    while position + 32 <= bytes.count {
      add(bytes, at: position)
      position += 32
    }
    while position < bytes.count {
      pending.append(bytes[position])
      position += 1
    }
  }

  /// The hash of everything so far, in 16 hexadecimal digits.
  var hexadecimal: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }

  /// The hash of everything so far.
  var value: UInt64 {
    let primes = Self.primes
    var hash: UInt64
    if count >= 32 {
      hash =
        Self.rotate(lanes.0, 1) &+ Self.rotate(lanes.1, 7) &+ Self.rotate(lanes.2, 12)
        &+ Self.rotate(lanes.3, 18)
      for lane in [lanes.0, lanes.1, lanes.2, lanes.3] {
        hash = (hash ^ Self.round(0, lane)) &* primes.0 &+ primes.3
      }
    } else {
      hash = primes.4
    }
    hash &+= count
    let rest = pending.span
    var position = 0
    while position + 8 <= rest.count {
      hash ^= Self.round(0, Self.word(rest, position, 8))
      hash = Self.rotate(hash, 27) &* primes.0 &+ primes.3
      position += 8
    }
    if position + 4 <= rest.count {
      hash ^= Self.word(rest, position, 4) &* primes.0
      hash = Self.rotate(hash, 23) &* primes.1 &+ primes.2
      position += 4
    }
    while position < rest.count {
      hash ^= UInt64(rest[position]) &* primes.4
      hash = Self.rotate(hash, 11) &* primes.0
      position += 1
    }
    hash = (hash ^ hash >> 33) &* primes.1
    hash = (hash ^ hash >> 29) &* primes.2
    return hash ^ hash >> 32
  }

  private mutating func add(_ bytes: Span<UInt8>, at position: Int) {
    lanes.0 = Self.round(lanes.0, Self.word(bytes, position, 8))
    lanes.1 = Self.round(lanes.1, Self.word(bytes, position + 8, 8))
    lanes.2 = Self.round(lanes.2, Self.word(bytes, position + 16, 8))
    lanes.3 = Self.round(lanes.3, Self.word(bytes, position + 24, 8))
  }

  private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
    rotate(lane &+ input &* primes.1, 31) &* primes.0
  }

  private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
    value << count | value >> (64 - count)
  }

  /// A little-endian number.
  private static func word(_ bytes: Span<UInt8>, _ position: Int, _ size: Int) -> UInt64 {
    var value: UInt64 = 0
    for place in (position..<(position + size)).reversed() {
      value = value << 8 | UInt64(bytes[place])
    }
    return value
  }
}
