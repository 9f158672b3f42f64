import ChunkStore
import StoreCrypto
import Synchronization

/// Figures of a deletion, if they are wanted: how much the archives were, and how much only they needed.
struct DeletionFigures {
  private let session: Session
  private let repository: Repository
  private let isWanted: Bool
  private var count = 0
  private var original: UInt64 = 0
  private var compressed: UInt64 = 0
  private var deduplicated: UInt64 = 0

  /// Prepares to count.
  init(_ session: Session, _ repository: Repository, isWanted: Bool) {
    self.session = session
    self.repository = repository
    self.isWanted = isWanted
  }

  /// Looks at the archives that are to go.
  mutating func begin(_ archives: [Archive]) throws {
    guard isWanted else { return }
    count = archives.count
    let figures = try repository.figures(ofAll: archives, problem: session.warn(about:))
    original = figures.originalSize
    compressed = figures.compressedSize
    deduplicated = figures.deduplicatedSize
  }

  /// Prints what was counted.
  func finish() throws {
    guard isWanted else { return }
    guard session.style == .borg else {
      return try session.print(
        [
          "Deleted \(HumanText.count(count, "archive")), \(ArchiveText.size(original)); "
            + "only they needed \(ArchiveText.size(deduplicated)) of what is stored."
        ], about: .stats)
    }
    var totals: RepositoryTotals?
    if !BorgRun.showsOwnFigures.load(ordering: .relaxed) {
      var all = try repository.totals(problem: session.warn(about:))
      // Nothing is freed yet; borg does not count what no archive needs any more.
      all.uniqueCompressedSize -= min(deduplicated, all.uniqueCompressedSize)
      totals = all
    }
    let row = BorgFigures.Row(
      label: "Deleted data:", original: -Int64(clamping: original),
      compressed: -Int64(clamping: compressed), deduplicated: -Int64(clamping: deduplicated))
    try session.print(BorgFigures.deleted(row, totals), about: .stats)
  }
}
