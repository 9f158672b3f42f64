import ChunkStore

/// Prints items with their status letters, if that was asked for; from any thread.
struct Listing: Sendable {
  private let report: Report
  private let letters: Set<UInt8>?
  private let isOn: Bool

  /// Prints those whose letter is in `filter`, or all if that is `nil`.
  init(_ report: Report, isOn: Bool, filter: String?) {
    self.report = report
    self.isOn = isOn
    letters = filter.map { Set($0.utf8) }
  }

  func add(_ status: BackupRun.Status, _ path: ArchivePath) {
    guard isOn, letters?.contains(status.rawValue) ?? true else { return }
    report.item(
      status: status.rawValue, path: path.bytes.isEmpty ? [UInt8(ascii: ".")] : path.bytes)
  }
}
