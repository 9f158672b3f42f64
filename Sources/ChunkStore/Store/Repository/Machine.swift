internal import Glibc
import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Where a program runs, and by which clock: what its leases say of it, and what it can say of the
/// leases of others.
package struct Machine: Sendable {
  /// The host's name, as `uname -n` prints it: for people.
  package var name: String
  /// The content of `/etc/machine-id`; empty where there is none.
  ///
  /// It is not for others to know: leases have a digest of it.
  package var id: [UInt8] = []
  /// A number that the kernel draws at each boot; empty where it shows none.
  package var bootID: String
  /// Tells the numbers and times of these processes from those of a container on the same machine;
  /// empty where the kernel shows nothing.
  package var processSpace: String
  /// The number of this process.
  package var processID: Int32
  /// The time of day.
  package var now: @Sendable () -> Timestamp
  /// Looks for a process by its number.
  package var look: @Sendable (Int32) -> Sight
  /// Seconds after which a running operation says again that it runs; `nil` if others do that.
  package var heartbeat: Double?
  /// Makes what is sealed, and its name, like nothing else.
  var fresh = FreshBytes.system
  /// The identity of the machine in the leases of one repository; `nil` without an `id`.
  private(set) var identity: Digest256?

  /// The visible state of a process.
  package enum Sight: Sendable {
    /// There is certainly none of this number.
    case gone
    /// There is one, and it began so many clock ticks after the boot.
    case began(at: UInt64)
    /// There may be one: it is hidden, or there is no way to ask.
    case unknown
  }

  /// This machine, and this process.
  package static let current = Machine(
    name: hostname(), id: machineID(), bootID: bootID(), processSpace: processSpace(),
    processID: SystemClock.processID, now: { SystemClock.now }, look: look(at:),
    heartbeat: Lease.heartbeat)

  /// The machine as leases in a repository know it.
  func identified(in repository: RepositoryID) throws(CryptoError) -> Machine {
    guard !id.isEmpty else { return self }
    var machine = self
    let text = Array("archivist/1 machine".utf8) + repository.bytes + id
    machine.identity = try SHA256.digest(of: text.span)
    return machine
  }

  // MARK: Linux

  private static func hostname() -> String {
    var info = utsname()
    guard unsafe uname(&info) == 0 else { return "localhost" }
    return unsafe withUnsafeBytes(of: &info.nodename) { field in
      unsafe String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  private static func bootID() -> String {
    let text = read("/proc/sys/kernel/random/boot_id") ?? []
    return String(decoding: text.filter { $0 > 0x20 }, as: UTF8.self)
  }

  /// See machine-id(5): 32 hexadecimal digits, or `uninitialized` in an image.
  private static func machineID() -> [UInt8] {
    for path in ["/etc/machine-id", "/var/lib/dbus/machine-id"] {
      let text = (read(path) ?? []).filter { $0 > 0x20 }
      if text.count == 32, text != [UInt8](repeating: UInt8(ascii: "0"), count: 32) { return text }
    }
    return []
  }

  /// The namespaces that the numbers of processes and the times of their beginning belong to.
  private static func processSpace() -> String {
    var status = stat()
    guard unsafe stat("/proc/self/ns/pid", &status) == 0 else { return "" }
    let processes = status.st_ino
    // Not before Linux 5.6.
    guard unsafe stat("/proc/self/ns/time", &status) == 0 else { return "\(processes)" }
    return "\(processes),\(status.st_ino)"
  }

  private static func look(at id: Int32) -> Sight {
    guard id > 0 else { return .unknown }
    // Not by /proc, which may hide processes of others (hidepid).
    if kill(id, 0) != 0, errno == ESRCH { return .gone }
    // A /proc of another process space has other processes under these numbers.
    guard linkTarget("/proc/self") == "\(SystemClock.processID)",
      let stat = read("/proc/\(id)/stat"),
      // The name in parentheses may hold anything; the fields behind it are numbers.
      let end = stat.lastIndex(of: UInt8(ascii: ")"))
    else { return .unknown }
    let fields = stat[(end + 1)...].split(separator: UInt8(ascii: " ")).map {
      String(decoding: $0, as: UTF8.self)
    }
    // Counted from 1, proc(5) has the state in field 3, the first behind the name, the number of
    // threads in field 20, and the beginning in field 22.
    guard fields.count > 19, let start = UInt64(fields[19]) else { return .unknown }
    // One that has ended, and that its parent has not waited for.
    if fields[0] == "X" || fields[0] == "Z" && fields[17] == "1" { return .gone }
    return .began(at: start)
  }

  private static func linkTarget(_ path: String) -> String {
    let bytes = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      guard let start = buffer.baseAddress else { return [UInt8]() }
      let count = unsafe readlink(path, start, buffer.count)
      // Only what the kernel has written is read; a negative number says that there is no link.
      return unsafe buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func read(_ path: String) -> [UInt8]? {
    do throws(StorageError) {
      return try LocalFile.open(path, flags: O_RDONLY).read(from: 0, count: 4096)
    } catch {
      // Not there: no such process, or no /proc. The caller has an answer for that.
      return nil
    }
  }
}
