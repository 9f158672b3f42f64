import Glibc
import StoreCrypto
import Testing

@testable import ChunkStore

/// The fate of an archive when something goes wrong while it is made.
@Suite struct BuilderFaultTests {
  private let test: SharedRepository
  private let files: [TestFile]

  init() throws {
    test = try SharedRepository()
    var random = PseudoRandomBytes(seed: 2)
    files = random.files(20) + [TestFile(path: "large", bytes: random.bytes(700_000))]
  }

  @Test(arguments: [StorageError.noSpace("memory"), FaultyStorage.crashed])
  func `an error of the storage ends the archive with that error`(error: StorageError) throws {
    for at in 0..<1000 {
      let copy = try test.copy()
      let faulty = FaultyStorage(copy.storage)
      let repository = try copy.open(through: faulty)
      faulty.arm(.once(at: at, error))
      let result = Result {
        try within(30) { [files] in try repository.backUp("a", files) }
      }
      if !faulty.hasFailed {
        _ = try result.get()
        #expect(at > 10)
        return
      }
      switch result {
      case .failure(let found):
        #expect(found as? StorageError == error, "operation \(at)")
        #expect(try copy.storage.list(.archive).isEmpty, "operation \(at)")
      case .success:
        // Only that the lease could not be deleted may be passed over.
        #expect(try copy.storage.list(.lease).count == 1, "operation \(at)")
        try copy.expect(["a": files])
      }
      guard at % (Rounds.factor > 1 ? 1 : 5) == 0 else { continue }
      // This process goes on, and does not rely on what was lost.
      try within(30) { [files] in try repository.backUp("b", files) }
      try copy.expect(["b": files])
      try copy.expectClean("operation \(at)")
    }
    Issue.record("it never ended")
  }

  @Test(arguments: Seed.each(UInt64(20 * Rounds.factor)))
  func `an archive can be given up at any moment`(seed: Seed) throws {
    var random = seed.generator
    let stop = random.int(0...files.count)
    let pause = random.int(0...3000)
    let repository = try test.open()
    try within(30) { [files] in
      let builder = try ArchiveBuilder(repository, options: Repository.testOptions) { _, _ in }
      let entries = try files.map { (try $0.item(), $0) }.sorted { $0.0.path < $1.0.path }
      for (item, file) in entries.prefix(stop) { try builder.add(item, content: file) }
      usleep(UInt32(pause))
      builder.cancel()
      #expect(throws: RepositoryError.self) {
        try builder.add(try TestFile(path: "z", bytes: []).item())
      }
    }
    #expect(try test.storage.list(.archive).isEmpty)
    #expect(try test.storage.list(.lease).isEmpty)
    try repository.backUp("a", files)
    try test.expect(["a": files])
    try test.expectClean()
  }

  @Test func `a builder that is let go of gives up`() throws {
    let repository = try test.open()
    try within(30) { [files] in
      let builder = try ArchiveBuilder(repository, options: Repository.testOptions) { _, _ in }
      for file in files.prefix(1) { try builder.add(try file.item(), content: file) }
    }
    #expect(try test.storage.list(.lease).isEmpty)
  }

  @Test func `nobody relies on what another archive of this process has yet to store`() throws {
    let faulty = FaultyStorage(test.storage)
    let repository = try test.open(through: faulty)
    let file = TestFile(path: "a", bytes: [UInt8](repeating: 1, count: 5000))
    try within(30) {
      // The first one has the chunk in its hands when the second one comes to it.
      let first = try ArchiveBuilder(repository, options: Repository.testOptions) { _, _ in }
      for number in 0..<3 {
        var file = file
        file.path = "a\(number)"
        // Other owners, so that each is handed on.
        file.owner = UInt32(number)
        try first.add(try file.item(), content: file)
      }
      usleep(50_000)
      try repository.backUp("second", [file])
      first.cancel()
    }
    try test.expect(["second": [file]])
    try test.expectClean()
  }

  @Test func `an archive whose lease was taken away is looked through again`() throws {
    let repository = try test.open()
    let builder = try ArchiveBuilder(repository, options: Repository.testOptions) { _, _ in }
    let entries = try files.map { (try $0.item(), $0) }.sorted { $0.0.path < $1.0.path }
    for (item, file) in entries { try builder.add(item, content: file) }
    for lease in try test.storage.list(.lease) {
      try test.storage.delete(.object(.lease, lease.id))
    }
    _ = try builder.finish { $0.name = "a" }
    try test.expect(["a": files])
    #expect(try test.storage.list(.lease).isEmpty)
  }

  @Test func `an archive whose chunks were removed meanwhile is withdrawn`() throws {
    let repository = try test.open()
    try repository.backUp("old", files)
    // The next one refers to what the old one has stored.
    let builder = try ArchiveBuilder(repository, options: Repository.testOptions) { _, _ in }
    let entries = try files.map { (try $0.item(), $0) }.sorted { $0.0.path < $1.0.path }
    for (item, file) in entries { try builder.add(item, content: file) }
    let other = try test.open()
    try other.delete(named: ["old"])
    // Somebody takes us for dead, and frees everything.
    #expect(try other.breakLeases(all: true).count == 1)
    _ = try other.compact()
    #expect(throws: RepositoryError.self) { try builder.finish { $0.name = "a" } }
    #expect(try test.storage.list(.archive).isEmpty)
    try test.expectClean()
  }
}
