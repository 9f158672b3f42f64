import ChunkStore
import CLinux
import LinuxSystem

/// The clocks of the file systems that a backup comes to: the trust that the times of files
/// deserve.
///
/// A root may have other file systems mounted beneath it, each with a clock of its own. Which one a
/// file is on is known when it is met.
///
/// Confined to one thread.
struct FileClocks {
  /// How the times of a file system relate to ours.
  enum Clock {
    /// They are ours, but for a tick of a coarse clock.
    case ours
    /// They are another machine's, which may be off.
    case foreign
    /// A change may leave a file's ctime as it was.
    case none
    /// A change may leave all times as they were.
    case absent
  }

  private final class FileSystem: Sendable {
    let kind: FileSystemKind
    /// The directory of the first file that was met, if it is on the same one.
    let first: FileMetadata?

    init(kind: FileSystemKind, first: FileMetadata?) {
      self.kind = kind
      self.first = first
    }
  }

  /// The file systems by device.
  ///
  /// Removable ones may share a number one after the other, but not at one time.
  private var known: [UInt64: FileSystem] = [:]
  /// The last one that was asked about.
  private var last: (device: UInt64, system: FileSystem)?

  /// More than a tick of any coarse clock, in seconds.
  private static let tick: Int64 = 2
  /// More than the clock of another machine is off, in seconds.
  private static let mostOff: Int64 = 3600

  /// The time from which on a file may have been changed once more after it was read, by a backup
  /// that began at `start`; by our clock.
  static func settledBefore(_ start: Timestamp) -> Timestamp { start.earlier(bySeconds: tick) }

  /// Whether a time of a file tells that nothing was changed since a backup has read it.
  ///
  /// - Parameters:
  ///   - time: The time, which is the same as then.
  ///   - which: Which of the times it is.
  ///   - settledBefore: What that backup says.
  ///   - clock: The clock of the file system.
  /// - Returns: `false` if the file may have been changed once more at that time.
  static func tells(
    _ time: Timestamp, _ which: FilesCacheMode.Time, settledBefore: Timestamp, _ clock: Clock
  ) -> Bool {
    switch clock {
    case .ours: time < settledBefore
    case .foreign: time < settledBefore.earlier(bySeconds: mostOff)
    case .none: which == .mtime && time < settledBefore
    case .absent: false
    }
  }

  /// The kind of file system that an entry is on, which is no directory.
  mutating func kind(of entry: WalkEntry) -> FileSystemKind { system(of: entry).kind }

  /// The clock of the file system that an entry is on, which is no directory.
  mutating func clock(of entry: WalkEntry) -> Clock {
    let system = system(of: entry)
    let file = entry.metadata
    // There are FUSE file systems that give everything one time, or none.
    if system.kind == .remote {
      if max(file.ctime, file.mtime) <= Timestamp(seconds: 0) { return .absent }
      if let first = system.first, first.ctime == file.ctime, first.mtime == file.mtime,
        first.atime == file.atime
      {
        return .absent
      }
    }
    return system.kind.clock
  }

  private mutating func system(of entry: WalkEntry) -> FileSystem {
    let device = entry.metadata.identity.device
    if let last, last.device == device { return last.system }
    let system = known[device] ?? Self.ask(entry)
    known[device] = system
    last = (device, system)
    return system
  }

  private static func ask(_ entry: WalkEntry) -> FileSystem {
    do throws(SystemError) {
      let directory = try entry.directory.metadata()
      guard directory.identity.device == entry.metadata.identity.device else {
        // A single file may be mounted, and then is on another one than its directory. No permission
        // is needed to ask, and nothing happens to a device or FIFO.
        let file = try FileDescriptor(
          opening: entry.name, in: entry.directory, flags: linux_O_PATH)
        return FileSystem(kind: try FileSystemKind(of: file), first: nil)
      }
      return FileSystem(kind: try FileSystemKind(of: entry.directory), first: directory)
    } catch {
      return FileSystem(kind: .remote, first: nil)  // The careful answer.
    }
  }
}
