import Synchronization

/// The beginning and the end of a run in borg's style.
enum BorgRun {
  /// Whether figures are those of the archives alone, without those of the repository.
  static let showsOwnFigures = Atomic(false)

  /// Says what was replaced, and arranges for the last words.
  static func begin(_ line: BorgCommandLine) {
    let report = Report(
      minimum: line.level == .error ? .error : .notice,
      format: line.arguments.contains(Array("--log-json".utf8)) ? .json : .text, style: .borg)
    if line.settings.showsVersion {
      report.output(["borgbackup version \(CommandStyle.borgVersion)"], about: .showVersion)
    }
    showsOwnFigures.store(line.settings.showsOwnFigures, ordering: .relaxed)
    for notice in line.notices { report.notice(notice) }
    guard line.settings.showsStatus else { return }
    Exit.lastWords.withLock { words in
      words = { status, code in
        report.output(
          ["terminating with \(word(status)) status, rc \(code)"], about: .showStatus,
          level: level(status))
      }
    }
  }

  private static func word(_ status: ExitStatus) -> String {
    switch status {
    case .success: "success"
    case .warning: "warning"
    case .failure: "error"
    case .signal: "signal"
    case .command(let code): code == 0 ? "success" : "abnormal"
    }
  }

  private static func level(_ status: ExitStatus) -> Report.Level {
    switch status {
    case .success: .info
    case .warning: .warning
    case .failure, .signal, .command: .error
    }
  }
}
