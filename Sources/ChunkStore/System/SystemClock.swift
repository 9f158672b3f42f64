internal import Glibc
package import StoreEncoding

/// The clock and the process, for time stamps, salts and leases.
package enum SystemClock {
  /// The time of day.
  package static var now: Timestamp {
    var time = timespec()
    // Fails only for an unknown clock.
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(
      seconds: Int64(time.tv_sec), nanoseconds: UInt32(truncatingIfNeeded: time.tv_nsec))
  }

  /// Seconds on a clock that is never set back.
  package static var monotonicSeconds: Double {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Lets a thread sleep for some seconds.
  package static func pause(_ seconds: Double) {
    var time = timespec()
    time.tv_sec = Int(max(0, min(seconds, 1e6)))
    time.tv_nsec = Int((max(0, seconds) - max(0, seconds).rounded(.down)) * 1e9)
    // A signal may end it early, which does no harm.
    _ = unsafe nanosleep(&time, nil)
  }

  package static var processID: Int32 { getpid() }
}
