import ChunkStore
import Glibc
import LinuxSystem
import Synchronization

/// The names of users and groups, and back, each asked of the system once.
///
/// Any number of threads may ask. The system's answer may come from a network (LDAP), so it is
/// waited for without holding the lock. The static program asks /etc/passwd
/// and /etc/group alone.
final class OwnerNames: Sendable {
  private struct Known {
    var users: [UInt32: [UInt8]] = [:]
    var groups: [UInt32: [UInt8]] = [:]
    var userIDs: [[UInt8]: UInt32?] = [:]
    var groupIDs: [[UInt8]: UInt32?] = [:]
  }

  private let known = Mutex(Known())
  private let hasFailed = Mutex(false)
  private let failed: @Sendable (SystemError) -> Void

  /// Knows nothing yet.
  ///
  /// - Parameter failed: Told, once, that the system could not be asked: then numbers are what
  ///   remains.
  init(failed: @escaping @Sendable (SystemError) -> Void = { _ in }) { self.failed = failed }

  /// The name of a user; empty if it has none.
  func user(_ uid: UInt32) -> [UInt8] {
    if let name = known.withLock({ $0.users[uid] }) { return name }
    let name = unsafe lookUp(passwd()) { entry, buffer, size, found in
      unsafe getpwuid_r(uid, entry, buffer, size, found)
    } take: {
      unsafe Self.bytes($0.pw_name)
    }
    known.withLock { $0.users[uid] = name ?? [] }
    return name ?? []
  }

  /// The name of a group; empty if it has none.
  func group(_ gid: UInt32) -> [UInt8] {
    if let name = known.withLock({ $0.groups[gid] }) { return name }
    let name = unsafe lookUp(Glibc.group()) { entry, buffer, size, found in
      unsafe getgrgid_r(gid, entry, buffer, size, found)
    } take: {
      unsafe Self.bytes($0.gr_name)
    }
    known.withLock { $0.groups[gid] = name ?? [] }
    return name ?? []
  }

  /// The number of the user with this name; `nil` if there is none here.
  func userID(named name: [UInt8]) -> UInt32? {
    guard !name.isEmpty, !name.contains(0) else { return nil }
    if let id = known.withLock({ $0.userIDs[name] }) { return id }
    let id = unsafe lookUp(passwd()) { entry, buffer, size, found in
      unsafe getpwnam_r(Self.text(name), entry, buffer, size, found)
    } take: {
      unsafe $0.pw_uid
    }
    known.withLock { $0.userIDs[name] = .some(id) }
    return id
  }

  /// The number of the group with this name; `nil` if there is none here.
  func groupID(named name: [UInt8]) -> UInt32? {
    guard !name.isEmpty, !name.contains(0) else { return nil }
    if let id = known.withLock({ $0.groupIDs[name] }) { return id }
    let id = unsafe lookUp(Glibc.group()) { entry, buffer, size, found in
      unsafe getgrnam_r(Self.text(name), entry, buffer, size, found)
    } take: {
      unsafe $0.gr_gid
    }
    known.withLock { $0.groupIDs[name] = .some(id) }
    return id
  }

  /// Asks one of the `…_r` functions, with a buffer that grows until the answer fits.
  ///
  /// A service that does not answer counts as one that knows no such owner: the number is what
  /// remains.
  private func lookUp<Entry, Answer>(
    _ empty: Entry,
    _ ask: (
      UnsafeMutablePointer<Entry>, UnsafeMutablePointer<CChar>, Int,
      UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
    ) -> Int32,
    take: (Entry) -> Answer
  ) -> Answer? {
    // A group's members come along with it: large directories have megabytes of them.
    for size in [1 << 10, 1 << 14, 1 << 18, 1 << 22, 1 << 26] {
      var status: Int32 = 0
      var answer: Answer?
      unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
        guard let start = buffer.baseAddress else { return }
        var entry = empty
        var found: UnsafeMutablePointer<Entry>?
        repeat { status = unsafe ask(&entry, start, size, &found) } while status == EINTR
        // `entry` points into the buffer: what is wanted is copied before it goes.
        if status == 0, unsafe found != nil { answer = take(entry) }
      }
      switch status {
      case ERANGE: continue
      // Others are what services say that are not there, or do not know the owner.
      case EIO, EMFILE, ENFILE, ENOMEM, EAGAIN: fail(status)
      default: break
      }
      return answer
    }
    return nil
  }

  private func fail(_ code: Int32) {
    let isFirst = hasFailed.withLock { hasFailed in
      defer { hasFailed = true }
      return !hasFailed
    }
    if isFirst { failed(SystemError("getpwuid", code: code, path: [])) }
  }

  private static func bytes(_ text: UnsafeMutablePointer<CChar>?) -> [UInt8] {
    guard let text = unsafe text else { return [] }
    return unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }

  private static func text(_ name: [UInt8]) -> [CChar] {
    name.map { CChar(bitPattern: $0) } + [0]
  }
}
