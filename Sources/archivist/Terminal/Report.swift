import ChunkStore
import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// The messages of a run on standard error, and its exit status.
///
/// Any number of threads may report at the same time: each message is one whole line.
final class Report: Sendable {
  /// How much a message matters.
  enum Level: Int, Comparable, Sendable {
    case debug
    case info
    case notice
    case warning
    case error

    /// borg's word for it.
    var name: String {
      switch self {
      case .debug: "DEBUG"
      case .info, .notice: "INFO"
      case .warning: "WARNING"
      case .error: "ERROR"
      }
    }

    static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
  }

  /// Who reads the messages.
  enum Format: Sendable {
    /// People.
    case text
    /// Programs: an object in each line, as with borg's `--log-json`.
    case json
  }

  private struct State {
    var warnings: [ExitStatus.Warning: Int] = [:]
    var failures: [ExitStatus.Failure: Int] = [:]
    /// The line that is shown below the messages.
    var progress: [UInt8] = []
  }

  private let descriptor: Int32
  private let minimum: Level
  private let format: Format
  private let style: CommandStyle
  private let words: BorgWords?
  private let state = Mutex(State())

  /// Whether people see this on a screen.
  let isTerminal: Bool

  /// Reports what is at least of level `minimum` to `descriptor`.
  init(
    to descriptor: Int32 = STDERR_FILENO, minimum: Level = .notice, format: Format = .text,
    style: CommandStyle = .native
  ) {
    self.style = style
    words = style == .borg ? CommandStyle.words : nil
    self.descriptor = descriptor
    self.minimum = minimum
    self.format = format
    isTerminal = isatty(descriptor) == 1
  }

  /// Whether a person at a terminal reads what everybody is told.
  var speaksToPeople: Bool { isTerminal && format == .text && minimum <= .notice }

  /// Whether anybody looks for a fault.
  var isDebugging: Bool { minimum <= .debug }

  /// Something for those who look for a fault.
  func debug(_ message: @autoclosure () -> Message) {
    if minimum <= .debug { write(.debug, message()) }
  }

  /// Something that is good to know.
  func info(_ message: @autoclosure () -> Message) {
    if minimum <= .info { write(.info, message()) }
  }

  /// Something that everybody is told who does not ask for silence, and that is not wrong.
  func notice(_ message: @autoclosure () -> Message) {
    if minimum <= .notice { write(.notice, message()) }
  }

  /// Something that went wrong while the work went on; the exit status will tell.
  func warning(_ kind: ExitStatus.Warning, _ message: Message) {
    write(.warning, message, messageID: kind.messageID) { $0.warnings[kind, default: 0] += 1 }
  }

  /// Something that somebody has to look at, and that takes nothing from what is done: the exit
  /// status does not tell.
  func caution(_ message: Message) { write(.warning, message) }

  /// Advice in several lines, which nobody is warned by.
  func advice(_ lines: [Message]) {
    guard minimum <= .warning else { return }
    switch format {
    case .text: for text in lines { line(text.bytes) }
    case .json:
      let text = Array(lines.map(\.bytes).joined(separator: [UInt8(ascii: "\n")]))
      line(record(.warning, Message(text: text), logger: logger(nil)))
    }
  }

  /// Something that keeps the work from being finished.
  ///
  /// - Parameters:
  ///   - message: What it is.
  ///   - kind: What kind of failure it is.
  ///   - messageID: What programs know it by.
  func error(
    _ message: Message, _ kind: ExitStatus.Failure = .other, messageID: String? = nil
  ) {
    let messageID = messageID ?? (kind == .other ? nil : kind.messageID)
    write(.error, message, messageID: messageID) { $0.failures[kind, default: 0] += 1 }
  }

  /// One item of a list, with its status letter, as borg prints them.
  func item(status: UInt8, path: [UInt8]) {
    let line: [UInt8]
    switch format {
    case .text:
      line = [status, UInt8(ascii: " ")] + NameText.display(path) + [UInt8(ascii: "\n")]
    case .json:
      let members: [(String, JSON)] = [
        ("type", .string("file_status")),
        ("status", .string(String(decoding: [status], as: UTF8.self))),
      ]
      line = JSON.object(members + JSON.members("path", path)).line + [UInt8(ascii: "\n")]
    }
    state.withLock { write(line, $0) }
  }

  /// One item of a list, as borg prints those of `extract`.
  func item(path: [UInt8]) {
    switch format {
    case .text: line(NameText.display(path))
    case .json: line(record(.info, Message("\(name: path)"), logger: logger(.list)))
    }
  }

  /// The topic of output that was asked for; programs tell it apart by the name of its logger.
  enum Topic: String, Sendable {
    case list
    case stats
    case showVersion = "show-version"
    case showStatus = "show-rc"
  }

  /// Lines of output that were asked for, which are shown whatever level messages have.
  ///
  /// - Parameters:
  ///   - lines: The lines, each without its end.
  ///   - topic: What they are about.
  ///   - level: How much they matter, for programs.
  func output(_ lines: [Message], about topic: Topic, level: Level = .info) {
    for text in lines {
      switch format {
      case .text: line(text.bytes)
      case .json: line(record(level, text, logger: logger(topic)))
      }
    }
  }

  /// A part of a question and its answer; a prompt is not ended, so that the answer stands behind it.
  ///
  /// - Parameters:
  ///   - part: The part, in borg's word: `prompt`, `env_answer`, `accepted_false`, `invalid_answer`.
  ///   - text: Its text.
  ///   - id: The word that programs know the question by.
  ///   - members: What else programs are told.
  func question(_ part: String, _ text: Message, id: String, members: [(String, JSON)] = []) {
    switch format {
    case .text:
      let bytes = text.bytes + (part == "prompt" ? [] : [UInt8(ascii: "\n")])
      state.withLock { write(bytes, $0) }
    case .json:
      let all: [(String, JSON)] = [
        ("type", .string("question_\(part)")), ("msgid", .string(id)),
        ("message", .string(NameText.replacingInvalid(text.bytes))),
      ]
      line(JSON.object(all + members).line)
    }
  }

  private func logger(_ topic: Topic?) -> String {
    let program = style == .borg ? "borg" : "archivist"
    guard let topic else { return style == .borg ? "borg.archiver" : program }
    return "\(program).output.\(topic.rawValue)"
  }

  /// A line of output that is no message, such as an object for programs.
  func line(_ bytes: [UInt8]) {
    state.withLock { write(bytes + [UInt8(ascii: "\n")], $0) }
  }

  // MARK: Progress

  /// Shows a line below the messages, in place of the one before; an empty one removes it.
  ///
  /// The line must be shorter than the terminal is wide.
  func progress(_ line: [UInt8]) {
    state.withLock { state in
      let shown = !state.progress.isEmpty
      state.progress = line
      if shown || !line.isEmpty { _ = writeAll(Self.startOfLine + line, to: descriptor) }
    }
  }

  /// Lets `body` write to the same terminal, with the progress line out of its way.
  func aside<R>(_ body: () -> R) -> R {
    state.withLock { state in
      if !state.progress.isEmpty { _ = writeAll(Self.startOfLine, to: descriptor) }
      defer { if !state.progress.isEmpty { _ = writeAll(state.progress, to: descriptor) } }
      return body()
    }
  }

  /// Back to the first column, and everything behind it erased.
  private static let startOfLine = Array("\r\u{1B}[K".utf8)

  // MARK: Figures

  /// How many warnings were given, shown or not.
  var warningCount: Int { state.withLock { $0.warnings.values.reduce(0, +) } }

  /// How many errors were reported.
  var errorCount: Int { state.withLock { $0.failures.values.reduce(0, +) } }

  /// The status of a run that came to its end: what the warnings make of it.
  ///
  /// One that was reported without ending the run makes it a failure all the same.
  var exitStatus: ExitStatus {
    state.withLock { state in
      state.failures.isEmpty
        ? ExitStatus(warnings: state.warnings.keys) : ExitStatus(failures: state.failures.keys)
    }
  }

  private func write(
    _ level: Level, _ message: Message, messageID: String? = nil,
    _ count: (inout State) -> Void = { _ in }
  ) {
    let line = level >= minimum ? self.line(level, message, messageID) : []
    state.withLock { state in
      count(&state)
      if !line.isEmpty { write(line, state) }
    }
  }

  /// Writes whole lines, above the progress if that is shown.
  private func write(_ lines: [UInt8], _ state: State) {
    // Where standard error is gone there is nobody left to tell; the exit status remains.
    _ = writeAll(
      state.progress.isEmpty ? lines : Self.startOfLine + lines + state.progress, to: descriptor)
  }

  private func line(_ level: Level, _ message: Message, _ messageID: String?) -> [UInt8] {
    let message = words.map { Message(text: $0.translate(message.bytes)) } ?? message
    switch format {
    case .text:
      let prefix =
        switch level {
        case .error: "Error: "
        case .warning: "Warning: "
        case .notice, .info, .debug: ""
        }
      return Array(prefix.utf8) + message.bytes + [UInt8(ascii: "\n")]
    case .json:
      return record(level, message, logger: logger(nil), messageID) + [UInt8(ascii: "\n")]
    }
  }

  /// A message as borg's `log_message`.
  private func record(
    _ level: Level, _ message: Message, logger: String, _ messageID: String? = nil
  ) -> [UInt8] {
    var members: [(String, JSON)] = [
      ("type", .string("log_message")), ("time", .number(SystemClock.now.unixTime)),
      ("message", .string(NameText.replacingInvalid(message.bytes))),
      ("levelname", .string(level.name)), ("name", .string(logger)),
    ]
    if let messageID { members.append(("msgid", .string(messageID))) }
    return JSON.object(members).line
  }
}

/// Writes all of `bytes`; the answer is 0, or the `errno` of the write that failed.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
  var written = 0
  while written < bytes.count {
    let count = unsafe bytes.withUnsafeBytes {
      unsafe write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
    }
    if count > 0 {
      written += count
    } else if count < 0, errno == EAGAIN {
      // A terminal or pipe that someone else made non-blocking.
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      unsafe poll(&waiting, 1, -1)
    } else if count == 0 || errno != EINTR {
      return count == 0 ? EIO : errno
    }
  }
  return 0
}
