internal import Glibc

/// A mutex with condition variables.
///
/// pthread objects must not move, hence the allocation; it lives as long as the monitor.
/// Sendable, because being used from several threads at once is what they are for.
@safe public final class Monitor: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition = Condition()

  package init() {
    unsafe mutex = .allocate(capacity: 1)
    // With these attributes the call has no way to fail on Linux.
    unsafe pthread_mutex_init(mutex, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Something to wait for under a monitor's lock, where there is more than one such thing.
  @safe public final class Condition: @unchecked Sendable {
    fileprivate let condition: UnsafeMutablePointer<pthread_cond_t>

    package init() {
      unsafe condition = .allocate(capacity: 1)
      // With these attributes none of the calls has a way to fail on Linux.
      var attributes = pthread_condattr_t()
      unsafe pthread_condattr_init(&attributes)
      unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      unsafe pthread_cond_init(condition, &attributes)
      unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
      unsafe pthread_cond_destroy(condition)
      unsafe condition.deallocate()
    }

    /// Wakes one who waits.
    public func signal() { unsafe pthread_cond_signal(condition) }

    /// Wakes all who wait.
    public func broadcast() { unsafe pthread_cond_broadcast(condition) }
  }

  /// Runs `body` alone.
  @inlinable
  public func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    lock()
    defer { unlock() }
    return try body()
  }

  @usableFromInline func lock() { unsafe pthread_mutex_lock(mutex) }
  @usableFromInline func unlock() { unsafe pthread_mutex_unlock(mutex) }

  /// Waits until somebody calls `broadcast`; to be called, and tested again, inside `withLock`.
  package func wait() { wait(for: condition) }

  /// Waits until the condition is signalled; to be called, and tested again, inside `withLock`.
  public func wait(for condition: Condition) {
    unsafe pthread_cond_wait(condition.condition, mutex)
  }

  /// Waits until a time at the latest.
  ///
  /// - Parameter end: When to wake up, in seconds of `SystemClock.monotonicSeconds`.
  package func wait(until end: Double) {
    var time = timespec()
    time.tv_sec = Int(end)
    time.tv_nsec = Int((end - end.rounded(.down)) * 1e9)
    _ = unsafe pthread_cond_timedwait(condition.condition, mutex, &time)
  }

  /// Wakes all who wait.
  package func broadcast() { condition.broadcast() }
}
