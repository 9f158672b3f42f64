import CLinux
import Glibc
import Synchronization

/// A program that carries a connection: we hear its standard output, and speak to its input.
final class CarrierProcess: Sendable {
  /// Where we speak; closed by whoever takes it.
  let input: Int32
  /// Where we hear; closed by whoever takes it.
  let output: Int32
  private let process: Mutex<pid_t?>

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
      // An interrupt at the terminal is for us, who then end the work in order.
      process = Mutex(
        try ChildProcess.start(words, input: there[0], output: back[1], blocksInterrupt: true))
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
    var status: Int32 = 0
    for _ in 0..<100 {
      if unsafe waitpid(process, &status, WNOHANG) != 0 { return }
      usleep(10_000)
    }
    _ = kill(process, SIGTERM)
    while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
  }
}
