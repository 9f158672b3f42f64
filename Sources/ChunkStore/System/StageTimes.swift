internal import Glibc
import Synchronization

/// The times that the threads of a long operation spend: shows which of them the others wait for.
///
/// Kept only once somebody has asked for it; otherwise nothing is measured.
public enum StageTimes {
  /// The direction in which a thread waits.
  public enum Direction: Sendable {
    /// For something to do.
    case input
    /// For others to take what it has done.
    case output
  }

  /// The times of all threads of one name, in seconds.
  package struct Stage: Sendable {
    /// The name that the threads were started with.
    package let name: String
    /// From their start to their end.
    package fileprivate(set) var alive = 0.0
    /// Time on a processor.
    package fileprivate(set) var busy = 0.0
    /// Waiting for something to do.
    package fileprivate(set) var input = 0.0
    /// Waiting for others to take what is done.
    package fileprivate(set) var output = 0.0
  }

  private struct State {
    var names: [pthread_t: String] = [:]
    var stages: [Stage] = []

    mutating func change(_ name: String, _ body: (inout Stage) -> Void) {
      if let place = stages.firstIndex(where: { $0.name == name }) {
        body(&stages[place])
      } else {
        var stage = Stage(name: name)
        body(&stage)
        stages.append(stage)
      }
    }
  }

  private static let isMeasuring = Atomic(false)
  private static let state = Mutex(State())

  /// Begins to measure all threads that are started from now on.
  package static func begin() { isMeasuring.store(true, ordering: .relaxed) }

  /// Measures what a thread does.
  package static func measuring(_ name: String, _ body: () throws -> Void) rethrows {
    guard isMeasuring.load(ordering: .relaxed) else { return try body() }
    let start = SystemClock.monotonicSeconds
    let startOfWork = threadSeconds
    state.withLock { $0.names[pthread_self()] = name }
    defer {
      state.withLock { state in
        state.names[pthread_self()] = nil
        state.change(name) {
          $0.alive += SystemClock.monotonicSeconds - start
          $0.busy += threadSeconds - startOfWork
        }
      }
    }
    try body()
  }

  /// Runs `wait`, which does nothing but wait.
  public static func waiting<R>(for direction: Direction, _ wait: () -> R) -> R {
    guard isMeasuring.load(ordering: .relaxed) else { return wait() }
    let start = SystemClock.monotonicSeconds
    defer {
      let time = SystemClock.monotonicSeconds - start
      state.withLock { state in
        if let name = state.names[pthread_self()] {
          state.change(name) {
            switch direction {
            case .input: $0.input += time
            case .output: $0.output += time
            }
          }
        }
      }
    }
    return wait()
  }

  /// The threads that have ended.
  package static var stages: [Stage] { state.withLock { $0.stages.filter { $0.alive > 0 } } }

  /// Seconds that this thread was on a processor.
  private static var threadSeconds: Double {
    var time = timespec()
    guard unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { return 0 }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
