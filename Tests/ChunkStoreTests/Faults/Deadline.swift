import Glibc
import LinuxSystem
import Synchronization

@testable import ChunkStore

/// How often the longer tests go round; `ARCHIVIST_TEST_ROUNDS=N` makes it N times as often.
enum Rounds {
  static let factor: Int = {
    guard let text = unsafe getenv("ARCHIVIST_TEST_ROUNDS") else { return 1 }
    return max(1, Int(unsafe String(cString: text)) ?? 1)
  }()
}

/// Something has hung.
struct DeadlineMissed: Error {}

private final class ResultBox<R: Sendable>: Sendable {
  let result = Mutex<Result<R, any Error>?>(nil)
}

/// Runs `body` on a thread of its own, and waits for so long and no longer.
///
/// - Throws: What `body` throws, or `DeadlineMissed`; the thread is then left to itself.
@discardableResult
func within<R: Sendable>(
  _ seconds: Double, _ body: @escaping @Sendable () throws -> R
) throws -> R {
  let box = ResultBox<R>()
  let group = ThreadGroup()
  group.start("test") {
    let result = Result { try body() }
    box.result.withLock { $0 = result }
  }
  let end = SystemClock.monotonicSeconds + seconds
  while SystemClock.monotonicSeconds < end {
    if let result = box.result.withLock({ $0 }) {
      try group.join()
      return try result.get()
    }
    usleep(200)
  }
  throw DeadlineMissed()
}
