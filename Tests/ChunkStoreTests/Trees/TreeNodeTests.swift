import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct TreeNodeTests {
  /// A node's bytes, entry by entry.
  private func node(
    _ kind: UInt8, level: UInt8, count: Int, _ entries: (inout ByteWriter) -> Void = { _ in }
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.byte(kind)
    writer.byte(level)
    writer.varint(count)
    entries(&writer)
    return writer.bytes
  }

  /// The least that an item has.
  private static let fields: [UInt8] = [2, 3, 0xed, 0x83, 0x01]

  private func entry(_ writer: inout ByteWriter, shared: Int, _ suffix: String) {
    writer.varint(shared)
    writer.blob(suffix.utf8)
    writer.blob(Self.fields)
  }

  @Test(arguments: Seed.each(5))
  func `a leaf that is read item by item is the one that is decoded at once`(seed: Seed) throws {
    var random = seed.generator
    let bytes = try Structure.itemsNode.sample(&random)
    // The whole node, and what is left of it if it is cut anywhere.
    for length in 0...bytes.count {
      let part = Array(bytes[..<length])
      let whole = Result { () throws(FormatError) in try TreeNode(decoding: part) }
      let single = Result { () throws(FormatError) -> [Item] in
        guard var entries = try TreeNode.EncodedItems(part) else { return [] }
        var items: [Item] = []
        var shared = ItemCoding.Shared()
        while case (let path, var fields)? = try entries.next() {
          items.append(try ItemCoding.decode(&fields, path: path, &shared))
        }
        return items
      }
      switch (whole, single) {
      case (.success(.items(let items)), .success(let others)): #expect(items == others)
      case (.failure, .failure): #expect(length < bytes.count)
      default: Issue.record("\(length) of \(bytes.count) bytes: \(whole), \(single)")
      }
    }
    #expect(try TreeNode.EncodedItems(Structure.chunksNode.sample(&random)) == nil)
  }

  @Test func `components that a path shares with the one before are not taken on trust`() throws {
    for (first, shared, suffix) in [
      ("a/.x", 3, ""), ("a/..x", 4, ""), ("a/x", 2, ""), ("a/.", 3, "x"),
    ] {
      let bytes = node(1, level: 0, count: 2) { writer in
        entry(&writer, shared: 0, first)
        entry(&writer, shared: shared, suffix)
      }
      #expect(throws: FormatError.unsafePath) { try TreeNode(decoding: bytes) }
    }
  }

  @Test func `paths are differences from the one before`() throws {
    let bytes = node(1, level: 0, count: 3) { writer in
      entry(&writer, shared: 0, "usr/bin")
      entry(&writer, shared: 7, "/ls")
      entry(&writer, shared: 4, "lib")
    }
    guard case .items(let items) = try TreeNode(decoding: bytes) else {
      Issue.record("not items")
      return
    }
    #expect(
      items.map { String(decoding: $0.path.bytes, as: UTF8.self) }
        == ["usr/bin", "usr/bin/ls", "usr/lib"])
    var encoder = PathEncoder()
    var writer = ByteWriter()
    for item in items { encoder.append(item.path, to: &writer) }
    let encoded: [UInt8] =
      [0, 7] + Array("usr/bin".utf8) + [7, 3] + Array("/ls".utf8) + [4, 3] + Array("lib".utf8)
    #expect(writer.bytes == encoded)
  }

  @Test(
    arguments: [
      [(0, "b"), (0, "a")], [(0, "a"), (1, "")], [(0, "a"), (0, "a")], [(0, "a/b"), (1, "")],
      [(0, "a!"), (1, "/b")],
    ] as [[(Int, String)]])
  func `paths that do not ascend are refused`(paths: [(Int, String)]) {
    let bytes = node(1, level: 0, count: paths.count) { writer in
      for (shared, suffix) in paths { entry(&writer, shared: shared, suffix) }
    }
    #expect(throws: FormatError.unsortedPaths) { try TreeNode(decoding: bytes) }
  }

  @Test(arguments: ["/a", "a/", "a//b", "..", "a/../b", "./a", "a\0"])
  func `unsafe paths are refused`(path: String) {
    let items = node(1, level: 0, count: 1) { entry(&$0, shared: 0, path) }
    #expect(throws: FormatError.unsafePath) { try TreeNode(decoding: items) }
  }

  @Test func `unsafe paths put together of two parts are refused`() {
    let items = node(1, level: 0, count: 2) { writer in
      entry(&writer, shared: 0, "a/.a")
      entry(&writer, shared: 3, "./b")
    }
    #expect(throws: FormatError.unsafePath) { try TreeNode(decoding: items) }
  }

  @Test func `a path cannot share more than there is`() {
    let items = node(1, level: 0, count: 2) { writer in
      entry(&writer, shared: 0, "abc")
      entry(&writer, shared: 4, "d")
    }
    #expect(throws: FormatError.self) { try TreeNode(decoding: items) }
    #expect(throws: FormatError.self) {
      try TreeNode(decoding: node(1, level: 0, count: 1) { entry(&$0, shared: 1, "d") })
    }
  }

  @Test func `inner nodes of one entry, or of none, are refused`() {
    for count in [0, 1] {
      let items = node(2, level: 1, count: count) { writer in
        for _ in 0..<count {
          writer.varint(0)
          writer.blob("a".utf8)
          writer.zeros(33)
        }
      }
      let chunks = node(4, level: 1, count: count) { $0.zeros(34 * count) }
      for bytes in [items, chunks] {
        #expect(throws: FormatError.inconsistent("an inner node with a single entry")) {
          try TreeNode(decoding: bytes)
        }
      }
    }
  }

  @Test func `nodes at a level that their kind cannot have are refused`() {
    for (kind, level) in [(1, 1), (2, 0), (3, 1), (4, 0), (2, 12), (4, 12), (2, 255)]
      as [(UInt8, UInt8)]
    {
      #expect(throws: FormatError.self) {
        try TreeNode(decoding: node(kind, level: level, count: 0))
      }
    }
    #expect(throws: FormatError.unknownAlgorithm("node kind", 5)) {
      try TreeNode(decoding: node(5, level: 0, count: 0))
    }
  }

  @Test func `counts that promise more than there is are refused at once`() {
    for kind: UInt8 in 1...4 {
      let level: UInt8 = kind % 2 == 0 ? 1 : 0
      for count in [1, 1 << 20, 1 << 40, Int.max] {
        #expect(throws: FormatError.self) {
          try TreeNode(decoding: node(kind, level: level, count: count) { $0.zeros(2) })
        }
      }
    }
  }

  @Test func `nodes of more than 1 MiB are refused`() {
    #expect(throws: FormatError.limitExceeded("node", found: 1_048_577, limit: 1_048_576)) {
      try TreeNode(decoding: [UInt8](repeating: 1, count: (1 << 20) + 1))
    }
  }

  @Test func `a node of long paths cannot grow out of proportion`() {
    // Each entry takes ten bytes and stands for 65,000: a megabyte would become four gigabytes.
    let bytes = node(1, level: 0, count: 60_000) { writer in
      writer.varint(0)
      writer.blob([UInt8](repeating: 0x61, count: 65_000))
      writer.blob(Self.fields)
      for number in 0..<59_999 {
        let suffix = [
          UInt8(0x62 + number / 40_000), UInt8(1 + number / 200 % 200) | 0x30,
          UInt8(0x30 + number % 200),
        ]
        writer.varint(65_000)
        writer.blob(suffix)
        writer.blob(Self.fields)
      }
    }
    #expect(bytes.count < Limits.nodeSize)
    #expect(throws: FormatError.limitExceeded("paths of a node", found: 1_105_048, limit: 1 << 20))
    {
      try TreeNode(decoding: bytes)
    }
  }
}
