import Glibc
import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

/// A storage that lists all objects, and cannot read some of them.
private struct FailingReads: PassingStorage {
  let inner: any Storage
  let objects: Set<ObjectName>
  let error: StorageError

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    if objects.contains(name) { throw error }
    return try inner.get(name, range: range)
  }
}

/// One object that cannot be read: what does not need it goes on, and nothing is deleted for it.
@Suite struct UnreadableObjectTests {
  private let test: SharedRepository
  private let files: [String: [TestFile]]
  private let archives: [String: Digest256]

  /// A kind of objects, and why one of them cannot be read.
  struct Case: Sendable, CustomStringConvertible {
    let kind: ObjectName.Kind
    let code: Int32

    var description: String { "\(kind.rawValue), \(SystemError.reason(code))" }
    var error: StorageError { .system(path: kind.rawValue, operation: "read", code: code) }
  }

  static let cases = [
    ObjectName.Kind.key, .archive, .label, .index, .lease, .quarantine, .removal, .segment,
  ].flatMap { kind in [EIO, EACCES].map { Case(kind: kind, code: $0) } }

  init() throws {
    test = try SharedRepository()
    var random = PseudoRandomBytes(seed: 41)
    let (a, b, c) = (random.files(5), random.files(5), random.files(5))
    files = ["a": a, "b": b, "c": c]
    var archives: [String: Digest256] = [:]
    for name in ["a", "b", "c"] {
      let repository = try test.open()
      try repository.backUp(name, files[name] ?? [])
      archives[name] = try repository.archive(named: name).id
    }
    self.archives = archives
    let repository = try test.open()
    try repository.rename(try repository.archive(named: "a"), to: "renamed")
    let removal = Removal(archives: [try Digest256.random()], time: SystemClock.now)
    let authority = repository.keys.authority
    try repository.publish(try removal.signed(by: authority), as: .removal, in: .removal)
    let quarantine = Quarantine(segments: [try Digest256.random()], time: SystemClock.now)
    try repository.publish(try quarantine.signed(by: authority), as: .removal, in: .quarantine)
    try test.putLease(ageInSeconds: 60)
    // Nobody needs a second slot, or a junk one.
    let junk: [UInt8] = [1, 2, 3]
    try test.storage.put(.object(.key, try SHA256.digest(of: junk.span)), junk)
  }

  /// The object of a kind that archive "b" does not need.
  private func object(_ kind: ObjectName.Kind) throws -> ObjectName {
    switch kind {
    case .archive: return .object(.archive, try #require(archives["a"]))
    case .key:
      let junk: [UInt8] = [1, 2, 3]
      return .object(.key, try SHA256.digest(of: junk.span))
    case .segment:
      // Of "a", with its tree or its contents.
      let repository = try test.open()
      try repository.refresh()
      let root = try #require(try repository.archive(named: "renamed").manifest.tree)
      return .object(.segment, try #require(repository.index.locations(of: root.id).first).segment)
    default: return .object(kind, try #require(try test.storage.list(kind).first?.id))
    }
  }

  private func open(_ fault: Case) throws -> (repository: Repository, object: ObjectName) {
    let object = try object(fault.kind)
    // As another machine does, which has no cache.
    let repository = try Repository.open(
      FailingReads(inner: test.storage, objects: [object], error: fault.error),
      cacheDirectory: "\(test.directory.path)/\(try Digest256.random().hex)"
    ) { Secret("open sesame") }
    return (repository, object)
  }

  @Test(arguments: cases)
  func `the other archives are listed, found and read`(fault: Case) throws {
    let (repository, object) = try open(fault)
    var problems: [ObjectName] = []
    let found = try repository.archives { name, _ in problems.append(name) }
    #expect(found.map(\.id).contains(try #require(archives["b"])))
    let isListed = fault.kind == .archive || fault.kind == .label
    #expect(problems == (isListed ? [object] : []))
    try repository.reading("test") {
      let archive = try repository.archive(named: "b")
      #expect(try repository.contents(of: archive) == (files["b"] ?? []).contents)
    }
  }

  @Test(arguments: cases)
  func `a backup is made, and is whole for everybody`(fault: Case) throws {
    let (repository, object) = try open(fault)
    var problems: [ObjectName] = []
    let builder = try ArchiveBuilder(
      repository, options: Repository.testOptions, problem: { problems.append($0.object) }
    ) { _, _ in }
    let all = try ((files["a"] ?? []).prefix(2) + (files["c"] ?? []))
      .map { (try $0.item(), $0) }.sorted { $0.0.path < $1.0.path }
    for (item, file) in all { try builder.add(item, content: file) }
    _ = try builder.finish { $0.name = "next" }
    if fault.kind == .index || fault.kind == .quarantine { #expect(problems == [object]) }
    try test.expect(["next": all.map(\.1)])
  }

  @Test(arguments: cases)
  func `a check names it and goes on, and a repair leaves it alone`(fault: Case) throws {
    let (repository, object) = try open(fault)
    var options = CheckOptions()
    options.verifyData = true
    let report = try repository.check(options) { _ in }
    #expect(report.problems.contains { $0.contains(object.path) })
    #expect(report.archives == (fault.kind == .archive ? 2 : 3))
    guard fault.kind != .segment else { return }
    #expect(report.unread[object] != nil)
    #expect(!report.damaged.contains(object))
    let before = try test.storage.get(object, range: nil)
    let repaired = try repository.repair(options, isDryRun: false, confirm: { _ in true }) { _ in }
    #expect(repaired.remaining.contains { $0.contains("cannot be read") })
    #expect(try test.storage.get(object, range: nil) == before)
  }

  @Test(arguments: cases.filter { [.archive, .index, .quarantine].contains($0.kind) })
  func `who deletes stops, and says because of what`(fault: Case) throws {
    let (repository, _) = try open(fault)
    let before = Set(test.storage.names)
    let error = #expect(throws: RepositoryError.self) { try repository.compact() }
    guard case .unsafeToDelete(let what) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(what.contains { $0.contains(fault.kind.rawValue) })
    if fault.kind == .archive {
      #expect(throws: RepositoryError.self) { try repository.archives() }
    }
    for name in before { _ = try test.storage.get(name, range: nil) }
  }

  @Test(arguments: [EIO, EACCES])
  func `an archive that cannot be read can be given up`(code: Int32) throws {
    let (repository, object) = try open(Case(kind: .archive, code: code))
    guard case .object(_, let id) = object else { return }
    try repository.giveUp(id)
    #expect(!test.storage.names.contains(object))
    #expect(try test.open().vanished([id.hex]).isEmpty, "that is on record")
  }

  @Test func `an archive that may be one that cannot be read is said to be so`() throws {
    let (repository, object) = try open(Case(kind: .archive, code: EACCES))
    for name in ["renamed", "id:\(try #require(archives["a"]).hex.prefix(20))"] {
      let error = #expect(throws: RepositoryError.self) { try repository.archive(named: name) }
      guard case .archiveUnreadable(_, let objects) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(objects.map(\.object) == [object])
    }
    // It cannot be this one.
    let error = #expect(throws: RepositoryError.self) { try repository.archive(named: "id:zz") }
    guard case .archiveMissing = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `a doomed object that somebody else may read ends an attempt to write`() throws {
    let victims = try test.storage.list(.segment).map(\.id)
    let id = try test.open().publish(
      Doom(segments: victims).encoded(), as: .doomed, in: .doomed)
    for code in [EIO, EACCES] {
      let repository = try Repository.open(
        FailingReads(
          inner: test.storage, objects: [.object(.doomed, id)],
          error: .system(path: "doomed", operation: "open", code: code)),
        cacheDirectory: "\(test.directory.path)/\(try Digest256.random().hex)"
      ) { Secret("open sesame") }
      let error = #expect(throws: Corruption.self) {
        _ = try ArchiveBuilder(repository, options: Repository.testOptions) { _, _ in }
      }
      #expect(error?.object == .object(.doomed, id))
      #expect(throws: RepositoryError.self) { try repository.compact() }
      try repository.reading("test") {
        let archive = try repository.archive(named: "b")
        #expect(try repository.contents(of: archive) == (files["b"] ?? []).contents)
      }
    }
  }

  @Test(
    arguments: [
      StorageError.system(path: "/", operation: "open", code: EMFILE),
      .system(path: "/", operation: "open", code: ENOMEM),
      .system(path: "/", operation: "read", code: ENOTCONN),
      .system(path: "/", operation: "read", code: ETIMEDOUT),
      .system(path: "/", operation: "read", code: ENODEV), .connection(.lost("the network")),
    ], [ObjectName.Kind.archive, .label, .index, .segment, .lease])
  func `a storage that is out of reach is never taken for damage`(
    error: StorageError, kind: ObjectName.Kind
  ) throws {
    #expect(!error.isOfOneObject)
    let object = try object(kind)
    let repository = try Repository.open(
      FailingReads(inner: test.storage, objects: [object], error: error),
      cacheDirectory: "\(test.directory.path)/\(try Digest256.random().hex)"
    ) { Secret("open sesame") }
    var options = CheckOptions()
    options.verifyData = true
    #expect(throws: error) { try repository.check(options) { _ in } }
    if kind == .archive {
      #expect(throws: error) { try repository.archives { _, _ in } }
      #expect(throws: error) { try repository.archive(named: "b") }
      if case .object(_, let id) = object {
        #expect(throws: error) { try repository.giveUp(id) }
      }
    }
  }
}
