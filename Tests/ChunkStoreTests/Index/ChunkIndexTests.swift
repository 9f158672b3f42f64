import Glibc
import StoreCrypto
import Testing

@testable import ChunkStore

/// Index objects and segments as a repository would list them.
private struct Listing {
  var objects: [Digest256: [IndexEntry]] = [:]
  var doomed: Set<Digest256> = []
  var gone: Set<Digest256> = []
  var unreadable: Set<Digest256> = []

  func view(of index: ChunkIndex) -> ChunkIndex.View {
    var present: [Digest256: Int] = [:]
    for entry in objects.values.joined() where !gone.contains(entry.segment) {
      present[entry.segment] = Int(entry.size)
    }
    return ChunkIndex.View(
      version: index.version, present: present, doomed: doomed, indexes: objects.keys.sorted())
  }

  mutating func add(_ entries: [IndexEntry], _ random: inout PseudoRandomBytes) -> Digest256 {
    let name = random.digest()
    objects[name] = entries
    return name
  }

  var ids: [ChunkID] { objects.values.joined().flatMap { $0.directory.chunks.map(\.id) } }
}

@Suite struct ChunkIndexTests {
  let directory: TemporaryDirectory
  let repository = Digest256(bigEndianWords: 1, 2, 3, 4)

  init() throws { directory = try TemporaryDirectory() }

  private func makeIndex() throws -> ChunkIndex {
    try ChunkIndex(directory: "\(directory.path)/index", repositoryID: repository)
  }

  /// Brings an index up to date; says which index objects were read for it.
  @discardableResult
  private func update(
    _ index: ChunkIndex, to listing: Listing, problem: (Digest256) -> Void = { _ in }
  ) throws -> (read: Set<Digest256>, unindexed: [Digest256: Int]) {
    var read: Set<Digest256> = []
    let unindexed = try index.update(to: listing.view(of: index)) { name in
      read.insert(name)
      if listing.unreadable.contains(name) {
        throw Corruption(
          object: .object(.index, name), cause: FormatError.authenticationFailed)
      }
      return listing.objects[name]
    } problem: { name, _ in
      problem(name)
    }
    return (read, unindexed)
  }

  private var runFiles: [String] {
    get throws { try directory.names(in: "index").filter { $0.hasSuffix(".run") } }
  }

  @Test func `what index objects say is found, and kept for the next time`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    for _ in 0..<3 { _ = listing.add(random.syntheticEntries(3, chunks: 20), &random) }
    let index = try makeIndex()
    #expect(try update(index, to: listing).read == Set(listing.objects.keys))
    for id in listing.ids {
      #expect(index.contains(id))
      #expect(index.locations(of: id).count == 1)
    }
    #expect(!index.contains(random.chunkID()))
    #expect(index.locations(of: random.chunkID()).isEmpty)

    let next = try makeIndex()
    #expect(try update(next, to: listing).read.isEmpty)
    for id in listing.ids { #expect(next.contains(id)) }
    // One more object: it alone is read.
    let name = listing.add(random.syntheticEntries(1, chunks: 5), &random)
    #expect(try update(next, to: listing).read == [name])
    for id in listing.ids { #expect(next.contains(id)) }
  }

  @Test func `an empty repository has an empty index`() throws {
    let index = try makeIndex()
    #expect(try update(index, to: Listing()).unindexed.isEmpty)
    #expect(index.runs.isEmpty)
    #expect(try runFiles.isEmpty)
  }

  @Test func `a segment that is gone holds nothing`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    let entries = random.syntheticEntries(2, chunks: 4)
    _ = listing.add(entries, &random)
    listing.gone = [entries[0].segment]
    let index = try makeIndex()
    try update(index, to: listing)
    for chunk in entries[0].directory.chunks {
      #expect(!index.contains(chunk.id))
      #expect(index.locations(of: chunk.id).isEmpty)
    }
    for chunk in entries[1].directory.chunks { #expect(index.contains(chunk.id)) }
  }

  @Test func `a doomed segment is read, but nothing new refers to it`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    let id = random.chunkID()
    let doomed = random.syntheticEntry(ids: [id])
    _ = listing.add([doomed], &random)
    listing.doomed = [doomed.segment]
    let index = try makeIndex()
    try update(index, to: listing)
    #expect(!index.contains(id))
    #expect(index.locations(of: id).map(\.segment) == [doomed.segment])
    // With a second copy that one comes first.
    let staying = random.syntheticEntry(ids: [id])
    _ = listing.add([staying], &random)
    try update(index, to: listing)
    #expect(index.contains(id))
    #expect(index.locations(of: id).map(\.segment) == [staying.segment, doomed.segment])
  }

  @Test func `a segment of another size than the index says is no place to refer to`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    let id = random.chunkID()
    var entry = random.syntheticEntry(ids: [id])
    let name = listing.add([entry], &random)
    let index = try makeIndex()
    try update(index, to: listing)
    #expect(index.contains(id))
    // The run knows the old size; the listing has the new one.
    var view = listing.view(of: index)
    view.present[entry.segment] = Int(entry.size) - 1
    _ = try index.update(to: view) { _ in
      nil
    } problem: { _, _ in
    }
    #expect(!index.contains(id))
    #expect(index.locations(of: id).count == 1)
    entry.size += 1
    listing.objects[name] = [entry]
  }

  @Test func `a run whose index objects are gone does not count, and its file goes`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    let entries = random.syntheticEntries(2, chunks: 4)
    let old = listing.add(entries, &random)
    let index = try makeIndex()
    try update(index, to: listing)
    #expect(try runFiles.count == 1)
    // Its segments are still there: only the index object is what vouched for it.
    let present = listing.view(of: index).present
    listing.objects[old] = nil
    let view = ChunkIndex.View(
      version: index.version, present: present, doomed: [], indexes: [])
    let unindexed = try index.update(to: view) { _ in
      nil
    } problem: { _, _ in
    }
    #expect(unindexed == present)
    for chunk in entries.flatMap(\.directory.chunks) { #expect(!index.contains(chunk.id)) }
    #expect(try runFiles.isEmpty)
  }

  @Test func `segments that no index object names are handed back`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    _ = listing.add(random.syntheticEntries(2, chunks: 4), &random)
    let index = try makeIndex()
    var view = listing.view(of: index)
    let stranger = random.digest()
    view.present[stranger] = 5000
    let unindexed = try index.update(to: view) {
      listing.objects[$0]
    } problem: { _, _ in
    }
    #expect(unindexed == [stranger: 5000])
  }

  @Test func `a damaged cache is made again`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    _ = listing.add(random.syntheticEntries(3, chunks: 20), &random)
    try update(try makeIndex(), to: listing)
    let name = try #require(try runFiles.first)
    let whole = try directory.read("index/\(name)")
    for damage in [
      Array(whole[..<(whole.count / 2)]), [], whole.map { $0 ^ 1 },
      Array(whole[..<200]) + [whole[200] ^ 1] + whole[201...],
    ] {
      try directory.write("index/\(name)", damage)
      let index = try makeIndex()
      #expect(try update(index, to: listing).read == Set(listing.objects.keys))
      for id in listing.ids { #expect(index.contains(id)) }
      for file in try runFiles where file != name {
        TemporaryDirectory.remove("\(directory.path)/index/\(file)")
      }
    }
  }

  @Test func `drafts that a crash has left are removed after a day, and not before`() throws {
    let index = try makeIndex()
    for name in ["new-old", "new-young"] { try directory.write("index/\(name)", [1]) }
    var times = [timespec(tv_sec: 1_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000, tv_nsec: 0)]
    _ = unsafe utimensat(AT_FDCWD, "\(directory.path)/index/new-old", &times, 0)
    try update(index, to: Listing())
    #expect(try directory.names(in: "index") == ["new-young"])
  }

  @Test func `an index object that cannot be read is reported, and the others count`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    let bad = listing.add(random.syntheticEntries(1, chunks: 4), &random)
    let good = random.syntheticEntries(1, chunks: 4)
    _ = listing.add(good, &random)
    listing.unreadable = [bad]
    let index = try makeIndex()
    var problems: [Digest256] = []
    try update(index, to: listing) { problems.append($0) }
    #expect(problems == [bad])
    for chunk in good.flatMap(\.directory.chunks) { #expect(index.contains(chunk.id)) }
    // It is not taken for known: the next time it is tried again.
    problems = []
    let next = try makeIndex()
    #expect(try update(next, to: listing) { problems.append($0) }.read == [bad])
    #expect(problems == [bad])
  }

  @Test func `an index object that was merged away meanwhile is no problem`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    _ = listing.add(random.syntheticEntries(1, chunks: 4), &random)
    let index = try makeIndex()
    var problems = 0
    _ = try index.update(to: listing.view(of: index)) { _ in
      nil
    } problem: { _, _ in
      problems += 1
    }
    #expect(problems == 0)
    #expect(!index.contains(listing.ids[0]))
    try update(index, to: listing)
    #expect(index.contains(listing.ids[0]))
  }

  @Test func `what is added without an index object is not kept`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let index = try makeIndex()
    let id = random.chunkID()
    try index.add([random.syntheticEntry(ids: [id])], sources: [])
    #expect(index.contains(id))
    #expect(try runFiles.isEmpty)
    try update(index, to: Listing())
    #expect(!index.contains(id))
  }

  @Test func `what is added while others are listed outlives the listing`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let index = try makeIndex()
    let listing = Listing()
    let view = listing.view(of: index)
    let id = random.chunkID()
    try index.add([random.syntheticEntry(ids: [id])], sources: [random.digest()])
    _ = try index.update(to: view) { _ in
      nil
    } problem: { _, _ in
    }
    #expect(index.contains(id))
    #expect(index.locations(of: id).count == 1)
    // The next listing has to know it.
    try update(index, to: listing)
    #expect(!index.contains(id))
  }

  @Test func `what is added of a doomed segment is read, but nothing new refers to it`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let index = try makeIndex()
    let entry = random.syntheticEntry(ids: [random.chunkID()])
    try index.add(
      [entry], sources: [],
      view: .init(version: 0, present: [:], doomed: [entry.segment], indexes: []))
    let id = entry.directory.chunks[0].id
    #expect(!index.contains(id))
    #expect(index.locations(of: id).count == 1)
  }

  @Test func `many runs become few, and say the same`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    let index = try makeIndex()
    for round in 0..<30 {
      let name = listing.add(random.syntheticEntries(1, chunks: random.int(1...50)), &random)
      #expect(try update(index, to: listing).read == [name])
      #expect(index.runs.count <= 9, "round \(round)")
      #expect(try runFiles.count <= 9)
    }
    for id in listing.ids {
      #expect(index.contains(id))
      #expect(index.locations(of: id).count == 1)
    }
    let next = try makeIndex()
    #expect(try update(next, to: listing).read.isEmpty)
    #expect(next.runs.reduce(0) { $0 + $1.index.count } == listing.ids.count)
    #expect(try directory.names(in: "index").allSatisfy { $0.hasSuffix(".run") })
  }

  @Test func `two processes share a cache, whatever each of them has seen`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var listing = Listing()
    let a = try makeIndex()
    let b = try makeIndex()
    for round in 0..<40 {
      let before = listing
      _ = listing.add(random.syntheticEntries(1, chunks: 10), &random)
      let (first, second) = round % 2 == 0 ? (a, b) : (b, a)
      try update(first, to: listing)
      // The other one has listed before that.
      try update(second, to: before)
      for id in before.ids { #expect(second.contains(id)) }
      for id in listing.ids { #expect(first.contains(id)) }
    }
  }
}

@Suite struct IndexObjectTests {
  @Test func `counts that promise too much are refused at once`() {
    for count: UInt64 in [2, 1 << 20, (1 << 20) + 1, .max] {
      var writer = ByteWriter()
      writer.varint(count)
      #expect(throws: FormatError.self) {
        var reader = ByteReader(writer.bytes)
        _ = try IndexObject(decoding: &reader)
      }
    }
  }

  @Test func `what a writer publishes at once fits an object`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let entries = random.syntheticEntries(10, chunks: IndexObject.chunkTarget / 10)
    #expect(IndexObject(entries: entries).encoded().count < Limits.indexSize / 4)
  }
}
