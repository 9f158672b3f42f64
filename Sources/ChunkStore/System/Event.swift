import Synchronization

/// A one-shot latch.
package final class Event: Sendable {
  private let monitor = Monitor()
  private let hasHappened = Atomic(false)

  /// It has not happened yet.
  package init() {}

  /// Whether it has happened.
  package var isSet: Bool { hasHappened.load(ordering: .acquiring) }

  /// Lets it happen.
  package func set() {
    monitor.withLock {
      hasHappened.store(true, ordering: .releasing)
      monitor.broadcast()
    }
  }

  /// Waits for it.
  package func wait() {
    monitor.withLock { while !isSet { monitor.wait() } }
  }

  /// Waits for it, but not longer than until `end`, in seconds of `SystemClock.monotonicSeconds`.
  ///
  /// - Returns: Whether it has happened.
  package func wait(until end: Double) -> Bool {
    monitor.withLock {
      while !isSet, SystemClock.monotonicSeconds < end { monitor.wait(until: end) }
      return isSet
    }
  }
}
