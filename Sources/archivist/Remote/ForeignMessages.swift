import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// Passes on what a program, and whoever it talks to, writes on standard error: with the characters
/// escaped that would act on a terminal.
///
/// ssh hands on the messages of the other machine as they are, and that one may be in anybody's hands.
final class ForeignMessages: Sendable {
  /// Where the program writes; closed by `closeInput`.
  let input: Int32
  private let thread = ThreadGroup()
  private let hasEnded = Event()

  /// How many seconds to wait for the last words of a program that has ended.
  ///
  /// Another one may hold on to its standard error, as a connection does that ssh keeps for the next time.
  private static let patience = 0.5

  init() throws(ChildProcess.Failure) {
    var ends: [Int32] = [-1, -1]
    guard unsafe linux_pipe(&ends) == 0 else { throw .notStarted(ErrorNumber(errno)) }
    input = ends[1]
    let output = ends[0]
    thread.start("messages") { [hasEnded] in
      defer {
        close(output)
        hasEnded.set()
      }
      Self.passOn(from: output)
    }
    // Without the thread nobody reads, and the program would wait for ever.
    if let failure = thread.failure as? SystemError {
      close(output)
      close(input)
      throw .notStarted(ErrorNumber(failure.code))
    }
  }

  /// Closes our own end, once the program has it.
  func closeInput() { close(input) }

  /// Waits until everything was passed on, but not for long.
  func finish() { _ = hasEnded.wait(until: SystemClock.monotonicSeconds + Self.patience) }

  private static func passOn(from output: Int32) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var held: [UInt8] = []
    while true {
      let count = retryingInterrupts { unsafe read(output, &buffer, buffer.count) }
      guard count > 0 else { break }
      held += buffer[..<count]
      let whole = endOfWhole(held)
      write(Array(held[..<whole]))
      held.removeFirst(whole)
    }
    write(held)
  }

  /// Where the last character begins, if its rest has not come yet; else the end.
  private static func endOfWhole(_ text: [UInt8]) -> Int {
    for length in 1...3 where length <= text.count {
      let byte = text[text.count - length]
      guard byte >= 0x80 else { break }
      guard byte < 0xC0 else {
        let wanted = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        return length < wanted ? text.count - length : text.count
      }
    }
    return text.count
  }

  private static func write(_ bytes: [UInt8]) {
    // ssh ends its lines for a terminal that is raw.
    let text = NameText.withoutControls(bytes.filter { $0 != UInt8(ascii: "\r") })
    // Nobody to tell if that fails.
    _ = writeAll(text, to: STDERR_FILENO)
  }
}
