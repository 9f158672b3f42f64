import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization
import Testing

@testable import ChunkStore

/// Slots come and go, and somebody can always open the repository.
@Suite struct KeyRemovalTests {
  private let test: TestRepository

  init() throws { test = try TestRepository(suite: .aes256GCM, passphrase: Secret("one")) }

  private func slots(_ passphrase: String) throws -> KeySlots {
    let secret = Secret(passphrase)
    var slots = try KeySlots(
      try test.reopen(passphrase: secret), clientSlots: [], passphrase: secret)
    slots.patience = (3, 0)
    return slots
  }

  private func add(_ passphrase: String) throws -> Digest256 {
    try slots("one").add(passphrase: Secret(passphrase), note: "", parameters: TestKeys.scrypt)
  }

  private func opens(_ passphrase: String) -> Bool {
    do {
      _ = try test.reopen(passphrase: Secret(passphrase))
      return true
    } catch {
      return false
    }
  }

  /// Puts a file among the slots.
  private func put(_ bytes: [UInt8]) throws -> Digest256 {
    let id = try SHA256.digest(of: bytes.span)
    test.storage.replace(.object(.key, id), bytes)
    return id
  }

  @Test func `the slot that was opened stays`() throws {
    let one = try #require(try test.storage.list(.key).first).id
    #expect(throws: KeyError.lastSlot) { try slots("one").remove(one.hex) }
    // Whether junk opens nobody knows, nor whether anybody still has the other passphrase.
    _ = try put([1, 2, 3])
    #expect(throws: KeyError.openedSlot) { try slots("one").remove(one.hex) }
    let two = try add("two")
    #expect(throws: KeyError.openedSlot) { try slots("one").remove(one.hex) }
    try slots("two").remove(one.hex)
    #expect(!opens("one") && opens("two"))
    #expect(throws: KeyError.openedSlot) { try slots("two").remove(two.hex) }
    #expect(try test.storage.list(.lease).isEmpty)
  }

  @Test func `what is no slot is listed and removed, however much there is`() throws {
    var junk: [Digest256] = []
    for number: UInt8 in 0..<50 { junk.append(try put([number])) }
    junk.append(try put(try TestRepository().slot))
    let entries = try slots("one").entries()
    #expect(entries.count == 52)
    #expect(entries.filter { $0.problem == nil }.map(\.isOpened) == [true])
    for id in junk { try slots("one").remove(String(id.hex.prefix(20))) }
    #expect(try test.storage.list(.key).count == 1)
    #expect(throws: KeyError.unknownSlot(junk[0].hex)) { try slots("one").remove(junk[0].hex) }
    #expect(throws: KeyError.unknownSlot("")) { try slots("one").remove("") }
  }

  @Test func `at the limit no slot is added, and a passphrase is changed`() throws {
    let good = try test.slot
    // Only what could be a slot counts.
    for number: UInt8 in 0..<40 { _ = try put([number]) }
    for number: UInt8 in 1..<32 {
      var other = good
      other[60] ^= number
      _ = try put(other)
    }
    let before = try test.storage.ids(.key)
    #expect(throws: KeyError.tooManySlots(limit: 32)) { try add("two") }
    #expect(try test.storage.ids(.key) == before)
    #expect(try test.storage.list(.label).isEmpty)
    #expect(
      try slots("one").changePassphrase(to: Secret("new"), parameters: TestKeys.scrypt) == nil)
    #expect(!opens("one") && opens("new"))
    #expect(try test.storage.ids(.key).count == before.count)
  }

  @Test func `after a change was killed at the limit the next one works`() throws {
    let good = try test.slot
    for number: UInt8 in 1..<32 {
      var other = good
      other[60] ^= number
      _ = try put(other)
    }
    let (old, new) = (Secret("one"), Secret("new"))
    func open(_ storage: any Storage, _ passphrase: Secret) throws -> KeySlots {
      let repository = try Repository.open(storage, cacheDirectory: "\(test.directory.path)/f") {
        passphrase
      }
      return try KeySlots(repository, clientSlots: [], passphrase: passphrase)
    }
    var counts: Set<Int> = []
    var at = 0
    while true {
      let storage = try test.storage.copy()
      let faulty = FaultyStorage(storage)
      let victim = try open(faulty, old)
      faulty.arm(.crash(at: at, isDone: false))
      let result = Result { try victim.changePassphrase(to: new, parameters: TestKeys.scrypt) }
      counts.insert(try storage.list(.key).count)
      // Whichever passphrase opens it, the next change is made.
      let isChanged = if case .success = result { true } else { false }
      let next: KeySlots
      do {
        next = try open(storage, old)
        #expect(!isChanged)
      } catch KeyError.wrongPassphrase {
        next = try open(storage, new)
      }
      // The dead ran in this process, which lives: nobody else can know.
      _ = try next.repository.breakLeases(all: true)
      _ = try next.changePassphrase(to: Secret("newer"), parameters: TestKeys.scrypt)
      _ = try open(storage, Secret("newer"))
      if !faulty.hasFailed { break }
      at += 1
    }
    #expect(counts == [32, 33])
  }

  @Test func `a removal waits for another one that runs, and goes on when that is gone`() throws {
    let two = try add("two")
    let other = try HeldLease(test.repository, operation: KeySlots.removal)
    let error = #expect(throws: KeyError.self) { try slots("one").remove(two.hex) }
    guard case .beingChanged = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try test.storage.list(.lease).count == 1)
    other.release()
    // Other operations are no reason to wait.
    let backup = try HeldLease(test.repository, operation: "create")
    try slots("one").remove(two.hex)
    #expect(!opens("two"))
    backup.release()
  }

  /// Runs two removals under all orders of their steps, also where one of them dies.
  ///
  /// Each of the two owners opens the repository with a slot of their own, and removes the other's.
  @Test(arguments: [false, true])
  func `two owners who remove each other's slot do not lock both out`(isSwapped: Bool) throws {
    let one = try #require(try test.storage.list(.key).first).id
    let two = try add("two")
    let race = try KeyRace(
      test.storage, directory: test.directory.path, isSwapped: isSwapped,
      owners: [("one", two), ("two", one)])
    var outcomes: [KeyRace.Outcome: Int] = [:]
    var choices: [Int]? = []
    while let next = choices {
      let run = try race.run(next)
      outcomes[run.outcome, default: 0] += 1
      let left = try run.storage.ids(.key)
      guard !left.isEmpty else {
        Issue.record("nobody can open it: \(run.trace)")
        return
      }
      switch run.outcome {
      case .both: Issue.record("both have removed the other: \(run.trace)")
      case .one: #expect(left.count == 1, "\(run.trace)")
      case .none: #expect(left.count == 2, "\(run.trace)")
      case .died: break
      }
      choices = run.next
    }
    #expect(outcomes[.one, default: 0] > 100)
    #expect(outcomes[.died, default: 0] > 100)
  }
}

/// Two processes, each with a slot to remove, whose operations of the storage come in an order that
/// is chosen.
private final class KeyRace {
  enum Outcome: Hashable {
    case both, one, none, died
  }

  struct Run {
    var storage: MemoryStorage
    var outcome: Outcome
    var trace: [String]
    /// The choice for the next time; `nil` if everything was tried.
    var next: [Int]?
  }

  private struct Owner {
    let storage: TurnStorage
    let slots: KeySlots
    let target: Digest256
  }

  private let initial: MemoryStorage
  private let owners: [Owner]
  private let isSwapped: Bool
  /// How often, at most, the one that could go on has to wait for the other.
  private static let mostSwitches = 20

  /// The names of leases, which decide who gives way, are the same in each run.
  private final class Shared: Sendable {
    let random = Mutex<[PseudoRandomBytes]>([])
    let living = Mutex<Set<Int32>>([])
  }
  private let shared = Shared()

  init(
    _ storage: MemoryStorage, directory: String, isSwapped: Bool, owners: [(String, Digest256)]
  ) throws {
    initial = storage
    self.isSwapped = isSwapped
    let shared = shared
    shared.random.withLock { $0 = Self.seeds(isSwapped) }
    self.owners = try owners.enumerated().map { number, owner in
      let turns = TurnStorage(storage, actor: number)
      var machine = Machine.current
      machine.processID = Int32(number + 1)
      machine.heartbeat = nil
      machine.look = { id in
        shared.living.withLock { $0.contains(id) } ? .began(at: 1) : .gone
      }
      machine.fresh = FreshBytes { () throws(CryptoError) in
        shared.random.withLock { $0[number].bytes(32) }
      }
      let secret = Secret(owner.0)
      let repository = try Repository.open(
        turns, cacheDirectory: "\(directory)/owner\(number)", machine: machine
      ) { secret }
      var slots = try KeySlots(repository, clientSlots: [], passphrase: secret)
      slots.patience = (2, 0)
      return Owner(storage: turns, slots: slots, target: owner.1)
    }
  }

  private static func seeds(_ isSwapped: Bool) -> [PseudoRandomBytes] {
    (isSwapped ? [2, 1] : [1, 2]).map { PseudoRandomBytes(seed: $0) }
  }

  /// Lets both come to their end.
  ///
  /// - Parameter choices: Which of the possibilities is taken at each step; the first one afterwards.
  /// - Returns: What came of it.
  /// - Throws: `Schedule.Stalled`.
  func run(_ choices: [Int]) throws -> Run {
    let storage = try initial.copy()
    let schedule = Schedule()
    shared.random.withLock { $0 = Self.seeds(isSwapped) }
    shared.living.withLock { $0 = [1, 2] }
    let results = Mutex<[Int: Bool]>([:])
    let group = ThreadGroup()
    for (number, owner) in owners.enumerated() {
      owner.storage.begin(storage, schedule)
      schedule.begin(number)
      let (slots, target, shared) = (owner.slots, owner.target, shared)
      group.start("owner \(number)") {
        do {
          try slots.remove(target.hex)
          results.withLock { $0[number] = true }
        } catch {
          results.withLock { $0[number] = false }
        }
        _ = shared.living.withLock { $0.remove(Int32(number + 1)) }
        schedule.end(number)
      }
    }
    var trace: [String] = []
    var taken: [(choice: Int, count: Int)] = []
    var last = -1
    var switches = 0
    var dead = -1
    while true {
      let waiting = try schedule.settle()
      if waiting.isEmpty { break }
      var steps: [(actor: Int, dies: Bool)] = []
      if waiting.contains(last) { steps.append((last, false)) }
      if !waiting.contains(last) || switches < Self.mostSwitches {
        steps += waiting.filter { $0 != last }.map { ($0, false) }
      }
      if dead < 0 { steps += waiting.map { ($0, true) } }
      let choice = taken.count < choices.count ? choices[taken.count] : 0
      taken.append((choice, steps.count))
      let step = steps[choice]
      if step.actor != last, waiting.contains(last) { switches += 1 }
      last = step.actor
      let intent = schedule.intent(of: step.actor)
      trace.append("\(step.actor) \(step.dies ? "dies before it can " : "")\(intent)")
      if step.dies { dead = step.actor }
      schedule.grant(step.actor, step.dies ? .die(isDone: false) : .go)
    }
    try group.join()
    while let end = taken.last, end.choice + 1 >= end.count { taken.removeLast() }
    var next: [Int]? = nil
    if let end = taken.popLast() { next = taken.map(\.choice) + [end.choice + 1] }
    let succeeded = results.withLock { $0.values.count { $0 } }
    let outcome: Outcome =
      dead >= 0 ? .died : succeeded == 2 ? .both : succeeded == 1 ? .one : .none
    return Run(storage: storage, outcome: outcome, trace: trace, next: next)
  }
}

/// Waits for its turn before each operation that others see or that sees others, from the first lease
/// on.
private final class TurnStorage: PassingStorage {
  private let state: Mutex<(inner: MemoryStorage, schedule: Schedule?, hasBegun: Bool)>
  private let actor: Int

  init(_ inner: MemoryStorage, actor: Int) {
    state = Mutex((inner, nil, false))
    self.actor = actor
  }

  var inner: any Storage { state.withLock { $0.inner } }

  func begin(_ inner: MemoryStorage, _ schedule: Schedule) {
    state.withLock { $0 = (inner, schedule, false) }
  }

  private func turn(_ kind: ObjectName.Kind, _ intent: String) throws(StorageError) {
    guard kind == .key || kind == .lease else { return }
    let (schedule, hasBegun) = state.withLock { ($0.schedule, $0.hasBegun) }
    guard hasBegun, let schedule else { return }
    guard case .go = schedule.turn(of: actor, to: "\(intent) \(kind)") else {
      throw FaultyStorage.crashed
    }
  }

  func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) {
    if case .object(let kind, _) = name {
      if kind == .lease { state.withLock { $0.hasBegun = $0.schedule != nil } }
      try turn(kind, "put")
    }
    try inner.put(name, bytes)
  }

  func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] {
    try turn(kind, "list")
    return try inner.list(kind)
  }

  func delete(_ name: ObjectName) throws(StorageError) {
    if case .object(let kind, _) = name { try turn(kind, "delete") }
    try inner.delete(name)
  }
}
