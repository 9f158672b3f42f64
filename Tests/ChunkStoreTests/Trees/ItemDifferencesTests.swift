import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct ItemDifferencesTests {
  let keys: KeyRing
  let nodes: MemoryNodes

  init() throws {
    keys = try TestKeys.ring()
    nodes = try MemoryNodes(keys)
  }

  private func write(_ items: [Item]) throws -> ItemTreeRoot? {
    var writer = try ItemTreeWriter(keys: keys, store: nodes)
    for item in items { try writer.add(item) }
    return try writer.finish()
  }

  /// A difference in words, to compare lists of them.
  private func text(_ difference: ItemDifference) -> String {
    switch difference {
    case .added(let item): "+\(item.path) \(item.mtime)"
    case .removed(let item): "-\(item.path) \(item.mtime)"
    case .changed(let old, let new): "\(new.path) \(old.mtime) \(new.mtime)"
    }
  }

  private func found(_ old: ItemTreeRoot?, _ new: ItemTreeRoot?) throws -> [String] {
    var differences = ItemDifferences(old, new, source: nodes) { lost, _ in throw lost }
    var found: [String] = []
    while let difference = try differences.next() { found.append(text(difference)) }
    return found
  }

  /// The differences that a comparison item by item finds.
  private func expected(_ old: [Item], _ new: [Item]) -> [String] {
    let before = Dictionary(uniqueKeysWithValues: old.map { ($0.path, $0) })
    let after = Dictionary(uniqueKeysWithValues: new.map { ($0.path, $0) })
    return Set(before.keys).union(after.keys).sorted().compactMap { path in
      switch (before[path], after[path]) {
      case (let old?, let new?): old.isSame(as: new) ? nil : text(.changed(from: old, to: new))
      case (let old?, nil): text(.removed(old))
      case (nil, let new?): text(.added(new))
      case (nil, nil): nil
      }
    }
  }

  private func files(_ count: Int) throws -> [Item] {
    try (0..<count).map { number in
      let path = "data/\(1000 + number / 100)/\(1000 + number % 100)"
      var item = Item(
        path: try ArchivePath(Array(path.utf8)), mode: 0o100644, uid: 0, gid: 0,
        mtime: Timestamp(seconds: Int64(number)))
      item.content = Item.Content(size: 0, chunks: .inline([]))
      return item
    }
  }

  @Test(arguments: [0, 1, 3, 200, 3000], Seed.each(3))
  func `they are those that a comparison of all items finds`(count: Int, seed: Seed) throws {
    var random = seed.generator
    let old = try random.items(count)
    var new = old.filter { _ in !random.once(in: 20) }
    for index in new.indices where random.once(in: 20) { new[index].mtime.seconds &+= 1 }
    let known = Set(old.map(\.path))
    new += try random.items(count / 10).filter { !known.contains($0.path) }
    new.sort { $0.path < $1.path }
    let (a, b) = (try write(old), try write(new))
    #expect(try found(a, b) == expected(old, new))
    #expect(try found(b, a) == expected(new, old))
    #expect(try found(nil, b) == expected([], new))
    #expect(try found(a, nil) == expected(old, []))
  }

  @Test func `equal trees are not read`() throws {
    let root = try write(try files(5000))
    nodes.forgetReads()
    #expect(try found(root, root).isEmpty)
    #expect(nodes.reads == 0)
  }

  @Test(arguments: [0, 1, 10_000, 29_999])
  func `of two large trees only what leads to a difference is read`(place: Int) throws {
    let old = try files(30_000)
    var new = old
    new[place].mtime.seconds += 1
    let (a, b) = (try write(old), try write(new))
    nodes.forgetReads()
    #expect(try found(a, b) == expected(old, new))
    // The way from both roots to a leaf.
    #expect(nodes.reads <= 8)
    // A stretch of items that goes moves what comes behind, and nothing of that is read either.
    var shorter = old
    shorter.removeSubrange(max(0, place - 40)..<place)
    let c = try write(shorter)
    nodes.forgetReads()
    #expect(try found(a, c) == expected(old, shorter))
    #expect(nodes.reads <= 16)
  }

  @Test func `inode numbers and times that a restored file cannot have do not count`() throws {
    let old = try files(3)
    var new = old
    new[0].ctime = Timestamp(seconds: 5)
    new[1].atime = Timestamp(seconds: 5)
    new[2].inode = 7
    #expect(try found(write(old), write(new)).isEmpty)
    var timed = ItemDifferences(
      try write(old), try write(new), source: nodes, comparesChangeTimes: true
    ) { _, _ in }
    #expect(try timed.next()?.path == old[0].path)
    #expect(try timed.next() == nil)
    new[2].uid = 7
    #expect(try found(write(old), write(new)).count == 1)
  }

  @Test func `a node that begins elsewhere than its parent says is refused`() throws {
    let hostile = HostileNodes()
    let items = try files(4)
    let children = [items[0], items[2]].enumerated().map { number, item in
      TreeNode.ItemChild(
        firstPath: item.path, id: HostileNodes.id(UInt64(number)), itemCount: 2)
    }
    hostile.nodes[HostileNodes.id(0)] = .items([items[0]])
    hostile.nodes[HostileNodes.id(1)] = .items([items[3]])
    hostile.nodes[HostileNodes.id(9)] = .itemNodes(children, level: 1)
    let root = ItemTreeRoot(id: HostileNodes.id(9), itemCount: 2)
    var lost: [String] = []
    var differences = ItemDifferences(nil, root, source: hostile) {
      lost.append("\($1) \($0.first?.description ?? "") \($0.end?.description ?? "") \($0.count)")
    }
    var found: [String] = []
    while let difference = try differences.next() { found.append(text(difference)) }
    #expect(found == [text(.added(items[0]))])
    #expect(lost == ["new \(items[2].path)  2"])
  }

  @Test(arguments: Seed.each(12))
  func `where nodes are lost nothing is said, and everything else is found`(seed: Seed) throws {
    var random = seed.generator
    let old = try random.items(4000)
    var new = old.filter { _ in !random.once(in: 50) }
    for index in new.indices where random.once(in: 50) { new[index].mtime.seconds &+= 1 }
    let known = Set(old.map(\.path))
    new += try random.items(100).filter { !known.contains($0.path) }
    new.sort { $0.path < $1.path }
    let (a, b) = (try write(old), try write(new))
    for id in nodes.nodes.keys.sorted(by: { $0.digest < $1.digest }) where random.once(in: 9) {
      nodes.lose(id)
    }
    let before = Dictionary(uniqueKeysWithValues: old.map { ($0.path, $0) })
    let after = Dictionary(uniqueKeysWithValues: new.map { ($0.path, $0) })
    var lost: [LostItems] = []
    var found: [String] = []
    var differences = ItemDifferences(a, b, source: nodes) { some, _ in lost.append(some) }
    while let difference = try differences.next() { found.append(text(difference)) }
    let expected = Set(before.keys).union(after.keys).sorted().compactMap { path -> String? in
      let isLost = lost.contains { some in
        some.first.map { !(path < $0) } ?? true && some.end.map { path < $0 } ?? true
      }
      if isLost { return nil }
      switch (before[path], after[path]) {
      case (let old?, let new?):
        return old.isSame(as: new) ? nil : text(.changed(from: old, to: new))
      case (let old?, nil): return text(.removed(old))
      case (nil, let new?): return text(.added(new))
      case (nil, nil): return nil
      }
    }
    #expect(found == expected)
    #expect(!lost.isEmpty)
    for some in lost {
      guard case RepositoryError.missingChunk(let id) = some.cause else {
        Issue.record("another cause: \(some.cause)")
        continue
      }
      #expect(nodes.nodes[id] == nil)
    }
  }
}
