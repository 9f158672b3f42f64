import Crypto

/// Says that an operation is running: who runs it, and where.
///
/// A lease ends when its object is deleted: by its owner, or by a compactor that finds it
/// abandoned.
struct Lease: Hashable, Sendable {
  var operation: String
  /// For people.
  var hostname: String
  /// Tells the machine from others in this repository, as long as none is a clone of it; `nil` if it
  /// has no name of its own.
  var machine: Digest256?
  /// Tells this boot of the machine from all others.
  var bootID: String
  /// Tells the numbers of these processes from those of a container.
  var processSpace: String
  var processID: Int32
  /// When the process began, in clock ticks since the boot, since process numbers are used again; 0
  /// if that could not be had.
  var processStart: UInt64
  /// For people: by the clock of the machine it runs on.
  var started: Timestamp

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

  /// The operation, for people.
  var description: String { "\(operation) on \(hostname), process \(processID)" }

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.text(1, operation)
    writer.text(3, hostname)
    writer.text(5, bootID)
    writer.field(7) { $0.varint(UInt64(UInt32(bitPattern: processID))) }
    writer.field(9) { $0.varint(processStart) }
    writer.field(11) { $0.timestamp(started) }
    writer.text(13, processSpace)
    if let machine { writer.field(15) { $0.digest(machine) } }
    return writer.bytes
  }
}

/// The content of an object among the leases.
enum LeaseObject: Hashable, Sendable {
  /// An operation that runs.
  case lease(Lease)
  /// A sign that the operation with the lease of this name still ran when the object was put.
  case heartbeat(of: Digest256)

  func encoded() -> [UInt8] {
    switch self {
    case .lease(let lease): return lease.encoded()
    case .heartbeat(let lease):
      var writer = ByteWriter()
      writer.field(2) { $0.digest(lease) }
      return writer.bytes
    }
  }

  init(decoding reader: ByteReader) throws(FormatError) {
    var fields = FieldReader(reader)
    var lease = Lease(
      operation: "", hostname: "", bootID: "", processSpace: "", processID: 0, processStart: 0,
      started: Timestamp(seconds: 0))
    var about: Digest256?
    while case (let number, var value)? = try fields.next() {
      switch number {
      case 1: lease.operation = value.text()
      case 2: about = try value.digest()
      case 3: lease.hostname = value.text()
      case 5: lease.bootID = value.text()
      case 7: lease.processID = Int32(bitPattern: try value.varint("process", limit: UInt32.max))
      case 9: lease.processStart = try value.varint()
      case 11: lease.started = try value.timestamp()
      case 13: lease.processSpace = value.text()
      case 15: lease.machine = try value.digest()
      default:
        try FieldReader.passOver(number)
        continue
      }
      try value.finish()
    }
    self = about.map { .heartbeat(of: $0) } ?? .lease(lease)
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
