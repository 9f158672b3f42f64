import LinuxSystem
import Synchronization

/// Lets so many bytes pass in a second, on average; threads share it.
package final class RateLimit: Sendable {
  private let bytesPerSecond: Double
  /// When all that was taken so far will have passed.
  private let free = Mutex(0.0)

  /// A limit in KiB a second; `nil` for none.
  package init?(kibibytesPerSecond: Int) {
    guard kibibytesPerSecond > 0 else { return nil }
    bytesPerSecond = Double(kibibytesPerSecond) * 1024
  }

  /// Waits until so many bytes may pass.
  package func take(_ count: Int) {
    let now = SystemClock.monotonicSeconds
    let start = free.withLock { free in
      // The allowance of a quiet time is lost, but for a moment's worth.
      let start = max(free, now - 0.1)
      free = start + Double(count) / bytesPerSecond
      return free
    }
    if start > now { SystemClock.pause(start - now) }
  }
}
