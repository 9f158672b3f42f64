import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

/// Trees that a reader refuses, made by somebody who has the keys: a check has to find each.
@Suite struct ArchiveCheckTests {
  private let test: TestRepository

  init() throws { test = try TestRepository() }

  // MARK: Making trees

  private func path(_ text: String) throws -> ArchivePath { try ArchivePath(Array(text.utf8)) }

  private func file(_ name: String, _ chunks: [ChunkReference]) throws -> Item {
    var item = Item(
      path: try path(name), mode: 0o100644, uid: 0, gid: 0, mtime: Timestamp(seconds: 0))
    item.content = Item.Content(
      size: chunks.reduce(0) { $0 + UInt64($1.length) }, chunks: .inline(InlineChunks(chunks)))
    return item
  }

  private func file(_ name: String, list root: ChunkID, count: UInt64, size: UInt64) throws -> Item
  {
    var item = try file(name, [])
    item.content = Item.Content(size: size, chunks: .tree(root: root, count: count, size: size))
    return item
  }

  /// Stores chunks, and tells of them in an index object.
  private func store(
    _ chunks: [[UInt8]], _ type: ObjectType = .contentSegment
  ) throws -> [ChunkReference] {
    let entry = try test.addSegment(chunks.map { [$0] }, type: type)
    try test.addIndex([entry])
    return entry.directory.chunks
  }

  private func store(_ node: TreeNode) throws -> ChunkID {
    try #require(try store([try encode(node)], .treeSegment).first).id
  }

  private func child(
    _ first: String, _ id: ChunkID, count: UInt64 = 1
  ) throws -> TreeNode.ItemChild {
    TreeNode.ItemChild(firstPath: try path(first), id: id, itemCount: count)
  }

  private func archive(_ root: ChunkID, count: UInt64, name: String = "a") throws {
    var manifest = ArchiveManifest(name: name, start: SystemClock.now, end: SystemClock.now)
    manifest.tree = ItemTreeRoot(id: root, itemCount: count)
    try test.repository.publish(try manifest.encoded(), as: .archive, in: .archive)
  }

  // MARK: Looking at them

  private func problems(verifyData: Bool = false) throws -> CheckReport {
    var options = CheckOptions()
    options.verifyData = verifyData
    return try test.reopen().check(options) { _ in }
  }

  private func expectFound(
    _ text: String, isRefused: Bool = true, location: SourceLocation = #_sourceLocation
  ) throws {
    for verifyData in [false, true] {
      let found = try problems(verifyData: verifyData).problems
      #expect(
        found.contains { $0.hasPrefix("archive a: ") && $0.contains(text) }, "\(found)",
        sourceLocation: location)
    }
    let repository = try test.reopen()
    try repository.refresh()
    let isRead = Result { try repository.contents(of: try repository.archive(named: "a")) }
    if isRefused {
      #expect(throws: (any Error).self, sourceLocation: location) { try isRead.get() }
    }
  }

  private func leaf(_ names: String...) throws -> ChunkID {
    try store(.items(try names.map { try file($0, []) }))
  }

  @Test func `a sound tree has no problems`() throws {
    let data = try store([[1, 2, 3], [4, 5]])
    let list = try store(.chunks(data + data))
    let leaf = try store(
      .items([try file("a", data), try file("b", list: list, count: 4, size: 10)]))
    let root = try store(
      .itemNodes([try child("a", leaf, count: 2), try child("c", try self.leaf("c"))], level: 1))
    try archive(root, count: 3)
    #expect(try problems().problems == [])
    #expect(try problems(verifyData: true).problems == [])
  }

  @Test func `items that reach into the next node`() throws {
    let root = try store(
      .itemNodes(
        [try child("a", try leaf("a", "d"), count: 2), try child("c", try leaf("c"))], level: 1))
    try archive(root, count: 3)
    try expectFound("entries out of order")
  }

  @Test func `items that reach beyond what follows further up`() throws {
    let low = try store(
      .itemNodes(
        [try child("a", try leaf("a")), try child("b", try leaf("b", "x"), count: 2)], level: 1))
    let high = try store(
      .itemNodes([try child("a", low, count: 3), try child("c", try leaf("c"))], level: 2))
    try archive(high, count: 4)
    try expectFound("entries out of order")
  }

  @Test func `a node that begins at another path`() throws {
    let root = try store(
      .itemNodes([try child("a", try leaf("a")), try child("c", try leaf("d"))], level: 1))
    try archive(root, count: 2)
    try expectFound("begins at another path")
  }

  @Test func `a node at a level that is not below its parent's`() throws {
    let low = try store(
      .itemNodes([try child("a", try leaf("a")), try child("b", try leaf("b"))], level: 3))
    let high = try store(
      .itemNodes([try child("a", low, count: 2), try child("c", try leaf("c"))], level: 3))
    try archive(high, count: 3)
    try expectFound("wrong level")
  }

  @Test func `other numbers of items than are promised`() throws {
    try archive(try leaf("a"), count: 2)
    try expectFound("1 items instead of 2", isRefused: false)
    let children = [try child("a", try leaf("a"), count: 7), try child("c", try leaf("c"))]
    let root = try store(.itemNodes(children, level: 1))
    try archive(root, count: 8, name: "b")
    #expect(try problems().problems.contains { $0.contains("archive b: ") })
  }

  @Test func `lists of chunks and nodes of items in each other's place`() throws {
    let list = try store(.chunks(try store([[1]])))
    try archive(list, count: 1)
    try expectFound("a list of chunks in the place of items")
    try archive(
      try store(.items([try file("f", list: try leaf("a"), count: 1, size: 1)])), count: 1,
      name: "b")
    #expect(
      try problems().problems.contains { $0.contains("archive b: f: ") && $0.contains("items in") })
  }

  @Test func `a content of another length than its reference says`() throws {
    var data = try store([[1, 2, 3]])
    data[0].length = 4
    try archive(try store(.items([try file("f", data)])), count: 1)
    try expectFound("f: chunk \(data[0].id.digest.hex) has 3 bytes")
  }

  @Test func `a node of a tree in the place of a content`() throws {
    let node = try store([try encode(.items([try file("a", [])]))], .treeSegment)
    try archive(try store(.items([try file("f", node)])), count: 1)
    try expectFound("stands among the nodes of trees")
  }

  @Test func `a content that stands in a segment of trees`() throws {
    var entry = try test.addSegment([[[1, 2, 3]]], type: .treeSegment)
    var hash = try test.repository.keys.idHash(.content)
    let id = ChunkID(try hash.digest(of: [1, 2, 3]))
    entry.directory.chunks[0].id = id
    try test.addIndex([entry])
    try archive(
      try store(.items([try file("f", [ChunkReference(id: id, length: 3)])])), count: 1)
    try expectFound("stands among the nodes of trees")
  }

  @Test func `a list of other chunks than its item says`() throws {
    let data = try store([[1, 2, 3], [4]])
    let list = try store(.chunks(data))
    for (count, size) in [(3, 4), (2, 5), (1, 4)] as [(UInt64, UInt64)] {
      try archive(
        try store(.items([try file("f", list: list, count: count, size: size)])), count: 1,
        name: "\(count) \(size)")
    }
    let found = try problems().problems
    #expect(found.count == 3)
    #expect(found.allSatisfy { $0.contains("other chunks than its parent") })
  }

  @Test func `a chunk or a list that is missing, in every archive that needs it`() throws {
    let nowhere = ChunkReference(id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), length: 5)
    let files = [
      try file("a", try store([[1]])), try file("b", [nowhere]),
      try file("c", list: nowhere.id, count: 1, size: 1),
    ]
    let shared = try store(.items(files))
    let other = try store(
      .itemNodes([try child("a", shared, count: 3), try child("d", try leaf("d"))], level: 1))
    try archive(shared, count: 3)
    try archive(shared, count: 3, name: "again")
    try archive(other, count: 4, name: "other")
    for verifyData in [false, true] {
      let found = try problems(verifyData: verifyData).problems
      for name in ["a", "again", "other"] {
        #expect(found.contains { $0.hasPrefix("archive \(name): b: ") })
        #expect(found.contains { $0.hasPrefix("archive \(name): c: ") })
      }
      #expect(found.count == 6)
    }
  }

  @Test func `many problems of an archive are counted, and some of them told`() throws {
    let nowhere = ChunkReference(id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), length: 5)
    let most = ArchiveCheck.Findings.most
    let names = (0..<(most + 23)).map { "f" + String(repeating: "x", count: $0) }
    try archive(
      try store(.items(try names.map { try file($0, [nowhere]) })), count: UInt64(names.count))
    let report = try problems()
    #expect(report.problemCount == names.count)
    #expect(report.problems.count == most + 1)
    #expect(report.problems.last == "archive a: 23 more problems")
  }

  @Test func `a bad node that is referred to thousands of times is looked at once`() throws {
    let nowhere = ChunkReference(id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), length: 5)
    let data = try store([[1]])[0]
    // Large nodes, of which each reference would have to be followed to its end.
    let list = try store(.chunks([ChunkReference](repeating: data, count: 20_000) + [nowhere]))
    let many = try (0..<3000).map { "f\(String(repeating: "0", count: 4 - "\($0)".count))\($0)" }
      .map { try file($0, list: list, count: 20_001, size: 20_005) }
    let leaf = try store(.items(many))
    let children = try (1..<3000).map { try child("f0" + String(repeating: "x", count: $0), leaf) }
    let root = try store(
      .itemNodes([try child("f0000", leaf, count: 3000)] + children.prefix(300), level: 1))
    try archive(root, count: 3300)
    let (storage, directory) = (test.storage, test.directory.path)
    try within(60) {
      let repository = try Repository.open(storage, cacheDirectory: directory) { Secret("") }
      let report = try repository.check(CheckOptions()) { _ in }
      #expect(report.problemCount >= 3300)
      #expect(report.problems.count == ArchiveCheck.Findings.most + 1)
    }
  }

  @Test func `a node that is repeated at every level is read no more often than that`() throws {
    // Each list holds the one below a thousand times: followed again and again it would never end.
    let nowhere = ChunkReference(id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), length: 5)
    for (name, chunk) in [("sound", try store([[1]])[0]), ("missing", nowhere)] {
      var below = TreeNode.ChunkChild(
        id: try store(.chunks([chunk])), count: 1, size: UInt64(chunk.length))
      for level in 1...5 {
        let children = [TreeNode.ChunkChild](repeating: below, count: 1000)
        below = TreeNode.ChunkChild(
          id: try store(.chunkNodes(children, level: level)), count: below.count * 1000,
          size: below.size * 1000)
      }
      let list = try file("f", list: below.id, count: below.count, size: below.size)
      try archive(try store(.items([list])), count: 1, name: name)
    }
    let (storage, directory) = (test.storage, test.directory.path)
    try within(30) {
      let repository = try Repository.open(storage, cacheDirectory: directory) { Secret("") }
      let found = try repository.check(CheckOptions()) { _ in }.problems
      #expect(found.count == 1)
      #expect(found.allSatisfy { $0.hasPrefix("archive missing: f: ") })
    }
  }
}
