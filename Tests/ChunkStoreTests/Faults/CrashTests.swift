import StoreCrypto
import Testing

@testable import ChunkStore

/// Every operation of the storage is the last one that a process lives to see, in turn.
@Suite struct CrashTests {
  private let test: SharedRepository
  private let old: [TestFile]
  private let kept: [TestFile]
  private let new: [TestFile]

  /// A repository with an archive to delete, one to keep, and something to be made.
  init() throws {
    test = try SharedRepository()
    var random = PseudoRandomBytes(seed: 4)
    old = random.files(12) + [TestFile(path: "old", bytes: random.bytes(60_000))]
    kept = random.changed(Array(old.dropLast())) + random.files(5, prefix: "k")
    new = random.changed(kept) + random.files(8, prefix: "w")
    let repository = try test.open()
    try repository.backUp("old", old)
    try repository.backUp("kept", kept)
  }

  /// Crashes `operation`, behind `prepared`, at each of its steps, and looks at what is left:
  /// `archives` says which have to be whole afterwards, given whether `operation` returned.
  private func crash(
    prepared: (Repository) throws -> Void = { _ in },
    _ operation: @escaping @Sendable (Repository) throws -> Void,
    archives: (Bool) -> [String: [TestFile]]
  ) throws {
    try prepared(try test.open())
    for isDone in [false, true] {
      var at = 0
      while true {
        let copy = try test.copy()
        let faulty = FaultyStorage(copy.storage)
        let repository = try copy.open(through: faulty)
        faulty.arm(.crash(at: at, isDone: isDone))
        let result = Result { try within(30) { try operation(repository) } }
        if case .failure(let error) = result, error is DeadlineMissed { throw error }
        if !faulty.hasFailed {
          try result.get()
          #expect(at > 2)
          break
        }
        let hasReturned = if case .success = result { true } else { false }
        try look(at: copy, archives: archives(hasReturned), "crash at \(at), done: \(isDone)")
        at += 1
      }
    }
  }

  private func look(
    at copy: SharedRepository, archives: [String: [TestFile]], _ comment: Comment
  ) throws {
    try copy.abandonLeases()
    try copy.expect(archives, comment)
    try copy.expectClean(comment)

    // Published objects are used again.
    let repository = try copy.open()
    try repository.refresh()
    let known = try ids(in: repository)
    let archive = try repository.backUp("next", new)
    let needed = try repository.chunkIDs(of: archive)
    #expect(
      archive.manifest.statistics.newChunks == UInt64(needed.subtracting(known).count), comment)
    try copy.expect(["next": new], comment)

    // And what nobody needs goes with the next compaction.
    let last = try copy.open()
    _ = try last.compact(threshold: 0)
    try copy.expect(archives.merging(["next": new]) { $1 }, comment)
    try last.delete(try last.archives())
    let report = try last.compact()
    #expect(report.waitingSegments == 0, comment)
    for kind in [ObjectName.Kind.segment, .index, .doomed, .lease, .archive] {
      #expect(try copy.storage.list(kind).isEmpty, "\(kind), \(comment)")
    }
  }

  private func ids(in repository: Repository) throws -> Set<ChunkID> {
    var ids: Set<ChunkID> = []
    for run in repository.index.runs {
      for row in 0..<run.index.count {
        let id = run.index.id(row)
        if repository.index.contains(id) { ids.insert(id) }
      }
    }
    return ids
  }

  @Test func `while an archive is made`() throws {
    try crash { [new] in
      try $0.backUp("new", new)
    } archives: { hasReturned in
      hasReturned ? ["old": old, "kept": kept, "new": new] : ["old": old, "kept": kept]
    }
  }

  @Test func `while an archive is deleted`() throws {
    try crash {
      try $0.delete(named: ["old"])
    } archives: { _ in
      ["kept": kept]
    }
  }

  @Test func `while space is freed`() throws {
    try crash {
      try $0.delete(named: ["old"])
    } _: {
      _ = try $0.compact(threshold: 0)
    } archives: { _ in
      ["kept": kept]
    }
  }

  @Test func `while a name changes, the archive has the old one or the new one`() throws {
    let repository = try test.open()
    try repository.rename(try repository.archive(named: "kept"), to: "other")
    for isDone in [false, true] {
      var at = 0
      while true {
        let copy = try test.copy()
        let faulty = FaultyStorage(copy.storage)
        let victim = try copy.open(through: faulty)
        faulty.arm(.crash(at: at, isDone: isDone))
        let result = Result { try victim.rename(try victim.archive(named: "other"), to: "third") }
        let names = try copy.open().archives().map(\.name)
        if !faulty.hasFailed {
          try result.get()
          #expect(names == ["old", "third"])
          break
        }
        #expect(names == ["old", "other"] || names == ["old", "third"], "crash at \(at)")
        try copy.expect(["old": old])
        at += 1
      }
    }
  }

  @Test func `while a passphrase is set, the old slot or the new one opens the repository`() throws
  {
    for isDone in [false, true] {
      var at = 0
      while true {
        let copy = try test.copy()
        let faulty = FaultyStorage(copy.storage)
        let slots = try KeySlots(
          try copy.open(through: faulty), clientSlots: [], passphrase: nil)
        faulty.arm(.crash(at: at, isDone: isDone))
        let result = Result {
          try slots.changePassphrase(to: Secret("new"), parameters: TestKeys.scrypt)
        }
        #expect(throws: Never.self, "crash at \(at), done: \(isDone)") {
          _ = try Repository.open(copy.storage, cacheDirectory: copy.directory.path) {
            Secret("new")
          }
        }
        if !faulty.hasFailed {
          _ = try result.get()
          #expect(throws: KeyError.wrongPassphrase) {
            _ = try Repository.open(copy.storage, cacheDirectory: copy.directory.path) {
              Secret("old")
            }
          }
          break
        }
        at += 1
      }
    }
  }
}
