import ChunkStore

/// Reads items on a thread of its own, ahead of whoever works with them.
///
/// Belongs to one thread; the other one ends with it.
final class ItemsAhead {
  private enum Part: Sendable {
    case items([Item])
    case failure(any Error)
  }

  private let queue = BoundedQueue<Part>(capacity: ItemsAhead.batchesAhead)
  private let group = ThreadGroup()
  /// What was taken out of the queue, the next item last.
  private var batch: [Item] = []

  // Few enough that the memory they take, some hundred bytes each, does not count.
  private static let batchSize = 256
  private static let batchesAhead = 16

  /// Reads the items of an archive that are in some places, in order, none within another; all of
  /// them for `nil`.
  init(_ archive: Archive, in places: [ArchivePath]?, of repository: Repository) {
    group.onFailure { [queue] in queue.cancel() }
    group.start("items") { [queue] in
      do throws(RepositoryError) {
        try Self.read(archive, places, repository) { part throws(RepositoryError) in
          try queue.push(part)
        }
        queue.close()
      } catch {
        // Nobody wants more of them.
      }
    }
  }

  deinit {
    queue.cancel()
    // Nothing is thrown on that thread: what goes wrong is handed on.
    try? group.join()
  }

  /// The next item; `nil` behind the last one.
  func next() throws -> Item? {
    while true {
      if let item = batch.popLast() { return item }
      switch queue.pop() {
      case nil:
        if let failure = group.failure { throw failure }
        return nil
      case .items(let items): batch = items.reversed()
      case .failure(let error): throw error
      }
    }
  }

  private static func read(
    _ archive: Archive, _ places: [ArchivePath]?, _ repository: Repository,
    _ hand: (Part) throws(RepositoryError) -> Void
  ) throws(RepositoryError) {
    var batch: [Item] = []
    var failure: (any Error)?
    do {
      var items = SelectedItems(try repository.items(of: archive), in: places)
      while let item = try items.next() {
        batch.append(item)
        guard batch.count == batchSize else { continue }
        do throws(RepositoryError) {
          try hand(.items(batch))
        } catch {
          return
        }
        batch = []
      }
    } catch {
      failure = error
    }
    // What was read before it is worth having.
    try hand(.items(batch))
    if let failure { try hand(.failure(failure)) }
  }
}
