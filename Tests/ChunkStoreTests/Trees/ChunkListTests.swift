import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct ChunkListTests {
  let keys: KeyRing
  let nodes: MemoryNodes

  init() throws {
    keys = try TestKeys.ring()
    nodes = try MemoryNodes(keys)
  }

  private func write(
    _ references: [ChunkReference], to nodes: MemoryNodes? = nil
  ) throws -> Item.ChunkList {
    var writer = ChunkListWriter()
    for reference in references {
      try writer.add(reference, keys: keys, store: nodes ?? self.nodes)
    }
    #expect(writer.size == references.reduce(0) { $0 + UInt64($1.length) })
    return try writer.finish(store: nodes ?? self.nodes)
  }

  private func read(_ list: Item.ChunkList) throws -> [ChunkReference] {
    var cursor = try ChunkCursor(list, source: nodes)
    var references: [ChunkReference] = []
    while let reference = try cursor.next() { references.append(reference) }
    return references
  }

  @Test(arguments: [0, 1, 31, 32, 33, 34, 500, 10_000, 100_000])
  func `chunks come back in order`(count: Int) throws {
    var random = PseudoRandomBytes(seed: UInt64(count))
    let references = (0..<count).map { _ in random.reference() }
    let list = try write(references)
    #expect(try read(list) == references)
    switch list {
    case .inline(let inline):
      #expect(Array(inline) == references)
      #expect(count <= 32)
      #expect(nodes.stored == 0)
    case .tree(_, let counted, let size):
      #expect(count > 32)
      #expect(counted == UInt64(count))
      #expect(size == references.reduce(0) { $0 + UInt64($1.length) })
    }
  }

  @Test func `a content of one and the same chunk is a small tree`() throws {
    // A disk image of nothing but zeros: no content tells where to cut.
    var random = PseudoRandomBytes(seed: 1)
    let references = [ChunkReference](repeating: random.reference(), count: 100_000)
    let list = try write(references)
    #expect(try read(list) == references)
    #expect(nodes.nodes.count < 8)
  }

  @Test func `one chunk more in the middle rewrites few nodes`() throws {
    var random = PseudoRandomBytes(seed: 2)
    let references = (0..<100_000).map { _ in random.reference() }
    _ = try write(references)
    let known = Set(nodes.nodes.keys)
    #expect(known.count > 20)
    for at in stride(from: 1000, to: references.count, by: 12_345) {
      var inserted = references
      inserted.insert(random.reference(), at: at)
      let other = try MemoryNodes(keys)
      _ = try write(inserted, to: other)
      #expect(Set(other.nodes.keys).subtracting(known).count <= 6)
    }
  }

  @Test func `the same chunks give the same root`() throws {
    var random = PseudoRandomBytes(seed: 2)
    let references = (0..<5000).map { _ in random.reference() }
    #expect(try write(references) == write(references, to: try MemoryNodes(keys)))
  }
}

@Suite struct HostileChunkListTests {
  let nodes = HostileNodes()

  private func set(_ number: UInt64, _ node: TreeNode) {
    nodes.nodes[HostileNodes.id(number)] = node
  }

  private func child(_ number: UInt64, count: UInt64, size: UInt64) -> TreeNode.ChunkChild {
    TreeNode.ChunkChild(id: HostileNodes.id(number), count: count, size: size)
  }

  private func reference(_ length: UInt32) -> ChunkReference {
    ChunkReference(id: HostileNodes.id(77), length: length)
  }

  private func readAll(count: UInt64, size: UInt64) throws -> Int {
    var cursor = try ChunkCursor(
      .tree(root: HostileNodes.id(0), count: count, size: size), source: nodes)
    var read = 0
    while try cursor.next() != nil, read < 1000 { read += 1 }
    return read
  }

  @Test func `a sound list is read`() throws {
    set(0, .chunkNodes([child(1, count: 2, size: 30), child(2, count: 1, size: 5)], level: 1))
    set(1, .chunks([reference(10), reference(20)]))
    set(2, .chunks([reference(5)]))
    #expect(try readAll(count: 3, size: 35) == 3)
  }

  @Test func `nodes at the wrong level, cycles and depth are refused`() {
    set(0, .chunkNodes([child(0, count: 1, size: 1), child(0, count: 1, size: 1)], level: 1))
    #expect(throws: FormatError.self) { try readAll(count: 2, size: 2) }
    set(0, .chunkNodes([child(1, count: 1, size: 1), child(1, count: 1, size: 1)], level: 1))
    set(1, .chunkNodes([child(0, count: 1, size: 1), child(0, count: 1, size: 1)], level: 1))
    #expect(throws: FormatError.self) { try readAll(count: 2, size: 2) }
    set(
      0,
      .chunkNodes(
        [child(1, count: 1, size: 1), child(1, count: 1, size: 1)], level: Limits.treeDepth))
    #expect(throws: FormatError.self) { try readAll(count: 2, size: 2) }
    #expect(nodes.reads < 10)
  }

  @Test func `items in the place of a list are refused`() {
    set(0, .items([]))
    #expect(throws: FormatError.self) { try readAll(count: 1, size: 1) }
    set(0, .chunkNodes([child(1, count: 1, size: 1), child(1, count: 1, size: 1)], level: 1))
    set(1, .items([]))
    #expect(throws: FormatError.self) { try readAll(count: 2, size: 2) }
  }

  @Test func `a list that has more or fewer chunks or bytes than it says is refused`() {
    set(0, .chunks([reference(10), reference(20)]))
    for (count, size) in [(1, 30), (3, 30), (2, 29), (2, 31), (0, 0)] as [(UInt64, UInt64)] {
      #expect(throws: FormatError.self) { try readAll(count: count, size: size) }
    }
    set(1, .chunks([reference(10), reference(20)]))
    for (count, size) in [(1, 30), (2, 31)] as [(UInt64, UInt64)] {
      set(
        0,
        .chunkNodes(
          [child(1, count: 2, size: 30), child(1, count: count, size: size)], level: 1))
      #expect(throws: FormatError.self) { try readAll(count: 2 + count, size: 30 + size) }
    }
    // Numbers whose sum overflows.
    set(
      0,
      .chunkNodes(
        [child(1, count: .max, size: .max), child(1, count: 3, size: 31)], level: 1))
    #expect(throws: FormatError.self) { try readAll(count: 2, size: 30) }
  }

  @Test func `a small list of empty chunks cannot stand for endless work`() {
    set(2, .chunks([ChunkReference](repeating: reference(0), count: 50)))
    set(
      1,
      .chunkNodes(
        [TreeNode.ChunkChild](repeating: child(2, count: 50, size: 0), count: 50), level: 1))
    set(0, .chunkNodes([child(1, count: 2500, size: 0), child(1, count: 2500, size: 0)], level: 2))
    #expect(throws: FormatError.self) { try readAll(count: 5000, size: 0) }
    #expect(nodes.reads == 1)
    set(0, .chunks([reference(3), reference(0)]))
    #expect(throws: FormatError.self) { try readAll(count: 2, size: 3) }
  }

  @Test func `a small list cannot stand for endless work`() {
    // Each level doubles the one below; at the bottom there is nothing at all.
    set(11, .chunks([]))
    for level in 1...11 {
      let below = child(UInt64(12 - level), count: 0, size: 0)
      set(
        UInt64(11 - level),
        .chunkNodes([TreeNode.ChunkChild](repeating: below, count: 50), level: level))
    }
    #expect(throws: FormatError.self) { try readAll(count: 0, size: 0) }
    #expect(nodes.reads < 20)
  }
}
