import CLinux
import Glibc
import Synchronization

/// A program that carries a connection: we hear its standard output, and speak to its input.
///
/// It is in our group of processes, so that it can ask for a password on the terminal. What would end
/// us is sent to that group by a terminal, `timeout` and others, and to all processes of a service by
/// systemd: it passes the program by, because we still need it to end the work in good order.
final class CarrierProcess: Sendable {
  /// Where we speak; closed by whoever takes it.
  let input: Int32
  /// Where we hear; closed by whoever takes it.
  let output: Int32
  private let process: Mutex<pid_t?>
  private let messages: ForeignMessages

  /// Those that run.
  private static let running = Mutex(Set<pid_t>())
  private static let blocked = [SIGINT, SIGTERM, SIGHUP]
  /// The signal that ends it all the same.
  ///
  /// ssh, when it asks for a password, makes the terminal show again what is typed first.
  private static let ending = SIGALRM

  /// Starts a program, found as a shell would find it, without a shell.
  init(_ words: [[UInt8]]) throws(ChildProcess.Failure) {
    var there: [Int32] = [-1, -1]
    var back: [Int32] = [-1, -1]
    guard unsafe linux_pipe(&there) == 0 else { throw .notStarted(ErrorNumber(errno)) }
    defer { close(there[0]) }
    guard unsafe linux_pipe(&back) == 0 else {
      let error = ErrorNumber(errno)
      close(there[1])
      throw .notStarted(error)
    }
    defer { close(back[1]) }
    do throws(ChildProcess.Failure) {
      let messages = try ForeignMessages()
      defer { messages.closeInput() }
      self.messages = messages
      let number = try ChildProcess.start(
        words, input: there[0], output: back[1], error: messages.input, blocked: Self.blocked)
      process = Mutex(number)
      _ = Self.running.withLock { $0.insert(number) }
    } catch {
      close(there[1])
      close(back[0])
      throw error
    }
    input = there[1]
    output = back[0]
  }

  deinit { end() }

  /// Ends the program, if it does not end by itself within a second.
  func end() {
    guard let process = process.withLock({ $0.take() }) else { return }
    _ = Self.running.withLock { $0.remove(process) }
    if !ChildProcess.hasEnded(process, within: 1) { Self.end(process) }
    messages.finish()
  }

  /// Ends all that run, because this program is about to end.
  static func endAll() {
    for process in running.withLock({ $0 }) { end(process) }
  }

  private static func end(_ process: pid_t) {
    guard !ChildProcess.end(process, with: ending, patience: 0.5) else { return }
    _ = ChildProcess.end(process, with: SIGKILL, patience: 1)
  }
}
