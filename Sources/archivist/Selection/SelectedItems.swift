import ChunkStore

/// The items of an archive where those that are meant may be: what is elsewhere is not even read.
struct SelectedItems {
  private var items: ItemCursor
  /// In order, and none within another; `nil` where they may be anywhere.
  private let places: [ArchivePath]?
  private var place = 0
  private var isInside = false
  /// The item that was read last.
  private var last: Item?

  init(_ items: ItemCursor, _ selection: Selection) {
    self.init(items, in: selection.places)
  }

  /// The items in some places, in order, none within another; all of them for `nil`.
  init(_ items: ItemCursor, in places: [ArchivePath]?) {
    self.items = items
    self.places = places
  }

  /// The next items, as many as are at hand; the selection still has to be asked about them.
  mutating func nextItems() throws -> [Item]? {
    guard places != nil else { return try items.nextItems() }
    return try next().map { [$0] }
  }

  /// The next item; the selection still has to be asked about it.
  mutating func next() throws -> Item? {
    guard let places else { return try items.next() }
    while place < places.count {
      let wanted = places[place]
      if isInside || last == nil {
        if !isInside { try items.skip(to: wanted) }
        last = try items.next()
      } else if let known = last, known.path < wanted {
        try items.skip(to: wanted)
        last = try items.next()
      }
      isInside = true
      guard let item = last else { return nil }
      if item.path.isWithin(wanted) { return item }
      isInside = false
      place += 1
    }
    return nil
  }
}
