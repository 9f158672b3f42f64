import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct OpeningTests {
  @Test(arguments: Suite.allCases)
  func `what was created is opened`(suite: Suite) throws {
    let passphrase = suite == .none ? nil : Secret("secret")
    let directory = try TemporaryDirectory()
    let storage = try LocalStorage.create(path: "\(directory.path)/r")
    let created = try Repository.create(
      in: storage, suite: suite, passphrase: passphrase, parameters: TestKeys.scrypt,
      cacheDirectory: "\(directory.path)/cache")
    #expect(try storage.list(.key).count == 1)
    #expect(try Repository.identify(storage) == created.id)
    var asked = 0
    let opened = try Repository.open(
      try LocalStorage(path: "\(directory.path)/r"), cacheDirectory: "\(directory.path)/other"
    ) {
      asked += 1
      return Secret("secret")
    }
    #expect(asked == (suite == .none ? 0 : 1))
    #expect(opened.id == created.id)
    #expect(opened.suite == suite)
    #expect(opened.authority == created.authority)
    #expect(opened.generation == 1)
    #expect(try opened.archives().isEmpty)
    // An object that one of them seals, the other one opens.
    let id = try created.publish([1, 2, 3], as: .label, in: .label)
    var body = try opened.body(.object(.label, id), .label)
    #expect(body.rest() == [1, 2, 3])
  }

  @Test func `a wrong passphrase is said to be wrong, a missing one to be needed`() throws {
    let test = try TestRepository(suite: .aes256GCM, passphrase: Secret("right"))
    #expect(throws: KeyError.wrongPassphrase) { try test.reopen(passphrase: Secret("wrong")) }
    #expect(throws: KeyError.passphraseNeeded) { try test.reopen() }
    #expect(try test.reopen(passphrase: Secret("right")).id == test.repository.id)
  }

  @Test func `a repository with secret keys is not made without a passphrase`() throws {
    for suite in Suite.allCases where suite != .none {
      let storage = MemoryStorage()
      let directory = try TemporaryDirectory()
      #expect(throws: KeyError.passphraseNeeded) {
        try Repository.create(
          in: storage, suite: suite, passphrase: nil, cacheDirectory: directory.path)
      }
      #expect(storage.names.isEmpty)
    }
  }

  @Test func `a related repository shares the deduplication secret, and no other`() throws {
    let secret = Secret("secret")
    let first = try TestRepository(suite: .aes256GCM, passphrase: secret)
    let slots = try KeySlots(first.repository, clientSlots: [], passphrase: secret)
    let storage = MemoryStorage()
    let second = try Repository.create(
      in: storage, suite: .chacha20Poly1305, passphrase: Secret("another"),
      parameters: TestKeys.scrypt, like: slots, cacheDirectory: first.directory.path)
    #expect(second.keys.isRelated(to: first.repository.keys))
    #expect(second.id != first.repository.id)
    #expect(second.authority != first.repository.authority)
    let theirs = try first.bundle(passphrase: secret)
    let name = try #require(try storage.list(.key).first)
    let slot = try KeySlot(decoding: try storage.get(.object(.key, name.id), range: nil))
    let ours = try #require(try slot.open(passphrase: Secret("another")))
    #expect(ours.deduplication.isEqual(to: theirs.deduplication))
    #expect(!ours.sealing[0].secret.isEqual(to: theirs.sealing[0].secret))
    #expect(!ours.authority.isEqual(to: theirs.authority))
    let stranger = try TestRepository(suite: .none)
    #expect(!stranger.repository.keys.isRelated(to: second.keys))
  }

  @Test func `a secret that a passphrase protects does not become public`() throws {
    let secret = Secret("secret")
    let first = try TestRepository(suite: .aes256GCM, passphrase: secret)
    let slots = try KeySlots(first.repository, clientSlots: [], passphrase: secret)
    let storage = MemoryStorage()
    #expect(throws: KeyError.wouldBecomePublic) {
      try Repository.create(
        in: storage, suite: .none, passphrase: nil, like: slots,
        cacheDirectory: first.directory.path)
    }
    #expect(storage.names.isEmpty)
  }

  @Test func `a key that the client keeps is not in the repository`() throws {
    let storage = MemoryStorage()
    let directory = try TemporaryDirectory()
    var slot: [UInt8]?
    let created = try Repository.create(
      in: storage, suite: .none, passphrase: nil, keyPlace: .client,
      keep: { kept, _ throws in
        slot = kept
        // Without it nobody could open the repository, so that there must be none yet.
        let generations = try storage.generations()
        #expect(generations.isEmpty)
      }, cacheDirectory: directory.path)
    let kept = try #require(slot)
    #expect(try storage.list(.key).isEmpty)
    func open(_ slots: [[UInt8]]) throws -> Repository {
      try Repository.open(storage, clientSlots: slots, cacheDirectory: directory.path) {
        Secret("")
      }
    }
    #expect(throws: KeyError.noSlot) { try open([]) }
    #expect(try open([kept]).id == created.id)
    // Among slots of other repositories, and damaged ones, it is found.
    let stranger = try TestRepository()
    #expect(throws: KeyError.noSlot) { try open([try stranger.slot]) }
    #expect(try open([try stranger.slot, kept]).id == created.id)
    #expect(try open([[1, 2, 3], kept]).id == created.id)
    #expect(throws: Corruption.self) { try open([[1, 2, 3]]) }
  }

  @Test func `key slots of whoever was interrupted are removed`() throws {
    let storage = MemoryStorage()
    let stranger = try TestRepository()
    let slot = try stranger.slot
    try storage.put(.object(.key, try SHA256.digest(of: slot.span)), slot)
    let directory = try TemporaryDirectory()
    for place in [Repository.KeyPlace.repository, .client] {
      _ = try Repository.create(
        in: storage, suite: .none, passphrase: nil, keyPlace: place, cacheDirectory: directory.path)
      #expect(try storage.list(.key).count == (place == .repository ? 1 : 0))
      try storage.delete(.config(1))
    }
  }

  @Test func `an empty storage is no repository`() throws {
    let storage = MemoryStorage()
    let directory = try TemporaryDirectory()
    #expect(throws: StorageError.missingRepository("memory")) {
      try Repository.open(storage, cacheDirectory: directory.path) { Secret("") }
    }
  }

  @Test func `a damaged slot is named, and does not hide a good one`() throws {
    let test = try TestRepository()
    let good = try #require(try test.storage.list(.key).first)
    let bytes = try test.slot
    let bad = ObjectName.object(.key, Digest256(bigEndianWords: 0, 0, 0, 1))
    for damage in [
      [], Array(bytes[..<100]), bytes, bytes + [0], [UInt8](repeating: 1, count: 20_000),
    ] {
      test.storage.replace(bad, damage)
      #expect(try test.reopen().id == test.repository.id)
    }
    try test.storage.delete(.object(.key, good.id))
    let error = #expect(throws: Corruption.self) { try test.reopen() }
    #expect(error?.object == bad)
    try test.storage.delete(bad)
    #expect(throws: KeyError.noSlot) { try test.reopen() }
  }

  @Test func `any of several slots opens`() throws {
    let test = try TestRepository(suite: .chacha20Poly1305, passphrase: Secret("one"))
    let bundle = try test.bundle(passphrase: Secret("one"))
    let second = try KeySlot(
      sealing: bundle, passphrase: Secret("two"), parameters: TestKeys.scrypt)
    try test.storage.put(
      .object(.key, try SHA256.digest(of: second.encoded.span)), second.encoded)
    for passphrase in ["one", "two"] {
      #expect(try test.reopen(passphrase: Secret(passphrase)).id == test.repository.id)
    }
    #expect(throws: KeyError.wrongPassphrase) { try test.reopen(passphrase: Secret("three")) }
  }

  @Test func `a damaged configuration is named`() throws {
    let test = try TestRepository()
    let whole = try test.storage.get(.config(1), range: nil)
    for byte in Array(0..<160) + [300, 1000, whole.count - 1] {
      var bytes = whole
      bytes[byte] ^= 1
      test.storage.replace(.config(1), bytes)
      if (80..<112).contains(byte) {
        // The id: it is another repository's then, and no key fits.
        #expect(throws: KeyError.noSlot) { try test.reopen() }
      } else {
        let error = #expect(throws: Corruption.self, "byte \(byte)") { try test.reopen() }
        #expect(error?.object == .config(1))
      }
    }
    for bytes in [[], Array(whole[..<50]), Array(whole[..<4000])] {
      test.storage.replace(.config(1), bytes)
      let error = #expect(throws: Corruption.self) { try test.reopen() }
      #expect(error?.object == .config(1))
    }
  }
}

/// Files that somebody without a key, or with another one, puts among the key slots keep nobody
/// out.
@Suite struct HostileSlotTests {
  private let test: TestRepository
  private let good: [UInt8]
  private let secret = Secret("right")

  init() throws {
    test = try TestRepository(suite: .aes256GCM, passphrase: Secret("right"))
    good = try test.slot
  }

  private func open(
    _ passphrase: String = "right", clientSlots: [[UInt8]] = []
  ) throws -> Repository {
    try test.reopen(passphrase: Secret(passphrase), clientSlots: clientSlots)
  }

  /// Puts a file among the slots, under the name that its bytes have, older than all others.
  @discardableResult
  private func put(_ bytes: [UInt8], age: Int64 = 3600) throws -> ObjectName {
    let name = ObjectName.object(.key, try SHA256.digest(of: bytes.span))
    test.storage.replace(name, bytes)
    test.storage.setAge(name, seconds: age)
    return name
  }

  /// A slot that looks like a good one of this cost, and opens under no passphrase.
  private func noise(logN: UInt8, p: UInt8, _ number: Int = 0) -> [UInt8] {
    var random = PseudoRandomBytes(seed: UInt64(number) << 16 | UInt64(logN) << 8 | UInt64(p))
    return Array(good[..<10]) + [logN, p] + good[12..<48] + random.bytes(64 + 1040)
  }

  private func reasons(_ repository: Repository) -> [ObjectName: String] {
    Dictionary(repository.passedOverSlots.map { ($0.name, "\($0.error)") }) { first, _ in first }
  }

  @Test func `the clear part of a good slot before noise is passed over and named`() throws {
    for age: Int64 in [3600, -3600] {
      let name = try put(Array(good[..<112]) + [UInt8](repeating: 7, count: 1040), age: age)
      let opened = try open()
      #expect(opened.id == test.repository.id)
      #expect(reasons(opened)[name]?.contains("failed authentication") == true)
      #expect(opened.passedOverSlots.count == 1)
    }
  }

  @Test func `slots that cost more are not tried before a good one`() throws {
    for logN: UInt8 in 15...20 {
      for p: UInt8 in 1...4 { try put(noise(logN: logN, p: p)) }
    }
    let started = SystemClock.monotonicSeconds
    #expect(try open().passedOverSlots.isEmpty)
    #expect(SystemClock.monotonicSeconds - started < 3)
  }

  @Test func `any number of slots of one cost are tried for the work of one`() throws {
    for number in 0..<2000 { try put(noise(logN: 15, p: 1, number)) }
    let started = SystemClock.monotonicSeconds
    #expect(try open().id == test.repository.id)
    #expect(throws: KeyError.wrongPassphrase) { try open("wrong") }
    // One for each would take minutes.
    #expect(SystemClock.monotonicSeconds - started < 20)
  }

  @Test func `slots beyond the bound of all work are passed over`() throws {
    let name = try #require(try test.storage.list(.key).first)
    try test.storage.delete(.object(.key, name.id))
    try put(noise(logN: 15, p: 1))
    let costly = try put(noise(logN: 20, p: 4))
    #expect(throws: KeyError.noneOpens(passedOver: [costly.path])) { try open() }
    // The client's own slot has a bound of its own.
    #expect(try open(clientSlots: [good]).id == test.repository.id)
  }

  @Test func `more files than are read keep out later ones only`() throws {
    let own = try #require(try test.storage.list(.key).first)
    test.storage.setAge(.object(.key, own.id), seconds: 5)
    for number in 0..<5000 { try put([1, UInt8(number >> 8), UInt8(number & 0xFF)], age: 1) }
    let opened = try open()
    #expect(opened.id == test.repository.id)
    #expect(opened.passedOverSlots.count == 4096)
    let last = try #require(opened.passedOverSlots.last)
    #expect(last.error as? PassedOverSlot.Reason == .notExamined(count: 905))
  }

  @Test func `a slot without passphrase that holds other keys is passed over`() throws {
    var stranger = TestKeys.bundle(suite: .none, seed: 5)
    stranger.repositoryID = test.repository.id
    let name = try put(
      try KeySlot(sealing: stranger, passphrase: nil, parameters: TestKeys.scrypt).encoded)
    let opened = try open()
    #expect(opened.suite == .aes256GCM)
    #expect(opened.passedOverSlots.map(\.name) == [name])
    #expect(opened.passedOverSlots.first?.error as? PassedOverSlot.Reason == .otherKeys)
    let error = #expect(throws: KeyError.self) { try open("wrong") }
    #expect(error == .noneOpens(passedOver: [name.path]))
    #expect(error?.isWrongPassphrase == true)
  }

  @Test func `of two bundles under one passphrase that of the repository is taken`() throws {
    for age: Int64 in [3600, -3600] {
      var stranger = TestKeys.bundle(seed: 5)
      stranger.repositoryID = test.repository.id
      let name = try put(
        try KeySlot(sealing: stranger, passphrase: secret, parameters: TestKeys.scrypt).encoded,
        age: age)
      let opened = try open()
      #expect(opened.authority == test.repository.authority)
      // Behind the one that opens it is of no interest what else would.
      #expect(opened.passedOverSlots.map(\.name) == (age > 0 ? [name] : []))
      let slots = try KeySlots(opened, clientSlots: [], passphrase: secret)
      #expect(slots.export() == good)
      try test.storage.delete(name)
    }
  }

  @Test func `a slot of another repository is passed over and named`() throws {
    let other = try TestRepository(suite: .aes256GCM, passphrase: secret)
    let name = try put(try other.slot)
    let opened = try open()
    #expect(opened.passedOverSlots.map(\.name) == [name])
    #expect(
      opened.passedOverSlots.first?.error as? PassedOverSlot.Reason
        == .otherRepository(other.repository.id))
    #expect(throws: KeyError.wrongPassphrase) { try open("wrong") }
  }

  @Test func `a file that cannot be read is passed over and named`() throws {
    let bad = try put([1, 2, 3])
    let storage = UnreadableStorage(test.storage, bad)
    let opened = try Repository.open(storage, cacheDirectory: "\(test.directory.path)/x") { secret }
    #expect(opened.passedOverSlots.map(\.name) == [bad])
    #expect(opened.passedOverSlots.first?.error as? StorageError == storage.error)
  }

  @Test func `a damaged configuration is not taken for a wrong passphrase`() throws {
    let bundle = try test.bundle(passphrase: secret)
    let second = try KeySlot(
      sealing: bundle, passphrase: Secret("two"), parameters: TestKeys.scrypt)
    try put(second.encoded)
    try test.damage(.config(1), at: 300)
    for passphrase in ["right", "two"] {
      let error = #expect(throws: Corruption.self) { try open(passphrase) }
      #expect(error?.object == .config(1))
    }
    #expect(throws: KeyError.wrongPassphrase) { try open("wrong") }
  }

  @Test func `no passphrase is asked where the keys are no secret`() throws {
    let test = try TestRepository(suite: .none)
    let clear = try #require(try test.storage.list(.key).first)
    let slot = try KeySlot(
      sealing: try test.bundle(), passphrase: secret, parameters: TestKeys.scrypt)
    test.storage.replace(
      .object(.key, try SHA256.digest(of: slot.encoded.span)), slot.encoded)
    #expect(try test.reopen().id == test.repository.id)
    try test.storage.delete(.object(.key, clear.id))
    #expect(throws: KeyError.passphraseNeeded) { try test.reopen() }
    #expect(try test.reopen(passphrase: secret).suite == .none)
  }
}

/// Cannot read one object.
private final class UnreadableStorage: PassingStorage {
  let inner: any Storage
  private let bad: ObjectName
  let error = StorageError.system(path: "keys", operation: "read", code: 5)

  init(_ inner: any Storage, _ bad: ObjectName) {
    self.inner = inner
    self.bad = bad
  }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    if name == bad { throw error }
    return try inner.get(name, range: range)
  }
}

@Suite struct ConfigurationTests {
  @Test func `the newest generation counts`() throws {
    let test = try TestRepository()
    try test.addConfig { $0.grace = 7 }
    try test.addConfig(generation: 3) { $0.grace = 9 }
    let opened = try test.reopen()
    #expect(opened.generation == 3)
    #expect(opened.config.grace == 9)
  }

  @Test func `a generation that does not follow the one before is refused`() throws {
    let test = try TestRepository()
    try test.addConfig(previous: Digest256(bigEndianWords: 1, 2, 3, 4))
    let error = #expect(throws: Corruption.self) { try test.reopen() }
    #expect(error?.object == .config(2))
  }

  @Test func `a generation that is missing in between is noticed`() throws {
    let test = try TestRepository()
    try test.addConfig()
    try test.addConfig(generation: 3)
    try test.storage.delete(.config(2))
    #expect(throws: Corruption.self) { try test.reopen() }
  }

  @Test func `who only has the sealing keys cannot change it`() throws {
    let test = try TestRepository()
    let stranger = try Structure.authority
    // Signed by another, who calls himself the authority or does not.
    try test.addConfig(signedBy: stranger)
    #expect(throws: Corruption.self) { try test.reopen() }
    try test.storage.delete(.config(2))
    try test.addConfig(signedBy: stranger) { $0.authority = stranger.publicKey }
    #expect(throws: Corruption.self) { try test.reopen() }
    try test.storage.delete(.config(2))
    try test.addConfig { $0.repositoryID = Digest256(bigEndianWords: 0, 0, 0, 1) }
    #expect(throws: Corruption.self) { try test.reopen() }
    try test.storage.delete(.config(2))
    // A number of its own, under another name.
    try test.addConfig { $0.generation = 5 }
    #expect(throws: Corruption.self) { try test.reopen() }
  }

  @Test func `a feature that is needed to read keeps everybody out, by name`() throws {
    let test = try TestRepository()
    try test.addConfig { $0.features.toRead = ["braille"] }
    let error = #expect(throws: RepositoryError.self) { try test.reopen() }
    guard case .unknownFeatures("read", ["braille"]) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `a feature that is needed to write still lets us read`() throws {
    let test = try TestRepository()
    let archive = try test.addArchive("a")
    try test.addConfig { $0.features.toWrite = ["ink"] }
    let opened = try test.reopen()
    #expect(try opened.archives().map(\.name) == ["a"])
    #expect(throws: RepositoryError.self) { try opened.rename(archive, to: "b") }
    #expect(throws: RepositoryError.self) { try opened.delete([archive]) }
    #expect(try opened.archives().map(\.name) == ["a"])
    #expect(try test.storage.list(.removal).isEmpty)
  }

  @Test func `a feature that is needed to delete still lets us write`() throws {
    let test = try TestRepository()
    let archive = try test.addArchive("a")
    try test.addConfig { $0.features.toDelete = ["shredder"] }
    let opened = try test.reopen()
    try opened.rename(archive, to: "b")
    #expect(try opened.archives().map(\.name) == ["b"])
    let error = #expect(throws: RepositoryError.self) { try opened.delete([archive]) }
    guard case .unknownFeatures("delete", ["shredder"]) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try opened.archives().count == 1)
  }
}
