import Glibc

/// The measurements, printed as one object of JSON.
struct Figures {
  private var members: [String] = []

  mutating func add(_ name: String, _ value: Double) { members.append("\"\(name)\": \(value)") }

  mutating func add(_ name: String, _ value: Int) { members.append("\"\(name)\": \(value)") }

  /// Runs `body`, and notes how many seconds it took, and how many of the processors' time.
  @discardableResult
  mutating func time<R>(_ name: String, _ body: () throws -> R) rethrows -> R {
    let start = (Self.seconds, Self.processorSeconds)
    let result = try body()
    add(name, Self.seconds - start.0)
    add("\(name)_cpu", Self.processorSeconds - start.1)
    return result
  }

  /// Notes how much memory the process has had at most.
  mutating func addMemory(_ name: String) {
    var usage = rusage()
    _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    add(name, usage.ru_maxrss * 1024)
  }

  func print() { Swift.print("{\(members.joined(separator: ", "))}") }

  private static var seconds: Double { seconds(CLOCK_MONOTONIC) }
  private static var processorSeconds: Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }

  private static func seconds(_ clock: clockid_t) -> Double {
    var now = timespec()
    _ = unsafe clock_gettime(clock, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
  }
}
