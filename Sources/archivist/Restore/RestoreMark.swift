import ChunkStore
import CLinux
import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization

/// The part of a file system that is on its disk, whatever happens to the power: all that has not
/// changed since a moment, by the clock of the file system itself.
///
/// A restored file gets its time last, so one that has its time and its size was written to the end.
/// Whether the disk has all of it after a power cut is another question: a file system may bring
/// sizes and times to the disk before it brings contents. So a restore that takes long synchronizes
/// the whole file system from time to time, and remembers when it did.
struct RestoreMark: Equatable, Sendable {
  /// The file system as the system numbers it now.
  let device: UInt64
  /// The moment before which all changes were brought to the disk.
  let moment: Timestamp

  /// Whether a file is on the disk as it is now.
  func covers(_ file: FileMetadata) -> Bool {
    // Of what has the same time nobody knows which came first.
    file.identity.device == device && file.ctime < moment
  }
}

/// Makes marks, and keeps the last one with the client's cache.
///
/// That it is lost does no harm: contents are compared then.
final class RestoreMarks: Sendable {
  private let top: DirectoryHandle
  private let file: [UInt8]
  private let fileSystem: String
  private let device: UInt64
  private let monitor = Monitor()
  private let state = Mutex(State())

  private struct State {
    var hasEnded = false
    var last: Timestamp?
  }

  /// How long a restore has to take for a mark to be worth its while, in seconds.
  static let interval = 120.0

  /// Fails on file systems of which it is not known that they keep the time of a change.
  ///
  /// - Parameters:
  ///   - disk: Where things are restored.
  ///   - file: Where the mark is kept.
  init?(_ disk: RestoreDisk, file: String) {
    guard let identity = Self.identity(disk.top), let now = Self.now(disk.top) else { return nil }
    top = disk.top
    fileSystem = identity
    device = now.identity.device
    self.file = Array(file.utf8)
    if let last = load() {
      // If the clock was set back, what is changed from now on would look older than it is.
      if last < now.ctime { state.withLock { $0.last = last } } else { remove() }
    }
  }

  /// The mark that an earlier restore has left for this file system.
  var mark: RestoreMark? {
    state.withLock { $0.last }.map { RestoreMark(device: device, moment: $0) }
  }

  /// Makes marks until `end` is called; for a thread of its own.
  ///
  /// - Throws: That something could not be brought to the disk.
  func run() throws(SystemError) {
    var pause = Self.interval
    while true {
      let hasEnded = monitor.withLock {
        // Woken up too early, it makes one mark more than it has to.
        if !state.withLock({ $0.hasEnded }) {
          monitor.wait(until: SystemClock.monotonicSeconds + pause)
        }
        return state.withLock { $0.hasEnded }
      }
      if hasEnded { return }
      let start = SystemClock.monotonicSeconds
      guard try advance() else { return }
      // The end of the restore waits for what is under way: that has to be rare.
      pause = max(Self.interval, 20 * (SystemClock.monotonicSeconds - start))
    }
  }

  /// No more marks are needed.
  func end() {
    monitor.withLock {
      state.withLock { $0.hasEnded = true }
      monitor.broadcast()
    }
  }

  /// Brings everything to the disk, and makes a mark.
  ///
  /// - Returns: Whether that can be done here.
  func advance() throws(SystemError) -> Bool {
    guard let now = Self.now(top)?.ctime else { return false }
    if let last = state.withLock({ $0.last }), last >= now { remove() }
    guard linux_syncfs(top.number) == 0 else {
      guard errno == EIO || errno == ENOSPC || errno == EDQUOT else { return false }
      throw .last("syncfs", [])
    }
    state.withLock { $0.last = now }
    return save(now)
  }

  // MARK: The file

  private func load() -> Timestamp? {
    guard let bytes = try? PrivateFile.read(file) else { return nil }
    let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard words.count == 3, words[0] == fileSystem, let seconds = Int64(words[1]),
      let nanoseconds = UInt32(words[2]), nanoseconds < 1_000_000_000
    else { return nil }
    return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
  }

  private func save(_ moment: Timestamp) -> Bool {
    let text = "\(fileSystem) \(moment.seconds) \(moment.nanoseconds)\n"
    do throws(SystemError) {
      try PrivateFile.write(Array(text.utf8), to: file)
      return true
    } catch {
      // A mark from before is as true as it was.
      return false
    }
  }

  private func remove() {
    _ = unsafe withCString(file) { unsafe unlink($0) }
    state.withLock { $0.last = nil }
  }

  // MARK: The file system

  /// The metadata of a file that is made now; `nil` if none can be made without a name.
  private static func now(_ top: DirectoryHandle) -> FileMetadata? {
    let number = retryingInterrupts {
      unsafe linux_openat(top.number, ".", linux_O_TMPFILE | O_WRONLY | O_CLOEXEC, 0o600)
    }
    guard number >= 0 else { return nil }
    defer { _ = close(number) }
    return try? FileMetadata(descriptor: number)
  }

  /// The identity of the directory, after a reboot as well.
  private static func identity(_ top: DirectoryHandle) -> String? {
    var found = statfs()
    guard retryingInterrupts({ unsafe fstatfs(top.number, &found) }) == 0,
      FileSystemKind.keepsChangeTime(magic: UInt32(truncatingIfNeeded: found.f_type)),
      let metadata = try? top.metadata(), let birth = metadata.birthtime
    else { return nil }
    let words = [
      "\(found.f_type)", "\(found.f_fsid.__val.0)", "\(found.f_fsid.__val.1)",
      "\(metadata.identity.inode)", "\(birth.seconds)", "\(birth.nanoseconds)",
    ]
    return try? SHA256.digest(of: Array(words.joined(separator: " ").utf8).span).hex
  }
}
