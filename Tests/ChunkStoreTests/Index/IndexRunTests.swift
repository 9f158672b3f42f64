import Glibc
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct IndexRunTests {
  /// How ids are spread: look-ups begin with a guess that takes them to be uniform.
  enum Spread: CaseIterable {
    case uniform, low, high, bothEnds, clusters, equal

    func id(_ random: inout PseudoRandomBytes) -> ChunkID {
      let word: UInt64 =
        switch self {
        case .uniform: random.next()
        case .low: 0
        case .high: .max
        case .bothEnds: random.once(in: 2) ? 0 : .max
        case .clusters: UInt64(random.int(1...3)) << 61
        case .equal: 7
        }
      let rest: UInt64 =
        self == .equal ? UInt64(random.int(0...3)) : random.once(in: 50) ? .max : random.next()
      return ChunkID(Digest256(bigEndianWords: word, 0, word == .max ? .max : 0, rest))
    }
  }

  let directory: TemporaryDirectory
  let repository = PseudoRandomBytes(seed: 5).firstDigest

  init() throws { directory = try TemporaryDirectory() }

  private func build(
    _ entries: [IndexEntry], sources: [Digest256] = [], name: String? = nil
  ) throws -> IndexRun {
    try IndexRun.build(
      entries, sources: sources, in: .cache(directory.path), name: name, repositoryID: repository)
  }

  private func open(
    _ name: String, repository: RepositoryID? = nil, residentLimit: Int = 1 << 20
  ) throws -> IndexRun {
    try IndexRun(
      file: try LocalFile.open("\(directory.path)/\(name)", flags: O_RDONLY),
      repositoryID: repository ?? self.repository, residentLimit: residentLimit)
  }

  @Test(arguments: Spread.allCases, [0, 1, 2, 3, 15, 16, 17, 18, 33, 64, 65, 1000, 5000])
  func `every id is found, and none that is not there`(spread: Spread, count: Int) throws {
    var random = PseudoRandomBytes(seed: UInt64(count))
    let ids = (0..<count).map { _ in spread.id(&random) }
    _ = try build([random.syntheticEntry(ids: ids)], name: "a.run")
    // Of one that is large, parts are read.
    for run in [try open("a.run"), try open("a.run", residentLimit: 0)] {
      #expect(run.count == count)
      let expected = Dictionary(grouping: ids) { $0 }.mapValues(\.count)
      var wrong = 0
      for (id, times) in expected {
        let places = run.places(of: id)
        if places.count != times || !places.allSatisfy({ run.id($0.row) == id && $0.segment == 0 })
        {
          wrong += 1
        }
        for neighbour in [id.neighbour(1), id.neighbour(-1)] where expected[neighbour] == nil {
          if !run.places(of: neighbour).isEmpty { wrong += 1 }
        }
      }
      let ends = [UInt64(0), .max].map {
        ChunkID(Digest256(bigEndianWords: $0, $0, $0, $0))
      }
      for id in ends + (0..<100).map({ _ in random.chunkID() }) where expected[id] == nil {
        if !run.places(of: id).isEmpty { wrong += 1 }
      }
      #expect(wrong == 0)
    }
  }

  @Test(arguments: Seed.each(4))
  func `locations are those of the directories`(seed: Seed) throws {
    var random = seed.generator
    let entries = random.syntheticEntries(9, chunks: 60)
    _ = try build(entries, name: "a.run")
    // Of one that is large, parts are read.
    for run in [try open("a.run"), try open("a.run", residentLimit: 0)] {
      #expect(run.segmentCount == 9)
      for (id, location) in entries.flatMap(\.locations) {
        let places = run.places(of: id)
        #expect(places.count == 1)
        let place = try #require(places.first)
        #expect(run.location(place.row)?.summary == location.summary)
        #expect(run.segment(place.segment).id == location.segment)
      }
      for (row, entry) in entries.enumerated() {
        #expect(run.segment(row).size == Int(entry.size))
      }
    }
  }

  @Test func `a chunk that is in two segments has two places`() throws {
    var random = PseudoRandomBytes(seed: 2)
    let shared = random.chunkID()
    let entries = [
      random.syntheticEntry(ids: [random.chunkID(), shared]),
      random.syntheticEntry(ids: [shared, random.chunkID(), shared]),
    ]
    let run = try build(entries)
    let found = run.places(of: shared).compactMap { run.location($0.row)?.summary }
    let expected = entries.flatMap(\.locations).filter { $0.id == shared }
    #expect(Set(found) == Set(expected.map(\.location.summary)))
    #expect(found.count == 3)
  }

  @Test(arguments: Seed.each(4))
  func `a merged run says what its parts said`(seed: Seed) throws {
    var random = seed.generator
    var all: [IndexEntry] = []
    var runs: [IndexRun] = []
    var sources: [Digest256] = []
    let shared = random.chunkID()
    for part in 0..<5 {
      var entries = random.syntheticEntries(random.int(0...4), chunks: random.int(0...40))
      if part % 2 == 0 { entries.append(random.syntheticEntry(ids: [shared])) }
      let source = [random.digest(), random.digest()]
      runs.append(try build(entries, sources: source))
      all += entries
      sources += source
    }
    _ = try IndexRun.merge(
      runs, in: .cache(directory.path), name: "m.run", repositoryID: repository)
    let merged = try open("m.run")
    #expect(merged.sources == sources)
    #expect(merged.segmentCount == all.count)
    let expected = all.flatMap(\.locations)
    #expect(merged.count == expected.count)
    for (id, location) in expected {
      let places = merged.places(of: id)
      #expect(places.contains { merged.location($0.row)?.summary == location.summary })
      #expect(places.contains { merged.segment($0.segment).id == location.segment })
    }
    #expect(merged.places(of: shared).count == 3)
    for row in 1..<max(1, merged.count) { #expect(!(merged.id(row) < merged.id(row - 1))) }
  }

  @Test func `a run without a name leaves no file, and stays readable`() throws {
    var random = PseudoRandomBytes(seed: 2)
    let entries = random.syntheticEntries(2, chunks: 10)
    let run = try build(entries)
    #expect(try directory.names().isEmpty)
    #expect(run.places(of: entries[0].directory.chunks[0].id).count == 1)
  }

  @Test func `a run of another repository is refused`() throws {
    var random = PseudoRandomBytes(seed: 2)
    _ = try build(random.syntheticEntries(1, chunks: 1), name: "a.run")
    #expect(throws: FormatError.self) { try open("a.run", repository: random.digest()) }
    #expect(throws: Never.self) { try open("a.run") }
  }

  @Test func `damage to head or tables is found, damage to the rows harms nobody`() throws {
    var random = PseudoRandomBytes(seed: 2)
    let entries = random.syntheticEntries(2, chunks: 12)
    let source = random.digest()
    _ = try build(entries, sources: [source], name: "a.run")
    let bytes = try directory.read("a.run")
    let whole = try open("a.run")
    #expect(try whole.isIntact())
    let rows =
      bytes.count - 32 - 8 * Stretches(count: 24).number - 24 * 48 - 32 * whole.blockCount
    for byte in 0..<bytes.count {
      var damaged = bytes
      damaged[byte] ^= 1 << UInt8(byte % 8)
      try directory.write("b.run", damaged)
      if byte < rows {
        #expect(throws: FormatError.self, "byte \(byte)") { try open("b.run") }
      } else {
        for run in [try open("b.run"), try open("b.run", residentLimit: 0)] {
          #expect(try !run.isIntact())
          for chunk in entries.flatMap(\.directory.chunks) {
            for place in run.places(of: chunk.id) {
              #expect(place.segment < run.segmentCount)
              _ = run.location(place.row)
            }
          }
        }
      }
    }
  }

  @Test func `a run that is cut short or goes on is refused`() throws {
    var random = PseudoRandomBytes(seed: 2)
    _ = try build(random.syntheticEntries(2, chunks: 5), name: "a.run")
    let bytes = try directory.read("a.run")
    for length in 0..<bytes.count {
      try directory.write("b.run", Array(bytes[..<length]))
      #expect(throws: FormatError.self, "\(length)") { try open("b.run") }
    }
    try directory.write("b.run", bytes + [0])
    #expect(throws: FormatError.self) { try open("b.run") }
  }
}

extension PseudoRandomBytes {
  fileprivate var firstDigest: Digest256 {
    var copy = self
    return copy.digest()
  }
}
