import Glibc
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct RunPlacesTests {
  let directory: TemporaryDirectory
  let repository = Digest256(bigEndianWords: 1, 2, 3, 4)

  init() throws { directory = try TemporaryDirectory() }

  @Test func `a place that fails is left for the next, and told of once`() throws {
    let places = RunPlaces(cache: "/cache")
    let failures = Collected<StorageError>()
    places.onFailure { failures.append($0) }
    var tried: [RunPlace] = []
    for _ in 0..<2 {
      let used = try places.writing { place in
        tried.append(place)
        if place != .memory { throw StorageError.noSpace("\(place)") }
        return place
      }
      #expect(used == .memory)
    }
    #expect(tried.first == .cache("/cache"))
    #expect(tried.filter { $0 == .cache("/cache") }.count == 1)
    #expect(tried.suffix(2) == [.memory, .memory])
    #expect(failures.values == [.noSpace("\(RunPlace.cache("/cache"))")])
    let late = Collected<StorageError>()
    places.onFailure { late.append($0) }
    #expect(late.values == failures.values, "whoever asks later learns it as well")
  }

  @Test func `what has nothing to do with the place is an error`() {
    let places = RunPlaces(cache: "/cache")
    #expect(throws: FormatError.self) {
      try places.writing { _ in throw FormatError.authenticationFailed }
    }
  }

  @Test func `an index without a cache has everything`() throws {
    // A file where the directory should be.
    let path = "\(directory.path)/file"
    _ = try LocalFile.open(path, flags: O_WRONLY | O_CREAT, mode: 0o600)
    var random = PseudoRandomBytes(seed: 1)
    let entries = random.syntheticEntries(3, chunks: 20)
    let index = try ChunkIndex(directory: "\(path)/index", repositoryID: repository)
    let failures = Collected<StorageError>()
    index.onCacheFailure { failures.append($0) }
    let name = random.digest()
    let present = Dictionary(
      uniqueKeysWithValues: entries.map { ($0.segment, Int(exactly: $0.size)) })
    _ = try index.update(
      to: ChunkIndex.View(version: index.version, present: present, doomed: [], indexes: [name])
    ) { _ in
      entries
    } problem: { _, _ in
    }
    for chunk in entries.flatMap(\.directory.chunks) { #expect(index.contains(chunk.id)) }
    #expect(failures.values.count == 1)
  }

  @Test(arguments: [RunPlace.temporary("/tmp"), .memory])
  func `a run without a name is one like others`(place: RunPlace) throws {
    var random = PseudoRandomBytes(seed: 2)
    let entries = random.syntheticEntries(3, chunks: 20)
    let run = try IndexRun.build(
      entries, sources: [random.digest()], in: place, name: "name", repositoryID: repository)
    let merged = try IndexRun.merge(
      [run, run], in: place, name: "name", repositoryID: repository)
    for chunk in entries.flatMap(\.directory.chunks) {
      #expect(run.places(of: chunk.id).count == 1)
      #expect(merged.places(of: chunk.id).count == 2)
    }
    #expect(try directory.names(in: ".").isEmpty)
  }
}

@Suite struct `Home directories` {
  @Test func `count unless they are somebody else's`() throws {
    let directory = try TemporaryDirectory()
    let own = try #require(HomeDirectory.own(nil))
    #expect(HomeDirectory.own("") == own)
    #expect(HomeDirectory.own(directory.path) == directory.path)
    #expect(HomeDirectory.own("/nonexistent/home") == "/nonexistent/home")
    #expect(!HomeDirectory.isAnothers("\(directory.path)/not/there"))
    guard geteuid() == 0 else { return }
    #expect(unsafe chown(directory.path, 12345, 12345) == 0)
    #expect(HomeDirectory.own(directory.path) == own)
    #expect(HomeDirectory.isAnothers("\(directory.path)/not/there"))
    #expect(!HomeDirectory.isAnothers("/var/cache"))
  }
}
