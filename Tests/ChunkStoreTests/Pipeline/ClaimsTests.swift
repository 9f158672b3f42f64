import Testing

@testable import ChunkStore

@Suite struct ClaimsTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func makeIndex() throws -> ChunkIndex {
    try ChunkIndex(
      directory: "\(directory.path)/index", repositoryID: TestKeys.bundle().repositoryID)
  }

  @Test func `a chunk is claimed once, and by each writer`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let index = try makeIndex()
    let claims = Claims(index)
    let id = random.chunkID()
    #expect(claims.claim(id))
    #expect(!claims.claim(id))
    // Nobody else may rely on it: it is not stored yet.
    #expect(!index.contains(id))
    #expect(Claims(index).claim(id))

    try index.add([random.syntheticEntry(ids: [id])], sources: [])
    claims.settle([id])
    #expect(!claims.claim(id))
    #expect(!Claims(index).claim(id))
  }

  @Test func `what is in a doomed segment has to be stored again`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let index = try makeIndex()
    let entry = random.syntheticEntry(ids: [random.chunkID()])
    try index.add(
      [entry], sources: [],
      view: .init(version: 0, present: [:], doomed: [entry.segment], indexes: []))
    #expect(Claims(index).claim(entry.directory.chunks[0].id))
  }

  @Test func `each chunk is claimed by one thread`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let claims = Claims(try makeIndex())
    let ids = (0..<5000).map { _ in random.chunkID() }
    let claimed = Collected<ChunkID>()
    onThreads(4) { thread in
      var order = PseudoRandomBytes(seed: UInt64(thread))
      for id in ids.shuffled(using: &order) where claims.claim(id) { claimed.append(id) }
    }
    #expect(claimed.values.count == ids.count)
    #expect(Set(claimed.values) == Set(ids))
  }

  @Test func `each chunk is claimed once, while others become a part of the index`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let index = try makeIndex()
    let claims = Claims(index)
    let ids = (0..<600).map { _ in random.chunkID() }
    var entries: [ChunkID: IndexEntry] = [:]
    for id in ids { entries[id] = random.syntheticEntry(ids: [id]) }
    let claimed = Collected<ChunkID>()
    onThreads(4) { [entries] _ in
      for id in ids where claims.claim(id) {
        claimed.append(id)
        if let entry = entries[id] {
          do { try index.add([entry], sources: []) } catch { Issue.record(error) }
        }
        claims.settle([id])
      }
    }
    #expect(claimed.values.count == ids.count)
    #expect(ids.allSatisfy { index.contains($0) })
  }
}
