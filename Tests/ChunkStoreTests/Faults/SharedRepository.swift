import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

/// A repository in memory that several processes open, and a directory for what they cache.
struct SharedRepository {
  let storage: MemoryStorage
  let directory: TemporaryDirectory

  init(suite: Suite = .none) throws {
    directory = try TemporaryDirectory()
    storage = MemoryStorage()
    _ = try Repository.create(
      in: storage, suite: suite, passphrase: suite == .none ? nil : Secret("open sesame"),
      parameters: TestKeys.scrypt, cacheDirectory: directory.path)
  }

  init(storage: MemoryStorage, directory: TemporaryDirectory) {
    self.storage = storage
    self.directory = directory
  }

  /// A copy of the repository at this moment, to be spoiled.
  func copy() throws -> SharedRepository {
    SharedRepository(storage: try storage.copy(), directory: try TemporaryDirectory())
  }

  /// Opens it as another process does.
  func open(through storage: (any Storage)? = nil) throws -> Repository {
    try Repository.open(storage ?? self.storage, cacheDirectory: directory.path) {
      Secret("open sesame")
    }
  }

  /// Makes the leases that are there those of processes that are gone.
  func abandonLeases() throws {
    let repository = try open()
    for object in try storage.list(.lease) {
      try storage.delete(.object(.lease, object.id))
      var lease = Lease.current("create")
      lease.processStart = 1
      try repository.publish(lease.encoded(), as: .lease, in: .lease)
    }
  }

  /// Says that an operation runs on another machine, and began so many seconds ago.
  @discardableResult
  func putLease(ageInSeconds age: Int64 = -7200) throws -> Digest256 {
    let lease = Lease(
      operation: "create", hostname: "elsewhere", bootID: "another", processSpace: "1",
      processID: 7, processStart: 7, started: SystemClock.now)
    let id = try open().publish(lease.encoded(), as: .lease, in: .lease)
    storage.setAge(.object(.lease, id), seconds: age)
    return id
  }

  /// Everything an archive holds is what it should be.
  func expect(
    _ archives: [String: [TestFile]], _ comment: Comment? = nil,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let repository = try open()
    try repository.refresh()
    for (name, files) in archives {
      let found = try repository.contents(of: try repository.archive(named: name))
      let isEqual = found == files.contents
      #expect(isEqual, comment ?? "archive \(name)", sourceLocation: location)
    }
  }

  /// A check of every byte finds nothing.
  func expectClean(
    _ comment: Comment? = nil, location: SourceLocation = #_sourceLocation
  ) throws {
    var options = CheckOptions()
    options.verifyData = true
    let report = try open().check(options) { _ in }
    #expect(report.problems == [], comment, sourceLocation: location)
  }
}

extension [TestFile] {
  /// The contents of an archive of these files, by path.
  var contents: [String: [UInt8]] {
    Dictionary(compactMap { file in file.archived.map { (file.path, $0) } }) { $1 }
  }
}

extension Repository {
  static let testOptions: ArchiveBuilder.Options = {
    var options = ArchiveBuilder.Options()
    // Small chunks, so that small files have many.
    options.chunker = .buzhash(
      minimumExponent: 10, maximumExponent: 14, maskBits: 12, window: 255)
    return options
  }()

  /// Makes an archive of files, which are put in order first.
  @discardableResult
  func backUp(
    _ name: String, _ files: [TestFile], options: ArchiveBuilder.Options = testOptions,
    report: @escaping @Sendable (ArchiveBuilder.Outcome) -> Void = { _ in }
  ) throws -> Archive {
    let builder = try ArchiveBuilder(self, options: options) { outcome, _ in report(outcome) }
    do {
      let entries = try files.map { (try $0.item(), $0) }
      for (item, file) in entries.sorted(by: { $0.0.path < $1.0.path }) {
        try builder.add(item, content: file)
      }
      return try builder.finish { $0.name = name }
    } catch {
      builder.cancel()
      throw error
    }
  }

  /// The files of an archive, by path.
  func contents(of archive: Archive) throws -> [String: [UInt8]] {
    var contents: [String: [UInt8]] = [:]
    let reader = try ContentReader(self)
    var items = try self.items(of: archive)
    while let item = try items.next() {
      guard let content = item.content else { continue }
      var bytes: [UInt8] = []
      var chunks = try self.chunks(of: content)
      while let chunk = try chunks.next() { bytes += try reader.read(chunk) }
      #expect(UInt64(bytes.count) == content.size)
      contents[item.path.description] = bytes
    }
    return contents
  }

  /// The ids of all chunks of an archive's files.
  func chunkIDs(of archive: Archive) throws -> Set<ChunkID> {
    var ids: Set<ChunkID> = []
    var items = try self.items(of: archive)
    while let item = try items.next() {
      guard let content = item.content else { continue }
      var chunks = try self.chunks(of: content)
      while let chunk = try chunks.next() { ids.insert(chunk.id) }
    }
    return ids
  }

  func delete(named names: [String]) throws { try delete(names.map { try archive(named: $0) }) }
}
