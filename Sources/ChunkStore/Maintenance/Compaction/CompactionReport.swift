/// What a compaction did.
public struct CompactionReport: Sendable {
  /// Segments that were removed.
  public var removedSegments = 0
  /// Bytes that those took.
  public var removedBytes = 0
  /// Bytes of chunks that were still needed, and written to new segments.
  public var movedBytes = 0
  /// Bytes that the repository is smaller by.
  public var freedBytes: Int { removedBytes - movedBytes }
  /// Segments that go when the operations that were running then have ended.
  public var waitingSegments = 0
  /// What those operations are, for people.
  public var waitsFor: [String] = []

  /// Adds what a later compaction did.
  public static func += (report: inout CompactionReport, later: CompactionReport) {
    report.removedSegments += later.removedSegments
    report.removedBytes += later.removedBytes
    report.movedBytes += later.movedBytes
    report.waitingSegments = later.waitingSegments
    report.waitsFor = later.waitsFor
  }
}
