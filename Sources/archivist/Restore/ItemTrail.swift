import ChunkStore

/// The items above the place that a walk through an archive has come to.
///
/// Memory is the directories above it.
struct ItemTrail {
  /// Directories that were not chosen, each within the one before.
  private(set) var unchosen: [Item] = []
  /// The last item that is no directory, and beneath which nothing can be.
  private var end: ArchivePath?

  /// Goes on to the next item, chosen or not.
  mutating func pass(_ item: Item, isChosen: Bool) {
    while let last = unchosen.last, !item.path.isWithin(last.path) { unchosen.removeLast() }
    if let end, item.path.isWithin(end) { return }
    if item.kind != .directory {
      end = item.path
    } else if !isChosen {
      unchosen.append(item)
    }
  }

  /// The item that is no directory and has this one, which was passed last, beneath it.
  func nonDirectory(above item: Item) -> ArchivePath? {
    guard let end, end != item.path, item.path.isWithin(end) else { return nil }
    return end
  }
}
