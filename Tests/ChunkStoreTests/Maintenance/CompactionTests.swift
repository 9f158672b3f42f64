import Glibc
import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct CompactionTests {
  private let test: SharedRepository

  init() throws { test = try SharedRepository() }

  private func compact(_ threshold: Double = 0.1) throws -> CompactionReport {
    try test.open().compact(threshold: threshold)
  }

  private func isEmpty(_ kind: ObjectName.Kind) throws -> Bool {
    try test.storage.list(kind).isEmpty
  }

  @Test(arguments: Seed.each(UInt64(8 * Rounds.factor)))
  func `whatever is made, deleted and freed, the rest is whole`(seed: Seed) throws {
    var random = seed.generator
    var archives: [String: [TestFile]] = [:]
    var files = random.files(30)
    var repository = try test.open()
    for round in 0..<25 {
      if random.once(in: 3) { repository = try test.open() }
      switch random.int(0...3) {
      case 0, 1:
        files = random.changed(files)
        try repository.backUp("a\(round)", files)
        archives["a\(round)"] = files
      case 2:
        if let name = archives.keys.sorted().randomElement(using: &random) {
          try repository.delete(named: [name])
          archives[name] = nil
        }
      default:
        let report = try repository.compact(threshold: [0, 0.05, 0.3, 1][random.int(0...3)])
        #expect(report.waitingSegments == 0)
        try test.expect(archives)
      }
    }
    _ = try repository.compact(threshold: 0)
    try test.expect(archives)
    try test.expectClean()
    // A threshold of zero leaves nothing that a second time could free.
    let segments = try test.storage.ids(.segment)
    let again = try compact(0)
    #expect(again.removedSegments == 0)
    #expect(try test.storage.ids(.segment) == segments)

    try repository.delete(try repository.archives())
    _ = try repository.compact()
    for kind in [ObjectName.Kind.segment, .index, .doomed, .lease, .archive, .label] {
      #expect(try isEmpty(kind), "\(kind)")
    }
  }

  @Test func `a segment is rewritten for what the threshold says, and not for less`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let files = (0..<100).map { TestFile(path: "f\($0)", bytes: random.bytes(10_000)) }
    let repository = try test.open()
    try repository.backUp("all", files)
    try repository.backUp("most", Array(files.dropLast(20)))
    try repository.delete(named: ["all"])
    let before = try test.storage.list(.segment).reduce(0) { $0 + $1.size }
    // A tenth of it all is the tree that nobody needs any more.
    let none = try compact(0.5)
    #expect(none.movedBytes == 0)
    let report = try compact(0.1)
    #expect(report.movedBytes > 780_000)
    #expect(report.freedBytes > 180_000)
    let after = try test.storage.list(.segment).reduce(0) { $0 + $1.size }
    #expect(before - after > 180_000)
    try test.expect(["most": Array(files.dropLast(20))])
  }

  @Test func `a segment that is referenced in full is never rewritten`() throws {
    var random = PseudoRandomBytes(seed: 1)
    // The cost of a chunk in the directory is more than the chunk.
    let files = (0..<2000).map { TestFile(path: "f\($0)", bytes: random.bytes(20)) }
    try test.open().backUp("a", files)
    let segments = try test.storage.ids(.segment)
    #expect(try compact(0.1).removedSegments == 0)
    #expect(try compact(0).removedSegments == 0)
    #expect(try test.storage.ids(.segment) == segments)
  }

  @Test func `of a block that several chunks share, those that are needed stay`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let files = (0..<400).map { TestFile(path: "f\($0)", bytes: random.bytes(300)) }
    let half = files.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    let repository = try test.open()
    try repository.backUp("all", files)
    try repository.backUp("half", half)
    try repository.delete(named: ["all"])
    #expect(try compact(0).movedBytes > 0)
    try test.expect(["half": half])
    try test.expectClean()
  }

  @Test func `a block that moves keeps the header it was sealed under, however often`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var options = Repository.testOptions
    options.chunker = .fixed(size: 200_000)
    options.compression = try Compression(parsing: "none")
    var files = (0..<12).map { TestFile(path: "f\($0 + 10)", bytes: random.bytes(200_000)) }
    let repository = try test.open()
    try repository.backUp("0", files, options: options)
    let origin = try headers(of: files[11], in: repository)
    for round in 1...4 {
      files.removeFirst(2)
      // The bytes of a new archive end up in the same segment as those that move.
      files.append(TestFile(path: "n\(round)", bytes: random.bytes(200_000)))
      try repository.backUp("\(round)", files, options: options)
      try repository.delete(named: ["\(round - 1)"])
      let report = try compact(0)
      #expect(report.movedBytes > 0)
      try test.expect(["\(round)": files])
      let now = try test.open()
      try now.refresh()
      if let file = files.first(where: { $0.path == "f21" }) {
        let header = try headers(of: file, in: now)
        #expect(header.map(\.header) == origin.map(\.header))
        #expect(header.map(\.number) == origin.map(\.number))
        #expect(header.map(\.segment) != origin.map(\.segment))
      }
    }
    try test.expectClean()
  }

  private func headers(of file: TestFile, in repository: Repository) throws -> [ChunkLocation] {
    var hash = try repository.keys.idHash(.content)
    return repository.index.locations(of: ChunkID(try hash.digest(of: file.bytes)))
  }

  @Test func `a chunk that was stored twice is kept once`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let files = (0..<20).map { TestFile(path: "f\($0)", bytes: random.bytes(20_000)) }
    // Two machines that do not see each other's index, at the same time.
    let a = try test.open()
    let b = try ArchiveBuilder(try test.open(), options: Repository.testOptions) { _, _ in }
    try a.backUp("a", files)
    for (item, file) in try files.map({ (try $0.item(), $0) }).sorted(by: { $0.0.path < $1.0.path })
    {
      try b.add(item, content: file)
    }
    _ = try b.finish { $0.name = "b" }
    let before = try test.storage.list(.segment).reduce(0) { $0 + $1.size }
    _ = try compact()
    let after = try test.storage.list(.segment).reduce(0) { $0 + $1.size }
    #expect(before > 800_000)
    #expect(after < 500_000)
    try test.expect(["a": files, "b": files])
    let segments = try test.storage.ids(.segment)
    _ = try compact(0)
    #expect(try test.storage.ids(.segment) == segments)
  }

  // MARK: Others at work

  /// An archive that is gone, and whose chunks nobody needs.
  private func garbage() throws -> (files: [TestFile], segments: Set<Digest256>) {
    var random = PseudoRandomBytes(seed: 11)
    let files = random.files(10) + [TestFile(path: "x", bytes: random.bytes(50_000))]
    let repository = try test.open()
    try repository.backUp("gone", files)
    try repository.delete(named: ["gone"])
    return (files, try test.storage.ids(.segment))
  }

  @Test func `what a running operation may need waits for it`() throws {
    let garbage = try garbage()
    let lease = try test.putLease()
    let report = try compact()
    #expect(report.waitingSegments == garbage.segments.count)
    #expect(report.waitsFor.count >= 1)
    #expect(try test.storage.ids(.segment) == garbage.segments)
    // Still there.
    #expect(try compact().waitingSegments == garbage.segments.count)
    #expect(try test.storage.list(.doomed).count == 2)
    // An operation that begins now is not waited for: it sees that the segments are doomed.
    try test.putLease()
    try test.storage.delete(.object(.lease, lease))
    #expect(try compact().removedSegments == garbage.segments.count)
    #expect(try isEmpty(.segment))
    #expect(try isEmpty(.doomed))
  }

  @Test func `what a running operation may just have stored is left alone`() throws {
    let garbage = try garbage()
    try test.putLease(ageInSeconds: 10)
    let report = try compact()
    #expect(report.waitingSegments == 0)
    #expect(report.removedSegments == 0)
    #expect(try isEmpty(.doomed))
    #expect(try test.storage.ids(.segment) == garbage.segments)
  }

  @Test func `an operation that was not heard of for an hour is waited for no longer`() throws {
    let garbage = try garbage()
    let lease = try test.putLease(ageInSeconds: 3700)
    let beat = try test.open().publish(
      LeaseObject.heartbeat(of: lease).encoded(), as: .lease, in: .lease)
    test.storage.setAge(.object(.lease, beat), seconds: 3500)
    #expect(try compact().removedSegments == 0, "its heart beats")
    test.storage.setAge(.object(.lease, beat), seconds: 3700)
    #expect(try compact().removedSegments == garbage.segments.count)
    #expect(try isEmpty(.lease))
  }

  @Test func `a heartbeat of an operation that has ended is cleared away`() throws {
    let id = try Digest256.random()
    try test.open().publish(LeaseObject.heartbeat(of: id).encoded(), as: .lease, in: .lease)
    _ = try compact()
    #expect(try isEmpty(.lease))
  }

  @Test func `what an interrupted backup has stored is left alone for a week`() throws {
    let garbage = try garbage()
    var manifest = ArchiveManifest(name: "a", start: SystemClock.now, end: SystemClock.now)
    manifest.start = manifest.end.earlier(bySeconds: 100)
    manifest.becomeCheckpoint()
    let id = try test.open().publish(try manifest.encoded(), as: .archive, in: .archive)
    #expect(try compact().removedSegments == 0)
    test.storage.setAge(.object(.archive, id), seconds: 8 * 24 * 3600)
    #expect(try compact().removedSegments == garbage.segments.count)
  }

  @Test func `a lease that cannot be read is waited for, until it is broken`() throws {
    let garbage = try garbage()
    try test.storage.age()
    let lease = ObjectName.object(.lease, try Digest256.random())
    test.storage.replace(lease, [1, 2, 3])
    let report = try compact()
    #expect(report.waitingSegments == garbage.segments.count)
    #expect(report.unreadableLeases.map(\.object) == [lease])
    #expect(try test.open().breakLeases(all: false).isEmpty)
    #expect(try test.open().breakLeases(all: true).count == 1)
    #expect(try compact().removedSegments == garbage.segments.count)
  }

  @Test func `what is younger than a lease that cannot be read is left alone`() throws {
    let lease = ObjectName.object(.lease, try Digest256.random())
    test.storage.replace(lease, [1, 2, 3])
    test.storage.setAge(lease, seconds: 60)
    let garbage = try garbage()
    let report = try compact()
    #expect(report.waitingSegments == 0)
    #expect(report.unreadableLeases.map(\.object) == [lease])
    #expect(try test.storage.ids(.segment) == garbage.segments)
    try test.storage.delete(lease)
    #expect(try compact().removedSegments == garbage.segments.count)
  }

  @Test func `what an archive has come to need is rescued`() throws {
    let garbage = try garbage()
    try test.storage.age()
    // Begins before the compaction, and takes the chunks for what they are: there.
    let builder = try ArchiveBuilder(try test.open(), options: Repository.testOptions) { _, _ in }
    let lease = try test.putLease()
    let entries = try garbage.files.map { (try $0.item(), $0) }.sorted { $0.0.path < $1.0.path }
    for (item, file) in entries { try builder.add(item, content: file) }
    #expect(try compact().waitingSegments == garbage.segments.count)
    _ = try builder.finish { $0.name = "back" }
    try test.storage.delete(.object(.lease, lease))
    let report = try compact()
    #expect(report.removedSegments == garbage.segments.count)
    #expect(report.movedBytes > 0)
    try test.expect(["back": garbage.files])
    try test.expectClean()
  }

  @Test func `nobody refers to a doomed segment, were it in no index object`() throws {
    let garbage = try garbage()
    for index in try test.storage.list(.index) {
      try test.storage.delete(.object(.index, index.id))
    }
    let lease = try test.putLease()
    #expect(try compact().waitingSegments == garbage.segments.count)
    let repository = try test.open()
    try repository.backUp("new", garbage.files)
    try test.storage.delete(.object(.lease, lease))
    #expect(try compact().removedSegments == garbage.segments.count)
    try test.expect(["new": garbage.files])
    try test.expectClean()
  }

  @Test func `segments without an index object get one`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let files = random.files(10)
    try test.open().backUp("a", files)
    for index in try test.storage.list(.index) {
      try test.storage.delete(.object(.index, index.id))
    }
    try test.expect(["a": files])
    _ = try compact()
    #expect(try test.storage.list(.index).count == 1)
    try test.expect(["a": files])
    #expect(try compact().removedSegments == 0)
    #expect(try test.storage.list(.index).count == 1)
  }

  @Test func `many index objects become few`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var files: [TestFile] = []
    let repository = try test.open()
    for number in 0..<70 {
      files.append(TestFile(path: "f\(number)", bytes: random.bytes(100)))
      try repository.backUp("a\(number)", files)
    }
    _ = try compact(1)
    #expect(try test.storage.list(.index).count == 1)
    try test.expect(["a69": files])
    try test.expectClean()
  }

  @Test func `archives are made while space is freed`() throws {
    let seconds = 2.0 * Double(Rounds.factor)
    let archives = Collected<(String, [TestFile])>()
    try within(60 + seconds) { [test] in
      let end = SystemClock.monotonicSeconds + seconds
      let group = ThreadGroup()
      for writer in 0..<3 {
        group.start("create") {
          var random = PseudoRandomBytes(seed: UInt64(writer))
          let directory = try TemporaryDirectory()
          let mine = SharedRepository(storage: test.storage, directory: directory)
          // Some of it is what the others have.
          var files = PseudoRandomBytes(seed: 99).twins(10)
          var kept: [String] = []
          var number = 0
          while SystemClock.monotonicSeconds < end {
            files = random.changed(files)
            let repository = try mine.open()
            let name = "w\(writer)-\(number)"
            try repository.backUp(name, files)
            archives.append((name, files))
            kept.append(name)
            number += 1
            if kept.count > 3 { try repository.delete(named: [kept.removeFirst()]) }
          }
        }
      }
      group.start("check") {
        let mine = SharedRepository(storage: test.storage, directory: try TemporaryDirectory())
        while SystemClock.monotonicSeconds < end { try mine.expectClean("while others work") }
      }
      while SystemClock.monotonicSeconds < end {
        // Nothing is too young to go.
        try test.storage.age()
        _ = try test.open().compact(threshold: 0.01)
      }
      try group.join()
    }
    let left = Set(try test.open().archives().map(\.name))
    #expect(left.count == 9)
    let files = Dictionary(archives.values) { $1 }.filter { left.contains($0.key) }
    try test.expect(files)
    try test.expectClean()
    _ = try compact(0)
    try test.expect(files)
    try test.open().delete(try test.open().archives())
    _ = try compact()
    #expect(try isEmpty(.segment))
  }

  @Test func `several compactions at once free what is free, and no more`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var files = random.files(40)
    let repository = try test.open()
    for round in 0..<10 {
      files = random.changed(files)
      try repository.backUp("a\(round)", files)
    }
    try repository.delete(named: (0..<9).map { "a\($0)" })
    try within(60) { [test] in
      let group = ThreadGroup()
      for _ in 0..<3 {
        group.start("compact") {
          let mine = SharedRepository(storage: test.storage, directory: try TemporaryDirectory())
          for _ in 0..<5 {
            do {
              _ = try mine.open().compact(threshold: 0)
            } catch let error as Corruption {
              // Another compaction has just freed it.
              Issue.record(error)
            } catch StorageError.notFound {
              continue
            }
          }
        }
      }
      try group.join()
    }
    try test.expect(["a9": files])
    try test.expectClean()
    _ = try compact(0)
    try test.expect(["a9": files])
    #expect(try isEmpty(.doomed))
  }

  // MARK: Damage

  @Test(arguments: [ObjectName.Kind.archive, .index, .doomed])
  func `nothing is deleted while an object cannot be read`(kind: ObjectName.Kind) throws {
    _ = try garbage()
    var random = PseudoRandomBytes(seed: 12)
    let files = random.files(10)
    try test.open().backUp("a", files)
    try test.putLease()
    _ = try compact()
    let before = try test.storage.ids(.segment)
    for object in try test.storage.list(kind) {
      let name = ObjectName.object(kind, object.id)
      let bytes = try test.storage.get(name, range: nil)
      for spoiled in [Array(bytes.dropLast(9)), [], random.mutate(bytes)] where spoiled != bytes {
        test.storage.replace(name, spoiled)
        for lease in try test.storage.list(.lease) {
          try test.storage.delete(.object(.lease, lease.id))
        }
        // Nothing is known of it from earlier.
        let stranger = SharedRepository(storage: test.storage, directory: try TemporaryDirectory())
        #expect(throws: RepositoryError.self) { try stranger.open().compact(threshold: 0) }
        #expect(try test.storage.ids(.segment) == before)
      }
      test.storage.replace(name, bytes)
    }
    _ = try compact(0)
    try test.expect(["a": files])
  }

  @Test func `nothing is deleted while a tree cannot be read`() throws {
    var random = PseudoRandomBytes(seed: 12)
    let files = random.files(10)
    let repository = try test.open()
    try repository.backUp("a", files)
    let root = try #require(try repository.archive(named: "a").manifest.tree)
    let location = try #require(repository.index.locations(of: root.id).first)
    _ = try garbage()
    let before = try test.storage.ids(.segment)
    let name = ObjectName.object(.segment, location.segment)
    let bytes = try test.storage.get(name, range: nil)
    var spoiled = bytes
    spoiled[location.blockOffset + 3] ^= 1
    test.storage.replace(name, spoiled)
    #expect(throws: RepositoryError.self) { try compact(0) }
    #expect(try test.storage.ids(.segment) == before)
    try test.storage.delete(name)
    #expect(throws: RepositoryError.self) { try compact(0) }
    test.storage.replace(name, bytes)
    _ = try compact(0)
    try test.expect(["a": files])
  }

  @Test func `a name that cannot be read keeps nobody from freeing space`() throws {
    let garbage = try garbage()
    test.storage.replace(.object(.label, try Digest256.random()), [1, 2, 3])
    #expect(try compact().removedSegments == garbage.segments.count)
  }

  @Test func `a damaged cache costs time, never a backup`() throws {
    var random = PseudoRandomBytes(seed: 12)
    let files = random.files(40)
    try test.open().backUp("a", files)
    let cache = "\(test.directory.path)/\(try test.open().id.hex)/index"
    for name in try LocalFile.names(in: cache).map({ String(decoding: $0, as: UTF8.self) }) {
      var bytes = try readFile("\(cache)/\(name)")
      // As a power cut leaves it: the size is right, and the end is zeros.
      for at in (bytes.count / 2)..<bytes.count { bytes[at] = 0 }
      try writeFile("\(cache)/\(name)", bytes)
    }
    _ = try compact(0)
    try test.expect(["a": files])
    try test.expectClean()
  }

  @Test func `a disk that is full has room once what nobody needs is gone`() throws {
    var random = PseudoRandomBytes(seed: 12)
    let files = (0..<20).map { TestFile(path: "f\($0)", bytes: random.bytes(20_000)) }
    let repository = try test.open()
    try repository.backUp("all", files)
    try repository.backUp("half", Array(files.prefix(10)))
    try repository.delete(named: ["all"])
    _ = try garbage()
    let kept = Array(files.prefix(10))
    // How many there are depends on where the tree's nodes end.
    let undisturbed = try test.copy()
    _ = try undisturbed.open().compact(threshold: 0)
    let segments = try undisturbed.storage.list(.segment).count
    #expect((2...3).contains(segments))
    var rescued = 0
    for at in 0..<1000 {
      let copy = try test.copy()
      let faulty = FaultyStorage(copy.storage)
      let repository = try copy.open(through: faulty)
      faulty.arm(.once(at: at, .noSpace("memory")))
      let result = Result { try within(30) { try repository.compact(threshold: 0) } }
      try copy.expect(["half": kept], "no space at \(at)")
      if !faulty.hasFailed {
        // Moving takes more than the two operations whose failure is passed over anyway.
        #expect(rescued > 4)
        break
      }
      guard case .success = result else { continue }
      // It was refused once, and went on: as if nothing had been.
      rescued += 1
      #expect(try copy.storage.list(.segment).count == segments, "no space at \(at)")
    }
  }
}

extension PseudoRandomBytes {
  /// Makes equal files for everybody who begins with the same seed.
  consuming func twins(_ count: Int) -> [TestFile] {
    var random = self
    return random.files(count)
  }
}
