import ChunkStore
import Glibc
import Synchronization

/// Turns the signals that end a program into a wish to end in good order.
///
/// They are blocked in all threads that are started from now on, and a thread of its own waits for
/// them: so a handler may do whatever a thread may. Who asks again, a second later, is in earnest:
/// that ends the program at once.
final class SignalWatch: Sendable {
  private let received = Mutex<(number: Int32, time: Double)?>(nil)
  private let handler = Mutex<(@Sendable () -> Void)?>(nil)
  private let group = ThreadGroup()

  /// The first signal that came.
  var signal: Int32? { received.withLock { $0?.number } }

  /// Some programs send one signal twice, to the process and to its group.
  private static let patience = 1.0

  /// Starts to watch, except for signals that whoever started us wants to be ignored.
  init() {
    let watched = [SIGINT, SIGTERM, SIGHUP].filter { number in
      var action = sigaction()
      guard unsafe sigaction(number, nil, &action) == 0 else { return false }
      return unsafe action.__sigaction_handler.sa_handler.map {
        unsafe unsafeBitCast($0, to: Int.self) != Self.ignored
      } ?? true
    }
    var set = Self.set(of: watched)
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    group.start("signals") { [weak self] in
      while true {
        var set = Self.set(of: watched)
        var number: Int32 = 0
        // The only error of sigwait(3) is a signal that there is not.
        guard unsafe sigwait(&set, &number) == 0 else { return }
        self?.receive(number)
      }
    }
  }

  /// What is done at the first signal; without it, the program ends.
  func handle(_ body: (@Sendable () -> Void)?) { handler.withLock { $0 = body } }

  private func receive(_ number: Int32) {
    let now = Clock.monotonicSeconds
    let first = received.withLock { received in
      defer { received = received ?? (number, now) }
      return received
    }
    guard let body = handler.withLock({ $0 }) else { Exit.leave(.signal(number)) }
    guard let first else { return body() }
    if now - first.time > Self.patience { Exit.leave(.signal(number)) }
  }

  /// The value of `SIG_IGN`, which is no function.
  private static let ignored = 1

  private static func set(of signals: [Int32]) -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in signals { unsafe sigaddset(&set, signal) }
    return set
  }
}
