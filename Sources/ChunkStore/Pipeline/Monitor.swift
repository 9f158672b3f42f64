internal import Glibc

/// A lock with a condition: what threads wait for each other with.
///
/// pthread objects must not move, hence the allocation; it lives as long as the monitor.
/// Sendable, because being used from several threads at once is what they are for.
@safe package final class Monitor: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  package init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe condition = .allocate(capacity: 1)
    // With these attributes none of the calls has a way to fail on Linux.
    unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(condition, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Runs `body` alone.
  package func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Waits until somebody calls `broadcast`; to be called, and tested again, inside `withLock`.
  package func wait() { unsafe pthread_cond_wait(condition, mutex) }

  /// The same, but not for ever.
  ///
  /// - Parameter end: When to wake up, in seconds of `Clock.monotonicSeconds`.
  package func wait(until end: Double) {
    var time = timespec()
    time.tv_sec = Int(end)
    time.tv_nsec = Int((end - end.rounded(.down)) * 1e9)
    _ = unsafe pthread_cond_timedwait(condition, mutex, &time)
  }

  /// Wakes all who wait.
  package func broadcast() { unsafe pthread_cond_broadcast(condition) }
}
