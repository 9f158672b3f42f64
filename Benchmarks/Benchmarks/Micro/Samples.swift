import StoreCrypto

@testable import ChunkStore
@testable import LinuxSystem
@testable import ObjectStorage
@testable import StoreEncoding
@testable import StoreFormat

/// The data that the benchmarks work on; the same every time.
enum Samples {
  static func keys() throws -> KeyRing {
    try KeyRing(try KeyBundle.random(suite: .aes256GCM))
  }

  /// Bytes that compress to about a half.
  static func data(_ size: Int) -> [UInt8] {
    var state: UInt64 = 1
    return (0..<size).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: (state >> 60) &* (state >> 56 & 3) &+ 97)
    }
  }

  static func id(_ n: Int) -> ChunkID {
    func word(_ k: UInt64) -> UInt64 {
      var z = (UInt64(bitPattern: Int64(n)) &* 4 &+ k &+ 1) &* 0x9e37_79b9_7f4a_7c15
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
    return ChunkID(Digest256(bigEndianWords: word(0), word(1), word(2), word(3)))
  }

  static func items(_ count: Int) throws -> [Item] {
    try (0..<count).map { n in
      let path = "usr/share/\(1000 + n / 100)/file-\(1000 + n % 100).txt"
      var item = Item(
        path: try ArchivePath(Array(path.utf8)), mode: 0o100644, uid: 1000, gid: 1000,
        mtime: Timestamp(seconds: 1_700_000_000, nanoseconds: 123_456_789))
      (item.user, item.group) = (Array("somebody".utf8), Array("somebody".utf8))
      item.ctime = item.mtime
      item.birthtime = item.mtime
      item.inode = UInt64(n)
      item.content = Item.Content(
        size: 5000, chunks: .inline([ChunkReference(id: id(n), length: 5000)]))
      return item
    }
  }

  /// A run of the index, whose file is gone with it.
  static func run(_ count: Int) throws -> IndexRun {
    let keys = try keys()
    let entries = try stride(from: 0, to: count, by: 1000).map { first in
      var directory = SegmentDirectory(
        header: try keys.newHeader(.contentSegment, first: id(-1 - first).digest.bytes.span))
      for n in first..<min(first + 1000, count) {
        directory.blocks.append(
          SegmentDirectory.BlockRow(
            sealedLength: 3000, header: 0, number: UInt64(n - first), chunkCount: 1,
            rawLength: 5000))
        directory.chunks.append(ChunkReference(id: id(n), length: 5000))
      }
      return IndexEntry(segment: id(-1 - first).digest, size: 3 << 20, directory: directory)
    }
    return try IndexRun.build(
      entries, sources: [], in: .temporary("/dev/shm"), name: nil, repositoryID: keys.repositoryID)
  }

  /// Nodes of trees in memory.
  final class Nodes: NodeStore, NodeSource {
    private var nodes: [ChunkID: [UInt8]] = [:]
    private var hash: KeyedHash

    init(_ keys: KeyRing) throws { hash = try keys.idHash(.tree) }

    func store(node: [UInt8]) throws -> ChunkID {
      let id = ChunkID(try hash.digest(node.span))
      nodes[id] = node
      return id
    }

    func node(_ id: ChunkID) throws -> TreeNode {
      guard let bytes = nodes[id] else { throw RepositoryError.missingChunk(id) }
      return try TreeNode(decoding: bytes)
    }
  }
}
