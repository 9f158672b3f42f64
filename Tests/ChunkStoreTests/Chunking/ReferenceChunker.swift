import StoreCrypto

@testable import ChunkStore

/// The rules of `Chunker` as they stand in its comment, one position at a time.
struct ReferenceChunker: ~Copyable {
  let minimumExponent: Int
  let maximumExponent: Int
  let maskBits: Int
  let hash: ReferenceHash
  private var prf: AES256

  init(
    minimumExponent: Int, maximumExponent: Int, maskBits: Int, window: Int, keys: ChunkerKeys
  ) throws {
    self.minimumExponent = minimumExponent
    self.maximumExponent = maximumExponent
    self.maskBits = maskBits
    hash = ReferenceHash(keys, window: window)
    prf = try AES256(key: keys.prf)
  }

  var candidateBits: Int { min(8, minimumExponent - 9) }

  /// The length of the chunk that starts at `start`.
  mutating func length(of content: [UInt8], from start: Int) throws -> Int {
    let rest = content.count - start
    let maximum = 1 << maximumExponent
    for i in (1 << minimumExponent)..<maximum where i <= rest {
      if let distance = try distance(behind: hash.value(of: content, endingAt: start + i)) {
        return min(i + distance, maximum, rest)
      }
    }
    return min(maximum, rest)
  }

  /// How far behind a position with this hash the cut is, if the position is accepted.
  mutating func distance(behind hash: UInt64) throws -> Int? {
    guard hash % (1 << UInt64(candidateBits)) == 0 else { return nil }
    var block = (0..<8).map { UInt8(truncatingIfNeeded: hash >> UInt64(56 - 8 * $0)) }
    block += [0, 0, 0, 0, 0, 0, 0, 0]
    var encrypted: [UInt8] = []
    try prf.encrypt(block.span, into: &encrypted)
    let a = encrypted[0..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let b = encrypted[8..<16].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard a % (1 << UInt64(maskBits - candidateBits)) == 0 else { return nil }
    return Int(b % (1 << UInt64(minimumExponent - 3)))
  }

  /// The accepted position, counted from the start of the content, that led to a cut at `cut`.
  mutating func acceptedPosition(of content: [UInt8], before cut: Int) throws -> Int? {
    for distance in 0..<(1 << (minimumExponent - 3)) {
      let position = cut - distance
      let value = hash.value(of: content, endingAt: position)
      if try self.distance(behind: value) == distance { return position }
    }
    return nil
  }
}

/// The hash of a window, from scratch.
struct ReferenceHash {
  let table: [UInt64]
  let window: Int

  init(table: [UInt64], window: Int) {
    self.table = table
    self.window = window
  }

  init(_ keys: ChunkerKeys, window: Int) {
    table = keys.table.withBytes { bytes in
      (0..<256).map { value in
        (0..<8).reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[8 * value + $1]) }
      }
    }
    self.window = window
  }

  func value(of content: [UInt8], endingAt end: Int) -> UInt64 {
    var value: UInt64 = 0
    for i in (end - window)..<end {
      value = (value << 1 | value >> 63) ^ table[Int(content[i])]
    }
    return value
  }
}
