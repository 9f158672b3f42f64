import ChunkStore

/// Tells what items were not restored because of what is in the way: once for all beneath one place.
struct ObstacleTally {
  private let report: Report
  private var last: RestoreObstacle?
  private var more = 0

  init(_ report: Report) { self.report = report }

  /// An item was not restored.
  mutating func add(_ path: ArchivePath, _ obstacle: RestoreObstacle) {
    guard obstacle != last else { return more += 1 }
    end()
    last = obstacle
    report.warning(.fileFailed, "\(name: path.bytes): not restored: \(obstacle.reason)")
  }

  /// Tells how many items the last warning stands for.
  mutating func end() {
    if more > 0 {
      report.warning(
        .fileFailed, "\(HumanText.count(more, "more item")) not restored for the same reason")
    }
    (last, more) = (nil, 0)
  }
}
