import StoreCrypto
import Testing

@testable import ChunkStore

/// A directory of a repository is missing: a copy is not complete, a file system was repaired.
@Suite struct MissingDirectoryTests {
  private let directory: TemporaryDirectory
  private let root: String
  private let archive: Digest256

  init() throws {
    directory = try TemporaryDirectory()
    root = "\(directory.path)/repository"
    let repository = try Repository.create(
      in: try LocalStorage.create(path: root), suite: .none, passphrase: nil,
      cacheDirectory: "\(directory.path)/cache")
    let manifest = ArchiveManifest(
      name: "one", start: Timestamp(seconds: 1), end: Timestamp(seconds: 2))
    archive = try repository.publish(try manifest.encoded(), as: .archive, in: .archive)
  }

  private func open() throws -> Repository {
    try Repository.open(
      try LocalStorage(path: root),
      cacheDirectory: "\(directory.path)/\(try Digest256.random().hex)"
    ) { throw KeyError.passphraseNeeded }
  }

  private func remove(_ name: String) { TemporaryDirectory.remove("\(root)/\(name)") }

  @Test(arguments: ["archives", "index", "segments", "doomed", "removed", "quarantine", "labels"])
  func `is damage: reading goes on, and deleting stops`(name: String) throws {
    remove(name)
    let repository = try open()
    let missing = StorageError.missingDirectory("\(root)/\(name)")
    #expect(try repository.missingDirectories() == [name])
    #expect(try repository.archives().map(\.id) == (name == "archives" ? [] : [archive]))
    #expect(
      try repository.check(CheckOptions()) { _ in }.problems
        == ["\(name)/: the directory is missing"])
    #expect(throws: missing) { try repository.compact() }
    #expect(throws: missing) { try repository.delete(try repository.archives()) }
    let storage = try LocalStorage(path: root)
    let problems = try StorageCheck.run(storage).problems
    #expect(problems == ["\(name)/: the directory is missing"])
    #expect(try storage.missingDirectories() == [name])
  }

  @Test(arguments: ["archives", "index", "segments", "doomed", "quarantine", "locks"])
  func `keeps from writing what it has to hold, or may have forbidden`(name: String) throws {
    remove(name)
    #expect(throws: StorageError.missingDirectory("\(root)/\(name)")) { try open().demand(.write) }
  }

  @Test func `that comes back while a program runs is not taken for what it has read`() throws {
    remove("archives")
    let repository = try open()
    try LocalFile.makePrivateDirectories("\(root)/archives")
    #expect(throws: StorageError.missingDirectory("\(root)/archives")) { try repository.compact() }
  }

  @Test func `that goes while a program runs stops it`() throws {
    let repository = try open()
    remove("archives")
    #expect(throws: StorageError.missingDirectory("\(root)/archives")) { try repository.compact() }
    #expect(throws: StorageError.missingDirectory("\(root)/archives")) { try repository.archives() }
  }

  @Test func `of leases, or uploads, is missed by those who write only`() throws {
    remove("locks")
    remove("tmp")
    let repository = try open()
    #expect(try repository.missingDirectories().isEmpty)
    #expect(try repository.archives().count == 1)
    #expect(try repository.check(CheckOptions()) { _ in }.isClean)
    #expect(throws: StorageError.self) { try repository.compact() }
  }

  @Test func `of keys is told apart from a repository without any`() throws {
    remove("keys")
    #expect(throws: StorageError.missingDirectory("\(root)/keys")) { try open() }
  }

  @Test(arguments: [false, true])
  func `is made anew by a repair, which asks first`(isDryRun: Bool) throws {
    remove("archives")
    remove("labels")
    let repository = try open()
    var asked: [String] = []
    let report = try repository.repair(CheckOptions(), isDryRun: isDryRun) { plan in
      asked += plan.actions
      return true
    } progress: { _ in
    }
    guard !isDryRun else {
      #expect(report.actions.count == 1)
      #expect(asked.isEmpty)
      #expect(try repository.missingDirectories().count == 2)
      return
    }
    #expect(asked == ["make the missing directories anew, empty: archives, labels"])
    #expect(try open().missingDirectories().isEmpty)
    _ = try repository.compact()
  }
}
