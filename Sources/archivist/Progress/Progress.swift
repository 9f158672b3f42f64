import ChunkStore
import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// Shows how far a command is, while it works.
///
/// On a terminal it is one line below the messages, drawn again and again; elsewhere lines or JSON
/// objects, now and then. A thread of its own asks for the state, so the work is not kept waiting.
final class Progress: Sendable {
  private enum Style {
    case line
    case lines
    case json

    /// Seconds between two looks.
    var interval: Double {
      switch self {
      case .line: 0.2
      case .lines: 5
      case .json: 0.5
      }
    }
  }

  private struct State {
    var isFinished = false
    var last: ProgressState?
    var rate = RateMeter()
  }

  private let report: Report
  private let style: Style
  private let current: @Sendable () -> ProgressState?
  private let state = Mutex(State())
  private let group = ThreadGroup()

  /// Begins to show what `current` says; call `finish` at the end.
  private init(
    _ report: Report, style: Style, current: @escaping @Sendable () -> ProgressState?
  ) {
    self.report = report
    self.style = style
    self.current = current
    // Not waited for at the end: by then it has nothing to show, and the command need not stay for
    // its last sleep.
    group.start("progress") { [weak self] in
      while true {
        var pause = timespec(style.interval)
        // Woken early by a signal, it looks early.
        unsafe nanosleep(&pause, nil)
        guard let self, show() else { return }
      }
    }
  }

  /// Begins to show progress, if that is wanted here.
  ///
  /// - Parameters:
  ///   - session: Says what is wanted, and where it goes.
  ///   - current: The state; asked for on another thread.
  /// - Returns: What has to be told when all is done; `nil` if nothing is shown.
  static func begin(
    _ session: Session, _ current: @escaping @Sendable () -> ProgressState?
  ) -> Progress? {
    guard let style = style(session) else { return nil }
    return Progress(session.report, style: style, current: current)
  }

  /// Begins to show the progress of an operation that is counted with a meter.
  static func begin(_ session: Session, _ meter: Meter) -> Progress? {
    begin(session) { meter.reading.map { ProgressState(kind: .stage($0)) } }
  }

  /// Whether progress is shown.
  static func isShown(_ session: Session) -> Bool { style(session) != nil }

  private static func style(_ session: Session) -> Style? {
    let isWanted = session.options.progress
    if session.options.logJson { return isWanted ? .json : nil }
    let canRedraw =
      session.report.isTerminal
      && session.environment.value("TERM").map { $0 != Array("dumb".utf8) } ?? false
    // borg shows nothing that was not asked for.
    let isUsual = session.style == .native && !session.options.quiet
    if canRedraw { return isWanted || isUsual ? .line : nil }
    return isWanted ? .lines : nil
  }

  /// Shows the last state where it stays to be seen, else removes what was shown.
  func finish() {
    let last = current()
    state.withLock { state in
      guard !state.isFinished else { return }
      state.isFinished = true
      switch style {
      case .line: report.progress([])
      case .lines, .json:
        tell(last, &state)
        if style == .json, let last = state.last {
          write(ProgressJSON.finished(last, time: SystemClock.now.unixTime))
        }
      }
    }
  }

  /// Whether to go on.
  private func show() -> Bool {
    let now = current()
    return state.withLock { state in
      guard !state.isFinished else { return false }
      tell(now, &state)
      return true
    }
  }

  private func tell(_ now: ProgressState?, _ state: inout State) {
    guard let now else { return }
    if let last = state.last, last.stageNumber != now.stageNumber {
      if style == .json { write(ProgressJSON.finished(last, time: SystemClock.now.unixTime)) }
      state.rate = RateMeter()
    }
    state.last = now
    if let bytes = now.bytes { state.rate.add(bytes, at: SystemClock.monotonicSeconds) }
    let rate = state.rate.bytesPerSecond
    switch style {
    case .line:
      report.progress(ProgressText.line(now, rate: rate, width: Self.terminalWidth - 1))
    case .lines: report.line(ProgressText.line(now, rate: rate, width: .max))
    case .json: write(ProgressJSON.object(now, time: SystemClock.now.unixTime))
    }
  }

  private func write(_ object: JSON) { report.line(object.line) }

  private static var terminalWidth: Int {
    let width = Int(linux_terminal_width(STDERR_FILENO))
    return width > 0 ? width : 80
  }
}

extension ProgressState {
  /// The number that tells one stage from the next.
  fileprivate var stageNumber: Int {
    if case .stage(let reading) = kind { reading.number } else { 0 }
  }
}

extension timespec {
  fileprivate init(_ seconds: Double) {
    let whole = seconds.rounded(.down)
    self.init(tv_sec: Int(whole), tv_nsec: Int((seconds - whole) * 1e9))
  }
}
