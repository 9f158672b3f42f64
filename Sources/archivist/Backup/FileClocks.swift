import ChunkStore

/// What the times of files are worth on each file system that a backup comes to.
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
  }

  /// The clocks by device.
  ///
  /// Removable ones may share a number one after the other, but not at one time.
  private var known: [UInt64: Clock] = [:]
  /// The last one that was asked about.
  private var last: (device: UInt64, clock: Clock)?

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
    }
  }

  /// The clock of the file system that an entry is on.
  mutating func clock(of entry: WalkEntry) -> Clock {
    let device = entry.metadata.identity.device
    if let last, last.device == device { return last.clock }
    let clock = known[device] ?? Self.ask(entry)
    known[device] = clock
    last = (device, clock)
    return clock
  }

  private static func ask(_ entry: WalkEntry) -> Clock {
    do throws(SystemError) {
      // A single file may be mounted, and then is on another one than its directory.
      guard try entry.directory.identity().device == entry.metadata.identity.device else {
        return .foreign
      }
      return try FileSystemKind(of: entry.directory).clock
    } catch {
      return .foreign  // The careful answer.
    }
  }
}
