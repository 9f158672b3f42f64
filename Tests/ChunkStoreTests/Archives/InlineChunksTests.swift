import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct InlineChunksTests {
  @Test(arguments: 0...5) func `hold what an array holds, however they were made`(count: Int) {
    var random = PseudoRandomBytes(seed: UInt64(count))
    let chunks = (0..<count).map { _ in random.reference() }
    var grown = InlineChunks()
    for chunk in chunks { grown.append(chunk) }
    let made = InlineChunks(chunks)
    #expect(grown == made)
    #expect(grown.hashValue == made.hashValue)
    #expect(Array(grown) == chunks)
    #expect(made.count == count)
    #expect(made.indices.map { made[$0] } == chunks)
    #expect(made.reversed() == chunks.reversed())
  }

  @Test func `differ where one chunk does`() {
    var random = PseudoRandomBytes(seed: 7)
    let (a, b) = (random.reference(), random.reference())
    #expect(InlineChunks([a]) != [b])
    #expect(InlineChunks([a]) != [a, a])
    #expect(InlineChunks([a]) != [])
    #expect(InlineChunks([a, b]) != [b, a])
  }
}
