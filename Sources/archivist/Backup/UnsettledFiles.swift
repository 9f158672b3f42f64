import ChunkStore
import Synchronization

/// Files on their way into an archive of which only their contents tell whether they have changed.
final class UnsettledFiles: Sendable {
  /// The contents in the archive before: as many as the builder has in hand.
  private let contents = Mutex<[ArchivePath: Item.Content]>([:])

  /// Takes note of a file that is about to be read.
  func add(_ path: ArchivePath, _ content: Item.Content) {
    contents.withLock { $0[path] = content }
  }

  /// Tells, once, whether a file that was read is unchanged.
  ///
  /// - Returns: `false` if it is no such file, or holds something else now.
  func isUnchanged(_ item: Item) -> Bool {
    guard let before = contents.withLock({ $0.removeValue(forKey: item.path) }) else {
      return false
    }
    return before == item.content
  }

  /// A file that could not be read.
  func forget(_ path: ArchivePath) { _ = contents.withLock { $0.removeValue(forKey: path) } }
}
