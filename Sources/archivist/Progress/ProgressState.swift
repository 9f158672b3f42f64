import ChunkStore
import LinuxSystem

/// How far a command is, at one moment.
struct ProgressState {
  /// The kind of progress.
  enum Kind {
    /// A backup that is being made.
    case backup(Backup)
    /// One stage of an operation.
    case stage(Meter.Reading)
  }

  /// The figures of a backup.
  struct Backup {
    /// Files that are done.
    var files: UInt64
    /// Bytes of contents that are done.
    var originalSize: UInt64
    /// Bytes that the repository has grown by.
    var storedSize: UInt64
    /// The final `originalSize` of the time before; `nil` if there was none.
    var expectedSize: UInt64?
    /// Seconds since the backup began.
    var elapsed: Double
  }

  /// The kind of progress.
  var kind: Kind
  /// The path that is being worked on; empty if that is not known.
  var path: [UInt8] = []

  /// Bytes that are done, where bytes are counted.
  var bytes: UInt64? {
    switch kind {
    case .backup(let backup): backup.originalSize
    case .stage(let reading): reading.unit == .bytes ? reading.done : nil
    }
  }

  /// Seconds that the rest will take if it goes on as it went so far; `nil` if that is not known.
  ///
  /// For a backup it supposes that there is as much as the time before: it is an estimate only
  /// until that much is done.
  var remaining: Double? {
    let (done, total, elapsed) =
      switch kind {
      case .backup(let backup): (backup.originalSize, backup.expectedSize ?? 0, backup.elapsed)
      case .stage(let reading): (reading.done, reading.total, reading.elapsed)
      }
    // The first moments say little about the rest.
    guard elapsed >= 2, done > 0, done < total else { return nil }
    return elapsed * Double(total - done) / Double(done)
  }
}
