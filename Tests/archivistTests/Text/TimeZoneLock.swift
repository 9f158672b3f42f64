import Glibc
import Synchronization

/// The process has one time zone: tests that set it take turns.
private let turn = Mutex(())

/// The variable `TZ`, which only `withTimeZone` writes to.
///
/// It enters the environment once and is changed in place: `setenv` would move the whole
/// environment while other tests read it or hand it to a child.
nonisolated(unsafe) private let variable: UnsafeMutablePointer<CChar> = {
  let variable = UnsafeMutablePointer<CChar>.allocate(capacity: 128)
  unsafe set("UTC0", variable)
  unsafe putenv(variable)
  return unsafe variable
}()

private func set(_ zone: String, _ variable: UnsafeMutablePointer<CChar>) {
  let text = Array("TZ=\(zone)".utf8.prefix(127)) + [0]
  for (i, byte) in text.enumerated() { unsafe variable[i] = CChar(bitPattern: byte) }
}

/// Runs `body` in the time zone `zone`; outside of it tests are in UTC.
func withTimeZone<R>(_ zone: String, _ body: () throws -> R) rethrows -> R {
  try turn.withLock { _ in
    unsafe set(zone, variable)
    tzset()
    defer {
      unsafe set("UTC0", variable)
      tzset()
    }
    return try body()
  }
}
