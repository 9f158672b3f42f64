package import StoreCrypto
package import StoreEncoding

/// Says that an operation is running: who runs it, and where.
///
/// A lease ends when its object is deleted: by its owner, or by a compactor that finds it
/// abandoned.
package struct Lease: Hashable, Sendable {
  package var operation: String
  /// For people.
  package var hostname: String
  /// Tells the machine from others in this repository, as long as none is a clone of it; `nil` if it
  /// has no name of its own.
  package var machine: Digest256?
  /// Tells this boot of the machine from all others.
  package var bootID: String
  /// Tells the numbers of these processes from those of a container.
  package var processSpace: String
  package var processID: Int32
  /// When the process began, in clock ticks since the boot, since process numbers are used again; 0
  /// if that could not be had.
  package var processStart: UInt64
  /// For people: by the clock of the machine it runs on.
  package var started: Timestamp

  package init(
    operation: String, hostname: String, machine: Digest256? = nil, bootID: String,
    processSpace: String, processID: Int32, processStart: UInt64, started: Timestamp
  ) {
    self.operation = operation
    self.hostname = hostname
    self.machine = machine
    self.bootID = bootID
    self.processSpace = processSpace
    self.processID = processID
    self.processStart = processStart
    self.started = started
  }

  /// The operation, for people.
  package var description: String { "\(operation) on \(hostname), process \(processID)" }

  package func encoded() -> [UInt8] {
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
package enum LeaseObject: Hashable, Sendable {
  /// An operation that runs.
  case lease(Lease)
  /// A sign that the operation with the lease of this name still ran when the object was put.
  case heartbeat(of: Digest256)

  package func encoded() -> [UInt8] {
    switch self {
    case .lease(let lease): return lease.encoded()
    case .heartbeat(let lease):
      var writer = ByteWriter()
      writer.field(2) { $0.digest(lease) }
      return writer.bytes
    }
  }

  package init(decoding reader: ByteReader) throws(FormatError) {
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
