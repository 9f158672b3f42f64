import StoreFormat

/// A stretch of an archive's items that cannot be read, because nodes of the tree are damaged or
/// missing.
///
/// Cursors throw it in the place of these items, and go on after them when they are called again.
public struct LostItems: Error {
  /// The path of the first of them; `nil` if the whole tree is lost.
  public let first: ArchivePath?
  /// Where the next item that is not lost stands, or would stand; `nil` if none follows.
  public internal(set) var end: ArchivePath?
  /// Number of lost items, as the nodes above say: nothing proves it.
  public internal(set) var count: UInt64
  /// Why the first of the nodes cannot be read.
  public let cause: any Error

  /// Whether items at or beneath a path may be among them.
  public func mayHold(_ path: ArchivePath) -> Bool {
    guard let first else { return true }
    if first.isWithin(path) { return true }
    guard first < path else { return false }
    return end.map { path < $0 } ?? true
  }

  /// Adds the stretch that comes right after this one.
  public mutating func extend(by following: LostItems) {
    end = following.end
    let (sum, overflow) = count.addingReportingOverflow(following.count)
    count = overflow ? .max : sum
  }
}
