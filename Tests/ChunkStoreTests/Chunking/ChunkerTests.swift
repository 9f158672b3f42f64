import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct ChunkerTests {
  /// Chunks of 1 to 16 KiB.
  static let small = ChunkerParameters.buzhash(
    minimumExponent: 10, maximumExponent: 14, maskBits: 12, window: 255)

  let keys: ChunkerKeys

  init() throws {
    keys = try ChunkerKeys(deduplicationSecret: Secret(copying: Array<UInt8>(0..<32).span))
  }

  func lengths(_ parameters: ChunkerParameters, _ content: [UInt8]) throws -> [Int] {
    var chunker = try Chunker(parameters: parameters, keys: keys)
    return try lengths(&chunker, content)
  }

  func lengths(_ chunker: inout Chunker, _ content: [UInt8]) throws -> [Int] {
    var lengths: [Int] = []
    var start = 0
    while let length = try chunker.cut(content.span.extracting(start...), isLast: true) {
      lengths.append(length)
      start += length
    }
    try #require(start == content.count)
    return lengths
  }

  // MARK: Where the cuts are

  @Test func `the keys are derived with the labels of the format`() {
    let table = keys.table.withBytes { bytes in (0..<8).map { bytes[$0] } }
    let prf = keys.prf.withBytes { bytes in (0..<8).map { bytes[$0] } }
    #expect(table == [179, 56, 242, 4, 102, 248, 44, 219])
    #expect(prf == [246, 235, 116, 78, 154, 170, 244, 82])
  }

  /// Computed by a program of its own, in another language.
  @Test func `known contents are cut where they always were`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let content = random.bytes(24 << 20)
    let long = try ChunkerParameters(parsing: "buzhash,19,23,21,4095")
    #expect(
      try lengths(long, content) == [
        696_586, 2_844_671, 3_562_997, 908_832, 2_159_759, 897_794, 609_623, 2_585_196, 1_639_937,
        1_854_430, 5_626_710, 1_779_289,
      ])
    let items = try ChunkerParameters(parsing: "buzhash,15,19,17,4095")
    #expect(
      try lengths(items, Array(content[..<(1 << 20)])) == [
        99_003, 85_046, 157_395, 163_303, 138_591, 405_238,
      ])
    #expect(
      try lengths(Self.small, Array(content[..<65_536])) == [
        6032, 9655, 1797, 1385, 7322, 12_329, 1494, 2523, 3159, 2763, 4620, 4797, 7660,
      ])
  }

  @Test(arguments: [(10, 12, 11, 63), (10, 14, 10, 255), (11, 13, 11, 65), (12, 13, 13, 1023)])
  func `the rules give the same cuts, applied one by one`(
    minimum: Int, maximum: Int, maskBits: Int, window: Int
  ) throws {
    var random = PseudoRandomBytes(seed: 2)
    let content = random.bytes(200_000)
    var reference = try ReferenceChunker(
      minimumExponent: minimum, maximumExponent: maximum, maskBits: maskBits, window: window,
      keys: keys)
    var expected: [Int] = []
    var start = 0
    while start < content.count {
      let length = try reference.length(of: content, from: start)
      expected.append(length)
      start += length
    }
    let parameters = ChunkerParameters.buzhash(
      minimumExponent: minimum, maximumExponent: maximum, maskBits: maskBits, window: window)
    #expect(try lengths(parameters, content) == expected)
  }

  @Test func `other keys give other cuts`() throws {
    var random = PseudoRandomBytes(seed: 3)
    let content = random.bytes(1 << 20)
    let other = try ChunkerKeys(deduplicationSecret: Secret(copying: [UInt8](1...32).span))
    let mine = Set(ends(try lengths(Self.small, content)))
    for keys in [
      other, ChunkerKeys(table: other.table, prf: keys.prf),
      ChunkerKeys(table: keys.table, prf: other.prf),
    ] {
      var chunker = try Chunker(parameters: Self.small, keys: keys)
      // The end is common; about 200 others meet by chance with a probability of 1/4000 each.
      #expect(mine.intersection(ends(try lengths(&chunker, content))).count < 5)
    }
  }

  // MARK: Reading in pieces

  @Test(arguments: [1, 7, 300, 5000, 70_000])
  func `cuts do not depend on how much is read at a time`(limit: Int) throws {
    for (seed, parameters) in [
      Self.small, try ChunkerParameters(parsing: "buzhash,12,13,12,4095"), .fixed(size: 777),
    ].enumerated() {
      var random = PseudoRandomBytes(seed: UInt64(100 + seed))
      let content = random.bytes(limit == 1 ? 60_000 : 300_000)
      let whole = try lengths(parameters, content)
      var chunker = try Chunker(parameters: parameters, keys: keys)
      var pieces: [Int] = []
      var start = 0
      var read = 0
      while true {
        // Whether the end is known with the last bytes, or only later, is the reader's matter.
        let isLast = read == content.count && Bool.random(using: &random)
        if let length = try chunker.cut(
          content.span.extracting(start..<read), isLast: isLast)
        {
          pieces.append(length)
          start += length
        } else if isLast {
          break
        } else {
          read = min(content.count, read + Int.random(in: 1...limit, using: &random))
        }
      }
      #expect(pieces == whole)
    }
  }

  @Test func `a chunker serves one content after another`() throws {
    var random = PseudoRandomBytes(seed: 4)
    let contents = (0..<20).map { _ in random.bytes(Int.random(in: 0...40_000, using: &random)) }
    var chunker = try Chunker(parameters: Self.small, keys: keys)
    for content in contents {
      #expect(try lengths(&chunker, content) == lengths(Self.small, content))
    }
  }

  @Test func `a reset forgets an unfinished content`() throws {
    var random = PseudoRandomBytes(seed: 5)
    let first = random.bytes(5000)
    let second = random.bytes(100_000)
    var chunker = try Chunker(parameters: Self.small, keys: keys)
    for count in [100, 1024, 1500, 3000, 5000] {
      _ = try chunker.cut(first.span.extracting(first: count), isLast: false)
      chunker.reset()
      #expect(try lengths(&chunker, second) == lengths(Self.small, second))
    }
  }

  // MARK: Sizes

  @Test func `sizes are spread as the parameters promise`() throws {
    var random = PseudoRandomBytes(seed: 6)
    let content = random.bytes(24 << 20)
    let sizes = try lengths(Self.small, content)
    #expect(sizes.dropLast().allSatisfy { (1024...16384).contains($0) })
    #expect((1...16384).contains(sizes[sizes.count - 1]))

    // Each of the positions between minimum and maximum is accepted with probability q. What is
    // added to it, from 0 to 127, cannot move a cut beyond the maximum.
    let q = 1.0 / 4096
    var unaccepted = 1.0
    var mean = 0.0
    for position in 1024..<16384 {
      mean += unaccepted * q * (Double(position) + 63.5)
      unaccepted *= 1 - q
    }
    mean += unaccepted * 16384
    let count = Double(sizes.count)
    let found = Double(content.count) / count
    // The standard deviation of a size is less than 4096.
    #expect(abs(found - mean) < 4 * 4096 / count.squareRoot())
    let atMaximum = Double(sizes.count { $0 == 16384 })
    #expect(abs(atMaximum - count * unaccepted) < 5 * (count * unaccepted).squareRoot() + 5)
  }

  @Test(arguments: [0, 1, 512, 1023, 1024])
  func `a content below the minimum is one chunk`(size: Int) throws {
    let content = [UInt8](repeating: 7, count: size)
    #expect(try lengths(Self.small, content) == (size == 0 ? [] : [size]))
    var chunker = try Chunker(parameters: Self.small, keys: keys)
    #expect(try chunker.cut(content.span, isLast: false) == nil)
  }

  @Test func `a repeated byte gives equal chunks`() throws {
    for byte: UInt8 in [0, 1, 255] {
      let sizes = try lengths(Self.small, [UInt8](repeating: byte, count: 1_000_000))
      // One hash all along: the first position is accepted, or none.
      #expect(sizes[0] < 1024 + 128 || sizes[0] == 16384)
      #expect(sizes.dropLast().allSatisfy { $0 == sizes[0] })
    }
  }

  @Test func `the distance never moves a cut beyond the maximum`() throws {
    let parameters = ChunkerParameters.buzhash(
      minimumExponent: 10, maximumExponent: 11, maskBits: 10, window: 63)
    var random = PseudoRandomBytes(seed: 7)
    let content = random.bytes(2 << 20)
    var reference = try ReferenceChunker(
      minimumExponent: 10, maximumExponent: 11, maskBits: 10, window: 63, keys: keys)
    var start = 0
    var shortened = 0
    for size in try lengths(parameters, content) {
      #expect(size <= 2048)
      if size == 2048 {
        for position in (2048 - 127)..<2048 {
          let hash = reference.hash.value(of: content, endingAt: start + position)
          if let distance = try reference.distance(behind: hash), position + distance > 2048 {
            shortened += 1
          }
        }
      }
      start += size
    }
    #expect(shortened > 10)
  }

  @Test func `fixed sizes are cut without looking`() throws {
    let content = [UInt8](repeating: 1, count: 10_000)
    #expect(try lengths(.fixed(size: 4096), content) == [4096, 4096, 1808])
    #expect(try lengths(.fixed(size: 5000), content) == [5000, 5000])
    #expect(try lengths(.fixed(size: 10_001), content) == [10_000])
    #expect(try lengths(.fixed(size: 512), []) == [])
  }

  // MARK: Changes

  @Test(arguments: [1, 17, 3000])
  func `an insertion changes only the chunks around it`(count: Int) throws {
    var random = PseudoRandomBytes(seed: 8)
    let before = random.bytes(2 << 20)
    let place = 1 << 20
    let after = before[..<place] + random.bytes(count) + before[place...]
    let old = ends(try lengths(Self.small, before))
    let new = ends(try lengths(Self.small, Array(after)))
    #expect(old.filter { $0 <= place } == new.filter { $0 <= place })
    // Chunks of both meet again within a few, and agree from there to the end.
    let common = Set(old.filter { $0 > place }.map { $0 + count }).intersection(new)
    let firstCommon = try #require(common.min())
    #expect(firstCommon < place + count + 12 * 5000)
    #expect(
      old.filter { $0 + count >= firstCommon }.map { $0 + count }
        == new.filter { $0 >= firstCommon })
  }

  // MARK: Mistakes

  @Test func `parameters and keys of the wrong size are refused`() throws {
    let unusable = ChunkerParameters.buzhash(
      minimumExponent: 70, maximumExponent: 80, maskBits: 75, window: 0)
    #expect(throws: CryptoError.self) { _ = try Chunker(parameters: unusable, keys: keys) }
    let short = Secret(copying: [UInt8](repeating: 1, count: 31).span)
    for wrong in [
      ChunkerKeys(table: short, prf: keys.prf), ChunkerKeys(table: keys.table, prf: short),
    ] {
      #expect(throws: CryptoError.self) { _ = try Chunker(parameters: Self.small, keys: wrong) }
    }
  }

  private func ends(_ lengths: [Int]) -> [Int] {
    var end = 0
    return lengths.map { length in
      end += length
      return end
    }
  }
}
