internal import Glibc
import LinuxSystem
package import ObjectStorage
import Synchronization

/// A comparison of the bytes stored below some directories with a quota.
///
/// Counted afresh from time to time, and often when it gets tight, because other connections add to
/// it too; in between, what this connection adds is added up.
package final class QuotaMeter: Sendable {
  /// Canonical paths, none of which is within another.
  private let directories: [String]
  private let quota: Int
  private let state = Mutex(State())

  private struct State {
    var used = 0
    /// When it was counted, how many seconds that took, and how many names there were.
    var counted = -1e9
    var cost = 0.0
    var names = 0
  }

  /// Seconds for which a count is good.
  private static let interval = 10.0
  /// With less than this left, each object is counted for.
  private static let tight = 1 << 30
  /// More names than this are not looked at for each object: a hostile client must not keep a
  /// processor busy with it.
  private static let fewNames = 10_000

  /// Limits what the files and directories below `directories` take together.
  package init(_ directories: [String], quota: Int) {
    let sorted = Set(directories).sorted()
    self.directories = sorted.filter { directory in
      !sorted.contains { $0 != directory && CanonicalPath.contains($0, directory) }
    }
    self.quota = quota
  }

  /// Runs `body`, which stores so many bytes, if there is room.
  func adding<R>(
    _ size: Int, _ body: () throws(StorageError) -> R
  ) throws(StorageError) -> R {
    let isTight = state.withLock { $0.counted < 0 || quota - $0.used - size < Self.tight }
    guard isTight else {
      try take(size)
      return try body()
    }
    // One process at a time: else two would both take the last of the room.
    var locks: [LocalFile] = []
    for directory in directories {
      do throws(StorageError) {
        let lock = try LocalFile.open(directory, flags: O_RDONLY | O_DIRECTORY)
        try lock.lock()
        locks.append(lock)
      } catch .notFound {
        continue  // Made by what is to be done, perhaps.
      }
    }
    defer { for lock in locks { lock.unlock() } }
    try take(size)
    return try body()
  }

  /// Counts so many bytes as used, or refuses them.
  package func take(_ size: Int) throws(StorageError) {
    try state.withLock { state throws(StorageError) in
      let start = SystemClock.monotonicSeconds
      let isTight = quota - state.used - size < Self.tight
      let validity = isTight ? (state.names < Self.fewNames ? 0 : 4 * state.cost) : Self.interval
      if start - state.counted > min(validity, Self.interval) || state.counted < 0 {
        let (used, names) = try count()
        let now = SystemClock.monotonicSeconds
        state = State(used: used, counted: now, cost: now - start, names: names)
      }
      guard quota - state.used >= size else {
        throw .quotaExceeded(
          "\(Self.text(state.used)) of \(Self.text(quota)) used below "
            + "\(directories.joined(separator: ", ")), \(Self.text(size)) more needed")
      }
      state.used += size
    }
  }

  /// A number of bytes for people: `1.48 MB`, in powers of 1000.
  package static func text(_ bytes: Int) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"]
    var (value, unit) = (bytes, -1)
    var rest = 0
    while value >= 1000, unit < units.count - 1 {
      (value, rest) = value.quotientAndRemainder(dividingBy: 1000)
      unit += 1
    }
    if unit < 0 { return "\(value) B" }
    let hundredths = rest / 10
    return "\(value).\(hundredths < 10 ? "0" : "")\(hundredths) \(units[unit])"
  }

  // MARK: Usage

  /// The smallest unit that file systems give to a file.
  private static let block = 4096
  /// A name in a directory, and an inode.
  private static let entry = 512

  /// The charge for an object of this many bytes.
  static func charge(_ size: Int) -> Int {
    (max(size, 1) + block - 1) / block * block + entry
  }

  /// The charge for a file; one written a moment ago may have been given no blocks yet.
  private static func charge(_ status: LocalFile.Status) -> Int {
    max(status.allocated + entry, charge(status.size))
  }

  /// The usage of everything below the directories, by what the file systems have given to it.
  package func usage() throws(StorageError) -> Int { try count().used }

  private func count() throws(StorageError) -> (used: Int, names: Int) {
    var sum = 0
    var names = 0
    for directory in directories {
      var rest = [directory]
      while let next = rest.popLast() {
        var inner: [String] = []
        do throws(StorageError) {
          try LocalDirectory.working.forEachEntry(in: next) { name, status in
            sum += Self.charge(status)
            names += 1
            guard status.isDirectory else { return }
            // No repository is in one that has no such name.
            if let text = String(validating: name, as: UTF8.self) {
              inner.append("\(next)/\(text)")
            }
          }
        } catch .notFound {
          continue  // Not made yet, or removed meanwhile.
        } catch .system(_, _, EACCES) where next != directory {
          continue  // Of somebody else: nothing of ours can be in it.
        }
        rest += inner
      }
    }
    return (sum, names)
  }
}
