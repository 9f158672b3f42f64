import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore
@testable import archivist

/// A storage that puts something else in the place of what this client knows.
@Suite struct ClientMemoryTests {
  private let directory: TemporaryDirectory
  private let memory: ClientMemory
  private let passphrase = Secret(copying: Array("open sesame".utf8).span)
  private let bundle: KeyBundle

  init() throws {
    directory = try TemporaryDirectory()
    memory = ClientMemory(
      directory: text(directory("memory")),
      environment: Environment(value: { _ in nil }, remove: { _ in }))
    bundle = try KeyBundle.random(suite: .aes256GCM)
    try memory.verify(try install(bundle), isNew: true)
  }

  /// A repository of these keys, always in the same place.
  private func install(
    _ bundle: KeyBundle, at name: String = "repo",
    change: (inout RepositoryConfig) -> Void = { _ in }
  ) throws -> Repository {
    try directory.shell("rm -rf \(name)")
    let storage = try LocalStorage.create(path: text(directory(name)))
    let keys = try KeyRing(bundle)
    let secret = bundle.suite == .none ? nil : passphrase
    let slot = try KeySlot(
      sealing: bundle, passphrase: secret, parameters: ScryptParameters(logN: 15, r: 8, p: 1))
    try storage.put(.object(.key, try SHA256.digest(of: slot.encoded.span)), slot.encoded)
    var config = RepositoryConfig(
      generation: 1, repositoryID: keys.repositoryID,
      epochs: [RepositoryConfig.Epoch(number: keys.epoch, suite: bundle.suite)],
      authority: keys.authority.publicKey, previous: Digest256(bigEndianWords: 0, 0, 0, 0))
    change(&config)
    try storage.put(
      .config(config.generation),
      try SealedObject.seal(
        try config.signed(by: keys.authority), as: .config, keys: keys,
        extension: keys.repositoryID.bytes))
    return try open(name)
  }

  private func open(_ name: String = "repo") throws -> Repository {
    try Repository.open(
      try LocalStorage(path: text(directory(name))), cacheDirectory: text(directory("cache"))
    ) { passphrase }
  }

  /// Puts a second generation of the configuration.
  private func addGeneration(_ repository: Repository) throws {
    let last = try repository.storage.get(.config(1), range: nil)
    var config = repository.config
    config.generation = 2
    config.previous = try SHA256.digest(of: last.span)
    try repository.storage.put(
      .config(2),
      try SealedObject.seal(
        try config.signed(by: repository.keys.authority), as: .config, keys: repository.keys,
        extension: repository.id.bytes))
  }

  @Test func `the repository that is known is accepted`() throws {
    try memory.verify(try open())
  }

  @Test func `another repository in its place is noticed`() throws {
    let other = try install(try KeyBundle.random(suite: .aes256GCM))
    #expect {
      try memory.verify(other)
    } throws: { error in
      guard case .replaced(_, let known, let found)? = error as? ClientMemory.Mismatch else {
        return false
      }
      return known == bundle.repositoryID.hex && found == other.id.hex
    }
  }

  @Test func `repositories that this client knows take turns at a place`() throws {
    let other = try KeyBundle.random(suite: .chacha20Poly1305)
    try memory.verify(try install(other), isNew: true)
    #expect(try memory.verify(try install(bundle)) == nil)
    #expect(try memory.verify(try install(other)) == nil)
    #expect(throws: ClientMemory.Mismatch.self) {
      try memory.verify(try install(try KeyBundle.random(suite: .aes256GCM)))
    }
  }

  @Test func `one that is known from elsewhere is told of once`() throws {
    let other = try KeyBundle.random(suite: .aes256GCM)
    try memory.verify(try install(other, at: "elsewhere"))
    let arrival = try #require(try memory.verify(try install(other)))
    #expect(arrival.knownFrom == text(directory("elsewhere")))
    #expect(arrival.other == bundle.repositoryID.hex)
    #expect(try memory.verify(try install(other)) == nil)
    #expect(try memory.verify(try install(bundle)) == nil)
    // Moved to where nothing has been.
    let moved = try memory.verify(try install(bundle, at: "moved"))
    #expect(moved?.knownFrom == text(directory("repo")) && moved?.other == nil)
    #expect(try memory.verify(try install(bundle, at: "moved")) == nil)
  }

  @Test func `one that is less protected takes nobody's place`() throws {
    let weak = try KeyBundle.random(suite: .authenticated)
    try memory.verify(try install(weak, at: "elsewhere"), isNew: true)
    #expect {
      try memory.verify(try install(weak))
    } throws: { error in
      if case .weaker? = error as? ClientMemory.Mismatch { true } else { false }
    }
  }

  @Test func `whatever is there can be accepted`() throws {
    let other = try install(try KeyBundle.random(suite: .none))
    #expect(throws: ClientMemory.Mismatch.self) { try memory.verify(other) }
    _ = try memory.adopt(other, isOnly: false)
    #expect(try memory.verify(other) == nil)
    #expect(try memory.verify(try install(bundle)) == nil)
    // An equal id, and other keys.
    var forged = try KeyBundle.random(suite: .aes256GCM)
    forged.repositoryID = bundle.repositoryID
    let found = try install(forged)
    #expect(throws: ClientMemory.Mismatch.self) { try memory.verify(found) }
    _ = try memory.adopt(found, isOnly: true)
    #expect(try memory.verify(found) == nil)
    #expect(throws: ClientMemory.Mismatch.self) { try memory.verify(try install(bundle)) }
    #expect(throws: ClientMemory.Mismatch.self, "forgotten") { try memory.verify(other) }
  }

  @Test func `an older configuration can be accepted, of one copy`() throws {
    try directory.shell("cp -r repo copy")
    try addGeneration(try open())
    try memory.verify(try open())
    #expect(throws: ClientMemory.Mismatch.self) { try memory.verify(try open("copy")) }
    _ = try memory.adopt(try open("copy"), isOnly: false)
    #expect(try memory.verify(try open("copy")) == nil)
    try directory.shell("rm repo/config/00000002")
    #expect(throws: ClientMemory.Mismatch.self) { try memory.verify(try open()) }
  }

  @Test func `what was brought from another copy is there`() throws {
    _ = try backUp(try open(), "one")
    try directory.shell("cp -r repo copy")
    _ = try backUp(try open(), "two")
    let copy = try open("copy")
    #expect(try memory.vanished(from: copy) != nil)
    let copier = try ArchiveCopier(from: try open(), to: copy) { _, error in throw error }
    for archive in try open().archives() { _ = try copier.copy(archive) }
    copier.finish()
    #expect(try memory.vanished(from: copy) == nil)
    #expect(try copy.archives().map(\.name) == ["one", "two"])
    let problems = try copy.check(CheckOptions()) { _ in }.problems
    #expect(problems.isEmpty)
  }

  @Test func `what was brought from another copy, and deleted, is missed by nobody`() throws {
    let one = try backUp(try open(), "one")
    try directory.shell("cp -r repo copy")
    let two = try backUp(try open(), "two")
    let copy = try open("copy")
    let copier = try ArchiveCopier(from: try open(), to: copy) { _, error in throw error }
    let brought = try copier.copy(two)
    copier.finish()
    #expect(brought.id != two.id)
    try copy.delete([brought])
    #expect(try memory.vanished(from: copy) == nil)
    #expect(try copy.archives().map(\.id) == [one.id])
    // It may be brought again, and then it counts.
    let again = try ArchiveCopier(from: try open(), to: copy) { _, error in throw error }
    _ = try again.copy(two)
    again.finish()
    #expect(try copy.archives().count == 2)
    #expect(try memory.vanished(from: copy) == nil)
    #expect(try copy.check(CheckOptions()) { _ in }.problems.isEmpty)
    // Where the original is, a copy of it is deleted alone.
    #expect(try memory.vanished(from: try open()) == nil)
    try directory.shell("cp copy/archives/* repo/archives/")
    let repository = try open()
    let double = try #require(
      try repository.archives().first { $0.manifest.origin?.archive == two.id })
    try repository.delete([double])
    #expect(try repository.archives().contains { $0.id == two.id })
  }

  @Test func `a copy that is adopted while an archive is made in it has that archive`() throws {
    _ = try backUp(try open(), "one")
    try directory.shell("cp -r repo copy; cp -r repo other")
    let copy = try open("copy")
    let before = try memory.recognize(copy)
    _ = try memory.adopt(copy, isOnly: false)
    let made = try backUp(copy, "two", remembers: false)
    try memory.remember(made, in: copy, as: before)
    #expect(try memory.vanished(from: try open()) == nil)
    #expect(try memory.vanished(from: copy) == nil)
    // Another one is said to be the only one.
    let first = try memory.recognize(try open())
    _ = try memory.adopt(try open("other"), isOnly: true)
    let late = try backUp(try open(), "three", remembers: false)
    try memory.remember(late, in: try open(), as: first)
    #expect(try memory.vanished(from: try open("other")) == nil)
    #expect(try memory.vanished(from: try open()) == nil)
  }

  @Test func `what was made and deleted in a copy is not missed in the first one`() throws {
    _ = try backUp(try open(), "one")
    try directory.shell("cp -r repo copy")
    let copy = try open("copy")
    let two = try backUp(copy, "two")
    try copy.delete([two])
    #expect(try memory.vanished(from: try open()) != nil)
    try memory.forget([two], in: copy)
    #expect(try memory.vanished(from: try open()) == nil)
  }

  @Test func `backups at the same time are all remembered`() throws {
    let repository = try open()
    let archives = try (0..<6).map { try backUp(repository, "\($0)", remembers: false) }
    let group = ThreadGroup()
    for archive in archives {
      group.start("remember") { [memory] in try memory.remember(archive, in: repository) }
    }
    try group.join()
    #expect(try memory.madeArchives(in: repository).finished == Set(archives.map(\.id.hex)))
  }

  @Test func `a repository of the same id without encryption is noticed`() throws {
    var weak = try KeyBundle.random(suite: .none)
    weak.repositoryID = bundle.repositoryID
    let other = try install(weak)
    #expect {
      try memory.verify(other)
    } throws: { error in
      if case .downgraded? = error as? ClientMemory.Mismatch { true } else { false }
    }
  }

  @Test func `a repository of the same id with another owner is noticed`() throws {
    var other = try KeyBundle.random(suite: .aes256GCM)
    other.repositoryID = bundle.repositoryID
    let found = try install(other)
    #expect {
      try memory.verify(found)
    } throws: { error in
      if case .otherAuthority? = error as? ClientMemory.Mismatch { true } else { false }
    }
  }

  @Test func `an older configuration is noticed`() throws {
    try addGeneration(try open())
    try memory.verify(try open())
    try directory.shell("rm repo/config/00000002")
    #expect {
      try memory.verify(try open())
    } throws: { error in
      guard case .rolledBack(_, 2, 1)? = error as? ClientMemory.Mismatch else { return false }
      return true
    }
  }

  @Test func `a configuration or slot of another repository does not open`() throws {
    try directory.shell("cp -r repo sound")
    _ = try install(try KeyBundle.random(suite: .aes256GCM))
    try directory.shell("mv repo other")
    try directory.shell("rm -rf repo; cp -r sound repo; cp other/config/* repo/config/")
    #expect(throws: KeyError.self) { try open() }
    try directory.shell("rm -rf repo; cp -r sound repo; rm repo/keys/*; cp other/keys/* repo/keys/")
    #expect(throws: KeyError.self) { try open() }
  }

  @Test func `an unencrypted repository that nobody knows needs consent`() throws {
    let stranger = ClientMemory(
      directory: text(directory("stranger")),
      environment: Environment(value: { _ in nil }, remove: { _ in }))
    let other = try install(try KeyBundle.random(suite: .none))
    #expect(throws: ClientMemory.Mismatch.self) { try stranger.verify(other) }
    let trusting = ClientMemory(
      directory: text(directory("stranger")),
      environment: Environment(
        value: {
          $0 == "ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK" ? Array("yes".utf8) : nil
        }, remove: { _ in }))
    try trusting.verify(other)
  }

  // MARK: Archives

  private func backUp(
    _ repository: Repository, _ name: String, remembers: Bool = true
  ) throws -> Archive {
    let builder = try ArchiveBuilder(repository, options: .init()) { _, _ in }
    let archive = try builder.finish { $0.name = name }
    if remembers { try memory.remember(archive, in: repository) }
    return archive
  }

  @Test func `an archive that vanishes is noticed, and one that was deleted is not`() throws {
    let repository = try open()
    let (one, two) = (try backUp(repository, "one"), try backUp(repository, "two"))
    #expect(try memory.vanished(from: repository) == nil)
    try repository.delete([one])
    #expect(try memory.vanished(from: repository) == nil)
    try repository.storage.delete(.object(.archive, two.id))
    guard case .vanished(let found)? = try memory.vanished(from: repository) else {
      Issue.record("nobody misses it")
      return
    }
    #expect(found.archives == [two.id.hex])
  }

  @Test func `a removal that nobody has signed, or of another repository, removes nothing`() throws
  {
    let repository = try open()
    let archive = try backUp(repository, "one")
    let strange = try KeyRing(try KeyBundle.random(suite: .aes256GCM))
    let removal = Removal(archives: [archive.id], time: SystemClock.now)
    try repository.publish(
      try removal.signed(by: strange.authority), as: .removal, in: .removal)
    try repository.storage.put(
      .object(.removal, try Digest256.random()),
      try SealedObject.seal(
        try removal.signed(by: strange.authority), as: .removal, keys: strange))
    try repository.storage.delete(.object(.archive, archive.id))
    #expect(try memory.vanished(from: repository) != nil)
  }

  @Test func `an archive, an index or a doomed object of another repository is refused`() throws {
    let repository = try open()
    _ = try backUp(repository, "one")
    let strange = try KeyRing(try KeyBundle.random(suite: .aes256GCM))
    let manifest = ArchiveManifest(name: "forged", start: SystemClock.now, end: SystemClock.now)
    let archive = try SealedObject.seal(try manifest.encoded(), as: .archive, keys: strange)
    let index = try SealedObject.seal(
      IndexObject(entries: []).encoded(), as: .index, keys: strange)
    let doom = try SealedObject.seal(Doom(segments: []).encoded(), as: .doomed, keys: strange)
    let storage = repository.storage
    try storage.put(.object(.archive, try SHA256.digest(of: archive.span)), archive)
    try storage.put(.object(.index, try SHA256.digest(of: index.span)), index)
    try storage.put(.object(.doomed, try Digest256.random()), doom)
    #expect(throws: RepositoryError.self) { try repository.archives() }
    #expect(try repository.refresh().count == 2)
    #expect(throws: RepositoryError.self) { try repository.compact() }
    let problems = try repository.check(CheckOptions()) { _ in }.problems
    #expect(problems.count == 3)
  }

  @Test func `an object of one kind does not pass for another`() throws {
    let repository = try open()
    let archive = try backUp(repository, "one")
    let storage = repository.storage
    let bytes = try storage.get(.object(.archive, archive.id), range: nil)
    // Sealed by the right keys, as something else.
    try storage.put(.object(.index, archive.id), bytes)
    try storage.put(.object(.doomed, archive.id), bytes)
    try storage.put(.object(.removal, archive.id), bytes)
    #expect(try repository.refresh().count == 2)
    #expect(try repository.check(CheckOptions()) { _ in }.problems.count == 3)
    #expect(throws: RepositoryError.self) { try repository.compact() }
  }

  // MARK: Places

  @Test func `a repository that is gone is remembered in its place, with the last backup`() throws {
    let place = text(directory("repo"))
    #expect(try memory.absent(from: place).map(\.repository) == [bundle.repositoryID.hex])
    #expect(try memory.absent(from: place)[0].lastBackup == nil)
    let before = SystemClock.now.seconds
    _ = try backUp(try open(), "one")
    try directory.shell("mv repo elsewhere")
    let known = try memory.absent(from: place)
    #expect(known.count == 1)
    #expect(try #require(known[0].lastBackup).seconds >= before)
    #expect(known[0].others == [])
    #expect(try memory.places() == [place])
    #expect(try memory.absent(from: text(directory("never"))) == [])
  }

  @Test func `it is known where else it was`() throws {
    try directory.shell("mv repo elsewhere")
    try memory.verify(try open("elsewhere"))
    let known = try memory.absent(from: text(directory("repo")))
    #expect(known.map(\.others) == [[text(directory("elsewhere"))]])
    #expect(try memory.places().count == 2)
  }

  @Test func `a repository that was deleted is not missed in its place`() throws {
    try memory.forget(try open())
    #expect(try memory.absent(from: text(directory("repo"))) == [])
    #expect(try memory.places() == [])
  }
}
