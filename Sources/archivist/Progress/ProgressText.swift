import ChunkStore
import LinuxSystem

/// How far a command is, for people, on one line.
enum ProgressText {
  /// The line, without an end.
  ///
  /// - Parameters:
  ///   - state: What there is to tell.
  ///   - rate: Bytes per second, if known.
  ///   - width: Columns that there are; the path gives way.
  /// - Returns: Text that is safe for a terminal.
  static func line(_ state: ProgressState, rate: Double?, width: Int) -> [UInt8] {
    var text = summary(state)
    if state.bytes != nil, let rate { text += "  \(HumanText.size(Int64(rate)))/s" }
    if let remaining = state.remaining { text += "  ~\(duration(remaining)) left" }
    let line = DisplayText.shortened(Array(text.utf8), to: width)
    let room = width - DisplayText.width(line) - 2
    guard !state.path.isEmpty, room >= 8 else { return line }
    return line + Array("  ".utf8) + DisplayText.shortened(NameText.display(state.path), to: room)
  }

  /// The figures, without rate and path.
  static func summary(_ state: ProgressState) -> String {
    switch state.kind {
    case .backup(let backup):
      return
        "read \(size(backup.originalSize)), \(size(backup.storedSize)) new  \(HumanText.count(backup.files, "file"))"
    case .stage(let reading):
      guard reading.total > 0 else { return reading.stage.rawValue }
      let done = min(reading.done, reading.total)
      let percent = HumanText.fixed(100 * Double(done) / Double(reading.total), 1)
      let parts =
        switch reading.unit {
        case .bytes: "\(size(done)) of \(size(reading.total))"
        case .pieces: "\(done) of \(reading.total)"
        }
      return "\(reading.stage.rawValue)  \(percent)%  \(parts)"
    }
  }

  /// A length of time as nobody needs it to be more exact: `42 s`, `3 min`, `2 h 10 min`, `3 d 4 h`.
  static func duration(_ seconds: Double) -> String {
    let total = Int64(min(max(seconds, 1), 1e9))
    let (minutes, hours) = ((total + 30) / 60, (total + 1800) / 3600)
    switch total {
    case ..<100: return "\(total) s"
    case ..<5970: return "\(minutes) min"
    case ..<172_800: return "\(minutes / 60) h \(minutes % 60) min"
    default: return "\(hours / 24) d \(hours % 24) h"
    }
  }

  private static func size(_ bytes: UInt64) -> String {
    HumanText.size(Int64(clamping: bytes))
  }
}
