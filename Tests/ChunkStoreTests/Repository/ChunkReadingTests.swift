import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization
import Testing

@testable import ChunkStore

@Suite struct ChunkReadingTests {
  let test: TestRepository
  var repository: Repository { test.repository }
  /// One large chunk, and three that share a block.
  let large: [UInt8]
  let small: [[UInt8]]

  init() throws {
    test = try TestRepository()
    var random = PseudoRandomBytes(seed: 21)
    large = random.bytes(300_000)
    small = [random.bytes(10), Array("many words, many words".utf8), random.bytes(0)]
  }

  private func id(
    _ bytes: [UInt8], _ namespace: KeyRing.Namespace = .content
  ) throws -> ChunkID {
    var hash = try repository.keys.idHash(namespace)
    return ChunkID(try hash.digest(of: bytes))
  }

  private func read(
    _ bytes: [UInt8], _ namespace: KeyRing.Namespace = .content, in other: Repository? = nil
  ) throws -> [UInt8] {
    let repository = other ?? self.repository
    var reader = try ChunkReader(keys: repository.keys)
    return try reader.read(try id(bytes, namespace), namespace: namespace, repository: repository)
  }

  @Test(arguments: Suite.allCases)
  func `chunks come back from their blocks`(suite: Suite) throws {
    let passphrase = suite == .none ? nil : Secret("x")
    let test = try TestRepository(suite: suite, passphrase: passphrase)
    try test.addIndex([try test.addSegment([[large], small])])
    let opened = try test.reopen(passphrase: passphrase)
    #expect(try opened.refresh().isEmpty)
    var hash = try opened.keys.idHash(.content)
    var reader = try ChunkReader(keys: opened.keys)
    for bytes in small + [large] + small {
      let id = ChunkID(try hash.digest(of: bytes))
      #expect(try reader.read(id, namespace: .content, repository: opened) == bytes)
      let reference = ChunkReference(id: id, length: UInt32(bytes.count))
      #expect(try opened.chunk(reference, &reader).bytes == bytes)
      let wrong = ChunkReference(id: id, length: UInt32(bytes.count + 1))
      #expect(throws: RepositoryError.self) { try opened.chunk(wrong, &reader) }
    }
  }

  @Test func `threads that want the same block read it once`() throws {
    let cache = BlockCache(capacity: 1 << 20)
    let key = BlockKey(segment: Digest256(bigEndianWords: 1, 2, 3, 4), offset: 5)
    let reads = Mutex(0)
    let group = ThreadGroup()
    for number in 0..<8 {
      group.start("reader \(number)") {
        if let block = cache.claim(key) {
          #expect(block.bytes == [7])
          return
        }
        // The first who tries does not succeed.
        let turn = reads.withLock { reads in
          reads += 1
          return reads
        }
        cache.settle(key, turn == 1 ? nil : PlacedBytes([7]))
      }
    }
    try group.join()
    #expect(reads.withLock { $0 } == 2)
    #expect(cache.contains(key))
  }

  @Test func `a cache of blocks lets the oldest go`() {
    let cache = BlockCache(capacity: 10)
    let keys = (0..<3).map {
      BlockKey(segment: Digest256(bigEndianWords: 0, 0, 0, 0), offset: $0)
    }
    for key in keys {
      #expect(cache.claim(key) == nil)
      cache.settle(key, PlacedBytes([1, 2, 3, 4]))
    }
    #expect(keys.map(cache.contains) == [false, true, true])
  }

  @Test func `segments that were never indexed are adopted`() throws {
    _ = try test.addSegment([[large], small])
    #expect(try !repository.index.contains(id(large)))
    #expect(try repository.refresh().isEmpty)
    #expect(try repository.index.contains(id(large)))
    #expect(try read(small[1]) == small[1])
  }

  @Test func `segments that no index object vouches for are made durable for an archive`() throws {
    func settled(_ name: String) throws -> [ObjectName.Kind] {
      let storage = RecordingStorage(test.storage)
      let repository = try Repository.open(
        storage, cacheDirectory: "\(test.directory.path)/\(name)"
      ) { throw KeyError.passphraseNeeded }
      try repository.backUp(name, [TestFile(path: "a", bytes: large)])
      return storage.settledKinds
    }
    let entry = try test.addSegment([[large]])
    #expect(try settled("one").contains(.segment))
    try test.addIndex([entry])
    #expect(try !settled("two").contains(.segment))
  }

  @Test func `a doomed segment that was never indexed is not referred to`() throws {
    let entry = try test.addSegment([[large]])
    try repository.publish(Doom(segments: [entry.segment]).encoded(), as: .doomed, in: .doomed)
    #expect(try repository.refresh().isEmpty)
    #expect(try !repository.index.contains(id(large)))
    // It can still be read.
    #expect(try read(large) == large)
  }

  @Test func `a chunk that is damaged in one place is read from another`() throws {
    let first = try test.addSegment([[large]])
    let second = try test.addSegment([small, [large]])
    try test.addIndex([first, second])
    try repository.refresh()
    for entry in [first, second] {
      let name = ObjectName.object(.segment, entry.segment)
      let whole = try test.storage.get(name, range: nil)
      for byte in [100, 5000] {
        var bytes = whole
        // Every block of the segment.
        for at in stride(from: byte, to: bytes.count - 4200, by: 16) { bytes[at] ^= 1 }
        test.storage.replace(name, bytes)
        #expect(try read(large) == large)
      }
      test.storage.replace(name, Array(whole[..<200]))
      #expect(try read(large) == large)
      test.storage.replace(name, whole)
    }
  }

  @Test func `a chunk that is damaged everywhere is an error that names it`() throws {
    let entry = try test.addSegment([[large]])
    try test.addIndex([entry])
    try repository.refresh()
    let name = ObjectName.object(.segment, entry.segment)
    try test.damage(name, at: 1000)
    let error = #expect(throws: RepositoryError.self) { try read(large) }
    guard case .damagedChunk(let chunk, let cause) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(chunk == (try id(large)))
    #expect((cause as? Corruption)?.object == name)
  }

  @Test func `a chunk that is nowhere is missing`() throws {
    try repository.refresh()
    let error = #expect(throws: RepositoryError.self) { try read([1]) }
    guard case .missingChunk = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `a chunk that was moved since we looked is found again`() throws {
    let old = try test.addSegment([[large]])
    let oldIndex = try test.addIndex([old])
    try repository.refresh()
    // Somebody compacts: segment, then index, then the old ones go.
    let new = try test.addSegment([small, [large]])
    try test.addIndex([new])
    try test.storage.delete(.object(.segment, old.segment))
    try test.storage.delete(.object(.index, oldIndex))
    #expect(try read(large) == large)
    #expect(repository.index.locations(of: try id(large)).map(\.segment) == [new.segment])
  }

  @Test func `contents and nodes are not taken for each other`() throws {
    try test.addIndex([
      try test.addSegment([[large]]), try test.addSegment([small], type: .treeSegment),
    ])
    try repository.refresh()
    #expect(try read(large) == large)
    #expect(try read(small[1], .tree) == small[1])
    for (bytes, own, other) in [
      (large, .content, .tree), (small[1], .tree, .content),
    ] as [([UInt8], KeyRing.Namespace, KeyRing.Namespace)] {
      // There is no such id; and under its own id, asked for as the other kind, it is refused.
      #expect(throws: RepositoryError.self) { try read(bytes, other) }
      var reader = try ChunkReader(keys: repository.keys)
      #expect(throws: RepositoryError.self) {
        try reader.read(try id(bytes, own), namespace: other, repository: repository)
      }
    }
  }

  @Test func `an index that lies about a block is found out`() throws {
    let entry = try test.addSegment([[large], small])
    for change in 0..<6 {
      var lie = entry
      switch change {
      case 0: lie.directory.blocks[0].number = 7
      case 1: lie.directory.blocks[0].sealedLength -= 1
      case 2: lie.directory.blocks[0].sealedLength += 1
      case 3:
        (lie.directory.chunks[0].id, lie.directory.chunks[1].id) = (try id(small[0]), try id(large))
      case 4: lie.directory.chunks[0].id = try id([9])
      default: lie.directory.headers[0].salt[0] ^= 1
      }
      let name = try test.addIndex([lie])
      try repository.refresh()
      #expect(throws: RepositoryError.self, "lie \(change)") {
        try read(change == 4 ? [9] : large)
      }
      try test.storage.delete(.object(.index, name))
    }
  }

  @Test func `storage is read in pieces that do not tell where a block begins`() throws {
    let recording = RecordingStorage(test.storage)
    try test.addIndex([try test.addSegment([small, [large], small, [Array(large.reversed())]])])
    let directory = try TemporaryDirectory()
    let opened = try Repository.open(recording, cacheDirectory: directory.path) { Secret("") }
    try opened.refresh()
    recording.forget()
    for bytes in [large, small[0], Array(large.reversed())] {
      #expect(try read(bytes, in: opened) == bytes)
    }
    #expect(recording.ranges.count == 3)
    for range in recording.ranges {
      #expect(range.lowerBound % (64 << 10) == 0)
      #expect(range.upperBound % (64 << 10) == 0)
    }
    // The block of the small ones is not fetched again for its neighbours.
    recording.forget()
    for bytes in small { #expect(try read(bytes, in: opened) == bytes) }
    #expect(recording.ranges.isEmpty)
  }

  @Test func `what cannot be read is reported by a refresh, and the rest is known`() throws {
    let good = try test.addSegment([[large]])
    try test.addIndex([good])
    let bad = try test.addIndex([try test.addSegment([small])])
    try test.damage(.object(.index, bad), at: 500)
    let stray = try test.addSegment([[[1, 2, 3]]])
    let strayName = ObjectName.object(.segment, stray.segment)
    try test.damage(strayName, at: Int(stray.size) - 1)
    let doom = try repository.publish(
      Doom(segments: []).encoded(), as: .doomed, in: .doomed)
    try test.damage(.object(.doomed, doom), at: 500)
    // The segment of the index object that cannot be read is adopted from its own directory.
    let problems = try test.repository.refresh()
    #expect(
      Set(problems.map(\.object)) == [
        .object(.index, bad), strayName, .object(.doomed, doom),
      ])
    #expect(try read(large) == large)
    #expect(try read(small[1]) == small[1])
  }

  @Test func `a listing that is out of date is no damage`() throws {
    let entry = try test.addSegment([[large]])
    try test.addIndex([entry])
    let vanishing = VanishingStorage(test.storage)
    let directory = try TemporaryDirectory()
    let opened = try Repository.open(vanishing, cacheDirectory: directory.path) { Secret("") }
    try test.addArchive("a")
    // Every object is listed, and gone when it is asked for.
    vanishing.isActive = true
    #expect(try opened.refresh().isEmpty)
    #expect(try opened.archives().isEmpty)
    vanishing.isActive = false
    #expect(try opened.archives().count == 1)
  }
}

@Suite struct LeaseTests {
  private let unknown = Lease.Owner.unknown(lifetime: 3600)

  @Test func `the process of a lease is seen where it runs`() throws {
    let lease = Lease.current("create")
    #expect(lease.owner(seenFrom: .current) == .running)
    #expect(lease.processID == SystemClock.processID)
    #expect(lease.processStart > 0)
    #expect(!lease.bootID.isEmpty)
    #expect(!lease.processSpace.isEmpty)
  }

  @Test func `a lease does not outlive its process`() throws {
    var lease = Lease.current("create")
    lease.processStart += 1
    #expect(lease.owner(seenFrom: .current) == .gone, "the number is another process's now")
    lease = Lease.current("create")
    lease.processID = 0x3fff_ffff
    #expect(lease.owner(seenFrom: .current) == .gone)
  }

  @Test func `a process that has ended, and was not waited for, is gone`() throws {
    let child = try TestProcess.sleeping()
    defer { child.end() }
    var lease = Lease.current("create")
    lease.processID = child.id
    guard case .began(let start) = Machine.current.look(child.id) else {
      Issue.record("a child cannot be seen")
      return
    }
    lease.processStart = start
    #expect(lease.owner(seenFrom: .current) == .running)
    _ = kill(child.id, SIGKILL)
    for _ in 0..<500 where lease.owner(seenFrom: .current) == .running { SystemClock.pause(0.01) }
    #expect(lease.owner(seenFrom: .current) == .gone)
  }

  @Test func `where processes cannot be seen, none is taken for gone`() throws {
    let lease = Lease.current("create")
    // As with hidepid, or a /proc of somebody else's.
    var hidden = Machine.current
    hidden.look = { _ in .unknown }
    #expect(lease.owner(seenFrom: hidden) == unknown)
    var container = Machine.current
    container.processSpace += "1"
    container.look = { _ in .gone }
    #expect(lease.owner(seenFrom: container) == unknown)
    var chroot = Machine.current
    chroot.bootID = ""
    chroot.look = { _ in .gone }
    #expect(lease.owner(seenFrom: chroot) == unknown)
    // Equal absence on both sides is no common process space.
    chroot = Machine.current
    chroot.processSpace = ""
    chroot.look = { _ in .gone }
    var blind = lease
    blind.processSpace = ""
    #expect(blind.owner(seenFrom: chroot) == unknown)
    // Who does not know when its own process began says nothing of one that is there.
    var young = lease
    young.processStart = 0
    #expect(young.owner(seenFrom: .current) == unknown)
    young.processID = 0x3fff_ffff
    #expect(young.owner(seenFrom: .current) == .gone)
    // Numbers that mean something else to kill(2).
    for number: Int32 in [0, -1, .min] {
      young.processID = number
      #expect(young.owner(seenFrom: .current) == unknown)
    }
  }

  @Test func `another boot is no proof, and waited for less if of the same machine`() throws {
    let repository = try TestRepository().repository
    var machine = repository.machine
    machine.id = Array("0123456789abcdef0123456789abcdef".utf8)
    machine = try machine.identified(in: repository.id)
    var lease = Lease.current("create", on: machine)
    lease.bootID = "another"
    #expect(lease.owner(seenFrom: machine) == .unknown(lifetime: 900))
    // A clone, a container: the name of the host says nothing.
    var other = machine
    other.id[0] = UInt8(ascii: "f")
    other = try other.identified(in: repository.id)
    #expect(other.name == lease.hostname)
    #expect(lease.owner(seenFrom: other) == unknown)
    lease.machine = nil
    #expect(lease.owner(seenFrom: machine) == unknown)
    other.id = []
    #expect(try Lease.current("create", on: other.identified(in: repository.id)).machine != nil)
    // It is not to be recognised in another repository.
    let elsewhere = try TestRepository().repository.id
    #expect(try machine.identified(in: elsewhere).identity != machine.identity)
  }

  @Test func `a lease that cannot be judged is abandoned after an hour without a word`() throws {
    var lease = Lease.current("create")
    lease.bootID = "another"
    // Only the storage's dates count: the lease's own clock is far ahead.
    lease.started = Timestamp(seconds: .max)
    let (one, two, three) = (try Digest256.random(), try Digest256.random(), try Digest256.random())
    func isAbandoned(heardAt: Int64, seenAt: Int64, own: Bool = true) throws -> Bool {
      let leases = Leases(
        [
          (StoredObject(id: one, size: 1, date: Timestamp(seconds: heardAt)), .lease(lease)),
          (
            StoredObject(id: two, size: 1, date: Timestamp(seconds: seenAt)),
            .lease(Lease.current("compact"))
          ),
          // Of somebody by whose clock it is next year.
          (StoredObject(id: three, size: 1, date: Timestamp(seconds: 30_000_000)), .lease(lease)),
        ], own: own ? [two] : [three])
      return leases.isAbandoned(try #require(leases.entries[one]), seenFrom: .current)
    }
    #expect(try !isAbandoned(heardAt: 1000, seenAt: 4600))
    #expect(try isAbandoned(heardAt: 1000, seenAt: 4601))
    #expect(try !isAbandoned(heardAt: 5000, seenAt: 1000))
    #expect(try isAbandoned(heardAt: 5000, seenAt: 1000, own: false))
  }

  @Test func `what others have dated ahead does not make anybody old`() throws {
    let test = try SharedRepository()
    let running = try test.putLease(ageInSeconds: 600)
    let ahead = try test.putLease(ageInSeconds: -48 * 3600)
    let repository = try test.open()
    let own = try HeldLease(repository, operation: "compact")
    let leases = try repository.leases { _, _ in }
    for id in [running, ahead] {
      let entry = try #require(leases.entries[id])
      #expect(!leases.isAbandoned(entry, seenFrom: repository.machine))
    }
    // Nothing is old for those who do not know what time it is.
    try test.storage.delete(.object(.lease, try #require(own.name)))
    test.storage.setAge(.object(.lease, running), seconds: 100_000)
    let without = try repository.leases { _, _ in }
    #expect(
      !without.isAbandoned(try #require(without.entries[running]), seenFrom: repository.machine))
  }

  @Test func `leases are listed while they are there`() throws {
    let test = try TestRepository()
    let lease = Lease.current("check")
    let id = try test.repository.publish(lease.encoded(), as: .lease, in: .lease)
    let listed = try test.reopen().leases { _, _ in }
    #expect(listed.entries.keys.map { $0 } == [id])
    #expect(listed.entries[id]?.lease == lease)
    try test.storage.delete(.object(.lease, id))
    #expect(try test.repository.leases { _, _ in }.entries.isEmpty)
  }

  @Test func `an operation says from time to time that it still runs`() throws {
    let test = try SharedRepository()
    var machine = Machine.current
    machine.heartbeat = 0.01
    let repository = try Repository.open(
      test.storage, cacheDirectory: test.directory.path, machine: machine
    ) { Secret("") }
    try repository.withLease("copy") {
      var seen: Set<Digest256> = []
      for _ in 0..<500 where seen.count < 3 {
        SystemClock.pause(0.01)
        seen.formUnion(try repository.leases { _, _ in }.entries.values.flatMap(\.heartbeats))
      }
      #expect(seen.count >= 3)
      // Old ones do not pile up.
      #expect(try test.storage.list(.lease).count <= 3)
    }
    for _ in 0..<100 where !(try test.storage.list(.lease).isEmpty) { SystemClock.pause(0.01) }
    #expect(try test.storage.list(.lease).isEmpty)
  }

  /// A repository that is opened by somebody whose heart beats fast.
  private func open(_ test: SharedRepository) throws -> Repository {
    var machine = Machine.current
    machine.heartbeat = 0.01
    return try Repository.open(
      test.storage, cacheDirectory: test.directory.path, machine: machine
    ) { Secret("") }
  }

  @Test func `who protects something hears that the lease was taken away`() throws {
    let test = try SharedRepository()
    let repository = try open(test)
    for isLate in [false, true] {
      do {
        try repository.withLease("with-lock") {
          for lease in try test.storage.list(.lease) {
            try test.storage.delete(.object(.lease, lease.id))
          }
          // Seen by a heartbeat, or at the end.
          if isLate { SystemClock.pause(0.2) }
        }
        Issue.record("nothing was noticed")
      } catch RepositoryError.protectionLost {
        // As it should be.
      }
      #expect(try test.storage.list(.lease).isEmpty)
    }
    try repository.withLease("with-lock") {}
  }

  @Test func `who reads is told, and goes on`() throws {
    let test = try SharedRepository()
    let repository = try open(test)
    final class Counter: Sendable { let count = Atomic(0) }
    let counter = Counter()
    repository.onLeaseLoss { _ in counter.count.add(1, ordering: .relaxed) }
    func takeAway() throws {
      for lease in try test.storage.list(.lease) {
        try test.storage.delete(.object(.lease, lease.id))
      }
    }
    let answer = try repository.reading("list") {
      try takeAway()
      SystemClock.pause(0.2)
      return 42
    }
    #expect(answer == 42)
    #expect(counter.count.load(ordering: .relaxed) == 1)
    // A failure is told at once: that may be why.
    #expect(throws: StorageError.noSpace("x")) {
      try repository.reading("list") {
        try takeAway()
        throw StorageError.noSpace("x")
      }
    }
    #expect(counter.count.load(ordering: .relaxed) == 2)
    try repository.reading("list") {}
    #expect(counter.count.load(ordering: .relaxed) == 2)
  }
}

/// A child of this process that does nothing.
private struct TestProcess {
  let id: Int32

  static func sleeping() throws -> TestProcess {
    var id: Int32 = 0
    let path = "/bin/sleep"
    let code = unsafe path.withCString { path in
      unsafe "60".withCString { seconds in
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [
          UnsafeMutablePointer(mutating: path), UnsafeMutablePointer(mutating: seconds), nil,
        ]
        return unsafe posix_spawn(&id, path, nil, nil, &arguments, nil)
      }
    }
    guard code == 0 else {
      throw StorageError.system(path: path, operation: "spawn", code: code)
    }
    return TestProcess(id: id)
  }

  func end() {
    _ = kill(id, SIGKILL)
    _ = waitpid(id, nil, 0)
  }
}
