import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

extension Lease {
  /// A lease that cannot be judged by its process counts as abandoned after so many seconds
  /// without a heartbeat.
  static let lifetime: Int64 = 3600
  /// The lifetime of a lease whose machine seems to have been started anew since.
  static let lifetimeAfterReboot: Int64 = 900
  /// Seconds between two heartbeats.
  static let heartbeat = 300.0

  /// The knowledge about the process that took a lease.
  enum Owner: Equatable {
    case running
    case gone
    /// Gone in all likelihood when nothing has been heard for so many seconds.
    case unknown(lifetime: Int64)
  }

  /// The lease of a process on `machine`, beginning now.
  static func current(_ operation: String, on machine: Machine = .current) -> Lease {
    let start: UInt64 =
      if case .began(let start) = machine.look(machine.processID) { start } else { 0 }
    return Lease(
      operation: operation, hostname: machine.name, machine: machine.identity,
      bootID: machine.bootID, processSpace: machine.processSpace, processID: machine.processID,
      processStart: start, started: machine.now())
  }

  /// Judges, from the machine `viewer`, the process that took the lease.
  ///
  /// Only what is certain counts as gone: that there is no such process among those which `viewer`
  /// shares its numbers with. Names of hosts say nothing, and a clone of a machine has its id, too.
  func owner(seenFrom viewer: Machine) -> Owner {
    let unknown = Owner.unknown(lifetime: Self.lifetime)
    guard !bootID.isEmpty, !viewer.bootID.isEmpty else { return unknown }
    guard bootID == viewer.bootID else {
      guard let machine, machine == viewer.identity else { return unknown }
      return .unknown(lifetime: Self.lifetimeAfterReboot)
    }
    guard !processSpace.isEmpty, processSpace == viewer.processSpace else { return unknown }
    switch viewer.look(processID) {
    case .gone: return .gone
    case .began(let start):
      if processStart == 0 { return unknown }
      return start == processStart ? .running : .gone
    case .unknown: return unknown
    }
  }
}

/// The operations that run, or ran and have not said goodbye.
struct Leases: Sendable {
  struct Entry: Sendable {
    let id: Digest256
    let lease: Lease
    /// When the storage says that the lease was put.
    let begun: Timestamp
    /// When it says that the operation was last heard of.
    var heard: Timestamp
    /// Names of its heartbeats.
    var heartbeats: [Digest256] = []
  }

  /// By the names of their objects.
  private(set) var entries: [Digest256: Entry] = [:]

  /// All of them, always in the same order.
  var ordered: [Entry] { entries.values.sorted { $0.id < $1.id } }
  /// Heartbeats of operations that have ended.
  private(set) var stale: [Digest256] = []
  /// Leases or heartbeats that cannot be read, and when they were put: each may be of an operation
  /// that runs.
  let unreadable: [Digest256: Timestamp]
  /// The storage's time, or its time some minutes ago: the youngest date of what this process
  /// itself has put.
  ///
  /// Of a listing without that, the youngest date. Others may have put theirs by a clock that was
  /// ahead of the one that counts now.
  private(set) var present = Timestamp(seconds: .min)

  /// Sorts what stands among the leases, of which `own` are of this process.
  init(
    _ objects: [(object: StoredObject, value: LeaseObject)], own: Set<Digest256> = [],
    unreadable: [StoredObject] = []
  ) {
    self.unreadable = Dictionary(unreadable.map { ($0.id, $0.date) }) { first, _ in first }
    for (object, value) in objects {
      let about: Digest256 =
        switch value {
        case .lease: object.id
        case .heartbeat(let lease): lease
        }
      if own.isEmpty || own.contains(about) { present = max(present, object.date) }
      guard case .lease(let lease) = value else { continue }
      entries[object.id] = Entry(
        id: object.id, lease: lease, begun: object.date, heard: object.date)
    }
    for (object, value) in objects {
      guard case .heartbeat(let id) = value else { continue }
      guard var entry = entries[id] else {
        stale.append(object.id)
        continue
      }
      entry.heard = max(entry.heard, object.date)
      entry.heartbeats.append(object.id)
      entries[id] = entry
    }
  }

  /// Whether whoever took the lease is certainly, or in all likelihood, gone.
  ///
  /// Times are compared only with each other, and all are the storage's: machines' clocks differ.
  func isAbandoned(_ entry: Entry, seenFrom machine: Machine) -> Bool {
    switch entry.lease.owner(seenFrom: machine) {
    case .running: false
    case .gone: true
    case .unknown(let lifetime): entry.heard < present.earlier(bySeconds: lifetime)
    }
  }
}
