import Synchronization

/// A one-shot latch.
final class Event: Sendable {
  private let monitor = Monitor()
  private let hasHappened = Atomic(false)

  /// Whether it has happened.
  var isSet: Bool { hasHappened.load(ordering: .acquiring) }

  /// Lets it happen.
  func set() {
    monitor.withLock {
      hasHappened.store(true, ordering: .releasing)
      monitor.broadcast()
    }
  }

  /// Waits for it.
  func wait() {
    monitor.withLock { while !isSet { monitor.wait() } }
  }

  /// Waits for it, but not longer than until `end`, in seconds of `Clock.monotonicSeconds`.
  ///
  /// - Returns: Whether it has happened.
  func wait(until end: Double) -> Bool {
    monitor.withLock {
      while !isSet, Clock.monotonicSeconds < end { monitor.wait(until: end) }
      return isSet
    }
  }
}
