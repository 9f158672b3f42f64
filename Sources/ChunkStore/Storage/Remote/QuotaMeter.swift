import Synchronization

/// What the objects of a repository take, compared with what they may.
///
/// Counted afresh from time to time, and whenever it gets tight, because other connections add to
/// it too; in between, what this connection adds is added up.
final class QuotaMeter: Sendable {
  private let storage: LocalStorage
  private let quota: Int
  private let state = Mutex<(used: Int, counted: Double)>((0, -1e9))

  /// Seconds for which a count is good.
  private static let interval = 10.0
  /// With less than this left, each object is counted for.
  private static let tight = 1 << 30

  init(_ storage: LocalStorage, quota: Int) {
    self.storage = storage
    self.quota = quota
  }

  /// Runs `body`, which adds so many bytes, if there is room.
  func adding<R>(
    _ size: Int, _ body: () throws(StorageError) -> R
  ) throws(StorageError) -> R {
    // One process at a time: else two would both take the last of the room.
    let lock = try storage.lockForQuota()
    defer { lock.unlock() }
    try demand(size)
    let result = try body()
    state.withLock { $0.used += size }
    return result
  }

  /// Refuses what has no room, before all of it has arrived.
  func demand(_ size: Int) throws(StorageError) {
    let used = try state.withLock { state throws(StorageError) in
      let now = Clock.monotonicSeconds
      if now - state.counted > Self.interval || quota - state.used - size < Self.tight {
        state = (try storage.usedBytes(), now)
      }
      return state.used
    }
    guard quota - used >= size else {
      throw .quotaExceeded("\(used) of \(quota) bytes are used here, and \(size) more are too many")
    }
  }
}
