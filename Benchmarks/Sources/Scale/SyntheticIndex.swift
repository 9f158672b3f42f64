import Glibc
import StoreCrypto

@testable import ChunkStore
@testable import LinuxSystem
@testable import ObjectStorage
@testable import StoreEncoding
@testable import StoreFormat

/// Index objects, and segments that hold nothing, of a repository with very many chunks.
///
/// Chunk number n has an id that is made of n, so that any of them can be looked up later. Segments
/// are files of the right size without contents, which take no space.
struct SyntheticIndex {
  let repository: Repository
  let directory: String

  /// Chunks of 32 KiB, which compress to a half: a mixture of small files and large ones.
  static let chunksPerSegment = 1000
  private static let chunksPerBlock = 4
  private static let chunkSize: UInt32 = 32 << 10
  private static let blockSize: UInt32 = 64 << 10
  /// The chunks in an object that a merger of index objects leaves: objects near their limit.
  static let chunksPerObject = 1_000_000

  /// The id of chunk number `n`: distributed as those of real ones are.
  static func id(_ n: Int) -> ChunkID {
    func word(_ k: UInt64) -> UInt64 {
      // SplitMix64.
      var z = (UInt64(bitPattern: Int64(n)) &* 4 &+ k &+ 1) &* 0x9e37_79b9_7f4a_7c15
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
    return ChunkID(Digest256(bigEndianWords: word(0), word(1), word(2), word(3)))
  }

  /// Publishes index objects, and the segments that they speak of, for these chunks.
  ///
  /// - Returns: What stands in the last object, and its name.
  @discardableResult
  func publish(_ chunks: Range<Int>) throws -> (entries: [IndexEntry], name: Digest256)? {
    var last: (entries: [IndexEntry], name: Digest256)?
    for start in stride(from: chunks.lowerBound, to: chunks.upperBound, by: Self.chunksPerObject) {
      let end = min(start + Self.chunksPerObject, chunks.upperBound)
      var entries: [IndexEntry] = []
      for first in stride(from: start, to: end, by: Self.chunksPerSegment) {
        entries.append(try segment(first..<min(first + Self.chunksPerSegment, end)))
      }
      let name = try repository.publish(
        IndexObject(entries: entries).encoded(), as: .index, in: .index)
      last = (entries, name)
    }
    return last
  }

  private func segment(_ chunks: Range<Int>) throws -> IndexEntry {
    let id = Self.id(-1 - chunks.lowerBound).digest
    var directory = SegmentDirectory(
      header: try repository.keys.newHeader(.contentSegment, first: id.bytes.span))
    var size = directory.headers[0].encodedSize
    for first in stride(from: chunks.lowerBound, to: chunks.upperBound, by: Self.chunksPerBlock) {
      let block = first..<min(first + Self.chunksPerBlock, chunks.upperBound)
      directory.blocks.append(
        SegmentDirectory.BlockRow(
          sealedLength: Self.blockSize, header: 0, number: UInt64(directory.blocks.count),
          chunkCount: block.count, rawLength: UInt32(block.count) * Self.chunkSize))
      for chunk in block {
        directory.chunks.append(ChunkReference(id: Self.id(chunk), length: Self.chunkSize))
      }
      size += Int(Self.blockSize)
    }
    let path = "\(self.directory)/\(ObjectName.object(.segment, id).path)"
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StorageError.last("open", path) }
    defer { close(descriptor) }
    guard ftruncate(descriptor, size) == 0 else { throw StorageError.last("ftruncate", path) }
    return IndexEntry(segment: id, size: UInt64(size), directory: directory)
  }
}

extension SyntheticIndex {
  /// Measures a repository that has `count` chunks, whose index is cached.
  func measure(_ count: Int, _ figures: inout Figures) throws {
    try figures.time("view") { try repository.refresh() }
    figures.add("runs", repository.index.runs.count)
    figures.addMemory("memory_view")
    var next: UInt64 = 88_172_645_463_325_252
    func random() -> Int {
      next ^= next << 13
      next ^= next >> 7
      next ^= next << 17
      return Int(next >> 1)
    }
    let one = Self.id(random() % count)
    guard figures.time("look_up", { repository.index.contains(one) }) else {
      throw RepositoryError.missingChunk(one)
    }
    let ids = 1_000_000
    var found = 0
    figures.time("look_ups") {
      for _ in 0..<ids where repository.index.contains(Self.id(random() % (2 * count))) {
        found += 1
      }
    }
    guard abs(found - ids / 2) < ids / 100 else { throw RepositoryError.cancelled }
    figures.addMemory("memory_look_ups")

    try figures.time("view_again") { try repository.refresh() }
    // As a writer does, and then as a client that another writer's objects are new to.
    let added = 3 * count
    try figures.time("add_100000") {
      guard let (entries, name) = try publish(added..<(added + 100_000)) else { return }
      try repository.index.add(entries, sources: [name])
    }
    try publish((added + 100_000)..<(added + 101_000))
    try figures.time("sync_1000") { try repository.refresh() }
    try publish((added + 200_000)..<(added + 300_000))
    try figures.time("sync_100000") { try repository.refresh() }
    guard repository.index.contains(Self.id(added + 250_000)) else {
      throw RepositoryError.missingChunk(Self.id(added + 250_000))
    }
    figures.addMemory("memory")
  }
}
