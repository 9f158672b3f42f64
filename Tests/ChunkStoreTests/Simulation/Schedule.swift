import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization

@testable import ChunkStore

/// Decides, by a seed, whose storage operation comes next.
///
/// Every actor runs the real code on a thread of its own, and waits before each of its storage
/// operations until it is let through. The next one is chosen only when all actors wait or have
/// ended, so that the same seed gives the same order.
final class Schedule: Sendable {
  /// The verdict on an actor that wants to use the storage.
  enum Verdict {
    case go
    /// The process is dead; whether this last operation was still done, nobody has heard.
    case die(isDone: Bool)
  }

  private struct State {
    /// Actors that run now, until they wait or end.
    var running: Set<Int> = []
    /// Actors that wait for their turn.
    var waiting: Set<Int> = []
    var granted: [Int: Verdict] = [:]
    var dead: Set<Int> = []
    /// The operation that each actor waits to do.
    var intents: [Int: String] = [:]
    /// The monitor that each actor waits with: waking all of them for one would cost more than all
    /// the rest.
    var monitors: [Int: Monitor] = [:]
  }

  /// The monitor that the scheduler waits with.
  private let monitor = Monitor()
  private let state = Mutex(State())

  /// Something has hung.
  struct Stalled: Error {}

  /// Called by an actor before an operation.
  func turn(of actor: Int, to intent: @autoclosure () -> String) -> Verdict {
    let own = state.withLock { $0.dead.contains(actor) ? nil : $0.monitors[actor] }
    guard let own else { return .die(isDone: false) }
    let intent = intent()
    monitor.withLock {
      state.withLock { state in
        state.running.remove(actor)
        state.waiting.insert(actor)
        state.intents[actor] = intent
      }
      monitor.broadcast()
    }
    return own.withLock {
      while true {
        if let verdict = state.withLock({ $0.granted.removeValue(forKey: actor) }) {
          return verdict
        }
        own.wait()
      }
    }
  }

  func begin(_ actor: Int) {
    state.withLock { state in
      state.running.insert(actor)
      state.monitors[actor] = Monitor()
    }
  }

  func end(_ actor: Int) {
    monitor.withLock {
      state.withLock { state in
        state.running.remove(actor)
        state.waiting.remove(actor)
      }
      monitor.broadcast()
    }
  }

  /// Waits until everybody waits, and says who.
  func settle() throws -> [Int] {
    let end = SystemClock.monotonicSeconds + 60
    return try monitor.withLock {
      while !state.withLock({ $0.running.isEmpty }) {
        guard SystemClock.monotonicSeconds < end else { throw Stalled() }
        monitor.wait(until: end)
      }
      return state.withLock { $0.waiting.sorted() }
    }
  }

  /// The operation that an actor waits to do.
  func intent(of actor: Int) -> String { state.withLock { $0.intents[actor] ?? "" } }

  /// Lets an actor do its operation, or die.
  func grant(_ actor: Int, _ verdict: Verdict) {
    let own = state.withLock { $0.monitors[actor] }
    own?.withLock {
      state.withLock { state in
        state.waiting.remove(actor)
        state.running.insert(actor)
        state.granted[actor] = verdict
        if case .die = verdict { state.dead.insert(actor) }
      }
      own?.broadcast()
    }
  }
}

/// The storage of all actors: in memory, dated by a clock of its own, and listed in the order in
/// which things were put, so that random names change nothing.
final class SimulatedStorage: Sendable {
  private struct State {
    var objects: [ObjectName: (bytes: [UInt8], date: Timestamp, order: Int)] = [:]
    var count = 0
    var now = Timestamp(seconds: 1_000_000)
  }

  private let state = Mutex(State())

  var now: Timestamp { state.withLock { $0.now } }

  func advance(_ seconds: Int64) {
    state.withLock { $0.now = $0.now.earlier(bySeconds: -seconds) }
  }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    guard let bytes = state.withLock({ $0.objects[name]?.bytes }) else {
      throw .notFound(name.path)
    }
    guard let range else { return bytes }
    return Array(bytes[range.clamped(to: 0..<bytes.count)])
  }

  func put(_ name: ObjectName, _ bytes: [UInt8]) {
    state.withLock { state in
      state.count += 1
      if state.objects[name] == nil {
        // No two dates are equal, so that what is sorted by them has one order.
        var date = state.now
        date.nanoseconds = UInt32(state.count)
        state.objects[name] = (bytes, date, state.count)
      }
    }
  }

  func delete(_ name: ObjectName) { state.withLock { $0.objects[name] = nil } }

  /// The objects of one kind; `half` is every other one, for listings that are not atomic.
  func list(_ kind: ObjectName.Kind, half: Int? = nil) -> [StoredObject] {
    state.withLock { state in
      state.objects.compactMap { name, object -> (StoredObject, Int)? in
        guard case .object(kind, let id) = name else { return nil }
        if let half, object.order % 2 != half { return nil }
        return (
          StoredObject(id: id, size: object.bytes.count, date: object.date), object.order
        )
      }.sorted { $0.1 < $1.1 }.map(\.0)
    }
  }

  func generations() -> [UInt32] {
    state.withLock { state in
      state.objects.keys.compactMap { if case .config(let number) = $0 { number } else { nil } }
        .sorted()
    }
  }
}

/// The storage as one actor sees it.
final class ScheduledStorage: Storage {
  static let died = StorageError.system(path: "simulation", operation: "live", code: ESRCH)

  let location = "simulation"
  private let base: SimulatedStorage
  private let schedule: Schedule?
  private let actor: Int
  /// Told of everything that is deleted.
  private let deleted: @Sendable (ObjectName) -> Void

  /// Without a schedule, everything is done at once.
  init(
    _ base: SimulatedStorage, schedule: Schedule? = nil, actor: Int = 0,
    deleted: @escaping @Sendable (ObjectName) -> Void = { _ in }
  ) {
    self.base = base
    self.schedule = schedule
    self.actor = actor
    self.deleted = deleted
  }

  private func step<R>(
    _ intent: @autoclosure () -> String, _ body: () throws(StorageError) -> R
  ) throws(StorageError) -> R {
    switch schedule?.turn(of: actor, to: intent()) {
    case nil, .go: return try body()
    case .die(let isDone):
      if isDone { _ = try body() }
      throw Self.died
    }
  }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    try step("get \(name.kindText)") { () throws(StorageError) in try base.get(name, range: range) }
  }

  func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) {
    try step("put \(name.kindText) of \(bytes.count)") { base.put(name, bytes) }
  }

  func beginUpload() throws(StorageError) -> any Upload { SimulatedUpload(self) }

  func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] {
    // No listing is a moment: others may do anything between its two halves.
    let first = try step("list \(kind)") { base.list(kind, half: 0) }
    return first + (try step("list the rest of \(kind)") { base.list(kind, half: 1) })
  }

  func generations() throws(StorageError) -> [UInt32] { base.generations() }

  func delete(_ name: ObjectName) throws(StorageError) {
    try step("delete \(name.kindText)") {
      base.delete(name)
      deleted(name)
    }
  }

  func setAside(_ name: ObjectName) throws(StorageError) { try delete(name) }

  func settle(_ kinds: [ObjectName.Kind]) throws(StorageError) {}
  func removeAbandonedUploads() throws(StorageError) {}
  func releaseReserve() throws(StorageError) {}
  func restoreReserve() throws(StorageError) {}
}

private final class SimulatedUpload: Upload {
  private let storage: ScheduledStorage
  private var bytes: [UInt8] = []

  init(_ storage: ScheduledStorage) { self.storage = storage }

  func write(_ bytes: [UInt8]) throws(StorageError) { self.bytes += bytes }
  func commit(as name: ObjectName) throws(StorageError) { try storage.put(name, bytes) }
  func abort() { bytes = [] }
}

extension ObjectName {
  /// The kind of object it names: the names themselves are random.
  fileprivate var kindText: String {
    switch self {
    case .object(let kind, _): "\(kind)"
    case .config(let number): "config \(number)"
    }
  }
}
