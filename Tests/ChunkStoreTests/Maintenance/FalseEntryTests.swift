import StoreCrypto
import Testing

@testable import ChunkStore

/// Index objects that say of true segments what these do not hold.
@Suite struct FalseEntryTests {
  private let test: SharedRepository
  private let files: [TestFile]

  init() throws {
    test = try SharedRepository()
    var random = PseudoRandomBytes(seed: 51)
    files = random.files(10) + [TestFile(path: "x", bytes: random.bytes(100_000))]
    try test.open().backUp("a", files)
  }

  enum Lie: CaseIterable {
    case size, otherChunks, otherSegment, blocks, length, nonce
  }

  private func entries(_ test: SharedRepository) throws -> [IndexEntry] {
    let repository = try test.open()
    return try test.storage.list(.index).flatMap { try repository.indexEntries($0.id) }
  }

  private func forged(_ honest: [IndexEntry], _ lie: Lie) -> [IndexEntry] {
    honest.enumerated().map { number, entry in
      var entry = entry
      switch lie {
      case .size: entry.size += 4096
      case .otherChunks:
        entry.directory.chunks = entry.directory.chunks.map {
          ChunkReference(id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), length: $0.length)
        }
      case .otherSegment: entry.directory = honest[(number + 1) % honest.count].directory
      case .blocks:
        let last = entry.directory.blocks.count - 1
        let chunks = entry.directory.blocks[last].chunkCount
        entry.directory.blocks.append(entry.directory.blocks[last])
        entry.directory.chunks += entry.directory.chunks.suffix(chunks)
      case .length: entry.directory.blocks[0].sealedLength += 1
      case .nonce: entry.directory.blocks[0].number += 1
      }
      return entry
    }
  }

  private func check(_ test: SharedRepository) throws -> CheckReport {
    try test.open().check(CheckOptions()) { _ in }
  }

  // Names decide in which order entries are met: both orders come up.
  @Test(arguments: Lie.allCases, 0..<4)
  func `the index object is damaged, and no segment`(lie: Lie, round: Int) throws {
    let honest = try entries(test)
    let name = try test.open().publish(
      IndexObject(entries: forged(honest, lie)).encoded(), as: .index, in: .index)
    for _ in 0..<2 {
      let report = try check(test)
      #expect(report.damaged == [.object(.index, name)])
      #expect(report.problems.count == 1)
      #expect(report.problems.allSatisfy { $0.contains("contradicts the directory of segments/") })
    }
    // Beside a second true one, which is no damage.
    _ = try test.open().publish(
      IndexObject(entries: honest.reversed()).encoded(), as: .index, in: .index)
    #expect(try check(test).damaged == [.object(.index, name)])
  }

  @Test func `a false entry is found where no true one is`() throws {
    let honest = try entries(test)
    for object in try test.storage.list(.index) {
      try test.storage.delete(.object(.index, object.id))
    }
    let name = try test.open().publish(
      IndexObject(entries: forged(honest, .otherChunks)).encoded(), as: .index, in: .index)
    #expect(try check(test).damaged == [.object(.index, name)])
  }

  @Test func `a segment that is not the object of its name is damaged, whatever entries say`()
    throws
  {
    let honest = try entries(test)
    let (first, second) = (honest[0], honest[1])
    let names = [first, second].map { ObjectName.object(.segment, $0.segment) }
    let bytes = try test.storage.get(names[0], range: nil)
    test.storage.replace(names[0], try test.storage.get(names[1], range: nil))
    test.storage.replace(names[1], bytes)
    var swapped = [first, second]
    (swapped[0].segment, swapped[1].segment) = (second.segment, first.segment)
    for _ in 0..<4 {
      #expect(try check(test).damaged == Set(names))
      // An index object that agrees with what is there makes it no better.
      swapped.reverse()
      _ = try test.open().publish(
        IndexObject(entries: swapped + swapped).encoded(), as: .index, in: .index)
    }
  }

  @Test func `repair puts no true segment in quarantine`() throws {
    let honest = try entries(test)
    let segments = try test.storage.ids(.segment)
    for lie in Lie.allCases {
      _ = try test.open().publish(
        IndexObject(entries: forged(honest, lie)).encoded(), as: .index, in: .index)
    }
    let report = try test.open().repair(
      CheckOptions(), isDryRun: false, confirm: { _ in true }
    ) { _ in }
    #expect(report.check.damaged.count == Lie.allCases.count)
    #expect(try test.storage.list(.quarantine).isEmpty)
    #expect(try test.storage.ids(.segment) == segments)
    #expect(try check(test).isClean)
    try test.expect(["a": files])
    try test.copy().expect(["a": files], "with nothing cached")
  }

  @Test func `a repeated entry does not make a segment be read again and again`() throws {
    let honest = try entries(test)
    for _ in 0..<20 {
      _ = try test.open().publish(
        IndexObject(entries: honest + honest.reversed() + honest).encoded(), as: .index,
        in: .index)
    }
    let recording = RecordingStorage(test.storage)
    let repository = try test.open(through: recording)
    var options = CheckOptions()
    options.archives = false
    recording.forget()
    #expect(try repository.check(options) { _ in }.isClean)
    // A directory takes three reads.
    #expect(recording.ranges.count <= 2 * 3 * honest.count)
  }
}
