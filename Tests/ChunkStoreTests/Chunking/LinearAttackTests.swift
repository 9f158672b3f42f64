import StoreCrypto
import Testing

@testable import ChunkStore

/// The knowledge about later cuts of an observer of chunk lengths who knows the data.
///
/// Lengths are not visible in a repository. Should they ever leak, through the sizes or the
/// timing of anything, the secret that they depend on must not leak with them. The table has its
/// full size here, 256 random words of 64 bits; the known data is of 64 byte values, as base64
/// is, and the chunks are small, so that the work of an attacker becomes that of a test.
@Suite struct LinearAttackTests {
  static let minimum = 1024
  static let maximum = 16384
  static let maskBits = 12
  static let window = 255
  /// MIN_EXP − 9: how many bits of the hash make a candidate.
  static let candidateBits = 1
  /// 2^(MIN_EXP − 3): how many distances there are.
  static let distances = 128

  static let symbols = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static let keys = {
    var random = PseudoRandomBytes(seed: 2025)
    return ChunkerKeys(
      table: Secret(copying: random.bytes(ChunkerKeys.tableSize).span),
      prf: Secret(copying: random.bytes(ChunkerKeys.prfKeySize).span))
  }()
  /// The data that the observer learns from.
  static let known = data(size: 32 << 20, seed: 1)
  /// The data that is cut later.
  static let fresh = data(size: 12 << 20, seed: 2)

  private static func data(size: Int, seed: UInt64) -> [UInt8] {
    var random = PseudoRandomBytes(seed: seed)
    return random.bytes(size).map { symbols[Int($0) % symbols.count] }
  }

  private var keys: ChunkerKeys { Self.keys }
  private var known: [UInt8] { Self.known }
  private var fresh: [UInt8] { Self.fresh }

  @Test func `chunk lengths betray the table of a bare rolling hash`() throws {
    let victim = bare(ReferenceHash(keys, window: Self.window))
    let attack = attack(cuts(known) { victim.length(of: known, from: $0) }, bits: Self.maskBits)
    #expect(attack.rank == attack.fullRank)

    var random = PseudoRandomBytes(seed: 1)
    let stolen = try #require(attack.usefulSolution(on: known, using: &random))
    let score = score(stolen, on: cuts(fresh) { victim.length(of: fresh, from: $0) })
    #expect(score.count > 1000)
    #expect(Double(score.exact) >= 0.99 * Double(score.count))
  }

  /// The observer takes the hash to decide a fixed distance before the cut, at the cut itself
  /// for example.
  @Test(arguments: [0, 1, 64, 127])
  func `chunk lengths of ours do not`(guess: Int) throws {
    let attack = attack(try ourCuts(known), bits: Self.maskBits, guess: guess)
    #expect(attack.rank == attack.fullRank)

    var random = PseudoRandomBytes(seed: 1)
    let stolen = try #require(attack.usefulSolution(on: known, using: &random))
    let cuts = try ourCuts(fresh)
    let score = score(stolen, on: cuts, guess: guess)
    #expect(score.count > 1000)
    // By chance one cut in 8000 or so is met, and one in 30 is missed by less than 128 bytes,
    // which any other table achieves as well.
    #expect(score.exact <= 3)
    let anyTable = ReferenceHash(table: (0..<256).map { _ in random.next() }, window: Self.window)
    let chance = self.score(anyTable, on: cuts, guess: guess)
    let deviation = (2 * Double(chance.near)).squareRoot()
    #expect(Double(score.near) < Double(chance.near) + 4 * deviation)
  }

  /// The observer knows our rules: some position up to 127 bytes before the cut is a candidate.
  ///
  /// Which one it was, only the key tells. A fixed guess is right for one cut in 128; the other
  /// equations hold by chance, with probability 1/2 for each bit. That is learning parity with
  /// noise at a rate of (1 − 1/128) / 2, over 4096 unknowns (16,384 in general): elimination
  /// needs 4096 equations that are all true, so guesses that are all right, and the methods that
  /// bear noise need an exponential number of samples at such a rate. With the default
  /// parameters a guess is right for one cut in 65,536.
  @Test(arguments: [0, 64])
  func `not even to someone who knows that the distance is unknown`(guess: Int) throws {
    let attack = attack(try ourCuts(known), bits: Self.candidateBits, guess: guess)
    #expect(attack.rank == attack.fullRank)
    var random = PseudoRandomBytes(seed: 1)
    let stolen = try #require(attack.usefulSolution(on: known, using: &random))
    // The standard deviation is 0.8 %.
    #expect(abs(agreementOnCandidates(stolen) - 0.5) < 0.04)
  }

  /// Were the distances to leak as well, the equations would be true.
  ///
  /// The observer then learns which positions are candidates; what accepts them stays unknown.
  @Test func `known distances betray the candidates, and still not the cuts`() throws {
    var reference = try ReferenceChunker(
      minimumExponent: 10, maximumExponent: 14, maskBits: Self.maskBits, window: Self.window,
      keys: keys)
    var attack = LinearAttack(
      symbols: Self.symbols, window: Self.window, bits: Self.candidateBits)
    for cut in try ourCuts(known) where isDecidedByContent(cut) {
      guard
        let position = try reference.acceptedPosition(of: known, before: cut.upperBound)
      else { continue }
      attack.observe(known, end: position)
    }
    #expect(attack.rank == attack.fullRank)

    var random = PseudoRandomBytes(seed: 1)
    let stolen = try #require(attack.usefulSolution(on: known, using: &random))
    #expect(agreementOnCandidates(stolen) == 1)
    for guess in [0, 64, 127] {
      #expect(score(stolen, on: try ourCuts(fresh), guess: guess).exact <= 3)
    }
  }

  // MARK: Observing and predicting

  private func bare(_ hash: ReferenceHash) -> BareBuzhash {
    BareBuzhash(
      hash: hash, minimum: Self.minimum, maximum: Self.maximum, maskBits: Self.maskBits)
  }

  /// The chunks of a content, where the length of each is told by `length`.
  private func cuts(_ content: [UInt8], length: (Int) -> Int) -> [Range<Int>] {
    var chunks: [Range<Int>] = []
    var start = 0
    while start < content.count {
      let end = start + length(start)
      chunks.append(start..<end)
      start = end
    }
    return chunks.dropLast()
  }

  private func ourCuts(_ content: [UInt8]) throws -> [Range<Int>] {
    var chunker = try Chunker(
      parameters: .buzhash(
        minimumExponent: 10, maximumExponent: 14, maskBits: Self.maskBits, window: Self.window),
      keys: keys)
    var chunks: [Range<Int>] = []
    var start = 0
    while let length = try chunker.cut(content.span.extracting(start...), isLast: true) {
      chunks.append(start..<(start + length))
      start += length
    }
    return chunks.dropLast()
  }

  /// Cuts at the maximum say nothing about the hash, and are no feat to predict.
  private func isDecidedByContent(_ chunk: Range<Int>) -> Bool { chunk.count < Self.maximum }

  private func attack(_ chunks: [Range<Int>], bits: Int, guess: Int = 0) -> LinearAttack {
    var attack = LinearAttack(symbols: Self.symbols, window: Self.window, bits: bits)
    for chunk in chunks where isDecidedByContent(chunk) && attack.rank < attack.fullRank {
      attack.observe(known, end: chunk.upperBound - guess)
    }
    return attack
  }

  /// How many cuts of the fresh content are predicted, each from the start of its chunk: to the
  /// byte, and to within the distance that we add.
  private func score(
    _ hash: ReferenceHash, on chunks: [Range<Int>], guess: Int = 0
  ) -> (count: Int, exact: Int, near: Int) {
    let predictor = bare(hash)
    var score = (count: 0, exact: 0, near: 0)
    for chunk in chunks where isDecidedByContent(chunk) {
      let predicted = predictor.length(of: fresh, from: chunk.lowerBound) + guess
      score.count += 1
      if predicted == chunk.count { score.exact += 1 }
      if abs(predicted - chunk.count) < Self.distances { score.near += 1 }
    }
    return score
  }

  /// For how many of 4000 positions the hash says rightly whether they are candidates.
  private func agreementOnCandidates(_ hash: ReferenceHash) -> Double {
    let truth = ReferenceHash(keys, window: Self.window)
    let mask: UInt64 = 1 << UInt64(Self.candidateBits) - 1
    let agreed = (0..<4000).count { i in
      let end = Self.window + 1009 * i
      return (hash.value(of: fresh, endingAt: end) & mask == 0)
        == (truth.value(of: fresh, endingAt: end) & mask == 0)
    }
    return Double(agreed) / 4000
  }
}
