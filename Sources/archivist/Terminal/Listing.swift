import ChunkStore

/// Prints items with their status letters, if that was asked for; from any thread.
struct Listing: Sendable {
  private let report: Report
  private let letters: Set<UInt8>?
  private let isOn: Bool
  private let sources: SourcePaths?

  /// Prints those whose letter is in `filter`, or all if that is `nil`; with `sources` the paths on this
  /// machine, otherwise those in the archive.
  init(_ report: Report, isOn: Bool, filter: String?, sources: SourcePaths? = nil) {
    self.sources = sources
    self.report = report
    self.isOn = isOn
    letters = filter.map { Set($0.utf8) }
  }

  func add(_ status: BackupRun.Status, _ path: ArchivePath) {
    guard isOn, letters?.contains(status.rawValue) ?? true else { return }
    if let sources, status != .standardInput {
      return report.item(status: status.rawValue, path: sources.source(of: path))
    }
    report.item(
      status: status.rawValue, path: path.bytes.isEmpty ? [UInt8(ascii: ".")] : path.bytes)
  }
}
