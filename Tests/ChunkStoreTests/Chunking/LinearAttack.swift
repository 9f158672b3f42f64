/// Recovers the table of a rolling hash from chunk lengths of known data.
///
/// The hash of a window is linear over GF(2) in the bits of the table. Whoever knows the bytes
/// before a cut, and takes the low bits of their hash to be zero, has one homogeneous equation
/// per bit: bit k of rotl64(T[x], r) is bit (k − r) mod 64 of T[x]. Gaussian elimination does the
/// rest.
///
/// The true table is not the only solution. A constant added to all words adds another constant
/// to all hashes (the window is odd, so that it does not cancel), which stays unseen if it
/// touches none of the low bits; and the table of zeros satisfies everything. So the solutions
/// are a space of 64 − bits + 1 dimensions, half of which predicts as well as the true table.
///
/// An unknown is a bit of the word of one of the byte values that occur: the fewer they are, the
/// less there is to compute. The tests take 64, the alphabet of base64.
struct LinearAttack {
  /// The byte values that occur in the known data.
  let symbols: [UInt8]
  /// The length of the rolling hash's window.
  let window: Int
  /// How many low bits of the hash the observer takes to be zero at an observed position.
  let bits: Int

  /// Independent equations so far, in echelon form: a word of coefficients per symbol each.
  private var rows: [[UInt64]] = []
  /// The row whose first coefficient is the one of this unknown.
  private var pivots: [Int?]
  private let indices: [Int?]

  init(symbols: [UInt8], window: Int, bits: Int) {
    self.symbols = symbols
    self.window = window
    self.bits = bits
    pivots = Array(repeating: nil, count: 64 * symbols.count)
    var indices = [Int?](repeating: nil, count: 256)
    for (index, symbol) in symbols.enumerated() { indices[Int(symbol)] = index }
    self.indices = indices
  }

  /// The number of independent equations.
  var rank: Int { rows.count }

  /// How many independent equations there are in all, if what is observed is true.
  var fullRank: Int { 64 * symbols.count - (64 - bits + 1) }

  /// Takes the low bits of the hash at `end` to be zero.
  mutating func observe(_ content: [UInt8], end: Int) {
    var equation = [UInt64](repeating: 0, count: symbols.count)
    for distance in 0..<window {
      guard let symbol = indices[Int(content[end - 1 - distance])] else { return }
      equation[symbol] ^= 1 << UInt64((64 - distance % 64) % 64)
    }
    for _ in 0..<bits where rank < fullRank {
      add(equation)
      // The next bit of a hash asks for the next bit of each word.
      for i in equation.indices { equation[i] = equation[i] << 1 | equation[i] >> 63 }
    }
  }

  private mutating func add(_ equation: [UInt64]) {
    var row = equation
    for i in row.indices {
      while row[i] != 0 {
        let unknown = 64 * i + row[i].trailingZeroBitCount
        guard let pivot = pivots[unknown] else {
          pivots[unknown] = rows.count
          rows.append(row)
          return
        }
        Self.subtract(rows[pivot], from: &row, startingAt: i)
      }
    }
  }

  private static func subtract(_ other: [UInt64], from row: inout [UInt64], startingAt start: Int) {
    for i in start..<row.count { row[i] ^= other[i] }
  }

  /// One of the tables that satisfy all equations, at random.
  func solution(using random: inout PseudoRandomBytes) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: symbols.count)
    for unknown in stride(from: pivots.count - 1, through: 0, by: -1) {
      let bit: Bool
      if let pivot = pivots[unknown] {
        let row = rows[pivot]
        var sum: UInt64 = 0
        for i in (unknown / 64)..<words.count { sum ^= row[i] & words[i] }
        bit = !sum.nonzeroBitCount.isMultiple(of: 2)
      } else {
        bit = Bool.random(using: &random)
      }
      if bit { words[unknown / 64] |= 1 << UInt64(unknown % 64) }
    }
    var table = [UInt64](repeating: 0, count: 256)
    for (symbol, word) in zip(symbols, words) { table[Int(symbol)] = word }
    return table
  }

  /// A solution whose hashes are not all alike in their low bits, as half of all solutions are.
  func usefulSolution(
    on content: [UInt8], using random: inout PseudoRandomBytes
  ) -> ReferenceHash? {
    for _ in 0..<40 {
      let hash = ReferenceHash(table: solution(using: &random), window: window)
      let seen = Set(
        (0..<64).map { hash.value(of: content, endingAt: window + 101 * $0) % (1 << UInt64(bits)) })
      if seen.count > 1 { return hash }
    }
    return nil
  }
}

/// The usual chunker: a rolling hash with a secret table, and a cut where its low bits are zero.
struct BareBuzhash {
  let hash: ReferenceHash
  let minimum: Int
  let maximum: Int
  let maskBits: Int

  /// The length of the chunk that starts at `start`.
  func length(of content: [UInt8], from start: Int) -> Int {
    let end = min(content.count, start + maximum)
    guard start + minimum < end else { return content.count - start }
    let window = hash.window
    let leaving = hash.table.map { word in
      let count = UInt64(window % 64)
      return count == 0 ? word : word << count | word >> (64 - count)
    }
    let mask: UInt64 = 1 << UInt64(maskBits) - 1
    var value = hash.value(of: content, endingAt: start + minimum)
    for i in (start + minimum)..<end {
      if value & mask == 0 { return i - start }
      value =
        (value << 1 | value >> 63) ^ leaving[Int(content[i - window])]
        ^ hash.table[Int(content[i])]
    }
    return end - start
  }
}
