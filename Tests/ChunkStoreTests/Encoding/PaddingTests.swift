import Testing

@testable import ChunkStore

@Suite struct PaddingTests {
  /// Algorithm 1 of the paper, with logarithms instead of counts of zero bits.
  private func padme(_ size: Int) -> Int {
    var exponent = 0
    while 1 << (exponent + 1) <= size { exponent += 1 }
    var bits = 0
    while 1 << (bits + 1) <= exponent { bits += 1 }
    bits += 1
    let step = 1 << (exponent - bits)
    return (size + step - 1) / step * step
  }

  @Test(arguments: [(4097, 4352), (100_000, 100_352), (1_000_000, 1_015_808), (1 << 25, 1 << 25)])
  func `sizes are those of Padmé`(size: Int, padded: Int) {
    #expect(Padding.padded(size) == padded)
    #expect(padme(size) == padded)
  }

  @Test(arguments: [0, 1, 80, 4095, 4096])
  func `nothing is smaller than a page`(size: Int) {
    #expect(Padding.padded(size) == 4096)
  }

  @Test(arguments: Seed.each(4))
  func `sizes agree with an independent formula, and cost at most 12 %`(seed: Seed) {
    var random = seed.generator
    for _ in 0..<2000 {
      let size = random.int(4097...(1 << random.int(13...30)))
      let padded = Padding.padded(size)
      #expect(padded == padme(size))
      #expect(padded >= size)
      #expect(Double(padded) <= 1.12 * Double(size))
      #expect(Padding.padded(padded) == padded, "padding is stable")
    }
  }

  @Test func `few different sizes remain`() {
    var sizes: Set<Int> = []
    for size in stride(from: 1, through: 1 << 20, by: 7) { sizes.insert(Padding.padded(size)) }
    #expect(sizes.count == 193)
  }
}
