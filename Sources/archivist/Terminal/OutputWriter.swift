import CLinux
import Glibc

/// Standard output, buffered, of bytes.
///
/// A full disk or a reader that has gone is an error here, never silence: a listing that was cut
/// short must not look like a whole one. One thread uses a writer.
final class OutputWriter {
  private let descriptor: Int32
  private let capacity: Int
  private var buffer: [UInt8] = []
  private let report: Report?

  /// Whether people see this on a screen.
  let isTerminal: Bool

  /// Writes to `descriptor`, which stays open.
  ///
  /// Where `report` shows progress on the same screen, it makes room.
  init(
    to descriptor: Int32 = STDOUT_FILENO, capacity: Int = 1 << 16, report: Report? = nil
  ) {
    self.report = report
    self.descriptor = descriptor
    self.capacity = capacity
    isTerminal = isatty(descriptor) == 1
    buffer.reserveCapacity(capacity)
  }

  /// Lets a write fail, instead of ending the program, to a pipe that nobody reads, and to a file
  /// beyond the limit for files (`ulimit -f`).
  static func ignoreSignals() {
    for number in [SIGPIPE, SIGXFSZ] { _ = signal(number, SIG_IGN) }
  }

  /// The form of names in listings that are written here.
  var names: NameText.Form { isTerminal ? .terminal : .lines }

  /// The columns of the terminal; 80 where that is not known.
  var width: Int {
    let width = Int(linux_terminal_width(descriptor))
    return width > 0 ? width : 80
  }

  /// Appends bytes.
  func write(_ bytes: some Collection<UInt8>) throws(OutputError) {
    buffer += bytes
    if buffer.count >= capacity || (isTerminal && buffer.contains(UInt8(ascii: "\n"))) {
      try flush()
    }
  }

  /// Appends text; control characters that names of others have brought into it are escaped.
  func write(_ text: String) throws(OutputError) {
    try write(NameText.withoutControls(Array(text.utf8)))
  }

  /// Hands over what is buffered.
  func flush() throws(OutputError) {
    let code: Int32
    if isTerminal, let report {
      code = report.aside { writeAll(buffer, to: descriptor) }
    } else {
      code = writeAll(buffer, to: descriptor)
    }
    buffer.removeAll(keepingCapacity: true)
    if code != 0 { throw OutputError(code) }
  }

  /// Hands over the rest and asks for errors that Linux kept for the end.
  ///
  /// Over a network, `close` is where a full disk is reported; closing a duplicate asks for it
  /// and leaves standard output open.
  func finish() throws(OutputError) {
    try flush()
    let copy = dup(descriptor)
    guard copy >= 0, close(copy) == 0 else { throw OutputError(errno) }
  }
}

/// Output that could not be written.
enum OutputError: Error, Equatable, CustomStringConvertible {
  /// Nobody reads it any more, as in `archivist list | head`.
  case closedByReader
  /// Linux refused it.
  case failed(ErrorNumber)

  init(_ code: Int32) { self = code == EPIPE ? .closedByReader : .failed(ErrorNumber(code)) }

  var description: String {
    switch self {
    case .closedByReader: "nobody reads the output any more"
    case .failed(let error): "cannot write the output: \(error)"
    }
  }
}
