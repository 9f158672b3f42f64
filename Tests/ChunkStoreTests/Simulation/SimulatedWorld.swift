import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization

@testable import ChunkStore

/// The figures of one simulation.
struct SimulationFigures: Equatable {
  var steps = 0
  var reported = 0
  var deleted = 0
  var crashes = 0
  var sleeps = 0
  var compactions = 0
  /// Compactions that stopped at an archive whose maker has died while it was being made.
  var refusals = 0
  /// Objects that somebody with the keys has put in order to harm others.
  var forgeries = 0
  /// Archives that were made of what was forged: whoever made them was not told.
  var misled = 0
}

/// A promise that was broken.
struct PromiseBroken: Error, CustomStringConvertible {
  let description: String
}

/// Machines that make archives, delete them, and free space, all at once, with one repository;
/// that crash, sleep for longer than their leases live, and have clocks that differ.
///
/// After each segment that is deleted, and at the end, every archive that was reported as made, and
/// that nobody has begun to delete, has to be there whole.
///
/// Sendable: actors touch only what is Sendable itself, and `shared`; the rest is the scheduler's.
final class SimulatedWorld: @unchecked Sendable {
  private let storage = SimulatedStorage()
  private let schedule = Schedule()
  private let directory: TemporaryDirectory
  private let seed: UInt64
  /// The source that stands in for the randomness of everybody who is not an actor.
  private let fresh: FreshBytes
  private var random: PseudoRandomBytes
  private(set) var figures = SimulationFigures()
  /// Who did what, in order.
  private(set) var trace: [String] = []
  private let group = ThreadGroup()

  /// The state that actors share, on their threads.
  private struct Shared {
    /// By the archive's id: what it holds, and what it needs.
    var promised: [Digest256: (files: [TestFile], chunks: Set<ChunkID>)] = [:]
    var living: Set<Int> = []
    var failures: [String] = []
    var reported = 0
    var compactions = 0
    var refusals = 0
    var forgeries = 0
    var misled = 0
  }

  private let shared = Mutex(Shared())
  private var asleep: [Int: Timestamp] = [:]
  private var next = 1
  private let contents: [TestFile]

  private static let mostActors = 4
  /// Whether a client that may only add objects is among the actors, and wants others to lose theirs.
  private let hasForger: Bool

  init(seed: UInt64, hasForger: Bool = false) throws {
    self.hasForger = hasForger
    directory = try TemporaryDirectory()
    self.seed = seed
    fresh = Self.fresh(seed)
    random = PseudoRandomBytes(seed: seed)
    var random = random
    contents = (0..<6).map { TestFile(path: "f\($0)", bytes: random.bytes(300)) }
    try install(TestKeys.bundle(suite: .none, seed: seed))
    try populate()
  }

  /// Begins with two archives, and mostly with something that nobody needs: so the first actors
  /// have already something to fall out about.
  private func populate() throws {
    try create(try open(0), 0, Array(contents[..<4]), 1)
    try create(try open(0), 1, Array(contents[2...]), 1)
    if !random.once(in: 4) { try delete(try open(0), random.int(0...1)) }
    storage.advance(100)
  }

  /// Makes the repository, of keys that are the same each time.
  private func install(_ bundle: KeyBundle) throws {
    let keys = try KeyRing(bundle)
    let slot = try KeySlot(sealing: bundle, passphrase: nil, parameters: TestKeys.scrypt)
    storage.put(.object(.key, try SHA256.digest(of: slot.encoded.span)), slot.encoded)
    let config = RepositoryConfig(
      generation: 1, repositoryID: keys.repositoryID,
      epochs: [RepositoryConfig.Epoch(number: keys.epoch, suite: bundle.suite)],
      authority: keys.authority.publicKey, previous: Digest256(bigEndianWords: 0, 0, 0, 0))
    storage.put(
      .config(1),
      try SealedObject.seal(
        try config.signed(by: keys.authority), as: .config, keys: keys,
        extension: keys.repositoryID.bytes))
  }

  // MARK: Running

  /// Lets `count` operations begin, and everything come to its end.
  func run(operations count: Int) throws -> SimulationFigures {
    var left = count
    while true {
      let waiting = try schedule.settle()
      try check()
      let awake = waiting.filter { actor in
        guard let until = asleep[actor] else { return true }
        return until <= storage.now
      }
      if waiting.isEmpty, left == 0 { break }
      if left > 0, waiting.count < Self.mostActors, waiting.isEmpty || random.once(in: 12) {
        left -= 1
        spawn()
        continue
      }
      guard let actor = awake.isEmpty ? nil : awake[random.int(0...(awake.count - 1))] else {
        // All of them sleep.
        storage.advance(600)
        continue
      }
      figures.steps += 1
      switch random.int(1...400) {
      case 1...3:
        figures.crashes += 1
        trace.append("\(actor): dies before it can \(schedule.intent(of: actor))")
        schedule.grant(actor, .die(isDone: random.once(in: 2)))
      case 4...9:
        // Longer than its lease lives, most of the time.
        figures.sleeps += 1
        trace.append("\(actor): sleeps")
        asleep[actor] = storage.now.earlier(bySeconds: -Int64(random.int(1000...20_000)))
      case 10...23: try pass(Int64(random.int(1...8000)), awake: awake)
      default:
        trace.append("\(actor): \(schedule.intent(of: actor))")
        schedule.grant(actor, .go)
      }
    }
    try group.join()
    try end()
    shared.withLock { shared in
      figures.reported = shared.reported
      figures.compactions = shared.compactions
      figures.refusals += shared.refusals
      figures.forgeries = shared.forgeries
      figures.misled = shared.misled
    }
    return figures
  }

  /// Time goes by; those who are awake have said that they are, some minutes ago at most.
  private func pass(_ seconds: Int64, awake: [Int]) throws {
    let silence = Int64(random.int(0...299))
    storage.advance(max(0, seconds - silence))
    let repository = try witness()
    for entry in try repository.leases(problem: { _, _ in }).ordered
    where awake.contains(Int(entry.lease.processID)) {
      try repository.publish(LeaseObject.heartbeat(of: entry.id).encoded(), as: .lease, in: .lease)
      for old in entry.heartbeats { try repository.storage.delete(.object(.lease, old)) }
    }
    storage.advance(min(seconds, silence))
  }

  // MARK: Actors

  /// Names and salts that are the same each time, since some things are done in their order.
  private static func fresh(_ seed: UInt64) -> FreshBytes {
    let random = Mutex(PseudoRandomBytes(seed: seed))
    return FreshBytes { () throws(CryptoError) in random.withLock { $0.bytes(32) } }
  }

  private func machine(_ actor: Int) -> Machine {
    // Two of three are machines of their own, with clocks of their own; the others share one.
    let isShared = actor % 3 == 0
    let skew = isShared ? 0 : Int64(actor * 7919 % 20_000) - 10_000
    return Machine(
      name: isShared ? "shared" : "host\(actor)", bootID: isShared ? "boot" : "boot\(actor)",
      processSpace: "1", processID: Int32(actor),
      now: { [storage] in storage.now.earlier(bySeconds: skew) },
      look: { [weak self] id in
        guard let self else { return .unknown }
        return shared.withLock { $0.living.contains(Int(id)) } ? .began(at: 1) : .gone
      }, heartbeat: nil,
      fresh: actor == 0 ? fresh : Self.fresh(seed &* 1000 &+ UInt64(actor)))
  }

  private func open(_ actor: Int) throws -> Repository {
    let storage = ScheduledStorage(
      storage, schedule: actor == 0 ? nil : schedule, actor: actor)
    // Machines keep their caches; here, a few of them do.
    return try Repository.open(
      storage, cacheDirectory: "\(directory.path)/\(actor % 3)", machine: machine(actor)
    ) { Secret("") }
  }

  private func spawn() {
    let actor = next
    next += 1
    let kind = random.int(1...(hasForger ? 16 : 12))
    let files = contents.filter { _ in random.once(in: 2) }
    let choice = random.int(0...1000)
    trace.append("\(actor): begins \(kind)")
    shared.withLock { _ = $0.living.insert(actor) }
    schedule.begin(actor)
    group.start("actor \(actor)") { [self] in
      defer {
        shared.withLock { _ = $0.living.remove(actor) }
        schedule.end(actor)
      }
      do {
        let repository = try open(actor)
        switch kind {
        case 1...5: try create(repository, actor, files, choice)
        case 6, 7: try delete(repository, choice)
        case 8: try read(repository, choice)
        case 13...: try forge(repository, choice)
        default:
          _ = try repository.compact(threshold: 0)
          shared.withLock { $0.compactions += 1 }
        }
      } catch {
        // The dead do not complain; and who lost a lease has said so.
        switch error {
        case let error as StorageError where error == ScheduledStorage.died: break
        case RepositoryError.leaseLost: break
        // Something is missing of an archive that was never reported, or else `check` complains.
        case RepositoryError.unsafeToDelete: shared.withLock { $0.refusals += 1 }
        // A forger can make others stop, and say so.
        case is Corruption, is RepositoryError:
          guard hasForger else { fallthrough }
          shared.withLock { $0.refusals += 1 }
        default: shared.withLock { $0.failures.append("actor \(actor): \(error)") }
        }
      }
    }
  }

  private func create(
    _ repository: Repository, _ actor: Int, _ files: [TestFile], _ choice: Int
  ) throws {
    var options = Repository.testOptions
    if choice % 3 == 0 {
      options.checkpoints = ArchiveBuilder.Checkpoints(interval: 0) { $0.name = "c" }
    }
    let archive = try repository.backUp("a\(actor)", files, options: options)
    // The needed bytes are asked of nobody who might be fooled: of the segments themselves.
    let witness = try open(0)
    try witness.refresh()
    guard let needed = try needs(of: archive, witness) else {
      // Who relied on what was forged has lost nothing that it had; docs/security.md says so.
      shared.withLock { $0.misled += 1 }
      return
    }
    shared.withLock { shared in
      shared.reported += 1
      shared.promised[archive.id] = (files, needed)
    }
  }

  /// Every chunk that an archive needs, as its bytes tell.
  ///
  /// With a forger, `nil` if one of them is only where it is said to be, and not in any segment that
  /// stays.
  private func needs(
    of archive: Archive, _ witness: Repository
  ) throws -> Set<ChunkID>? {
    guard hasForger else { return try witness.allChunks(of: archive) }
    do {
      let needed = try witness.allChunks(of: archive)
      var reader = try ChunkReader(keys: witness.keys)
      for id in needed {
        var isThere = false
        for location in witness.index.usableLocations(of: id) where !isThere {
          isThere =
            try reader.read(id, at: location, type: location.header.type, repository: witness)
            != nil
        }
        guard isThere else { return nil }
      }
      return needed
    } catch is RepositoryError {
      return nil
    }
  }

  private func delete(_ repository: Repository, _ choice: Int) throws {
    let known = shared.withLock { $0.promised.keys }
    // In the order of their making: names are random.
    let order = storage.list(.archive).map(\.id).filter { known.contains($0) }
    guard !order.isEmpty else { return }
    let id = order[choice % order.count]
    guard let archive = try repository.archives(problem: { _, _ in }).first(where: { $0.id == id })
    else {
      return
    }
    // From now on nothing is promised any more.
    shared.withLock { _ = $0.promised.removeValue(forKey: id) }
    try repository.delete([archive])
  }

  /// Somebody who has the keys, and may only add objects.
  private func forge(_ repository: Repository, _ choice: Int) throws {
    var forger = Forger(repository, seed: seed &* 7919 &+ UInt64(choice))
    for _ in 0..<(2 + choice % 3) {
      do {
        let count = try forger.putSomething()
        shared.withLock { $0.forgeries += count }
      } catch StorageError.notFound {
        continue  // What was to be imitated is gone.
      }
    }
  }

  private func read(_ repository: Repository, _ choice: Int) throws {
    try repository.reading("extract") {
      let archives = try repository.archives { _, _ in }.filter { $0.manifest.kind == .archive }
      guard !archives.isEmpty else { return }
      let archive = archives[choice % archives.count]
      let promise = shared.withLock { $0.promised[archive.id] }
      do {
        let found = try repository.contents(of: archive)
        guard let promise else { return }
        if found != promise.files.contents {
          throw PromiseBroken(description: "an archive was read wrongly")
        }
      } catch let error where error is RepositoryError || error is LostItems {
        // Deleted while it was read, by somebody who had not seen our lease: not promised any more.
        if shared.withLock({ $0.promised[archive.id] }) != nil {
          throw PromiseBroken(description: "archive \(archive.id) could not be read: \(error)")
        }
      }
    }
  }

  // MARK: The oracle

  /// Everything that is promised is there.
  private func check() throws {
    let failures = shared.withLock { $0.failures }
    if let first = failures.first { throw PromiseBroken(description: first) }
    let segments = Set(storage.list(.segment).map(\.id))
    guard segments != lastSegments else { return }
    let removed = !lastSegments.isSubset(of: segments)
    lastSegments = segments
    guard removed else { return }
    let present = try segments.reduce(into: Set<ChunkID>()) { $0.formUnion(try chunks(in: $1)) }
    for (id, promise) in shared.withLock({ $0.promised })
    where !promise.chunks.isSubset(of: present) {
      throw PromiseBroken(
        description: "archive \(id) lacks \(promise.chunks.subtracting(present).count) chunks")
    }
  }

  private var lastSegments: Set<Digest256> = []
  private var known: [Digest256: Set<ChunkID>] = [:]

  /// The chunks in a segment: those that it says it has, and has.
  private func chunks(in segment: Digest256) throws -> Set<ChunkID> {
    if let found = known[segment] { return found }
    let repository = try witness()
    guard let size = storage.list(.segment).first(where: { $0.id == segment })?.size else {
      return []
    }
    var ids: Set<ChunkID> = []
    do {
      let directory = try SegmentReader.directory(
        of: segment, size: size, storage: repository.storage, keys: repository.keys)
      var reader = try ChunkReader(keys: repository.keys)
      try directory.forEachChunk(of: segment) { location, chunk in
        if try reader.read(chunk.id, at: location, type: directory.type, repository: repository)
          != nil
        {
          ids.insert(chunk.id)
        }
      }
    } catch is FormatError {
      // Garbage.
    }
    known[segment] = ids
    return ids
  }

  private var cachedWitness: Repository?

  private func witness() throws -> Repository {
    if let cachedWitness { return cachedWitness }
    let new = try open(0)
    cachedWitness = new
    return new
  }

  /// When nobody is left: all that is promised is whole, and what nobody needs can be freed.
  private func end() throws {
    storage.advance(10 * 24 * 3600)
    try look()
    if hasForger { try endForgery() }
    do {
      for _ in 0..<2 { _ = try open(0).compact(threshold: 0) }
    } catch RepositoryError.unsafeToDelete {
      figures.refusals += 1
      try deleteUnreported()
      for _ in 0..<2 { _ = try open(0).compact(threshold: 0) }
    }
    try look()
    let repository = try open(0)
    try repository.delete(try repository.archives())
    for _ in 0..<2 { _ = try open(0).compact(threshold: 0) }
    for kind in [ObjectName.Kind.segment, .index, .doomed, .lease, .archive] {
      let left = storage.list(kind).count
      if left > 0 {
        throw PromiseBroken(description: "\(left) \(kind) are left when nothing is needed")
      }
    }
  }

  /// The owner ends what a forger has begun: sets aside what is no object, quarantines what lies,
  /// and deletes archives that nobody knows.
  private func endForgery() throws {
    var options = CheckOptions()
    options.verifyData = true
    _ = try open(0).repair(options, isDryRun: false, confirm: { _ in true }) { _ in }
    try look()
    try deleteUnreported()
    try look()
  }

  /// Deletes what the dead have left half made, as the error asks its reader to.
  private func deleteUnreported() throws {
    let repository = try open(0)
    let promised = shared.withLock { $0.promised }
    try repository.delete(try repository.archives().filter { promised[$0.id] == nil })
  }

  private func look() throws {
    let repository = try open(0)
    try repository.refresh()
    let archives = try repository.archives { _, _ in }
    for (id, promise) in shared.withLock({ $0.promised }) {
      guard let archive = archives.first(where: { $0.id == id }) else {
        throw PromiseBroken(description: "archive \(id) is gone")
      }
      guard try repository.contents(of: archive) == promise.files.contents else {
        throw PromiseBroken(description: "archive \(id) holds something else")
      }
    }
  }
}

extension Repository {
  /// Every chunk that an archive needs, those of its tree among them.
  func allChunks(of archive: Archive) throws -> Set<ChunkID> {
    var ids = try chunkIDs(of: archive)
    guard let root = archive.manifest.tree?.id else { return ids }
    let nodes = try TreeReader(self)
    var open = [root]
    while let id = open.popLast() {
      ids.insert(id)
      switch try nodes.node(id) {
      case .items(let items):
        for case .tree(let root, _, _)? in items.map({ $0.content?.chunks }) { open.append(root) }
      case .itemNodes(let children, _): open += children.map(\.id)
      case .chunkNodes(let children, _): open += children.map(\.id)
      case .chunks: continue
      }
    }
    return ids
  }
}
