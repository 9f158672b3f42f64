import ChunkStore
import LinuxSystem

/// Reads items on a thread of its own, ahead of whoever works with them.
///
/// Belongs to one thread; the other one ends with it.
final class ItemsAhead {
  private enum Part: Sendable {
    /// As they were read together.
    case items([[Item]])
    /// Some that cannot be read; others follow.
    case lost(LostItems)
    case failure(any Error)
  }

  private let queue = BoundedQueue<Part>(capacity: ItemsAhead.capacity)
  private let group = ThreadGroup()
  /// The items that were taken out of the queue, and handed out up to here.
  private var batch: [[Item]] = []
  private var position = 0

  // Small enough that the memory does not count, and that a batch is worth waking a thread for.
  private static let capacity = 4 << 20
  private static let batchSize = capacity / 16

  /// Reads the items of an archive that are in some places, in order, none within another; all of
  /// them for `nil`.
  init(_ archive: Archive, in places: [ArchivePath]?, of repository: Repository) {
    group.onFailure { [queue] in queue.cancel() }
    group.start("items") { [queue] in
      do throws(Cancelled) {
        try Self.read(archive, places, repository) { part, cost throws(Cancelled) in
          try queue.push(part, cost: cost)
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

  /// Some of the next items, in order; `nil` behind the last one.
  ///
  /// - Throws: `LostItems` in the place of those that cannot be read: the next call goes on after
  ///   them. Any other error is the end.
  func next() throws -> [Item]? {
    while position == batch.count {
      switch queue.pop() {
      case nil:
        if let failure = group.failure { throw failure }
        return nil
      case .items(let items): (batch, position) = (items, 0)
      case .lost(let error): throw error
      case .failure(let error): throw error
      }
    }
    defer { position += 1 }
    return batch[position]
  }

  private static func read(
    _ archive: Archive, _ places: [ArchivePath]?, _ repository: Repository,
    _ hand: (Part, Int) throws(Cancelled) -> Void
  ) throws(Cancelled) {
    var batch: [[Item]] = []
    var size = 0
    func flush() throws(Cancelled) {
      guard !batch.isEmpty else { return }
      try hand(.items(batch), size)
      batch = []
      size = 0
    }
    var items: SelectedItems
    do {
      items = SelectedItems(try repository.items(of: archive), in: places)
    } catch {
      return try hand(.failure(error), 0)
    }
    while true {
      let some: [Item]
      do {
        guard let next = try items.nextItems() else { break }
        some = next
      } catch {
        // Items that were read before it are worth having.
        try flush()
        guard let lost = error as? LostItems else { return try hand(.failure(error), 0) }
        try hand(.lost(lost), 0)
        continue
      }
      for i in some.indices { size += some[i].memorySize }
      batch.append(some)
      if size >= batchSize { try flush() }
    }
    try flush()
  }
}

extension Item {
  /// About how many bytes of memory it takes.
  var memorySize: Int {
    var size = 768 + path.bytes.count
    for attribute in extendedAttributes { size += attribute.name.count + attribute.value.count }
    return size + (content?.holes.count ?? 0) * MemoryLayout<Hole>.stride
  }
}
