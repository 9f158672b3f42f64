import Glibc
import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

/// Clients that send whatever frames they like, against each restriction.
@Suite struct ServeRestrictionTests {
  private let directory: TemporaryDirectory
  private let path: String
  private let local: LocalStorage
  /// One object of each kind, put before the attacker comes.
  private let existing: [ObjectName: [UInt8]]

  init() throws {
    directory = try TemporaryDirectory()
    path = "\(directory.path)/allowed/repository"
    try LocalFile.makePrivateDirectories("\(directory.path)/allowed")
    local = try LocalStorage.create(path: path)
    var random = PseudoRandomBytes(seed: 1)
    var existing: [ObjectName: [UInt8]] = [.config(1): [1, 2, 3]]
    for kind in ObjectName.Kind.allCases {
      let bytes = random.bytes(500)
      existing[
        .object(
          kind, kind.isContentAddressed ? try SHA256.digest(of: bytes.span) : random.digest())] =
        bytes
    }
    for (name, bytes) in existing { try local.put(name, bytes) }
    self.existing = existing
  }

  private func attacker(_ policies: ServePolicy..., opening: String? = nil) throws -> RawClient {
    try RawClient(
      TestServer(path: path, policies: policies, demandsForm: true), opening: opening ?? path)
  }

  private func isUntouched() throws -> Bool {
    for (name, bytes) in existing {
      guard try local.get(name, range: 0..<1000) == bytes else { return false }
    }
    return true
  }

  /// The size of everything in the repository.
  private var used: Int { get throws { try QuotaMeter([path], quota: 0).usage() } }

  private func named(_ kind: ObjectName.Kind, _ bytes: [UInt8]) throws -> ObjectName {
    .object(
      kind,
      kind.isContentAddressed
        ? try SHA256.digest(of: bytes.span) : Digest256(bigEndianWords: 5, 5, 5, 5))
  }

  private func open(_ path: String, _ policies: ServePolicy..., makes: Bool = false) throws
    -> Answer?
  {
    try RawClient(TestServer(path: path, policies: policies, demandsForm: true))
      .ask(.open(path: path, makes: makes, makesParents: makes))
  }

  // MARK: Paths

  @Test func `only what is in a permitted directory is opened`() throws {
    let policy = ServePolicy(paths: ["\(directory.path)/allowed"])
    try LocalFile.makePrivateDirectories("\(directory.path)/allowed-not")
    let other = "\(directory.path)/allowed-not/repository"
    _ = try LocalStorage.create(path: other)
    _ = unsafe symlink(other, "\(directory.path)/allowed/link")
    _ = unsafe symlink("\(directory.path)/allowed", "\(directory.path)/door")
    for good in [
      path, "\(path)/", "\(directory.path)/door/repository",
      "\(directory.path)/allowed/./repository",
      "\(directory.path)/allowed-not/../allowed/repository",
    ] {
      #expect(try open(good, policy).isDone, "\(good)")
    }
    for bad in [
      other, "\(directory.path)/allowed/link",
      "\(directory.path)/allowed/../allowed-not/repository",
      "\(directory.path)/allowed/repository/../../allowed-not/repository", "/", "/etc", "~root",
      "\(directory.path)/allowed/link/../repository", "", ".", "..", directory.path,
    ] {
      #expect(try !open(bad, policy).isDone, "\(bad)")
      #expect(try !open(bad, policy, makes: true).isDone, "\(bad)")
    }
    #expect(try !LocalFile.names(in: "/etc").contains(Array("segments".utf8)))
  }

  @Test func `only the permitted repositories are opened`() throws {
    let second = "\(directory.path)/second"
    let third = "\(directory.path)/third"
    _ = try LocalStorage.create(path: second)
    _ = try LocalStorage.create(path: third)
    let policy = ServePolicy(repositories: [path, second])
    #expect(try open(path, policy).isDone)
    #expect(try open(second, policy).isDone)
    #expect(try open(third, policy).isRefusal)
    #expect(try open("\(second)/../third", policy).isRefusal)
    #expect(try open("\(path)/inner", policy, makes: true).isRefusal)
  }

  @Test func `a new repository is made only where one may be`() throws {
    let policy = ServePolicy(paths: ["\(directory.path)/allowed"])
    _ = unsafe symlink("\(directory.path)/outside", "\(directory.path)/allowed/dangling")
    for bad in [
      "\(directory.path)/new", "\(directory.path)/allowed/../new",
      "\(directory.path)/allowed/x/../../new",
      "\(directory.path)/allowed/dangling", "\(directory.path)/allowed/dangling/new",
    ] {
      #expect(try open(bad, policy, makes: true).isRefusal, "\(bad)")
    }
    #expect(try directory.names() == ["allowed"])
    #expect(try open("\(directory.path)/allowed/x/new", policy, makes: true).isDone)
  }

  @Test func `all policies have to permit a path`() throws {
    let forced = ServePolicy(paths: ["\(directory.path)/allowed"])
    let asked = ServePolicy(paths: ["/"])
    let other = "\(directory.path)/other"
    _ = try LocalStorage.create(path: other)
    #expect(try open(path, forced, asked).isDone)
    #expect(try open(other, forced, asked).isRefusal)
  }

  @Test func `a repository that is replaced by a link is not followed`() throws {
    let client = try attacker(ServePolicy(paths: ["\(directory.path)/allowed"]))
    #expect(try client.ask(.generations).isDone)
    let outside = "\(directory.path)/outside"
    #expect(unsafe rename(path, outside) == 0)
    #expect(unsafe symlink(outside, path) == 0)
    for request in [
      Request.generations, .list(.segment), .get(.config(1), nil), .put(.config(2), [1]), .begin,
      .delete(.config(1)), .settle([.segment]), .releaseReserve,
    ] {
      #expect(try client.ask(request).isRefusal, "\(request)")
    }
    #expect(try LocalStorage(path: outside).generations() == [1])
  }

  @Test func `links within the repository do not lead out of it`() throws {
    try directory.write("secret", [9, 9, 9])
    let name = ObjectName.object(.label, Digest256(bigEndianWords: 7, 7, 7, 7))
    #expect(unsafe symlink("\(directory.path)/secret", "\(path)/\(name.path)") == 0)
    let client = try attacker(ServePolicy(paths: ["\(directory.path)/allowed"]))
    guard case .failed(.damaged) = try client.ask(.get(name, nil)) else {
      Issue.record("a link that leads out is not told as a fault of this object alone")
      return
    }
    #expect(try client.ask(.delete(name)).isRefusal)
    #expect(unsafe rename("\(path)/doomed", "\(directory.path)/doomed") == 0)
    #expect(unsafe symlink("\(directory.path)/doomed", "\(path)/doomed") == 0)
    #expect(try client.ask(.list(.doomed)).isRefusal)
    #expect(try client.ask(.put(try named(.doomed, [1]), [1])).isRefusal)
  }

  @Test func `one connection opens one repository, and nothing works before`() throws {
    let server = TestServer(path: path)
    let client = try RawClient(server)
    for request in [
      Request.generations, .list(.segment), .get(.config(1), nil), .put(.config(2), [1]), .begin,
      .delete(.config(1)), .settle([.segment]), .releaseReserve,
    ] {
      #expect(try client.ask(request).isRefusal, "\(request)")
    }
    #expect(try client.ask(.open(path: path, makes: false, makesParents: false)).isDone)
    #expect(try client.ask(.open(path: path, makes: false, makesParents: false)).isRefusal)
    #expect(try isUntouched())
  }

  @Test func `another directory at the path of the repository is not taken for it`() throws {
    let client = try attacker(ServePolicy(paths: ["\(directory.path)/allowed"]))
    #expect(unsafe rename(path, "\(directory.path)/moved") == 0)
    _ = try LocalStorage.create(path: path)
    let bytes = ObjectBytes.of(.archive)
    #expect(try client.ask(.put(try named(.archive, bytes), bytes)).isRefusal)
    #expect(try LocalStorage(path: path).list(.archive).isEmpty)
  }

  @Test func `a missing directory is told when the repository is opened`() throws {
    TemporaryDirectory.remove("\(path)/archives")
    let storage = try TestServer(path: path).storage()
    #expect(try storage.missingDirectories() == ["archives"])
    #expect(throws: StorageError.missingDirectory("\(path)/archives")) {
      try storage.list(.archive)
    }
    for policy in [ServePolicy(isAppendOnly: true), ServePolicy(isReadOnly: true)] {
      // A client that may only add must not hide from the owner that something is gone.
      #expect(try attacker(policy).ask(.makeMissingDirectories).isRefusal)
    }
    #expect(try LocalFile.status("\(path)/archives") == nil)
    try storage.makeMissingDirectories()
    #expect(try storage.missingDirectories().isEmpty)
    #expect(try storage.list(.archive).isEmpty)
  }

  // MARK: Append only

  @Test func `in append-only mode nothing is removed or replaced, whatever is asked`() throws {
    let client = try attacker(ServePolicy(isAppendOnly: true))
    for (name, bytes) in existing {
      #expect(try client.ask(.delete(name)).isRefusal, "\(name)")
      for other in [[1], bytes + [1], Array(bytes.dropLast()), [UInt8](repeating: 7, count: 500)] {
        #expect(try client.ask(.put(name, other)).isDone == false, "\(name)")
        #expect(try client.upload(other, as: name).isDone == false, "\(name)")
      }
      #expect(try isUntouched(), "\(name)")
    }
    let segment = ObjectName.object(.segment, Digest256(bigEndianWords: 1, 2, 3, 4))
    for request in [
      Request.removeAbandonedUploads, .releaseReserve, .restoreReserve, .setAside(segment),
    ] {
      #expect(try client.ask(request).isRefusal)
    }
    #expect(try LocalFile.status("\(path)/reserve") != nil)
  }

  @Test(arguments: ObjectName.Kind.allCases)
  func `in append-only mode only what archives are made of is added`(
    kind: ObjectName.Kind
  ) throws {
    let client = try attacker(ServePolicy(isAppendOnly: true))
    let bytes = ObjectBytes.of(kind, [1, 2, 3, 4])
    let isPermitted = [.segment, .index, .archive, .lease].contains(kind)
    #expect(try client.ask(.put(try named(kind, bytes), bytes)).isDone == isPermitted)
    let more = ObjectBytes.of(kind, [1, 2, 3, 4, 5])
    if kind.isContentAddressed {
      #expect(try client.upload(more, as: try named(kind, more)).isDone == isPermitted)
    }
    #expect(try client.ask(.put(.config(2), bytes)).isRefusal)
    #expect(try client.upload(bytes, as: .config(2)).isRefusal)
    #expect(try local.list(kind).count == (isPermitted ? kind.isContentAddressed ? 3 : 2 : 1))
    #expect(try local.generations() == [1])
  }

  @Test func `in append-only mode one ends one's own leases, and old ones`() throws {
    let client = try attacker(ServePolicy(isAppendOnly: true))
    let own = ObjectName.object(.lease, Digest256(bigEndianWords: 1, 0, 0, 0))
    let recent = ObjectName.object(.lease, Digest256(bigEndianWords: 2, 0, 0, 0))
    let old = ObjectName.object(.lease, Digest256(bigEndianWords: 3, 0, 0, 0))
    try local.put(recent, [1])
    try local.put(old, [1])
    var times = [timespec](repeating: timespec(), count: 2)
    times[0].tv_sec = Int(SystemClock.now.seconds) - 25 * 3600
    times[1].tv_sec = times[0].tv_sec
    #expect(unsafe utimensat(AT_FDCWD, "\(path)/\(old.path)", times, 0) == 0)
    // To put what is there already does not make it one's own.
    #expect(try client.ask(.put(recent, ObjectBytes.of(.lease))).isDone == false)
    #expect(try client.ask(.delete(recent)).isRefusal)
    #expect(try client.ask(.put(own, ObjectBytes.of(.lease))).isDone)
    #expect(try client.ask(.delete(own)).isDone)
    #expect(try client.ask(.delete(old)).isDone)
    #expect(try client.ask(.delete(old)).isDone)
    let next = try attacker(ServePolicy(isAppendOnly: true))
    #expect(try client.ask(.put(own, ObjectBytes.of(.lease))).isDone)
    #expect(try next.ask(.delete(own)).isRefusal)
  }

  @Test func `what the client asks for does not loosen what the command says`() throws {
    for policies in [
      [ServePolicy(isAppendOnly: true), ServePolicy()],
      [ServePolicy(), ServePolicy(isAppendOnly: true)],
    ] {
      let client = try RawClient(
        TestServer(path: path, policies: policies, demandsForm: true), opening: path)
      for name in existing.keys { #expect(try client.ask(.delete(name)).isRefusal) }
    }
    #expect(try isUntouched())
  }

  // MARK: Other restrictions

  @Test func `nothing is changed where only reading is permitted`() throws {
    let client = try attacker(ServePolicy(isReadOnly: true))
    for kind in ObjectName.Kind.allCases {
      let name = try named(kind, [1])
      #expect(try client.ask(.put(name, [1])).isRefusal)
      #expect(try client.ask(.list(kind)).isDone)
    }
    for name in existing.keys {
      #expect(try client.ask(.delete(name)).isRefusal)
      #expect(try client.ask(.get(name, nil)).isDone)
    }
    #expect(try client.ask(.begin).isRefusal)
    let segment = ObjectName.object(.segment, Digest256(bigEndianWords: 1, 2, 3, 4))
    for request in [
      Request.removeAbandonedUploads, .releaseReserve, .restoreReserve, .setAside(segment),
    ] {
      #expect(try client.ask(request).isRefusal)
    }
    #expect(try isUntouched())
    #expect(try directory.names(in: "allowed/repository/tmp").isEmpty)
    #expect(
      try open("\(directory.path)/allowed/new", ServePolicy(isReadOnly: true), makes: true)
        .isRefusal)
  }

  @Test func `a quota is kept, by several connections at once as well`() throws {
    let quota = try used + 1_000_000
    let server = TestServer(path: path, policies: [ServePolicy(quota: quota)], demandsForm: true)
    let clients = try (0..<4).map { _ in try RawClient(server, opening: path) }
    let added = Collected<Int>()
    onThreads(4) { thread in
      var random = PseudoRandomBytes(seed: UInt64(thread) + 50)
      for round in 0..<20 {
        let bytes = ObjectBytes.of(.segment, random.bytes(40_000))
        guard let id = try? SHA256.digest(of: bytes.span) else { continue }
        let name = ObjectName.object(.segment, id)
        let answer =
          round % 2 == 0
          ? try? clients[thread].ask(.put(name, bytes))
          : try? clients[thread].upload(bytes, as: name)
        if answer.flatMap({ $0 }).isDone { added.append(bytes.count) }
      }
    }
    #expect(try used <= quota)
    #expect(added.values.reduce(0, +) > 700_000)
    var random = PseudoRandomBytes(seed: 60)
    #expect(
      try clients[0].ask(
        .put(try named(.label, [1]), ObjectBytes.of(.label, random.bytes(900_000)))
      ).isRefusal)
    #expect(try isUntouched())
  }

  @Test func `uploads that are never committed count, too`() throws {
    let quota = try used + 3_000_000
    let client = try attacker(ServePolicy(quota: quota))
    let piece = [UInt8](repeating: 1, count: 500_000)
    for id: UInt32 in 1...30 {
      try client.channel.send(Request.begin.frame(id: id))
      try client.channel.send(Request.piece(piece).frame(id: id))
    }
    #expect(try client.hear().isRefusal)
    #expect(try used <= quota)
  }

  @Test(arguments: ObjectName.Kind.allCases.filter(\.isContentAddressed))
  func `bytes that are not what their name says are refused`(kind: ObjectName.Kind) throws {
    let client = try attacker(ServePolicy())
    let whole = ObjectBytes.of(kind, [1, 2, 3])
    let name = try named(kind, whole)
    for bytes in [[], Array(whole.dropLast()), whole + [0], ObjectBytes.of(kind, [1, 2, 4])] {
      #expect(try client.ask(.put(name, bytes)).isRefusal)
      #expect(try client.upload(bytes, as: name).isRefusal)
    }
    #expect(try local.list(kind).count == 1)
    #expect(try client.ask(.put(name, whole)).isDone)
    #expect(try directory.names(in: "allowed/repository/tmp").isEmpty)
  }

  @Test(arguments: ObjectName.Kind.allCases)
  func `what cannot be an object of its kind is refused, and says why`(
    kind: ObjectName.Kind
  ) throws {
    let client = try attacker(ServePolicy())
    let good = ObjectBytes.of(kind)
    var wrong: [[UInt8]] = [[], [0], Array(good.prefix(79)), Array("not an object".utf8)]
    var random = PseudoRandomBytes(seed: 71)
    wrong.append(random.bytes(5000))
    for byte in [0, 7, 9, 10, 11] where kind != .key {
      var bytes = good
      bytes[byte] ^= 0x40
      wrong.append(bytes)
    }
    let tooMuch = kind == .key ? 20_000 : kind == .segment || kind == .index ? 0 : 2 << 20
    if tooMuch > 0 { wrong.append(ObjectBytes.of(kind, random.bytes(tooMuch))) }
    if kind != .key {
      wrong.append(Array(good.dropLast()))
      wrong += ObjectType.allCases.map { ObjectBytes.sealed($0) }
        .filter { $0 != good && !(kind == .segment && $0[8] == 2) }
      wrong.append(ObjectBytes.sealed(good[8] == 1 ? .contentSegment : .lease, extension: [1]))
    } else {
      wrong += [Array(good.prefix(112)), ObjectBytes.of(.label)]
    }
    for bytes in wrong {
      let name = try named(kind, bytes)
      if bytes.count < Frame.maximumBody - 64 {
        let answer = try client.ask(.put(name, bytes))
        guard case .failed(.refused(let why)) = answer else {
          Issue.record("\(bytes.prefix(16)) of \(bytes.count): \(String(describing: answer))")
          continue
        }
        #expect(why.hasPrefix("\(name): "), "\(why)")
      }
      try client.channel.send(Request.begin.frame(id: 9))
      for start in stride(from: 0, to: bytes.count, by: Frame.pieceSize) {
        try client.channel.send(
          Request.piece(Array(bytes[start..<min(bytes.count, start + Frame.pieceSize)]))
            .frame(id: 9))
      }
      #expect(try client.ask(.commit(name), id: 9).isRefusal, "\(bytes.prefix(16))")
    }
    #expect(try local.list(kind).count == 1)
    #expect(try directory.names(in: "allowed/repository/tmp").isEmpty)
    #expect(try client.ask(.put(try named(kind, good), good)).isDone)
    let other = ObjectBytes.of(kind, [1])
    let name = ObjectName.object(
      kind,
      kind.isContentAddressed
        ? try SHA256.digest(of: other.span) : Digest256(bigEndianWords: 6, 6, 6, 6))
    #expect(try client.upload(other, as: name).isDone)
  }

  @Test func `a configuration is held to its form, too`() throws {
    let client = try attacker(ServePolicy())
    for bytes in [[1, 2, 3], ObjectBytes.of(.lease)] {
      #expect(try client.ask(.put(.config(2), bytes)).isRefusal)
    }
    let config = ObjectBytes.sealed(.config, extension: [UInt8](repeating: 1, count: 32))
    #expect(try client.ask(.put(.config(2), config)).isDone)
    #expect(try local.generations() == [1, 2])
  }

  // MARK: Space

  @Test func `a quota counts what the file system gives, and many small objects fill it`() throws {
    let quota = try used + 400_000
    let client = try attacker(ServePolicy(isAppendOnly: true, quota: quota))
    var taken = 0
    for number: UInt64 in 0..<200 {
      let name = ObjectName.object(.lease, Digest256(bigEndianWords: 9, 9, 9, number))
      if try client.ask(.put(name, ObjectBytes.of(.lease))).isDone { taken += 1 }
    }
    #expect((40...100).contains(taken), "\(taken)")
    #expect(try used <= quota)
  }

  @Test func `a quota is that of all repositories below the permitted directories`() throws {
    let allowed = "\(directory.path)/allowed"
    let second = "\(allowed)/second"
    _ = try LocalStorage.create(path: second)
    let before = try QuotaMeter([allowed], quota: 0).usage()
    let policy = ServePolicy(paths: [allowed], quota: before + 500_000)
    var random = PseudoRandomBytes(seed: 72)
    func fill(_ repository: String) throws -> Int {
      let client = try RawClient(
        TestServer(path: path, policies: [policy], demandsForm: true), opening: repository)
      var taken = 0
      for _ in 0..<20 {
        let bytes = ObjectBytes.of(.segment, random.bytes(40_000))
        if try client.ask(.put(try named(.segment, bytes), bytes)).isDone { taken += 1 }
      }
      return taken
    }
    #expect(try fill(path) > 8)
    #expect(try fill(second) == 0)
    // Nor is there anything to be had from another new one.
    #expect(try open("\(allowed)/third", policy, makes: true).isRefusal)
    #expect(try LocalFile.status("\(allowed)/third") == nil)
    #expect(try QuotaMeter([allowed], quota: 0).usage() <= before + 500_000)
  }

  @Test func `directories that are in each other are counted once`() throws {
    #expect(
      try QuotaMeter([path, "\(directory.path)/allowed", path], quota: 0).usage()
        == QuotaMeter(["\(directory.path)/allowed"], quota: 0).usage())
  }

  @Test func `one client does not fill the directory of uploads`() throws {
    let client = try attacker(ServePolicy())
    for id: UInt32 in 1...200 { try client.channel.send(Request.begin.frame(id: id)) }
    #expect(try client.hear().isRefusal)
    #expect(try directory.names(in: "allowed/repository/tmp").count <= 64)
  }

  @Test func `frames that make no sense end the connection, and nothing else`() throws {
    var random = PseudoRandomBytes(seed: 3)
    for _ in 0..<60 {
      let client = try attacker(ServePolicy(isAppendOnly: true))
      do {
        for _ in 0..<20 {
          let kind = UInt8(random.int(1...18))
          try client.channel.send(Frame(kind: kind, id: 5, body: random.bytes(random.int(0...60))))
        }
        try client.channel.send(raw: random.bytes(50))
      } catch {
        continue
      }
    }
    #expect(try isUntouched())
  }
}
