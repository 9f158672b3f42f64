import StoreCrypto
import Testing

@testable import ChunkStore

/// Archives that go from one repository to another.
@Suite struct CopyTests {
  private let source: SharedRepository
  private let first: [TestFile]
  private let second: [TestFile]

  init() throws {
    source = try SharedRepository()
    var random = PseudoRandomBytes(seed: 61)
    first = random.files(20) + [TestFile(path: "large", bytes: random.bytes(700_000))]
    second = random.changed(first)
    let repository = try source.open()
    try repository.backUp("first", first)
    try repository.backUp("second", second)
  }

  /// A repository with the source's deduplication secret.
  private func related(_ suite: Suite = .none) throws -> SharedRepository {
    let slots = try KeySlots(try source.open(), clientSlots: [], passphrase: nil)
    let new = SharedRepository(storage: MemoryStorage(), directory: try TemporaryDirectory())
    _ = try Repository.create(
      in: new.storage, suite: suite, passphrase: suite == .none ? nil : Secret("open sesame"),
      parameters: TestKeys.scrypt, like: slots, cacheDirectory: new.directory.path)
    return new
  }

  private func copier(
    from source: SharedRepository? = nil, through: (any Storage)? = nil, to new: SharedRepository,
    by storage: (any Storage)? = nil, _ options: ArchiveCopier.Options = ArchiveCopier.Options()
  ) throws -> ArchiveCopier {
    let repository = try (source ?? self.source).open(through: through)
    try repository.refresh()
    return try ArchiveCopier(
      from: repository, to: try new.open(through: storage), options: options
    ) { object, error in throw Corruption(object: object, cause: error) }
  }

  private func copyAll(_ copier: ArchiveCopier) throws {
    defer { copier.finish() }
    for name in ["first", "second"] {
      _ = try copier.copy(try source.open().archive(named: name))
    }
  }

  private func expectBoth(_ new: SharedRepository, _ comment: Comment? = nil) throws {
    try new.expect(["first": first, "second": second], comment)
    try new.expectClean(comment)
    #expect(try new.storage.list(.lease).isEmpty, comment)
  }

  private func size(_ shared: SharedRepository) throws -> Int {
    try shared.storage.list(.segment).reduce(0) { $0 + $1.size }
  }

  /// The blocks of contents, opened and still packed.
  private func packedBlocks(_ shared: SharedRepository) throws -> Set<[UInt8]> {
    let repository = try shared.open()
    let reader = try ChunkReader(keys: repository.keys)
    var blocks: Set<[UInt8]> = []
    for object in try shared.storage.list(.segment) {
      let directory = try SegmentReader.directory(
        of: object.id, size: object.size, storage: shared.storage, keys: repository.keys)
      guard directory.type == .contentSegment else { continue }
      try directory.forEachBlock(of: object.id) { location, _ in
        let sealed = try SegmentReader.sealedBlock(at: location, storage: shared.storage)
        blocks.insert(try reader.unseal(sealed, at: location, keys: repository.keys))
      }
    }
    return blocks
  }

  @Test(arguments: Suite.allCases)
  func `a related repository gets the same trees and the same blocks`(suite: Suite) throws {
    let new = try related(suite)
    try copyAll(try copier(to: new))
    try expectBoth(new)
    let theirs = try source.open().archives()
    let ours = try new.open().archives()
    #expect(ours.map(\.manifest.tree) == theirs.map(\.manifest.tree))
    #expect(try packedBlocks(new) == packedBlocks(source))
    for (copy, archive) in zip(ours, theirs) {
      var manifest = copy.manifest
      #expect(manifest.origin?.archive == archive.id)
      manifest.origin = nil
      manifest.statistics = archive.manifest.statistics
      #expect(manifest == archive.manifest)
    }
  }

  @Test func `a stranger gets the same items, cut and named in its own way`() throws {
    let new = try SharedRepository()
    try copyAll(try copier(to: new))
    try expectBoth(new)
    for name in ["first", "second"] {
      let (theirs, ours) = (try source.open(), try new.open())
      try ours.refresh()
      var items = try theirs.items(of: try theirs.archive(named: name))
      var copies = try ours.items(of: try ours.archive(named: name))
      while var item = try items.next() {
        var copy = try #require(try copies.next())
        if item.content?.size ?? 0 > 0 { #expect(item.content?.chunks != copy.content?.chunks) }
        item.content = nil
        copy.content = nil
        #expect(item == copy)
      }
      #expect(try copies.next() == nil)
    }
  }

  @Test func `a stranger does not have files read that it has got before`() throws {
    let new = try SharedRepository()
    let recording = RecordingStorage(source.storage)
    let copier = try copier(through: recording, to: new)
    let archives = try source.open().archives()
    _ = try copier.copy(archives[0])
    let read = recording.ranges.reduce(0) { $0 + $1.count }
    // A repetition under another name: the tree alone is read.
    try source.open().backUp("third", first)
    let again = try self.copier(through: recording, to: new)
    recording.forget()
    let copy = try again.copy(try source.open().archive(named: "third"))
    #expect(recording.ranges.reduce(0) { $0 + $1.count } * 4 < read)
    #expect(copy.manifest.statistics.newChunks == 0)
    try new.expect(["first": first, "third": first])
  }

  @Test func `blocks that are passed through are read many at a time`() throws {
    let new = try related()
    var random = PseudoRandomBytes(seed: 62)
    let files = (0..<400).map { TestFile(path: "\($0)", bytes: random.bytes(40_000)) }
    try source.open().backUp("many", files)
    let recording = RecordingStorage(source.storage)
    let copier = try copier(through: recording, to: new)
    _ = try copier.copy(try source.open().archive(named: "many"))
    copier.finish()
    // 16 MB, in blocks of half a MB.
    #expect(recording.ranges.filter { $0.count > 100_000 }.count < 16)
    #expect(recording.ranges.count < 40)
    try new.expect(["many": files])
  }

  @Test func `contents are compressed and cut as asked`() throws {
    var options = ArchiveCopier.Options()
    options.compression = Compression(.none)
    let unpacked = try related()
    try copyAll(try copier(to: unpacked, options))
    try expectBoth(unpacked)
    #expect(
      try unpacked.open().archives().map(\.manifest.compression) == ["none", "none"])
    #expect(try size(unpacked) > size(source))
    options = ArchiveCopier.Options()
    options.chunker = .fixed(size: 4096)
    let fixed = try related()
    try copyAll(try copier(to: fixed, options))
    try expectBoth(fixed)
    #expect(try fixed.open().archives().map(\.manifest.chunker) == ["fixed,4096", "fixed,4096"])
  }

  @Test func `what is there is not stored again`() throws {
    let new = try related()
    try new.open().backUp("own", first)
    let before = try new.storage.ids(.segment)
    let copier = try copier(to: new)
    let copy = try copier.copy(try source.open().archive(named: "first"))
    #expect(copy.manifest.statistics.storedSize == 0)
    #expect(try new.storage.ids(.segment) == before)
    try copyAll(copier)
    try expectBoth(new)
  }

  @Test func `a lease that was lost makes everything be looked at again`() throws {
    let new = try related()
    let copier = try copier(to: new)
    let archives = try source.open().archives()
    _ = try copier.copy(archives[0])
    // Taken for abandoned: what the first archive had is freed.
    for lease in try new.storage.list(.lease) {
      try new.storage.delete(.object(.lease, lease.id))
    }
    try new.open().delete(named: ["first"])
    #expect(try new.open().compact().removedSegments > 0)
    _ = try copier.copy(archives[1])
    copier.finish()
    try new.expect(["second": second])
    try new.expectClean()
    #expect(try new.storage.list(.lease).isEmpty)
  }

  @Test(arguments: [true, false])
  func `an archive that is damaged fails, and others do not`(isRelated: Bool) throws {
    let repository = try source.open()
    let small = [TestFile(path: "x", bytes: Array("something else".utf8))]
    try repository.backUp("third", small)
    let large = try repository.archive(named: "first")
    let chunk = try #require(
      try repository.chunkIDs(of: large).subtracting(
        repository.chunkIDs(of: try repository.archive(named: "second"))
      ).first)
    let location = try #require(repository.index.locations(of: chunk).first)
    let spoiled = try source.copy()
    let name = ObjectName.object(.segment, location.segment)
    var bytes = try spoiled.storage.get(name, range: nil)
    bytes[location.blockOffset] ^= 1
    spoiled.storage.replace(name, bytes)

    let new = try isRelated ? related() : SharedRepository()
    let copier = try copier(from: spoiled, to: new)
    #expect(throws: CopyError.self) { try copier.copy(large) }
    _ = try copier.copy(try repository.archive(named: "third"))
    copier.finish()
    try new.expect(["third": small])
    try new.expectClean()
    // A whole source heals it.
    try copyAll(try self.copier(to: new))
    try expectBoth(new)
  }

  @Test func `a chunk that is damaged in one place comes from another`() throws {
    let spoiled = try source.copy()
    // A copy of the files by somebody who sees no index: every chunk is in two places.
    let other = try source.copy()
    for kind in [ObjectName.Kind.segment, .index, .archive] {
      for id in try other.storage.ids(kind) { try other.storage.delete(.object(kind, id)) }
    }
    try other.open().backUp("twin", first)
    for kind in [ObjectName.Kind.segment, .index] {
      for id in try other.storage.ids(kind) {
        spoiled.storage.replace(
          .object(kind, id), try other.storage.get(.object(kind, id), range: nil))
      }
    }
    for object in try source.storage.list(.segment) {
      let name = ObjectName.object(.segment, object.id)
      var bytes = try spoiled.storage.get(name, range: nil)
      for at in stride(from: 100, to: bytes.count - 6000, by: 5000) { bytes[at] ^= 1 }
      spoiled.storage.replace(name, bytes)
    }
    let new = try related()
    let copier = try copier(from: spoiled, to: new)
    _ = try copier.copy(try source.open().archive(named: "first"))
    copier.finish()
    try new.expect(["first": first])
    try new.expectClean()
  }

  @Test func `an interruption keeps what is done, and the next run goes on`() throws {
    let new = try related()
    let copier = try copier(to: new)
    let archives = try source.open().archives()
    _ = try copier.copy(archives[0])
    copier.interruption()
    #expect { try copier.copy(archives[1]) } throws: {
      if case RepositoryError.interrupted = $0 { true } else { false }
    }
    copier.finish()
    #expect(try new.open().archives().map(\.name) == ["first"])
    try copyAll(try self.copier(to: new))
    try expectBoth(new)
  }

  @Test(arguments: [true, false], [StorageError.noSpace("memory"), FaultyStorage.crashed])
  func `an error of the destination ends the copy, and the next run goes on`(
    isRelated: Bool, error: StorageError
  ) throws {
    let empty = try isRelated ? related() : SharedRepository()
    for at in stride(from: 0, to: 1000, by: 7) {
      let new = try empty.copy()
      let faulty = FaultyStorage(new.storage)
      let isHurt = try within(30) {
        faulty.arm(.once(at: at, error))
        do {
          try copyAll(try copier(to: new, by: faulty))
        } catch let found as StorageError {
          #expect(found == error, "operation \(at)")
        }
        return faulty.hasFailed
      }
      // Whatever is said to be there is whole.
      for archive in try new.open().archives() {
        try new.expect([archive.name: archive.name == "first" ? first : second])
      }
      try new.abandonLeases()
      _ = try new.open().breakLeases(all: true)
      try within(30) { try copyAll(try copier(to: new)) }
      try expectBoth(new, "operation \(at)")
      if !isHurt {
        #expect(at > 10)
        return
      }
    }
    Issue.record("it never ended")
  }

  @Test func `an error of the source ends the copy with that error`() throws {
    for at in stride(from: 0, to: 1000, by: 5) {
      let new = try related()
      let faulty = FaultyStorage(source.storage)
      let isHurt = try within(30) {
        faulty.arm(.once(at: at, FaultyStorage.crashed))
        do {
          try copyAll(try copier(through: faulty, to: new))
        } catch let found as StorageError {
          #expect(found == FaultyStorage.crashed, "operation \(at)")
        }
        return faulty.hasFailed
      }
      for archive in try new.open().archives() {
        try new.expect([archive.name: archive.name == "first" ? first : second])
      }
      #expect(try new.storage.list(.lease).isEmpty)
      if !isHurt {
        #expect(at > 10)
        return
      }
    }
    Issue.record("it never ended")
  }

  @Test func `a name that another archive has is refused`() throws {
    let new = try related()
    try new.open().backUp("first", second)
    let copier = try copier(to: new)
    #expect { try copier.copy(try source.open().archive(named: "first")) } throws: {
      if case RepositoryError.archiveExists = $0 { true } else { false }
    }
    copier.finish()
  }

  @Test func `a repository is not copied to itself`() throws {
    #expect { try copier(to: source) } throws: {
      if case CopyError.sameRepository = $0 { true } else { false }
    }
    #expect(try source.storage.list(.lease).isEmpty)
  }
}
