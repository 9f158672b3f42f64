internal import StoreCrypto

/// Looks for the end of one chunk by the rules that `Chunker` states.
///
/// Candidates are encrypted many at a time, because a call into libcrypto costs far more than a
/// block of AES. The hash may so have rolled on beyond an accepted candidate, which is harmless:
/// the first one counts, whatever was found behind it.
struct CutSearch: ~Copyable {
  private let minimum: Int
  private let maximum: Int
  private let candidateMask: UInt64
  private let acceptanceMask: UInt64
  private let distanceMask: UInt64

  private var hash: RollingHash
  private var prf: AES256
  /// Where the candidates are that have not been encrypted yet.
  private var positions: [Int] = []
  /// Room for the block of each of them, whose second half stays zero.
  private var blocks = [UInt8](repeating: 0, count: batchSize * AES256.blockSize)
  private var encrypted: [UInt8] = []
  /// The end of the chunk, once it is known: perhaps beyond the bytes read so far.
  private var found: Int?

  /// With the default parameters 64 candidates lie 16 KiB apart, which is what is rolled over in
  /// vain, at most, behind an accepted one: less than 1 % of a chunk.
  private static let batchSize = 64

  init(
    minimumExponent: Int, maximumExponent: Int, maskBits: Int, window: Int, keys: ChunkerKeys
  ) throws(CryptoError) {
    let hash = try RollingHash(table: keys.table, window: window)
    let prf = try AES256(key: keys.prf)
    self.hash = hash
    self.prf = prf
    let candidateBits = min(8, minimumExponent - 9)
    minimum = 1 << minimumExponent
    maximum = 1 << maximumExponent
    candidateMask = Self.lowBits(candidateBits)
    acceptanceMask = Self.lowBits(maskBits - candidateBits)
    distanceMask = Self.lowBits(minimumExponent - 3)
    positions.reserveCapacity(Self.batchSize)
    encrypted.reserveCapacity(Self.batchSize * AES256.blockSize)
  }

  /// Forgets everything about the current chunk.
  package mutating func reset() {
    hash.reset()
    positions.removeAll(keepingCapacity: true)
    found = nil
  }

  /// Returns where the chunk ends, perhaps beyond `bytes`, or `nil` if more bytes have to tell.
  package mutating func end(in bytes: Span<UInt8>) throws(CryptoError) -> Int? {
    if found == nil { found = try search(bytes) }
    return found
  }

  private mutating func search(_ bytes: Span<UInt8>) throws(CryptoError) -> Int? {
    guard bytes.count >= minimum else { return nil }
    // Each position is looked at after a step, the first one too. The window is shorter than
    // the minimum, so there is room for it one byte earlier.
    if hash.position == 0 { hash.start(at: minimum - 1, in: bytes) }
    let limit = min(bytes.count, maximum - 1)
    while hash.position < limit {
      while positions.count < Self.batchSize,
        hash.advance(to: limit, in: bytes, untilZero: candidateMask)
      {
        let block = AES256.blockSize * positions.count
        positions.append(hash.position)
        for i in 0..<8 {
          blocks[block + i] = UInt8(truncatingIfNeeded: hash.value >> UInt64(56 - 8 * i))
        }
      }
      if let end = try firstAccepted() { return end }
    }
    return bytes.count >= maximum ? maximum : nil
  }

  /// Encrypts the candidates, and returns the end of the chunk if one of them is accepted.
  private mutating func firstAccepted() throws(CryptoError) -> Int? {
    guard !positions.isEmpty else { return nil }
    defer { positions.removeAll(keepingCapacity: true) }
    try Self.encrypt(blocks, count: positions.count, with: &prf, into: &encrypted)
    for (i, position) in positions.enumerated() {
      let block = AES256.blockSize * i
      if word(at: block) & acceptanceMask == 0 {
        let distance = Int(word(at: block + 8) & distanceMask)
        return min(position + distance, maximum)
      }
    }
    return nil
  }

  /// Encrypts the first `count` blocks.
  ///
  /// Not a method, because a span of one property borrows all of `self`.
  private static func encrypt(
    _ blocks: [UInt8], count: Int, with prf: inout AES256, into output: inout [UInt8]
  ) throws(CryptoError) {
    try prf.encrypt(blocks.span.extracting(first: count * AES256.blockSize), into: &output)
  }

  private func word(at start: Int) -> UInt64 {
    var word: UInt64 = 0
    for i in start..<(start + 8) { word = word << 8 | UInt64(encrypted[i]) }
    return word
  }

  private static func lowBits(_ count: Int) -> UInt64 { 1 << UInt64(count) - 1 }
}
