import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct ItemTreeTests {
  let keys: KeyRing
  let nodes: MemoryNodes

  init() throws {
    keys = try TestKeys.ring()
    nodes = try MemoryNodes(keys)
  }

  private func write(_ items: [Item], to nodes: MemoryNodes? = nil) throws -> ItemTreeRoot? {
    var writer = try ItemTreeWriter(keys: keys, store: nodes ?? self.nodes)
    for item in items { try writer.add(item) }
    return try writer.finish()
  }

  private func read(_ cursor: inout ItemCursor, most: Int = .max) throws -> [Item] {
    var items: [Item] = []
    while items.count < most, let item = try cursor.next() { items.append(item) }
    return items
  }

  private func readAll(_ root: ItemTreeRoot?) throws -> [Item] {
    var cursor = ItemCursor(root, source: nodes)
    return try read(&cursor)
  }

  /// Plain files in a few thousand directories, as a machine has them.
  private func machine(_ count: Int, _ random: inout PseudoRandomBytes) throws -> [Item] {
    var paths: Set<ArchivePath> = []
    while paths.count < count {
      let text = "usr/share/\(random.int(0...7))/\(random.int(0...300))/\(random.int(0...999_999))"
      paths.insert(try ArchivePath(Array(text.utf8)))
    }
    var items: [Item] = []
    for path in paths.sorted() {
      var item = Item(
        path: path, mode: 0o100644, uid: 1000, gid: 1000,
        mtime: Timestamp(seconds: Int64(random.int(0...1_700_000_000)), nanoseconds: 5))
      item.content = Item.Content(
        size: 100, chunks: .inline([ChunkReference(id: random.chunkID(), length: 100)]))
      items.append(item)
    }
    return items
  }

  @Test(arguments: [0, 1, 2, 3, 10, 100, 1000, 5000], Seed.each(2))
  func `items come back in order, and once`(count: Int, seed: Seed) throws {
    var random = seed.generator
    let items = try random.items(count)
    let root = try write(items)
    #expect(try readAll(root) == items)
    #expect(root?.itemCount ?? 0 == UInt64(count))
    #expect((root == nil) == items.isEmpty)
  }

  @Test func `items come a leaf at a time, and what is left of one that was begun`() throws {
    var random = PseudoRandomBytes(seed: 4)
    let items = try machine(2000, &random)
    var cursor = ItemCursor(try write(items), source: nodes)
    var found: [Item] = []
    var counts: [Int] = []
    for step in 0... {
      if step % 3 == 1 { found += [try #require(try cursor.next())] }
      if step == 4 { try cursor.skip(to: items[found.count].path) }
      guard let some = try cursor.nextItems() else { break }
      #expect(!some.isEmpty)
      counts.append(some.count)
      found += some
    }
    #expect(found == items)
    #expect(counts.count > 20)
    #expect(try cursor.nextItems() == nil)
  }

  @Test func `leaves are announced ahead, once, to whoever reads on, and not to who leaps`() throws
  {
    var random = PseudoRandomBytes(seed: 5)
    let items = try machine(20_000, &random)
    let root = try #require(try write(items))
    guard case .itemNodes(let children, 1) = try nodes.node(root.id) else {
      Issue.record("the root is no inner node of level 1")
      return
    }
    let leaves = children.map(\.id)

    nodes.forgetReads()
    var cursor = ItemCursor(root, source: nodes)
    #expect(try cursor.nextItems() != nil)
    #expect(nodes.announced.isEmpty)
    var read = 1
    while try cursor.nextItems() != nil {
      #expect(nodes.announced == Array(leaves.prefix(read + NodesAhead.leaves).dropFirst()))
      read += 1
    }
    #expect(read == leaves.count)

    nodes.forgetReads()
    cursor = ItemCursor(root, source: nodes)
    try cursor.skip(to: items[15_000].path)
    #expect(try cursor.next() == items[15_000])
    try cursor.skip(to: items[18_000].path)
    #expect(nodes.announced.isEmpty)
    _ = try cursor.nextItems()
    _ = try cursor.nextItems()
    #expect(!nodes.announced.isEmpty)
  }

  @Test func `twenty thousand items make a tree of two levels`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let items = try machine(20_000, &random)
    let root = try #require(try write(items))
    #expect(try readAll(root) == items)
    guard case .itemNodes(let children, 1) = try nodes.node(root.id) else {
      Issue.record("the root is no inner node of level 1")
      return
    }
    #expect(children.reduce(0) { $0 + $1.itemCount } == 20_000)
    #expect((200...600).contains(children.count))
    #expect(nodes.reads == children.count + 2)
  }

  @Test func `the largest items and the longest paths have room`() throws {
    var random = PseudoRandomBytes(seed: 2)
    var items: [Item] = []
    for number in 0..<40 {
      var bytes = Array("\(1000 + number)".utf8)
      let isLong = number % 2 == 0
      while bytes.count < (isLong ? 65_000 : 10) { bytes += [0x2f] + random.fileName(200...250) }
      var item = Item(
        path: try ArchivePath(bytes), mode: 0o040755, uid: 0, gid: 0,
        mtime: Timestamp(seconds: 0))
      if number % 3 == 0 {
        let value = random.bytes(Limits.nodeSize - bytes.count - 200)
        item.extendedAttributes = [Item.ExtendedAttribute(name: [0x61], value: value)]
      }
      items.append(item)
    }
    items.sort { $0.path < $1.path }
    let root = try write(items)
    #expect(try readAll(root) == items)
    #expect(nodes.nodes.values.allSatisfy { $0.count <= Limits.nodeSize })
  }

  @Test func `an item that no node can hold is refused`() throws {
    var item = Item(
      path: try ArchivePath([0x61]), mode: 0o040755, uid: 0, gid: 0, mtime: Timestamp(seconds: 0))
    item.extendedAttributes = [
      Item.ExtendedAttribute(name: [0x61], value: [UInt8](repeating: 0, count: Limits.nodeSize))
    ]
    var writer = try ItemTreeWriter(keys: keys, store: nodes)
    #expect(throws: FormatError.self) { try writer.add(item) }
  }

  @Test func `items out of order, or twice, are refused`() throws {
    var random = PseudoRandomBytes(seed: 2)
    let items = try random.items(3)
    for order in [[0, 0], [1, 0], [0, 2, 1], [0, 1, 2, 2]] {
      var writer = try ItemTreeWriter(keys: keys, store: nodes)
      for index in order.dropLast() { try writer.add(items[index]) }
      #expect(throws: FormatError.unsortedPaths) {
        try writer.add(items[order[order.count - 1]])
      }
    }
  }

  @Test(arguments: [1, 50, 3000])
  func `the same items give the same root, other items another one`(count: Int) throws {
    var random = PseudoRandomBytes(seed: 3)
    let items = try machine(count, &random)
    let root = try write(items)
    #expect(try write(items, to: try MemoryNodes(keys)) == root)
    var changed = items
    changed[count / 2].mtime.nanoseconds += 1
    #expect(try write(changed)?.id != root?.id)
    let strangers = try TestKeys.ring(seed: 99)
    var writer = try ItemTreeWriter(keys: strangers, store: try MemoryNodes(strangers))
    for item in items { try writer.add(item) }
    #expect(try writer.finish()?.id != root?.id)
  }

  @Test(arguments: Seed.each(3))
  func `one item more rewrites about two nodes of each level`(seed: Seed) throws {
    var random = seed.generator
    let items = try machine(20_000, &random)
    _ = try write(items)
    let known = Set(nodes.nodes.keys)
    var worst = 0
    var total = 0
    for _ in 0..<12 {
      let at = random.int(0...(items.count - 1))
      var inserted = items
      var extra = items[at]
      extra.path = try ArchivePath(items[at].path.bytes + [0x21])
      inserted.insert(extra, at: at + 1)
      let other = try MemoryNodes(keys)
      _ = try write(inserted, to: other)
      let new = Set(other.nodes.keys).subtracting(known).count
      worst = max(worst, new)
      total += new
    }
    #expect(worst <= 2 * 2 + 4, "two levels")
    #expect(total <= 12 * 4)
  }

  @Test func `large items rewrite no more nodes than small ones`() throws {
    var random = PseudoRandomBytes(seed: 3)
    var items = try machine(2000, &random)
    for index in items.indices {
      items[index].extendedAttributes = [
        Item.ExtendedAttribute(name: [0x61], value: random.bytes(4000))
      ]
    }
    _ = try write(items)
    let known = Set(nodes.nodes.keys)
    #expect(known.count > 60)
    for at in stride(from: 10, to: items.count, by: 190) {
      var removed = items
      removed.remove(at: at)
      let other = try MemoryNodes(keys)
      _ = try write(removed, to: other)
      #expect(Set(other.nodes.keys).subtracting(known).count <= 8)
    }
  }

  @Test(arguments: Seed.each(6))
  func `skipping ahead finds what reading on would find`(seed: Seed) throws {
    var random = seed.generator
    let items = seed.value % 2 == 0 ? try machine(6000, &random) : try random.items(3000)
    let root = try write(items)
    for _ in 0..<20 {
      var cursor = ItemCursor(root, source: nodes)
      var position = 0
      for _ in 0..<random.int(1...8) {
        // To an item, between two, before where we are, and behind the end.
        let index = random.int(0...(items.count - 1))
        var target = items[index].path
        if random.once(in: 3) { target = try ArchivePath(target.bytes + [0x01]) }
        if random.once(in: 5), position < items.count { target = items[position].path }
        if random.once(in: 5) { target = target.parent ?? .root }
        if random.once(in: 40) { target = try ArchivePath([0xff, 0xff, 0xff, 0xff]) }
        try cursor.skip(to: target)
        while position < items.count, items[position].path < target { position += 1 }
        let found = try read(&cursor, most: random.int(0...5))
        #expect(found == Array(items[position..<min(position + found.count, items.count)]))
        position += found.count
        if found.isEmpty, try cursor.next() != nil {
          #expect(position < items.count)
          position += 1
        }
      }
      let rest = try read(&cursor)
      #expect(rest == Array(items[position...]))
    }
  }

  @Test func `skipping ahead reads the nodes on the way, and no others`() throws {
    var random = PseudoRandomBytes(seed: 4)
    let items = try machine(20_000, &random)
    let root = try write(items)
    var cursor = ItemCursor(root, source: nodes)
    #expect(nodes.reads == 0)
    try cursor.skip(to: items[15_000].path)
    #expect(try cursor.next() == items[15_000])
    #expect(nodes.reads <= 2)
    nodes.forgetReads()
    try cursor.skip(to: items[15_001].path)
    #expect(try cursor.next() == items[15_001])
    #expect(nodes.reads == 0)
    try cursor.skip(to: try ArchivePath(Array("zzz".utf8)))
    #expect(try cursor.next() == nil)
    #expect(nodes.reads <= 2)
  }

  @Test func `skipping through a deep tree reads a node or two of each level`() throws {
    // Long paths make inner nodes of few entries, and so many levels.
    var random = PseudoRandomBytes(seed: 5)
    var items: [Item] = []
    for number in 0..<300 {
      var bytes = Array("\(1000 + number)".utf8)
      while bytes.count < 60_000 { bytes += [0x2f] + random.fileName(200...250) }
      items.append(
        Item(
          path: try ArchivePath(bytes), mode: 0o040755, uid: 0, gid: 0,
          mtime: Timestamp(seconds: 0)))
    }
    items.sort { $0.path < $1.path }
    let root = try write(items)
    let depth = try #require(try self.depth(root))
    #expect(depth >= 5)
    for index in [1, 7, 20, 100, 150, 299] {
      nodes.forgetReads()
      var cursor = ItemCursor(root, source: nodes)
      try cursor.skip(to: items[index].path)
      #expect(try cursor.next() == items[index])
      #expect(nodes.reads <= 2 * depth)
    }
  }

  /// The elements that a walk has to meet, and where: items, and stretches of lost ones.
  private enum Met: Equatable {
    case item(Item)
    case lost(ArchivePath?, ArchivePath?, UInt64)
  }

  /// The elements beneath a node, if those that are lost are passed over.
  private func walk(
    _ child: TreeNode.ItemChild, isRoot: Bool = false, end: ArchivePath? = nil
  ) throws -> [Met] {
    guard nodes.nodes[child.id] != nil else {
      return [.lost(isRoot ? nil : child.firstPath, end, child.itemCount)]
    }
    switch try nodes.node(child.id) {
    case .items(let items): return items.map { .item($0) }
    case .itemNodes(let children, _):
      var met: [Met] = []
      for (index, child) in children.enumerated() {
        let next = index + 1 < children.count ? children[index + 1].firstPath : end
        for one in try walk(child, end: next) {
          if case .lost(let first, _, let count)? = met.last,
            case .lost(_, let end, let more) = one
          {
            met[met.count - 1] = .lost(first, end, count + more)
          } else {
            met.append(one)
          }
        }
      }
      return met
    case .chunks, .chunkNodes: return []
    }
  }

  private func note(_ lost: LostItems) -> Met { .lost(lost.first, lost.end, lost.count) }

  @Test(arguments: Seed.each(8))
  func `what is beneath lost nodes is passed over, and everything else comes`(seed: Seed) throws {
    var random = seed.generator
    let items = try machine(6000, &random)
    var root = try #require(try write(items))
    if seed.value % 2 == 0 {
      // A tree of three levels: two trees beneath a node.
      let half = items.count / 2
      let parts = [Array(items[..<half]), Array(items[half...])]
      let children = try parts.map { part in
        let root = try #require(try write(part))
        return TreeNode.ItemChild(
          firstPath: part[0].path, id: root.id, itemCount: root.itemCount)
      }
      var builder = NodeBuilder(.itemNodes, level: 3)
      var boundary = try keys.boundaryHash()
      for child in children {
        _ = try builder.add(
          path: child.path, key: child.key, value: child.value, boundary: &boundary)
      }
      root.id = try nodes.store(node: builder.finish())
    }
    for id in nodes.nodes.keys.sorted(by: { $0.digest < $1.digest }) where random.once(in: 8) {
      nodes.lose(id)
    }
    let expected = try walk(
      TreeNode.ItemChild(firstPath: .root, id: root.id, itemCount: root.itemCount), isRoot: true)

    var met: [Met] = []
    var cursor = ItemCursor(root, source: nodes)
    func take(_ step: () throws -> [Item]?) throws -> Bool {
      do {
        guard let some = try step() else { return false }
        met += some.map { .item($0) }
      } catch let lost as LostItems {
        met.append(note(lost))
      }
      return true
    }
    while try take({ try cursor.next().map { [$0] } }) {}
    #expect(met == expected)

    met = []
    cursor = ItemCursor(root, source: nodes)
    while try take({ try cursor.nextItems() }) {}
    #expect(met == expected)

    // A reader that skips ahead meets all that can be read from there on, and hears of what cannot.
    for _ in 0..<20 {
      let target = items[random.int(0...(items.count - 1))].path
      met = []
      cursor = ItemCursor(root, source: nodes)
      do { try cursor.skip(to: target) } catch let lost as LostItems { met.append(note(lost)) }
      while try take({ try cursor.next().map { [$0] } }) {}
      let left = expected.drop { one in
        switch one {
        case .item(let item): item.path < target
        case .lost(_, let end, _): end.map { !(target < $0) } ?? false
        }
      }
      func readable(_ met: some Sequence<Met>) -> [Item] {
        met.compactMap { if case .item(let item) = $0 { item } else { nil } }
      }
      #expect(readable(met) == readable(left))
      // The first stretch may be told in two, and from where it concerns the target.
      let ends = Set(
        met.compactMap { if case .lost(_, let end, _) = $0 { end?.bytes } else { nil } })
      for case .lost(_, let end?, _) in left { #expect(ends.contains(end.bytes)) }
    }
  }

  private func depth(_ root: ItemTreeRoot?) throws -> Int? {
    guard let root else { return nil }
    var id = root.id
    for depth in 1...Limits.treeDepth {
      guard case .itemNodes(let children, _) = try nodes.node(id) else { return depth }
      id = children[0].id
    }
    return nil
  }
}

@Suite struct HostileItemTreeTests {
  let nodes = HostileNodes()

  private func item(_ path: String) throws -> Item {
    Item(
      path: try ArchivePath(Array(path.utf8)), mode: 0o040755, uid: 0, gid: 0,
      mtime: Timestamp(seconds: 0))
  }

  private func child(_ path: String, _ number: UInt64, count: UInt64 = 1) throws
    -> TreeNode.ItemChild
  {
    TreeNode.ItemChild(
      firstPath: try ArchivePath(Array(path.utf8)), id: HostileNodes.id(number), itemCount: count)
  }

  private func set(_ number: UInt64, _ node: TreeNode) {
    nodes.nodes[HostileNodes.id(number)] = node
  }

  /// Reads everything; gives up after some time, which a hostile tree may have without end.
  private func readAll() throws -> [String] {
    var cursor = ItemCursor(
      ItemTreeRoot(id: HostileNodes.id(0), itemCount: 4), source: nodes)
    var found: [String] = []
    while found.count < 100 {
      do {
        guard let item = try cursor.next() else { break }
        found.append("\(item.path)")
      } catch let lost as LostItems {
        found.append(
          "\(lost.first.map { "\($0)" } ?? "")…\(lost.end.map { "\($0)" } ?? ""): \(lost.count)")
      }
    }
    return found
  }

  @Test func `a sound tree is read`() throws {
    set(0, .itemNodes([try child("a", 1, count: 2), try child("c", 2)], level: 1))
    set(1, .items([try item("a"), try item("b")]))
    set(2, .items([try item("c")]))
    #expect(try readAll() == ["a", "b", "c"])
  }

  @Test func `a node that begins elsewhere than its parent says is refused`() throws {
    set(0, .itemNodes([try child("a", 1), try child("c", 2)], level: 1))
    set(1, .items([try item("a")]))
    set(2, .items([try item("d")]))
    #expect(try readAll() == ["a", "c…: 1"])
    set(2, .items([]))
    #expect(try readAll() == ["a", "c…: 1"])
    set(2, .itemNodes([try child("d", 3), try child("e", 4)], level: 0))
    #expect(try readAll() == ["a", "c…: 1"])
    set(2, .items([try item("c")]))
    set(1, .items([try item("b")]))
    #expect(try readAll() == ["a…c: 1", "c"])
  }

  @Test func `a node that reaches into the next one is refused`() throws {
    set(0, .itemNodes([try child("a", 1), try child("c", 2)], level: 1))
    set(1, .items([try item("a"), try item("d")]))
    set(2, .items([try item("c")]))
    #expect(try readAll() == ["a…c: 1", "c"])
    // The damage two levels up, and by a node that only promises it.
    set(0, .itemNodes([try child("a", 3, count: 2), try child("c", 2)], level: 2))
    set(3, .itemNodes([try child("a", 1), try child("b", 4)], level: 1))
    set(1, .items([try item("a")]))
    set(4, .items([try item("b"), try item("c")]))
    #expect(try readAll() == ["a", "b…c: 1", "c"])
    set(3, .itemNodes([try child("a", 1), try child("c", 2)], level: 1))
    #expect(try readAll() == ["a…c: 2", "c"])
  }

  @Test func `a node that is its own child, or its parent's parent, is refused`() throws {
    set(0, .itemNodes([try child("a", 0), try child("c", 0)], level: 1))
    #expect(try readAll() == ["a…: 2"])
    set(0, .itemNodes([try child("a", 1), try child("c", 1)], level: 5))
    set(1, .itemNodes([try child("a", 0), try child("b", 0)], level: 4))
    #expect(try readAll() == ["a…: 3"])
    set(1, .itemNodes([try child("a", 1), try child("b", 1)], level: 5))
    #expect(try readAll() == ["a…: 2"])
    #expect(nodes.reads < 20)
  }

  @Test func `a tree deeper than any is refused`() throws {
    set(0, .itemNodes([try child("a", 1), try child("c", 1)], level: Limits.treeDepth))
    #expect(try readAll() == ["…: 4"])
  }

  @Test func `a list of chunks in the place of items is refused`() throws {
    set(0, .chunks([]))
    #expect(try readAll() == ["…: 4"])
    set(0, .chunkNodes([], level: 1))
    #expect(try readAll() == ["…: 4"])
    set(0, .itemNodes([try child("a", 1), try child("c", 2)], level: 1))
    set(1, .chunks([]))
    set(2, .items([try item("c")]))
    #expect(try readAll() == ["a…c: 1", "c"])
  }

  @Test func `a node that is not there is an error, not an end`() throws {
    set(0, .itemNodes([try child("a", 1), try child("c", 2)], level: 1))
    set(1, .items([try item("a")]))
    #expect(try readAll() == ["a", "c…: 1"])
    var cursor = ItemCursor(ItemTreeRoot(id: HostileNodes.id(0), itemCount: 1), source: nodes)
    #expect(throws: LostItems.self) { try cursor.skip(to: try ArchivePath(Array("x".utf8))) }
    #expect(try cursor.next() == nil)
  }
}
