import StoreCrypto
import Testing

@testable import ChunkStore

/// Chunks of a large file that share blocks, and how they are read back.
@Suite struct PiecesTests {
  private let test: SharedRepository

  init() throws { test = try SharedRepository() }

  @Test func `a large file is cut where it would be in one piece, and its chunks share blocks`()
    throws
  {
    var random = PseudoRandomBytes(seed: 3)
    let file = TestFile(path: "large", bytes: random.bytes(12 << 20))
    let (repository, chunks) = try backUp(file, ArchiveBuilder.Options())

    var chunker = try Chunker(parameters: .default, keys: repository.keys.chunker)
    var lengths: [Int] = []
    var start = 0
    while let length = try chunker.cut(file.bytes.span.extracting(start...), isLast: true) {
      lengths.append(length)
      start += length
    }
    #expect(chunks.map { Int($0.length) } == lengths)

    let blocks = try blocks(of: chunks, repository)
    let sizes = blocks.map { $0.chunks.reduce(0) { $0 + Int($1.length) } }
    #expect(sizes.allSatisfy { $0 <= Limits.sharedBlockSize })
    // Each is so full that the next chunk had no room, or most would not have had.
    for (size, next) in zip(sizes, blocks.dropFirst()) {
      let first = Int(next.chunks.first?.length ?? 0)
      #expect(size + max(first, 384 << 10) > Limits.sharedBlockSize)
    }
    try test.expect(["a": [file]])
    try test.expectClean()
  }

  @Test func `of a piece that is known in part, the rest becomes a block`() throws {
    var random = PseudoRandomBytes(seed: 4)
    var file = TestFile(path: "large", bytes: random.bytes(10 << 20))
    let (_, before) = try backUp(file, ArchiveBuilder.Options())
    file.bytes.insert(contentsOf: random.bytes(1000), at: 5 << 20)
    let repository = try test.open()
    let second = try repository.backUp("b", [file], options: ArchiveBuilder.Options())
    let after = try chunks(of: second, repository)
    let new = after.filter { !before.contains($0) }
    #expect(!new.isEmpty)
    #expect(
      second.manifest.statistics.newSize == new.reduce(0) { $0 + UInt64($1.length) })
    let written = try blocks(of: new, repository)
    #expect(written.reduce(0) { $0 + $1.chunks.count } == new.count)
    #expect(
      try blocks(of: before, repository).allSatisfy { block in
        !block.chunks.contains { new.contains($0) }
      })
    try test.expect(["b": [file]])
    try test.expectClean()
  }

  @Test func `a chunk that is longer than a block of several has one of its own`() throws {
    var random = PseudoRandomBytes(seed: 5)
    var options = ArchiveBuilder.Options()
    options.chunker = .fixed(size: 3 << 20)
    options.compression = Compression(.none)
    let file = TestFile(path: "large", bytes: random.bytes(10 << 20))
    let (repository, chunks) = try backUp(file, options)
    #expect(chunks.map(\.length) == [3 << 20, 3 << 20, 3 << 20, 1 << 20])
    #expect(try blocks(of: chunks, repository).map(\.chunks.count) == [1, 1, 1, 1])
    try test.expect(["a": [file]])
  }

  @Test func `a content that repeats itself is read in runs no longer than a block`() throws {
    let file = TestFile(path: "sevens", bytes: [UInt8](repeating: 7, count: 5 << 20))
    let (repository, chunks) = try backUp(file, Repository.testOptions)
    #expect(Set(chunks.dropLast()).count == 1)
    let archive = try repository.archive(named: "a")
    var items = try repository.items(of: archive)
    let content = try #require(try items.next()?.content)
    var runs = ChunkRuns(try repository.chunks(of: content), in: repository)
    var together: [ChunkReference] = []
    var sizes: [Int] = []
    while let run = try runs.next() {
      together += run
      sizes.append(run.reduce(0) { $0 + Int($1.length) })
    }
    #expect(together == chunks)
    #expect(sizes.allSatisfy { $0 <= Limits.sharedBlockSize })
    #expect(sizes.count == 3)
  }

  @Test func `runs are the blocks of a content, in order`() throws {
    var random = PseudoRandomBytes(seed: 6)
    let file = TestFile(path: "large", bytes: random.bytes(9 << 20))
    let (repository, chunks) = try backUp(file, ArchiveBuilder.Options())
    let expected = try blocks(of: chunks, repository).map(\.chunks)
    let archive = try repository.archive(named: "a")
    var items = try repository.items(of: archive)
    let content = try #require(try items.next()?.content)
    var runs = ChunkRuns(try repository.chunks(of: content), in: repository)
    for block in expected { #expect(try runs.next() == block) }
    #expect(try runs.next() == nil)
  }

  @Test func `nodes that follow each other share blocks, and one of them changes by itself`()
    throws
  {
    var files = (0..<10_000).map { TestFile(path: "\(10_000 + $0)", bytes: []) }
    let first = try leaves(of: try test.open().backUp("a", files))
    #expect(first.count > 30)
    #expect(first.allSatisfy { $0.rawLength <= 64 << 10 })
    #expect(Set(first.map(\.block)).count < first.count / 6)

    files[5000].owner = 7
    let second = try leaves(of: try test.open().backUp("b", files))
    let new = second.filter { leaf in !first.contains { $0.id == leaf.id } }
    // The one that has the item, and neighbours where a boundary has moved.
    #expect((1...4).contains(new.count))
    #expect(Set(new.map(\.block)).count == 1)
    try test.expect(["b": files])
    try test.expectClean()
  }

  /// The leaves of an archive's tree, and where they lie.
  private func leaves(
    of archive: Archive
  ) throws -> [(id: ChunkID, block: BlockKey, rawLength: Int)] {
    let repository = try test.open()
    try repository.refresh()
    let root = try #require(archive.manifest.tree)
    guard case .itemNodes(let children, 1) = try TreeReader(repository).node(root.id) else {
      Issue.record("the root is no inner node of level 1")
      return []
    }
    return try children.map { child in
      let location = try #require(repository.index.locations(of: child.id).first)
      return (child.id, location.block, location.rawLength)
    }
  }

  /// Makes the archive `a` of one file; its chunks, and a view of the repository afterwards.
  private func backUp(
    _ file: TestFile, _ options: ArchiveBuilder.Options
  ) throws -> (Repository, [ChunkReference]) {
    let archive = try test.open().backUp("a", [file], options: options)
    let repository = try test.open()
    try repository.refresh()
    return (repository, try chunks(of: archive, repository))
  }

  private func chunks(of archive: Archive, _ repository: Repository) throws -> [ChunkReference] {
    var items = try repository.items(of: archive)
    let content = try #require(try items.next()?.content)
    var cursor = try repository.chunks(of: content)
    var chunks: [ChunkReference] = []
    while let chunk = try cursor.next() { chunks.append(chunk) }
    return chunks
  }

  /// The chunks by the blocks that they are in.
  private func blocks(
    of chunks: [ChunkReference], _ repository: Repository
  ) throws -> [(key: BlockKey, chunks: [ChunkReference])] {
    var blocks: [(key: BlockKey, chunks: [ChunkReference])] = []
    for chunk in chunks {
      let key = try #require(repository.block(of: chunk))
      if let last = blocks.indices.last, blocks[last].key == key {
        blocks[last].chunks.append(chunk)
      } else {
        #expect(!blocks.contains { $0.key == key })
        blocks.append((key, [chunk]))
      }
    }
    return blocks
  }
}
