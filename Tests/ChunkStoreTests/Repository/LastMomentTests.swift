import StoreCrypto
import Testing

@testable import ChunkStore

/// Doomed segments, and the archives that still refer to them.
@Suite struct LastMomentTests {
  private let test: TestRepository

  init() throws { test = try TestRepository() }

  /// Publishes an archive of one directory; returns the name of the segment of its tree.
  private func addArchiveWithTree(_ name: String) throws -> Digest256 {
    let nodes = try MemoryNodes(test.repository.keys)
    let item = Item(
      path: .root, mode: 0o040755, uid: 0, gid: 0, mtime: Timestamp(seconds: 1))
    let root = try tree(of: item, nodes)
    let entry = try test.addSegment([Array(nodes.nodes.values)], type: .treeSegment)
    try test.addIndex([entry])
    var manifest = ArchiveManifest(
      name: name, start: Timestamp(seconds: 1), end: Timestamp(seconds: 2))
    manifest.tree = root
    try test.repository.publish(try manifest.encoded(), as: .archive, in: .archive)
    return entry.segment
  }

  private func tree(of item: Item, _ nodes: MemoryNodes) throws -> ItemTreeRoot? {
    var writer = try ItemTreeWriter(keys: test.repository.keys, store: nodes)
    try writer.add(item)
    return try writer.finish()
  }

  @Test func `nothing is written beside a doomed object of a later version`() throws {
    var body = ByteWriter()
    body.field(100) { $0.byte(1) }
    let id = try test.repository.publish(body.bytes, as: .doomed, in: .doomed)
    let name = ObjectName.object(.doomed, id)
    let repository = try test.reopen()
    #expect {
      try ArchiveBuilder(repository, options: .init()) { _, _ in }
    } throws: { error in
      (error as? Corruption)?.object == name
    }
    #expect(try test.storage.list(.lease).isEmpty)
  }

  @Test func `what was copied at the last moment has its grace too`() throws {
    try test.addConfig { $0.grace = 50 }
    let segment = try addArchiveWithTree("kept")
    let doomed = try test.repository.publish(
      Doom(segments: [segment]).encoded(), as: .doomed, in: .doomed)
    try test.storage.age()
    let repository = try test.reopen()
    // The tree is in the doomed segment alone: it is copied, and the original stays for now.
    #expect(try repository.compact().removedSegments == 0)
    #expect(test.storage.names.contains(.object(.segment, segment)))
    #expect(!test.storage.names.contains(.object(.doomed, doomed)))
    #expect(try repository.compact().removedSegments == 0)
    try test.storage.age()
    #expect(try repository.compact().removedSegments == 1)
    #expect(!test.storage.names.contains(.object(.segment, segment)))
    #expect(try test.storage.list(.doomed).isEmpty)
    #expect(try repository.check(CheckOptions()) { _ in }.problems == [])
  }

  @Test func `an object that is larger than its type may be is refused`() throws {
    let body = [UInt8](repeating: 1, count: Limits.archiveSize)
    let keys = test.repository.keys
    let label = try SealedObject.seal(body, as: .label, keys: keys)
    let limit = FormatError.limitExceeded(
      "object", found: UInt64(label.count), limit: UInt64(Limits.archiveSize))
    #expect(throws: limit) { try SealedObject.open(label, as: .label, keys: keys) }
    let index = try SealedObject.seal(body, as: .index, keys: keys)
    #expect(throws: Never.self) { try SealedObject.open(index, as: .index, keys: keys) }
  }
}
