import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct CheckTests {
  private let test: SharedRepository
  private let files: [TestFile]

  init() throws {
    test = try SharedRepository()
    var random = PseudoRandomBytes(seed: 21)
    files = random.files(20) + [TestFile(path: "x", bytes: random.bytes(80_000))]
    let repository = try test.open()
    try repository.backUp("gone", random.files(5))
    try repository.backUp("a", files)
    try repository.delete(named: ["gone"])
    try repository.rename(try repository.archive(named: "a"), to: "b")
  }

  private func problems(_ test: SharedRepository, verifyData: Bool = false) throws -> [String] {
    var options = CheckOptions()
    options.verifyData = verifyData
    return try test.open().check(options) { _ in }.problems
  }

  @Test func `a repository that is whole has no problems`() throws {
    try test.expectClean()
    let report = try test.open().check(CheckOptions()) { _ in }
    #expect(report.isClean)
    #expect(report.archives == 1)
    #expect(report.segments == 4)
  }

  @Test func `a part of the data ends where the next one begins, whatever the sizes are`() throws {
    let segments = try test.storage.list(.segment).sorted { $0.id < $1.id }
    let total = segments.reduce(0) { $0 + $1.size }
    #expect(Set(segments.map(\.size)).count > 1)
    var options = CheckOptions()
    options.verifyData = true
    for number in segments.indices {
      let (first, second) = (
        segments[(number + 1) % segments.count], segments[(number + 2) % segments.count]
      )
      options.part.after = segments[number].id
      options.part.share = Double(first.size + 1) / Double(total)
      let report = try test.open().check(options) { _ in }
      #expect(report.verifiedUpTo == second.id)
      #expect(report.verifiedBytes == first.size + second.size)
    }
  }

  @Test(arguments: [
    ObjectName.Kind.key, .index, .archive, .removal, .label, .segment, .doomed, .lease,
  ])
  func `damage to an object is told`(kind: ObjectName.Kind) throws {
    try test.putLease()
    _ = try test.open().compact()
    var random = PseudoRandomBytes(seed: 22)
    let objects = try test.storage.list(kind)
    #expect(!objects.isEmpty)
    for object in objects {
      let name = ObjectName.object(kind, object.id)
      let bytes = try test.storage.get(name, range: nil)
      var flipped = bytes
      flipped[random.int(0...(bytes.count - 1))] ^= 0x10
      for (what, spoiled) in [
        ("cut", Array(bytes.dropLast())), ("empty", []), ("flipped", flipped),
      ] {
        let copy = try test.copy()
        copy.storage.replace(name, spoiled)
        let found = Result { try problems(copy, verifyData: true) }
        switch found {
        case .success(let found):
          #expect(found.contains { $0.contains(object.id.hex) }, "\(what) \(name.path)")
        case .failure(let error):
          // The key is what it is opened with.
          #expect(kind == .key, "\(what) \(name.path): \(error)")
        }
      }
    }
  }

  @Test func `a segment that is not what its name says is told, also without reading it all`()
    throws
  {
    let names = try test.storage.list(.segment).map { ObjectName.object(.segment, $0.id) }
    let copy = try test.copy()
    let first = try copy.storage.get(names[0], range: nil)
    copy.storage.replace(names[0], try copy.storage.get(names[1], range: nil))
    copy.storage.replace(names[1], first)
    let found = try problems(copy)
    for name in names.prefix(2) { #expect(found.contains { $0.contains(name.path) }) }
  }

  /// The files of an archive that cannot be read.
  private func unreadable(_ repository: Repository, _ name: String) throws -> Set<String> {
    let reader = try ContentReader(repository)
    var paths: Set<String> = []
    var items = try repository.items(of: try repository.archive(named: name))
    while let item = try items.next() {
      guard let content = item.content else { continue }
      do {
        var chunks = try repository.chunks(of: content)
        while let chunk = try chunks.next() { _ = try reader.read(chunk) }
      } catch is RepositoryError {
        paths.insert(item.path.description)
      }
    }
    return paths
  }

  @Test func `all damaged blocks of a segment are found, and the files that need them`() throws {
    try test.open().backUp("c", files.filter { $0.path != "x" })
    for object in try test.storage.list(.segment) {
      let copy = try test.copy()
      let name = ObjectName.object(.segment, object.id)
      let repository = try copy.open()
      let directory = try SegmentReader.directory(
        of: object.id, size: object.size, storage: copy.storage, keys: repository.keys)
      guard directory.type == .contentSegment else { continue }
      // Every third block, and whether the directory can be read as well.
      for hidesDirectory in [false, true] {
        var bytes = try test.storage.get(name, range: nil)
        var at = directory.headers[0].encodedSize
        var spoiled = 0
        for (number, block) in directory.blocks.enumerated() {
          if number % 3 == 0 {
            bytes[at + Int(block.sealedLength) / 2] ^= 1
            spoiled += 1
          }
          at += Int(block.sealedLength)
        }
        if hidesDirectory { bytes[bytes.count - 1] ^= 1 }
        copy.storage.replace(name, bytes)
        let found = try problems(copy, verifyData: true)
        let told = found.filter { $0.contains(name.path) }
        #expect(told.count == 1)
        let blocks = "(\(spoiled) of \(directory.blocks.count) blocks)"
        #expect(hidesDirectory || told.allSatisfy { $0.contains(blocks) })
        for archive in ["b", "c"] {
          let prefix = "archive \(archive): "
          let named = found.filter { $0.hasPrefix(prefix) }.map {
            String($0.dropFirst(prefix.count).prefix { $0 != ":" })
          }
          #expect(try Set(named) == unreadable(try copy.open(), archive))
          #expect(named.count == Set(named).count)
        }
      }
    }
  }

  @Test func `what an archive refers to and is missing is told`() throws {
    var needed = 0
    for object in try test.storage.list(.segment) {
      let copy = try test.copy()
      try copy.storage.delete(.object(.segment, object.id))
      let found = try problems(copy)
      if !found.isEmpty {
        needed += 1
        #expect(found.allSatisfy { $0.contains("archive b") })
      }
    }
    #expect(needed == 2)
  }

  @Test func `an index object that is missing is no loss`() throws {
    for object in try test.storage.list(.index) {
      try test.storage.delete(.object(.index, object.id))
    }
    try test.expectClean()
    try test.expect(["b": files])
  }

  @Test(arguments: [ObjectName.Kind.index, .archive, .removal, .label, .doomed, .lease])
  func `damage to one object keeps nobody from the rest`(kind: ObjectName.Kind) throws {
    var random = PseudoRandomBytes(seed: 23)
    let other = random.files(5)
    try test.open().backUp("other", other)
    // Not the only ones of their kind.
    for spoiled in [[], random.bytes(5000)] {
      let copy = try test.copy()
      copy.storage.replace(.object(kind, try Digest256.random()), spoiled)
      try copy.expect(["b": files, "other": other])
      try copy.open().backUp("new", files)
      try copy.expect(["new": files])
      #expect(try problems(copy).count == 1)
    }
    for object in try test.storage.list(.index) {
      let copy = try test.copy()
      copy.storage.replace(.object(.index, object.id), random.bytes(5000))
      try copy.expect(["b": files, "other": other])
    }
  }

  @Test func `an index object is read, also if what it says is known`() throws {
    for object in try test.storage.list(.index) {
      let name = ObjectName.object(.index, object.id)
      let bytes = try test.storage.get(name, range: nil)
      test.storage.replace(name, Array(bytes.dropLast()))
      #expect(try problems(test).contains { $0.contains(name.path) })
      test.storage.replace(name, bytes)
    }
  }

  @Test func `what was damaged in a cache is no damage to the repository`() throws {
    let cache = "\(test.directory.path)/\(try test.open().id.hex)/index"
    for name in try LocalFile.names(in: cache).map({ String(decoding: $0, as: UTF8.self) }) {
      var bytes = try readFile("\(cache)/\(name)")
      for at in (bytes.count / 2)..<bytes.count { bytes[at] = 0 }
      try writeFile("\(cache)/\(name)", bytes)
    }
    try test.expectClean()
  }

  @Test func `a storage that cannot be written to is checked all the same`() throws {
    let report = try Repository.open(
      ReadOnlyStorage(inner: test.storage), cacheDirectory: test.directory.path
    ) {
      Secret("")
    }.check(CheckOptions()) { _ in }
    #expect(report.problems == [])
  }

  @Test func `nothing is taken for damage while an archive is made`() throws {
    try within(60) { [test, files] in
      let group = ThreadGroup()
      group.start("create") {
        var random = PseudoRandomBytes(seed: 24)
        let mine = SharedRepository(storage: test.storage, directory: try TemporaryDirectory())
        var files = files
        for round in 0..<(15 * Rounds.factor) {
          files = random.changed(files)
          let repository = try mine.open()
          try repository.backUp("r\(round)", files)
          if round > 2 { try repository.delete(named: ["r\(round - 2)"]) }
        }
      }
      for _ in 0..<(15 * Rounds.factor) { try test.expectClean("while archives are made") }
      try group.join()
    }
  }
}

/// A storage that nobody may change.
private struct ReadOnlyStorage: PassingStorage {
  let inner: any Storage

  private static let refusal = StorageError.system(path: "memory", operation: "write", code: 30)

  func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) { throw Self.refusal }
  func beginUpload() throws(StorageError) -> any Upload { throw Self.refusal }
  func delete(_ name: ObjectName) throws(StorageError) { throw Self.refusal }
  func removeAbandonedUploads() throws(StorageError) { throw Self.refusal }
  func releaseReserve() throws(StorageError) { throw Self.refusal }
  func restoreReserve() throws(StorageError) { throw Self.refusal }
}
