public import StoreCrypto

/// The result of a compaction.
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
  /// The operations that are waited for, for people.
  public var waitsFor: [String] = []
  /// Bytes of interrupted backups that no archive refers to, and that are kept for some days.
  public var unfinishedBytes = 0
  /// Leases that cannot be read, and so count as those of running operations.
  public var unreadableLeases: [Corruption] = []

  /// Segments that should go and stay, because archives need a chunk of them that cannot be read
  /// anywhere.
  public var keptSegments = 0
  /// Segments in which a chunk is not what their directory or the index says.
  ///
  /// Nothing was removed on their word.
  public var damagedSegments: Set<Digest256> = []

  /// Adds what a later compaction did.
  public static func += (report: inout CompactionReport, later: CompactionReport) {
    report.removedSegments += later.removedSegments
    report.removedBytes += later.removedBytes
    report.movedBytes += later.movedBytes
    report.waitingSegments = later.waitingSegments
    report.waitsFor = later.waitsFor
    report.unfinishedBytes = later.unfinishedBytes
    report.keptSegments = later.keptSegments
    report.damagedSegments.formUnion(later.damagedSegments)
    report.unreadableLeases = later.unreadableLeases
  }
}
