import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct TreeVectorTests {
  @Test func `paths are in the order of vector paths`() throws {
    let paths = try Vector("paths").cases.map { try ArchivePath(try $0.bytes("path")) }
    #expect(paths.count > 10)
    for (i, a) in paths.enumerated() {
      for (j, b) in paths.enumerated() { #expect((a < b) == (i < j), "\(a) and \(b)") }
    }
    #expect(paths.shuffled().sorted() == paths)
  }

  @Test func `items are decoded as in vector items, and encoded`() throws {
    let path = try ArchivePath(Array("dir/name".utf8))
    for one in try Vector("items").cases {
      let bytes = try one.bytes("fields")
      let item = try ItemCoding.decode(ByteReader(bytes), path: path)
      #expect(item.mode == (try one.number("mode", radix: 8)), "\(one)")
      #expect(item.uid == (try one.number("uid")))
      #expect(item.gid == (try one.number("gid")))
      #expect(item.mtime == (try one.time("mtime")))
      #expect(one.has("size") == (item.content != nil))
      if let content = item.content {
        #expect(content.size == (try one.number("size")))
        switch content.chunks {
        case .inline(let list): #expect(list.count == (try one.number("chunks")))
        case .tree(_, let count, _): #expect(count == (try one.number("chunks")))
        }
        let holes = content.holes.map { "\($0.offset)+\($0.length)" }.joined(separator: " ")
        #expect(holes == (one.has("holes") ? try one.text("holes") : ""), "\(one)")
      }
      let flags: UInt32 = one.has("flags") ? try one.number("flags", radix: 16) : 0
      #expect(item.flags.rawValue == flags)
      let names = item.aclNames.map { Array("\($0.kind.rawValue):\($0.id):".utf8) + $0.name }
      let expected = one.has("ACL names") ? try one.bytes("ACL names") : []
      #expect(Array(names.joined(separator: [0x20])) == expected, "\(one)")
      #expect(item.linkTarget == (one.has("target") ? try one.bytes("target") : nil))
      #expect(item.hardLinkGroup?.bytes == (one.has("group") ? try one.bytes("group") : nil))
      if one.name != "a field of a later version" {
        #expect(ItemCoding.encode(item) == bytes, "\(one)")
      }
    }
    let all = try ItemCoding.decode(
      ByteReader(try Vector("items")["everything"].bytes("fields")), path: path)
    #expect(all.ctime == Timestamp(seconds: 2, nanoseconds: 2))
    #expect(all.atime == Timestamp(seconds: 3, nanoseconds: 3))
    #expect(all.birthtime == Timestamp(seconds: 4, nanoseconds: 4))
    #expect(all.inode == .max)
    #expect(all.user == Array("u".utf8))
    #expect(all.group == Array("g".utf8))
    #expect(all.changedWhileRead)
    #expect(all.extendedAttributes.map(\.value) == [[], [0, 0xff]])
    let device = try ItemCoding.decode(
      ByteReader(try Vector("items")["a block device"].bytes("fields")), path: path)
    #expect(device.device == Item.Device(major: .max, minor: 1 << 20))
  }

  @Test func `nodes are decoded as in vector node, and encoded`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("node").cases {
      let bytes = try one.bytes("bytes")
      #expect(try MemoryNodes(ring).store(node: bytes).digest == one.digest("id"))
      guard let kind = NodeKind(rawValue: try one.number("kind")) else {
        throw Vector.Broken(what: "\(one)")
      }
      let level: Int = try one.number("level")
      let (entries, found) = entries(of: try TreeNode(decoding: bytes))
      #expect(found == level)
      #expect(entries.count == (try one.number("entries")))
      #expect(try encoded(kind, level, entries, ring) == bytes, "\(one)")
    }
  }

  /// Path and value of each entry, and the level that the node says it has.
  private func entries(
    of node: TreeNode
  ) -> (entries: [(path: ArchivePath?, value: [UInt8])], level: Int) {
    switch node {
    case .items(let items):
      let entries = items.map { item -> (ArchivePath?, [UInt8]) in
        var value = ByteWriter()
        value.blob(ItemCoding.encode(item))
        return (item.path, value.bytes)
      }
      return (entries, 0)
    case .itemNodes(let children, let level): return (children.map { ($0.path, $0.value) }, level)
    case .chunks(let references):
      let entries = references.map { reference -> (ArchivePath?, [UInt8]) in
        var value = ByteWriter()
        value.reference(reference)
        return (nil, value.bytes)
      }
      return (entries, 0)
    case .chunkNodes(let children, let level): return (children.map { (nil, $0.value) }, level)
    }
  }

  private func encoded(
    _ kind: NodeKind, _ level: Int, _ entries: [(path: ArchivePath?, value: [UInt8])],
    _ ring: KeyRing
  ) throws -> [UInt8] {
    var boundary = try ring.boundaryHash()
    var builder = NodeBuilder(kind, level: level)
    for (path, value) in entries {
      _ = try builder.add(path: path, key: [], value: value, boundary: &boundary)
    }
    return builder.finish()
  }

  /// Item n of the trees of vector `tree`.
  private func item(_ n: Int, of tree: String) throws -> Item {
    func padded(_ number: Int, _ length: Int) -> String { String(number).leftPadded(to: length) }
    var attribute = 0
    let path: String
    switch tree {
    case "short paths": path = "dir\(padded(n / 50, 4))/file\(padded(n, 5))"
    case "long paths":
      path = "\(padded(n, 3))/" + String(repeating: "p", count: 10_000 + 7919 * n % 55_000)
    case "large items":
      path = "item\(padded(n, 2))"
      attribute = 500 + 1501 * n % 20_000
    default: path = "item"
    }
    var item = Item(
      path: try ArchivePath(Array(path.utf8)), mode: 0o100644, uid: 1000, gid: 100,
      mtime: Timestamp(seconds: Int64(n), nanoseconds: UInt32(n)))
    item.content = Item.Content(size: UInt64(n + 1), chunks: .inline([try reference(n)]))
    if attribute > 0 {
      item.extendedAttributes = [
        Item.ExtendedAttribute(
          name: Array("user.x".utf8),
          value: [UInt8](repeating: UInt8(ascii: "x"), count: attribute))
      ]
    }
    return item
  }

  private func reference(_ n: Int) throws -> ChunkReference {
    let text = Array("chunk \(n)".utf8)
    return ChunkReference(
      id: ChunkID(try SHA256.digest(of: text.span)), length: UInt32(n + 1))
  }

  @Test func `trees of items end their nodes as in vector tree`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("tree").cases {
      let nodes = try MemoryNodes(ring)
      let count: Int = try one.number("items")
      let written = try write(
        (0..<count).lazy.map { n in { try item(n, of: one.name) } }, to: nodes, ring)
      let root = try #require(written)
      #expect(root.id.digest == (try one.digest("root")), "\(one)")
      #expect(root.itemCount == UInt64(count))
      #expect(nodes.nodes.keys.map(\.digest).sorted() == (try one.digests("nodes")))
      // The bytes behind kind, of all nodes, are their levels.
      let levels = nodes.nodes.values.reduce(into: [Int](repeating: 0, count: 12)) {
        $0[Int($1[1])] += 1
      }
      #expect(Array(levels.prefix { $0 > 0 }) == (try one.numbers("levels")))

      var cursor = ItemCursor(root, source: nodes)
      for n in 0..<count {
        let found = try cursor.next()
        let expected = try item(n, of: one.name)
        #expect(found == expected)
      }
      #expect(try cursor.next() == nil)
    }
  }

  private func write(
    _ items: some Sequence<() throws -> Item>, to nodes: MemoryNodes, _ ring: KeyRing
  ) throws -> ItemTreeRoot? {
    var writer = try ItemTreeWriter(keys: ring, store: nodes)
    for item in items { try writer.add(try item()) }
    return try writer.finish()
  }

  @Test func `lists of chunks become the trees of vector chunk-tree`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("chunk-tree").cases {
      let nodes = try MemoryNodes(ring)
      var writer = ChunkListWriter()
      let count: Int = try one.number("chunks")
      for n in 0..<count {
        try writer.add(try reference(one.name == "equal" ? 7 : n), keys: ring, store: nodes)
      }
      let list = try writer.finish(store: nodes)
      #expect(
        list
          == .tree(
            root: ChunkID(try one.digest("root")), count: UInt64(count),
            size: try one.number("size")))
      #expect(nodes.nodes.keys.map(\.digest).sorted() == (try one.digests("nodes")))
      var cursor = try ChunkCursor(list, source: nodes)
      for n in 0..<count {
        let found = try cursor.next()
        let expected = try reference(one.name == "equal" ? 7 : n)
        #expect(found == expected)
      }
      #expect(try cursor.next() == nil)
    }
  }
}
