import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization
import Testing

@testable import ChunkStore

/// The remains of a backup that does not come to its end.
@Suite struct CheckpointTests {
  private let test: SharedRepository
  private let files: [TestFile]

  init() throws {
    test = try SharedRepository()
    var random = PseudoRandomBytes(seed: 51)
    files = random.files(30) + [TestFile(path: "z", bytes: random.bytes(700_000))]
  }

  private func options(interval: Double = 0, made: @escaping @Sendable (Archive) -> Void = { _ in })
    -> ArchiveBuilder.Options
  {
    var options = Repository.testOptions
    options.checkpoints = ArchiveBuilder.Checkpoints(
      interval: interval, describe: { $0.name = "a" }, made: made)
    return options
  }

  private var checkpoints: [Archive] {
    get throws { try test.open().archives().filter { $0.manifest.kind == .checkpoint } }
  }

  @Test func `a checkpoint is whole when it is made, and gone when the archive is`() throws {
    let seen = Mutex<[Int]>([])
    let test = test
    let archive = try test.open().backUp(
      "a", files,
      options: options { checkpoint in
        // By somebody who knows nothing but what is published.
        let found = Result {
          let other = try test.open()
          try other.refresh()
          return try other.contents(of: checkpoint).count
        }
        seen.withLock { $0.append((try? found.get()) ?? -1) }
      })
    #expect(archive.manifest.kind == .archive)
    #expect(try checkpoints.isEmpty)
    let counts = seen.withLock { $0 }
    #expect(counts.count > 3)
    #expect(counts == counts.sorted(), "each has what the one before had")
    #expect(counts.first != -1)
    try test.expect(["a": files])
    try test.expectClean()
  }

  @Test(arguments: Seed.each(UInt64(20 * Rounds.factor)))
  func `what is interrupted ends in a checkpoint that is whole`(seed: Seed) throws {
    var random = seed.generator
    let pause = random.int(0...8000)
    let repository = try test.open()
    let archive = try within(30) { [files] in
      let builder = try ArchiveBuilder(repository, options: options(interval: 1000)) { _, _ in }
      let interrupt = builder.interruption
      let group = ThreadGroup()
      group.start("signal") {
        usleep(UInt32(pause))
        interrupt()
      }
      let entries = try files.map { (try $0.item(), $0) }.sorted { $0.0.path < $1.0.path }
      do {
        for (item, file) in entries { try builder.add(item, content: file) }
      } catch RepositoryError.interrupted {
        // As it should be.
      }
      let archive = try builder.finish { $0.name = "a" }
      try group.join()
      return archive
    }
    let other = try test.open()
    try other.refresh()
    let found = try other.contents(of: archive)
    #expect(found.allSatisfy { files.contents[$0.key] == $0.value })
    if archive.manifest.kind == .archive { #expect(found.count == files.count) }
    #expect(try test.storage.list(.lease).isEmpty)
    try test.expectClean()

    // Stored chunks are not stored again, and a compaction in between frees none of them.
    _ = try test.open().compact(threshold: 0)
    let known = try test.open()
    try known.refresh()
    let next = try known.backUp("b", files)
    let stored = archive.manifest.statistics.newChunks + next.manifest.statistics.newChunks
    #expect(stored == UInt64(try known.chunkIDs(of: next).count))
    try test.expect(["b": files])
  }

  @Test func `a block that does not read back is not published`() throws {
    // There is no faulty memory at hand: a wrong key is as good, since the block is opened anew.
    let repository = try test.open()
    let group = ThreadGroup()
    let writer = ChunkWriter(repository, group: group)
    var packer = try BlockPacker()
    let raw = [UInt8](repeating: 7, count: 5000)
    var hash = try repository.keys.idHash(.content)
    let id = ChunkID(try hash.digest(raw.span))
    try writer.verify(
      try seal(raw, id, repository, &packer), against: raw, &packer)
    var flipped = try seal(raw, id, repository, &packer)
    flipped.bytes[3] ^= 1
    #expect(throws: RepositoryError.self) {
      try writer.verify(flipped, against: raw, &packer)
    }
    var other = raw
    other[4999] = 8
    let good = try seal(raw, id, repository, &packer)
    #expect(throws: RepositoryError.self) { try writer.verify(good, against: other, &packer) }
    writer.close()
    try group.join()
  }

  private func seal(
    _ raw: [UInt8], _ id: ChunkID, _ repository: Repository, _ packer: inout BlockPacker
  ) throws -> SealedBlock {
    let sealer = try BlockSealer(
      .contentSegment, first: id.digest.bytes.span, keys: repository.keys)
    try packer.pack(raw, with: .default)
    let (bytes, number) = try sealer.seal(packer.packed)
    return SealedBlock(
      bytes: bytes, header: sealer.header, number: number, rawLength: UInt32(raw.count),
      chunks: [ChunkReference(id: id, length: UInt32(raw.count))])
  }
}
