import ChunkStore
import Synchronization

/// A directory that gets its metadata when everything in it is there.
///
/// Files are finished on other threads: whoever is the last to have something to do in the
/// directory gives it its metadata.
final class UnfinishedDirectory: Sendable {
  let item: Item
  private let context: RestoreContext
  /// The metadata it got when it was made; `nil` for one that was there before.
  private let birth: Birth?
  /// Files that are not finished, and one for the walk as long as it is inside.
  private let open = Atomic(1)
  private let handle = Mutex<DirectoryHandle?>(nil)

  init(_ item: Item, _ context: RestoreContext, birth: Birth?) {
    self.item = item
    self.context = context
    self.birth = birth
  }

  /// A file in the directory is begun.
  func begin() { open.add(1, ordering: .relaxed) }

  /// A file in the directory is finished.
  ///
  /// - Returns: What the system did not take of the directory's metadata.
  func end() -> [RestoreProblem] {
    guard open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0,
      let directory = handle.withLock({ $0.take() })
    else { return [] }
    guard let birth else { return context.correct(item, directory.number) }
    return context.apply(item, to: .open(directory.number), birth)
      + context.applyFlags(item, to: directory.number)
  }

  /// The walk has left the directory, which `handle` is.
  func leave(_ directory: DirectoryHandle) -> [RestoreProblem] {
    handle.withLock { $0 = directory }
    return end()
  }
}
