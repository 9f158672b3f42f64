import Glibc
import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct RemoteStorageTests {
  private let directory: TemporaryDirectory
  private let server: TestServer
  private let local: LocalStorage

  init() throws {
    directory = try TemporaryDirectory()
    server = TestServer(path: "\(directory.path)/repository")
    local = try LocalStorage.create(path: server.path)
  }

  private func segment(_ size: Int, seed: UInt64 = 1) throws -> (ObjectName, [UInt8]) {
    try object(.segment, size, seed: seed)
  }

  private func object(
    _ kind: ObjectName.Kind, _ size: Int, seed: UInt64 = 1
  ) throws -> (ObjectName, [UInt8]) {
    var random = PseudoRandomBytes(seed: seed)
    let bytes = random.bytes(size)
    return (.object(kind, try SHA256.digest(of: bytes.span)), bytes)
  }

  @Test func `a repository is made over there`() throws {
    let path = "\(directory.path)/a/b/new"
    let other = TestServer(path: path)
    #expect(throws: StorageError.self) { try other.storage() }
    #expect(throws: StorageError.self) { try other.storage(making: .repository) }
    let storage = try other.storage(making: .repositoryAndParents)
    // The making that was begun is gone on with, until there is a repository.
    _ = try other.storage(making: .repository)
    try storage.put(.config(1), [1])
    #expect(throws: StorageError.repositoryExists(path)) {
      try other.storage(making: .repository)
    }
    #expect(throws: StorageError.insideRepository("\(path)/x", path)) {
      try TestServer(path: "\(path)/x").storage(making: .repository)
    }
    #expect(try LocalFile.status("\(path)/segments")?.isDirectory == true)
  }

  @Test(arguments: [false, true])
  func `what has the name of an object and is none is told as where it lies`(
    isConfined: Bool
  ) throws {
    var random = PseudoRandomBytes(seed: 9)
    let policy = ServePolicy(paths: isConfined ? [directory.path] : [])
    let remote = try TestServer(path: server.path, policies: [policy]).storage()
    var planted: Set<Digest256> = []
    func plant(_ make: (String) throws -> Void) throws {
      let id = random.digest()
      let name = ObjectName.object(.archive, id)
      try make("\(server.path)/\(name.path)")
      planted.insert(id)
      for range in [nil, 0..<100, 0..<200_000] {
        let error = #expect(throws: StorageError.self) { try remote.get(name, range: range) }
        #expect(error?.isOfOneObject == true, "\(String(describing: error))")
      }
    }
    try plant { try LocalFile.makePrivateDirectories($0) }
    try plant { #expect(unsafe mkfifo($0, 0o600) == 0) }
    try plant { #expect(unsafe symlink("nowhere", $0) == 0) }
    try plant { path in #expect(unsafe symlink(path, path) == 0) }
    try plant { #expect(unsafe symlink("/dev/zero", $0) == 0) }
    #expect(Set(try remote.list(.archive).map(\.id)) == planted)
    #expect(try remote.list(.archive).allSatisfy { $0.size == 0 })
  }

  @Test func `errors over there are told as they were`() throws {
    #expect(throws: StorageError.missingRepository("\(directory.path)/none")) {
      try TestServer(path: "\(directory.path)/none").storage()
    }
    #expect(throws: StorageError.notARepository(directory.path)) {
      try TestServer(path: directory.path).storage()
    }
  }

  @Test(arguments: [false, true])
  func `large objects come back as they were`(throughPipes: Bool) throws {
    let server = TestServer(path: server.path, usesPipes: throughPipes)
    let storage = try server.storage()
    let (name, bytes) = try segment(5_000_000)
    try storage.put(name, bytes)
    #expect(try local.get(name, range: nil) == bytes)
    #expect(try storage.get(name, range: nil) == bytes)
    for range in [
      1_000..<3_000_000, 4_900_000..<6_000_000, 4_990_000..<6_000_000, 5_000_000..<6_000_000,
    ] {
      let isEqual =
        try storage.get(name, range: range) == Array(bytes[range.clamped(to: 0..<bytes.count)])
      #expect(isEqual, "\(range)")
    }
    let (missing, _) = try segment(10, seed: 2)
    #expect(throws: StorageError.self) { try storage.get(missing, range: 0..<1_000_000) }
  }

  @Test func `many uploads through pipes, at the same time, are each as they were`() throws {
    let server = TestServer(path: server.path, usesPipes: true)
    let storage = try server.storage()
    let failures = Collected<String>()
    onThreads(4) { thread in
      do {
        for round in 0..<6 {
          // Longer and shorter ones, in pieces of all sizes: they are written over each other.
          let seed = UInt64(thread * 10 + round)
          let (name, bytes) = try segment(3_000_000 - round * 450_000 + thread, seed: seed)
          let upload = try storage.beginUpload()
          var start = 0
          while start < bytes.count {
            let end = min(bytes.count, start + (start * 7 + 4000) % 700_000 + 1)
            try upload.write(Array(bytes[start..<end]))
            start = end
          }
          try upload.commit(as: name)
          if try local.get(name, range: nil) != bytes { failures.append("other bytes") }
        }
      } catch { failures.append("\(error)") }
    }
    #expect(failures.values.isEmpty)
  }

  @Test func `the file of an upload is used again, but not of one that was sent twice`() throws {
    let storage = try server.storage()
    func upload(cutting: Bool, seed: UInt64) throws {
      let (name, bytes) = try segment(300_000, seed: seed)
      let upload = try storage.beginUpload()
      try upload.write(Array(bytes[..<200_000]))
      if cutting { server.cut() }
      try upload.write(Array(bytes[200_000...]))
      try upload.commit(as: name)
      #expect(try local.get(name, range: nil) == bytes)
    }
    try upload(cutting: false, seed: 1)
    let first = storage.unusedSpools
    #expect(first.count == 1)
    // No other file can be made from now on: another one is memory.
    let spool = "\(server.path).spool"
    TemporaryDirectory.remove(spool)
    _ = try LocalFile.open(spool, flags: O_WRONLY | O_CREAT, mode: 0o600)
    try upload(cutting: false, seed: 2)
    #expect(storage.unusedSpools == first)
    try upload(cutting: true, seed: 3)
    #expect(storage.unusedSpools.isEmpty)
    try upload(cutting: false, seed: 4)
    #expect(storage.unusedSpools == ["memory"])
  }

  @Test func `what was announced is handed out, once, and costs no journey`() throws {
    let storage = try server.storage()
    let (name, bytes) = try object(.index, 1_000_000)
    try storage.put(name, bytes)
    for start in stride(from: 0, to: 1_000_000, by: 50_000) {
      storage.announce(name, range: start..<(start + 50_000))
    }
    let requests = storage.figures.requests
    for start in stride(from: 0, to: 1_000_000, by: 50_000) {
      let range = start..<(start + 50_000)
      #expect(try storage.get(name, range: range) == Array(bytes[range]))
    }
    #expect(storage.figures.requests == requests)
    #expect(try storage.get(name, range: 0..<50_000) == Array(bytes[..<50_000]))
    #expect(storage.figures.requests == requests + 1)
  }

  @Test func `an announced end of an object answers for more of it`() throws {
    let storage = try server.storage()
    let (name, bytes) = try segment(1000)
    try storage.put(name, bytes)
    storage.announce(name, range: 0..<1001)
    let requests = storage.figures.requests
    #expect(try storage.get(name, range: 0..<(1 << 20)) == bytes)
    #expect(storage.figures.requests == requests)
    storage.announce(name, range: 200..<300)
    #expect(try storage.get(name, range: 200..<500) == Array(bytes[200..<500]))
  }

  @Test func `parts of segments are what was asked for, though more is read`() throws {
    let storage = try server.storage()
    let (name, bytes) = try segment(300_001)
    try storage.put(name, bytes)
    for range in [
      0..<1, 5..<65_536, 65_535..<65_537, 131_072..<131_072, 290_000..<300_001, 299_999..<400_000,
      300_001..<300_002, 1_000_000..<1_000_001,
    ] {
      let isEqual =
        try storage.get(name, range: range) == Array(bytes[range.clamped(to: 0..<bytes.count)])
      #expect(isEqual, "\(range)")
    }
  }

  @Test func `ranges are widened to round numbers, and to no more than that`() {
    let granule = 65_536
    for (range, wide) in [
      (0..<0, 0..<0), (0..<1, 0..<granule), (1..<granule, 0..<granule),
      (granule..<(granule + 1), granule..<(2 * granule)),
      ((granule - 1)..<(granule + 1), 0..<(2 * granule)), (5..<5, 0..<granule),
      (3..<Int.max, 0..<Int.max),
    ] { #expect(ReadGranule.widened(range) == wide, "\(range)") }
  }

  @Test func `a configuration is asked for once`() throws {
    try local.put(.config(1), [1, 2, 3])
    let storage = try server.storage()
    let requests = storage.figures.requests
    for _ in 0..<3 { #expect(try storage.get(.config(1), range: nil) == [1, 2, 3]) }
    #expect(storage.figures.requests == requests)
    // One that was not there before is found when it is there, and gone when it is gone.
    #expect(throws: StorageError.self) { try storage.get(.config(2), range: nil) }
    try storage.put(.config(2), [4])
    for _ in 0..<3 { #expect(try storage.get(.config(2), range: nil) == [4]) }
    server.cut()
    #expect(try storage.get(.config(2), range: nil) == [4])
    try storage.delete(.config(2))
    #expect(throws: StorageError.self) { try storage.get(.config(2), range: nil) }
  }

  @Test func `what several announced ranges share is fetched once`() throws {
    let storage = try server.storage()
    let (name, bytes) = try object(.index, 400_000)
    try storage.put(name, bytes)
    let granule = 64 << 10
    storage.announce(name, range: 0..<(2 * granule))
    storage.announce(name, range: (3 * granule)..<(5 * granule))
    let requests = storage.figures.requests
    // From the end of the one to the beginning of the other: one granule is new.
    storage.announce(name, range: granule..<(4 * granule))
    #expect(storage.figures.requests == requests + 1)
    // Nothing is new.
    storage.announce(name, range: (3 * granule + 5)..<(4 * granule))
    storage.announce(name, range: (granule + 1)..<(4 * granule - 1))
    #expect(storage.figures.requests == requests + 1)
    for range in [
      0..<(2 * granule), granule..<(4 * granule), (3 * granule + 5)..<(4 * granule),
      (3 * granule)..<(5 * granule), (granule + 1)..<(4 * granule - 1),
    ] {
      let isEqual = try storage.get(name, range: range) == Array(bytes[range])
      #expect(isEqual, "\(range)")
    }
    #expect(storage.figures.requests == requests + 1)
  }

  @Test func `neighbours that share what is between them are whole, in any order`() throws {
    let storage = try server.storage()
    let (name, bytes) = try segment(1_000_000)
    try storage.put(name, bytes)
    for seed in 1...20 {
      var random = PseudoRandomBytes(seed: UInt64(seed))
      var ranges: [Range<Int>] = []
      var start = 0
      while start < bytes.count {
        let end = min(bytes.count + 5000, start + Int.random(in: 1000..<200_000, using: &random))
        ranges.append(start..<end)
        start = end - Int.random(in: 0..<(end - start), using: &random)
      }
      if seed % 2 == 0 { ranges.shuffle(using: &random) }
      for range in ranges { storage.announce(name, range: range) }
      if seed % 3 == 0 { ranges.shuffle(using: &random) }
      for range in ranges {
        let isEqual =
          try storage.get(name, range: range)
          == Array(bytes[range.clamped(to: 0..<bytes.count)])
        #expect(isEqual, "\(seed): \(range)")
      }
    }
  }

  @Test func `what is shared may end with the object`() throws {
    let storage = try server.storage()
    let (name, bytes) = try object(.index, 100_000)
    try storage.put(name, bytes)
    storage.announce(name, range: 0..<150_000)
    storage.announce(name, range: 50_000..<200_000)
    storage.announce(name, range: 120_000..<190_000)
    let requests = storage.figures.requests
    #expect(try storage.get(name, range: 50_000..<200_000) == Array(bytes[50_000...]))
    #expect(try storage.get(name, range: 120_000..<190_000) == [])
    #expect(try storage.get(name, range: 0..<150_000) == bytes)
    #expect(storage.figures.requests == requests)
  }

  @Test func `what is announced and has no room is asked for when there is room`() throws {
    let storage = try server.storage()
    let (name, bytes) = try segment(40 << 20)
    #expect(ReadAhead.capacity(roundTrip: 0) == 7 << 20)
    #expect(ReadAhead.capacity(roundTrip: 0.1) == 12 << 20)
    try storage.put(name, bytes)
    let size = 1 << 20
    let first = storage.figures
    for start in stride(from: 0, to: bytes.count, by: size) {
      storage.announce(name, range: start..<(start + size))
    }
    // Not all of it is in our memory.
    #expect(storage.figures.requests - first.requests < 13)
    for start in stride(from: 0, to: bytes.count, by: size) {
      let isEqual =
        try storage.get(name, range: start..<(start + size)) == Array(bytes[start..<(start + size)])
      #expect(isEqual)
      // Nobody ever waits for an answer that was not on its way before.
      let asked = storage.figures.requests - first.requests
      #expect(asked == 40 || asked >= start / size + 7)
    }
    #expect(storage.figures.requests - first.requests == 40)
  }

  @Test func `what waits for room may be read before that`() throws {
    let storage = try server.storage()
    let (name, bytes) = try segment(30 << 20)
    try storage.put(name, bytes)
    let size = 1 << 20
    for start in stride(from: 0, to: bytes.count, by: size) {
      storage.announce(name, range: start..<(start + size))
    }
    for start in stride(from: bytes.count - size, through: 0, by: -size) {
      let isEqual =
        try storage.get(name, range: start..<(start + size)) == Array(bytes[start..<(start + size)])
      #expect(isEqual)
    }
  }

  @Test func `what was announced and cannot be had is an error only for who wants it`() throws {
    let storage = try server.storage()
    let (name, _) = try segment(1000)
    storage.announce(name, range: 0..<10)
    #expect(try storage.generations().isEmpty)
    #expect(throws: StorageError.self) { try storage.get(name, range: 0..<10) }
  }

  @Test func `a connection that is lost is made again, and everything goes on`() throws {
    let storage = try server.storage()
    let (name, bytes) = try segment(2_000_000)
    try storage.put(name, bytes)
    for _ in 0..<3 {
      server.cut()
      #expect(try storage.get(name, range: nil) == bytes)
      server.cut()
      #expect(try storage.list(.segment).count == 1)
      server.cut()
      try storage.delete(.object(.archive, Digest256(bigEndianWords: 1, 1, 1, 1)))
    }
  }

  @Test func `an upload survives the loss of its connection`() throws {
    let storage = try server.storage()
    let (name, bytes) = try segment(3_000_000)
    let upload = try storage.beginUpload()
    for start in stride(from: 0, to: bytes.count, by: 300_000) {
      if start == 900_000 || start == 2_100_000 { server.cut() }
      try upload.write(Array(bytes[start..<(start + 300_000)]))
    }
    server.cut()
    try upload.commit(as: name)
    #expect(try local.get(name, range: nil) == bytes)
    // The uploads that the lost connections had begun are gone.
    #expect(try server.eventually { try directory.names(in: "repository/tmp").isEmpty })
  }

  @Test func `a server that stays away ends in an error`() throws {
    let storage = try server.storage()
    let gone = TestServer(path: "/nonexistent/repository")
    _ = gone
    server.cut()
    TemporaryDirectory.remove(server.path)
    let error = #expect(throws: StorageError.self) { try storage.list(.segment) }
    guard case .connection(.lost) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `a lost connection is a lost lease`() throws {
    let storage = try server.storage()
    let lease = ObjectName.object(.lease, Digest256(bigEndianWords: 1, 2, 3, 4))
    let foreign = ObjectName.object(.lease, Digest256(bigEndianWords: 9, 2, 3, 4))
    try local.put(foreign, [1])
    try storage.put(lease, [1, 2, 3])
    server.cut()
    #expect(try server.eventually { try storage.list(.lease).count == 1 })
    #expect(try storage.list(.lease).map { .object(.lease, $0.id) } == [foreign])
    #expect(
      server.eventually {
        server.events.values.contains {
          if case .ended(_, lostLeases: 1) = $0 { true } else { false }
        }
      })
  }

  @Test func `leases stay after a goodbye`() throws {
    let client = try RawClient(server, opening: server.path)
    let lease = ObjectName.object(.lease, Digest256(bigEndianWords: 1, 2, 3, 4))
    #expect(try client.ask(.put(lease, [1])).isDone)
    try client.channel.send(Request.goodbye.frame(id: 1))
    #expect(try client.channel.receive() == nil)
    #expect(try local.list(.lease).count == 1)
  }

  @Test func `threads share a connection, and their answers are not mixed up`() throws {
    let storage = try server.storage()
    var objects: [(ObjectName, [UInt8])] = []
    for seed in 0..<40 {
      let object = try segment(1000 + seed * 7000, seed: UInt64(seed))
      try storage.put(object.0, object.1)
      objects.append(object)
    }
    let failures = Collected<String>()
    onThreads(8) { [objects] thread in
      for round in 0..<40 {
        let (name, bytes) = objects[(round * 7 + thread * 3) % objects.count]
        do {
          let found = try storage.get(name, range: round..<bytes.count)
          if found != Array(bytes[round...]) { failures.append("other bytes") }
        } catch { failures.append("\(error)") }
      }
    }
    #expect(failures.values.isEmpty)
  }

  @Test func `a rate is kept`() throws {
    let limit = try #require(RateLimit(kibibytesPerSecond: 1000))
    let start = SystemClock.monotonicSeconds
    for _ in 0..<50 { limit.take(10 << 10) }
    #expect(SystemClock.monotonicSeconds - start > 0.3)
    #expect(RateLimit(kibibytesPerSecond: 0) == nil)
  }

  @Test(arguments: [true, false])
  func `signs of life keep an idle connection`(areSent: Bool) throws {
    let (here, there) = TestServer.socketPair()
    // A server that is not patient.
    server.serve(there, patience: 1.5)
    let connection = try RemoteConnection(
      Channel(input: here, output: here), keepAlive: areSent ? 0.1 : 100)
    SystemClock.pause(4)
    if areSent {
      _ = try connection.ask(.ping).wait()
    } else {
      #expect(throws: (any Error).self) { _ = try connection.ask(.ping).wait() }
    }
  }

  @Test func `a server that falls silent is given up`() throws {
    let (here, there) = TestServer.socketPair()
    let silent = Channel(input: there, output: there)
    try silent.send(raw: Hello().encoded)
    let connection = try RemoteConnection(Channel(input: here, output: here, patience: 0.5))
    let answer = try connection.ask(.list(.archive))
    let error = #expect(throws: StorageError.self) { try answer.wait() }
    guard case .connection(.lost) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    withExtendedLifetime(silent) {}
  }

  @Test func `what came before an error counts for nothing`() throws {
    let (here, there) = TestServer.socketPair()
    let other = Channel(input: there, output: there)
    try other.send(raw: Hello().encoded)
    let connection = try RemoteConnection(Channel(input: here, output: here))
    let answer = try connection.ask(.get(.config(1), 0..<10), limit: 10)
    let next = try connection.ask(.get(.config(1), 0..<10), limit: 10)
    try other.send(Answer.part([UInt8](repeating: 0, count: 8)).frame(id: 1))
    try other.send(Answer.failed(.damaged("a", "b")).frame(id: 1))
    try other.send(Answer.done([7]).frame(id: 2))
    #expect(throws: StorageError.damaged("a", "b")) { try answer.wait() }
    #expect(try next.wait() == [7])
  }

  @Test func `a hostile server does not get more memory than was asked for`() throws {
    let (here, there) = TestServer.socketPair()
    let other = Channel(input: there, output: there)
    try other.send(raw: Hello().encoded)
    let connection = try RemoteConnection(Channel(input: here, output: here))
    let answer = try connection.ask(.get(.config(1), 0..<10), limit: 10)
    try other.send(Answer.part([UInt8](repeating: 0, count: 8)).frame(id: 1))
    try other.send(Answer.part([UInt8](repeating: 0, count: 8)).frame(id: 1))
    let error = #expect(throws: StorageError.self) { try answer.wait() }
    guard case .connection(.malformed) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}
