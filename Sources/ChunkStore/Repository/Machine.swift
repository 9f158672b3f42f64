internal import Glibc

/// Where a program runs, and by which clock: what its leases say of it, and what it can say of the
/// leases of others.
package struct Machine: Sendable {
  /// The host's name, as `uname -n` prints it.
  package var name: String
  /// A number that the kernel draws at each boot; empty where it shows none.
  package var bootID: String
  /// Tells the numbers of these processes from those of a container on the same machine.
  package var processSpace: String
  /// The number of this process.
  package var processID: Int32
  /// The time of day.
  package var now: @Sendable () -> Timestamp
  /// When a process began, in clock ticks since the boot: process numbers are used again; `nil` if
  /// there is none.
  package var startOfProcess: @Sendable (Int32) -> UInt64?
  /// Seconds after which a running operation says again that it runs; `nil` if others do that.
  package var heartbeat: Double?
  /// Makes what is sealed, and its name, like nothing else.
  var fresh = FreshBytes.system

  /// This machine, and this process.
  package static let current = Machine(
    name: hostname(), bootID: bootID(), processSpace: processSpace(), processID: Clock.processID,
    now: { Clock.now }, startOfProcess: start(ofProcess:), heartbeat: Lease.heartbeat)

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

  private static func processSpace() -> String {
    var status = stat()
    guard unsafe stat("/proc/self/ns/pid", &status) == 0 else { return "" }
    return String(status.st_ino)
  }

  private static func start(ofProcess id: Int32) -> UInt64? {
    guard let stat = read("/proc/\(id)/stat"),
      // The name in parentheses may hold anything; the fields behind it are numbers.
      let end = stat.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = stat[(end + 1)...].split(separator: UInt8(ascii: " "))
    // Field 22 of proc(5), counted from 1; the third is the first behind the name.
    guard fields.count > 19 else { return nil }
    return UInt64(String(decoding: fields[19], as: UTF8.self))
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
