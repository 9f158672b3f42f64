internal import Glibc
import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

/// Which chunks the repository has, and where: the union of all index objects.
///
/// It consists of memory-mapped runs, so that its memory does not grow with the repository. Safe
/// to use from any thread.
final class ChunkIndex: Sendable {
  /// Where runs are kept for the next time.
  private let directory: String
  private let places: RunPlaces
  private let repositoryID: RepositoryID
  private let state: Mutex<State>
  /// The number of the run that a chunk was found in last.
  private let lastHit = Atomic<Int>(0)

  private struct State {
    var runs: [Run] = []
    /// Counts the changes of `runs`.
    var version = 0
    /// Whether a segment of `runs` is damaged or missing; `nil` if nobody has looked.
    var hasDamage: Bool?
  }

  /// More runs than this are merged.
  private static let runLimit = 8
  private static let suffix = ".run"

  init(directory: String, repositoryID: RepositoryID) throws {
    self.directory = directory
    self.repositoryID = repositoryID
    state = Mutex(State())
    places = RunPlaces(cache: directory)
    do throws(StorageError) {
      try LocalFile.makePrivateDirectories(directory)
    } catch {
      places.giveUp(.cache(directory), error)
    }
  }

  /// Tells why the cache is not written to, once, if it is not.
  func onCacheFailure(_ body: @escaping @Sendable (StorageError) -> Void) {
    places.onFailure(body)
  }

  // MARK: Bringing it up to date

  /// The objects in the repository now, listed in the order that the protocol demands.
  struct View {
    /// The index's version before anything was listed: what is added later is not in the view.
    var version: Int
    /// The segments with their sizes, where the listing has them.
    var present: [Digest256: Int?]
    var doomed: Set<Digest256>
    var quarantined: Set<Digest256> = []
    var indexes: [Digest256]
    /// Tells the sizes that are not in the listing.
    var size: SizeOfSegment = { id throws(StorageError) in throw .notFound(id.hex) }
  }

  /// Loads what is cached, and reads the index objects that are not.
  ///
  /// - Parameters:
  ///   - view: The listing that entries are judged by.
  ///   - isVerified: Whether every byte of what is cached has to be looked at before it is used.
  ///   - read: Reads one index object; `nil` if it is gone by now. Throws `Corruption` for one that
  ///     cannot be had.
  ///   - problem: Told of an index object that cannot be read.
  /// - Returns: The segments that are in no index object, with their sizes.
  /// - Throws: Errors of the storage and of the local cache.
  func update(
    to view: View, isVerified: Bool = false, read: (Digest256) throws -> [IndexEntry]?,
    problem: (Digest256, any Error) -> Void
  ) throws -> [Digest256: Int] {
    let listed = Set(view.indexes)
    var covered: Set<Digest256> = []
    var runs: [IndexRun] = []
    for (name, run) in try loadRuns(isVerified: isVerified) {
      // A run counts only while everything it was made from is listed, and once.
      if !run.sources.isEmpty, run.sources.allSatisfy({ listed.contains($0) }),
        !run.sources.allSatisfy({ covered.contains($0) })
      {
        covered.formUnion(run.sources)
        runs.append(run)
      } else {
        LocalFile.discard("\(directory)/\(name)")
      }
    }

    var problems: [(name: Digest256, error: any Error)] = []
    var entries: [IndexEntry] = []
    var sources: [Digest256] = []
    var chunks = 0
    func flush() throws {
      guard !sources.isEmpty else { return }
      runs.append(try build(entries, sources: sources))
      (entries, sources, chunks) = ([], [], 0)
    }
    for name in view.indexes where !covered.contains(name) {
      do {
        guard let found = try read(name) else { continue }
        entries += found
        sources.append(name)
        chunks += found.reduce(0) { $0 + $1.directory.chunks.count }
      } catch let error as Corruption {
        problems.append((name, error.cause))
      }
      if chunks > 4 * IndexObject.chunkTarget { try flush() }
    }
    try flush()

    if runs.count > Self.runLimit {
      runs.sort { $0.count < $1.count }
      let small = Array(runs.prefix(Self.mergeCount(of: runs.map(\.count))))
      // A damaged run must not be given a new checksum.
      guard try isVerified || small.allSatisfy({ try $0.isIntact() }) else {
        return try update(to: view, isVerified: true, read: read, problem: problem)
      }
      let name = newName()
      let merged = try places.writing {
        try IndexRun.merge(small, in: $0, name: name, repositoryID: repositoryID)
      }
      let replaced = Set(merged.sources)
      for (old, run) in try loadRuns() where old != name {
        if run.sources.allSatisfy({ replaced.contains($0) }) {
          LocalFile.discard("\(directory)/\(old)")
        }
      }
      runs = runs[small.count...] + [merged]
    }

    for (name, error) in problems { problem(name, error) }
    var unindexed = view.present
    let judged = runs.map { judge($0, by: view, unindexed: &unindexed) }
    state.withLock { state in
      state.runs = judged + state.runs.filter { $0.version > view.version }
      state.version += 1
      state.hasDamage = nil
    }
    return try sizes(of: unindexed, view)
  }

  private func sizes(of segments: [Digest256: Int?], _ view: View) throws -> [Digest256: Int] {
    var sizes: [Digest256: Int] = [:]
    for (segment, size) in segments {
      do throws(StorageError) {
        if let size { sizes[segment] = size } else { sizes[segment] = try view.size(segment) }
      } catch .notFound {
        continue  // Gone since it was listed.
      }
    }
    return sizes
  }

  /// Takes in entries that stand in an index object now, or segments that are in none.
  ///
  /// With `sources` the run is kept for the next time.
  ///
  /// - Parameters:
  ///   - entries: The entries.
  ///   - sources: The index objects that they stand in.
  ///   - view: Says which segments are doomed or in quarantine; none of those just written is.
  /// - Throws: Errors of the local cache.
  func add(
    _ entries: [IndexEntry], sources: [Digest256],
    view: View = View(version: 0, present: [:], doomed: [], indexes: [])
  ) throws {
    guard !entries.isEmpty else { return }
    let run =
      sources.isEmpty
      ? try places.writing {
        try IndexRun.build(entries, sources: [], in: $0, name: nil, repositoryID: repositoryID)
      }
      : try build(entries, sources: sources)
    var added = Run(
      run,
      (0..<run.segmentCount).map {
        let segment = run.segment($0).id
        return view.quarantined.contains(segment)
          ? .quarantined : view.doomed.contains(segment) ? .doomed : .usable
      })
    state.withLock { state in
      state.version += 1
      added.version = state.version
      state.runs.append(added)
      if added.hasListedDamage { state.hasDamage = true }
    }
  }

  /// How many of the smallest runs are to become one: half of what is allowed stays, and none that
  /// is much larger than those before it together.
  ///
  /// So a large run is copied only when as much is new, and there are few of them.
  private static func mergeCount(of ascending: [Int]) -> Int {
    var count = 0
    var total = 0
    for size in ascending {
      guard count < ascending.count - runLimit / 2 || size < 2 * total else { break }
      count += 1
      total += size
    }
    return count
  }

  /// Judges the segments of a run; takes them out of `unindexed`.
  private func judge(_ run: IndexRun, by view: View, unindexed: inout [Digest256: Int?]) -> Run {
    var areSizesKnown = true
    var findings = [SegmentSizes.Finding?](repeating: .right, count: run.segmentCount)
    let standings = (0..<run.segmentCount).map { row -> Standing in
      let segment = run.segment(row)
      // Another run may have it too.
      guard let size = unindexed.removeValue(forKey: segment.id) ?? view.present[segment.id] else {
        return .absent
      }
      if view.quarantined.contains(segment.id) { return .quarantined }
      if let size {
        if size != segment.size { return .mismatched }
      } else {
        areSizesKnown = false
        findings[row] = nil
      }
      return view.doomed.contains(segment.id) ? .doomed : .usable
    }
    return Run(
      run, standings, sizes: areSizesKnown ? nil : SegmentSizes(findings, size: view.size))
  }

  /// Stops relying on segments that were found to be damaged.
  func distrust(_ segments: Set<Digest256>) {
    state.withLock { state in
      for number in state.runs.indices { state.runs[number].distrust(segments) }
      state.version += 1
      state.hasDamage = nil
    }
  }

  private func loadRuns(isVerified: Bool = false) throws -> [(name: String, run: IndexRun)] {
    var found: [(name: String, run: IndexRun)] = []
    for name in names() {
      if name.hasPrefix(IndexRun.draftPrefix) {
        try removeIfAbandoned("\(directory)/\(name)")
        continue
      }
      guard name.hasSuffix(Self.suffix) else { continue }
      do {
        let file = try LocalFile.open("\(directory)/\(name)", flags: O_RDONLY)
        let run = try IndexRun(file: file, repositoryID: repositoryID)
        if isVerified, try !run.isIntact() { throw FormatError.authenticationFailed }
        found.append((name, run))
      } catch is FormatError {
        // A damaged cache: made again from the repository.
        LocalFile.discard("\(directory)/\(name)")
      } catch is StorageError {
        // Another process has just merged it, or it cannot be read.
      }
    }
    // Large ones first, so that a merged run counts, and not the parts it was made of.
    return found.sorted {
      ($0.run.sources.count, $1.name) > ($1.run.sources.count, $0.name)
    }
  }

  /// The names in the directory; of one that cannot be read, none.
  private func names() -> [String] {
    do throws(StorageError) {
      return try LocalFile.names(in: directory).map { String(decoding: $0, as: UTF8.self) }.sorted()
    } catch {
      places.giveUp(.cache(directory), error)
      return []
    }
  }

  /// Removes a draft that a crashed process has left, a day later.
  private func removeIfAbandoned(_ path: String) throws {
    let limit = SystemClock.now.earlier(bySeconds: 24 * 3600)
    if let status = try LocalFile.status(path), status.modified < limit {
      LocalFile.discard(path)
    }
  }

  private func build(_ entries: [IndexEntry], sources: [Digest256]) throws -> IndexRun {
    try places.writing {
      try IndexRun.build(
        entries, sources: sources, in: $0, name: newName(), repositoryID: repositoryID)
    }
  }

  /// Names are in the order of their making.
  private func newName() -> String {
    let now = SystemClock.now
    let fraction = String(now.nanoseconds).leftPadded(to: 9)
    return "\(now.seconds)-\(fraction)-\(SystemClock.processID)\(Self.suffix)"
  }

  // MARK: Asking it

  /// Counts what happens to the index: for `View`.
  var version: Int { state.withLock { $0.version } }

  /// The runs as they are now.
  var runs: [Run] { state.withLock { $0.runs } }

  /// Whether a new archive may refer to a chunk without storing it.
  func contains(_ id: ChunkID) -> Bool {
    let runs = runs
    func isIn(_ run: Run) -> Bool {
      run.index.hasPlace(of: id) { run.standing($0.segment) == .usable }
    }
    // Chunks of neighbouring files were mostly stored at the same time.
    let likely = lastHit.load(ordering: .relaxed)
    if likely < runs.count, isIn(runs[likely]) { return true }
    for number in runs.indices where number != likely && isIn(runs[number]) {
      lastHit.store(number, ordering: .relaxed)
      return true
    }
    return false
  }

  /// Every place where a chunk is said to be, those that are best to read from first.
  func locations(of id: ChunkID) -> [ChunkLocation] {
    var usable: [ChunkLocation] = []
    var doomed: [ChunkLocation] = []
    var distrusted: [ChunkLocation] = []
    for run in runs {
      for place in run.index.places(of: id) {
        guard let location = run.index.location(place.row) else { continue }
        switch run.standing(place.segment) {
        case .absent: continue
        case .usable: usable.append(location)
        case .doomed: doomed.append(location)
        case .quarantined, .mismatched, .unreadable: distrusted.append(location)
        }
      }
    }
    return usable + doomed + distrusted
  }

  /// The places where a chunk is said to be that a new archive may rely on.
  func usableLocations(of id: ChunkID) -> [ChunkLocation] {
    runs.flatMap { run in
      run.index.places(of: id)
        .filter { run.standing($0.segment) == .usable }
        .compactMap { run.index.location($0.row) }
    }
  }

  /// Whether a chunk is nowhere, except where it is known to be damaged.
  func isLost(_ id: ChunkID) -> Bool {
    !runs.contains { run in
      run.index.hasPlace(of: id) { !run.standing($0.segment).isDamage }
    }
  }

  /// Whether any segment is known to be damaged or missing, or has another size than it should.
  ///
  /// The first to ask after a look at the repository waits for all sizes that the listing did not
  /// tell.
  var hasDamage: Bool {
    let (known, version, runs) = state.withLock { ($0.hasDamage, $0.version, $0.runs) }
    if let known { return known }
    let found = runs.contains { $0.hasListedDamage } || runs.contains { $0.hasDamage }
    state.withLock { state in
      if state.version == version { state.hasDamage = found }
    }
    return found
  }
}
