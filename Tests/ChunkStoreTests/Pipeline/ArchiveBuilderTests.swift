import StoreCrypto
import Synchronization
import Testing

@testable import ChunkStore

@Suite struct ArchiveBuilderTests {
  private let test: SharedRepository

  init() throws { test = try SharedRepository() }

  @Test(arguments: Seed.each(UInt64(6 * Rounds.factor)))
  func `an archive gives back what went in`(seed: Seed) throws {
    var random = seed.generator
    var files = random.files(random.int(1...60), largest: 100_000)
    if random.once(in: 2) {
      // A file so large that it is read, cut and stored by different threads; more chunks than an
      // item holds itself.
      files.append(TestFile(path: "large", bytes: random.bytes(random.int(524_288...1_500_000))))
      files.append(TestFile(path: "long", bytes: [UInt8](repeating: 7, count: 700_000)))
    }
    var options = Repository.testOptions
    options.itemsInFlight = [1, 2, 3, 10, 2048][random.int(0...4)]
    options.compression = try Compression(
      parsing: ["none", "lz4", "zstd,3", "auto,zstd,3"][random.int(0...3)])
    let archive = try within(60) { [test, files, options] in
      try test.open().backUp("a", files, options: options)
    }
    try test.expect(["a": files])
    try test.expectClean()
    let statistics = archive.manifest.statistics
    #expect(statistics.files == UInt64(files.count))
    #expect(statistics.originalSize == files.reduce(0) { $0 + UInt64($1.bytes.count) })
  }

  @Test func `the other suites work as well`() throws {
    var random = PseudoRandomBytes(seed: 5)
    let files = random.files(20)
    for suite in [Suite.aes256GCM, .chacha20Poly1305, .authenticated] {
      let test = try SharedRepository(suite: suite)
      try test.open().backUp("a", files)
      try test.expect(["a": files])
      try test.expectClean()
    }
  }

  @Test func `an empty archive is an archive`() throws {
    try test.open().backUp("a", [])
    try test.expect(["a": []])
    try test.expectClean()
  }

  @Test func `the same input gives the same tree, and stores nothing`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var files = random.files(80)
    files.append(TestFile(path: "large", bytes: random.bytes(900_000)))
    let first = try test.open().backUp("a", files)
    let segments = try test.storage.ids(.segment)
    let second = try test.open().backUp("b", files)
    #expect(second.manifest.tree == first.manifest.tree)
    #expect(second.manifest.statistics.newChunks == 0)
    #expect(second.manifest.statistics.storedSize == 0)
    #expect(try test.storage.ids(.segment) == segments)

    // And another repository with the same secrets.
    let other = try test.copy()
    let repository = try other.open()
    try repository.delete(named: ["a", "b"])
    _ = try repository.compact()
    #expect(try repository.backUp("a", files).manifest.tree == first.manifest.tree)
  }

  @Test func `a second archive stores what has changed`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var files = (0..<50).map { TestFile(path: "f\($0)", bytes: random.bytes(20_000)) }
    try test.open().backUp("a", files)
    files[7].bytes = random.bytes(20_000)
    files[8].bytes += [1]
    let second = try test.open().backUp("b", files)
    #expect(second.manifest.statistics.newSize >= 20_001)
    // The last chunk of the second file, at most.
    #expect(second.manifest.statistics.newSize <= 20_001 + (1 << 14))
    try test.expect(["b": files])
  }

  @Test func `what cannot be read is told, and is not there`() throws {
    var random = PseudoRandomBytes(seed: 3)
    var files = random.files(40)
    files[3].fault = .cannotBeOpened
    files[9].bytes = random.bytes(30_000)
    files[9].fault = .fails(after: 10)
    files[11].fault = .changed(to: random.bytes(5000))
    files[12].fault = .changed(to: [])
    files[13].announced = 0
    files[14].announced = 900_000
    files.append(
      TestFile(path: "late", bytes: random.bytes(3 << 20), fault: .fails(after: 2_500_000)))
    files.append(
      TestFile(path: "grown", bytes: [], fault: .changed(to: random.bytes(2 << 20))))
    files.append(
      TestFile(
        path: "shrunk", bytes: random.bytes(1 << 20), fault: .changed(to: random.bytes(3000))))
    let failed = Collected<String>()
    let changed = Collected<String>()
    let order = Collected<ArchivePath>()
    try within(60) { [test, files] in
      try test.open().backUp("a", files) { outcome in
        switch outcome {
        case .failed(let path, let error):
          #expect(error is TestFile.Unreadable)
          failed.append(path.description)
          order.append(path)
        case .archived(let item):
          if item.changedWhileRead { changed.append(item.path.description) }
          order.append(item.path)
        }
      }
    }
    #expect(Set(failed.values) == [files[3].path, files[9].path, "late"])
    #expect(Set(changed.values) == [files[11].path, files[12].path, "grown", "shrunk"])
    #expect(order.values.count == files.count)
    #expect(order.values == order.values.sorted())
    try test.expect(["a": files])
    try test.expectClean()
  }

  @Test func `many items wait for few`() throws {
    let count = 20_000
    struct Counted: ContentSource {
      let expectedSize: UInt64 = 3
      let number: Int
      func open() throws -> any ContentStream {
        TestStreamOf([UInt8(number & 255), UInt8(number >> 8), 9])
      }
      func isWorthReading(afterAttempt attempt: Int) -> Bool { false }
    }
    final class InFlight: Sendable {
      let figures = Mutex<(added: Int, told: Int, most: Int)>((0, 0, 0))
    }
    let flight = InFlight()
    let archive = try within(60) { [test] in
      var options = Repository.testOptions
      options.itemsInFlight = 100
      let builder = try ArchiveBuilder(try test.open(), options: options) { _, _ in
        flight.figures.withLock { $0.told += 1 }
      }
      for number in 0..<count {
        let digits = String(number)
        let name = String(repeating: "0", count: 6 - digits.count) + digits
        let file = TestFile(path: name, bytes: [])
        try builder.add(try file.item(), content: Counted(number: number))
        flight.figures.withLock { figures in
          figures.added += 1
          figures.most = max(figures.most, figures.added - figures.told)
        }
      }
      return try builder.finish { $0.name = "many" }
    }
    #expect(archive.manifest.statistics.files == UInt64(count))
    // Those in the queue, the one that the tree waits for, and one that is being handed over.
    #expect(flight.figures.withLock { $0.most } <= 103)
    #expect(flight.figures.withLock { $0.told } == count)
  }

  @Test func `nothing is published before what it refers to`() throws {
    let faulty = FaultyStorage(test.storage)
    var random = PseudoRandomBytes(seed: 1)
    let repository = try test.open(through: faulty)
    faulty.arm(.none)
    try repository.backUp("a", random.files(40))
    let kinds = faulty.changes.map { change in
      switch change {
      case .put(.object(let kind, _)): "put \(kind)"
      case .delete(.object(let kind, _)): "delete \(kind)"
      default: "config"
      }
    }
    #expect(
      kinds == [
        "put lease", "put segment", "put segment", "put index", "put archive", "delete lease",
      ])
  }

  @Test func `a file that comes out of order is told, and the others are archived`() throws {
    let failed = Collected<String>()
    let builder = try ArchiveBuilder(try test.open(), options: Repository.testOptions) {
      outcome, _ in
      if case .failed(let path, _) = outcome { failed.append(path.description) }
    }
    for path in ["b", "a", "c", "c", "d"] {
      let file = TestFile(path: path, bytes: [1, 2])
      try builder.add(try file.item(), content: file)
    }
    _ = try builder.finish { $0.name = "x" }
    #expect(failed.values == ["a", "c"])
    try test.expect(["x": ["b", "c", "d"].map { TestFile(path: $0, bytes: [1, 2]) }])
  }
}

/// Bytes to be read.
private final class TestStreamOf: ContentStream {
  private var bytes: [UInt8]
  private let size: Int

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    size = bytes.count
  }

  func read(_ count: Int) throws -> [UInt8] {
    let piece = Array(bytes.prefix(count))
    bytes.removeFirst(piece.count)
    return piece
  }

  func finish() throws -> ContentSummary { ContentSummary(size: UInt64(size)) }
}
