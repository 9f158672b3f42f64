import ChunkStore

/// The items of an archive where those that are meant may be: what is elsewhere is not even read.
struct SelectedItems {
  private var items: ItemCursor
  /// In order, and none within another; `nil` where they may be anywhere.
  private let places: [ArchivePath]?
  private var place = 0
  /// Whether the item before was in the current place.
  private var isInside = false
  /// An item behind the places before, which may be in one to come.
  private var following: Item?
  /// Lost items behind the places before, which may have been in one to come.
  private var lost: LostItems?

  init(_ items: ItemCursor, _ selection: Selection) {
    self.init(items, in: selection.places)
  }

  /// The items in some places, in order, none within another; all of them for `nil`.
  init(_ items: ItemCursor, in places: [ArchivePath]?) {
    self.items = items
    self.places = places
  }

  /// The next items, as many as are at hand; the selection still has to be asked about them.
  ///
  /// - Throws: As `next()` does.
  mutating func nextItems() throws -> [Item]? {
    guard places != nil else { return try items.nextItems() }
    return try next().map { [$0] }
  }

  /// The next item; the selection still has to be asked about it.
  ///
  /// - Throws: `LostItems` in the place of those that cannot be read and may be meant: the next
  ///   call goes on after them. Errors of the storage.
  mutating func next() throws -> Item? {
    guard let places else { return try items.next() }
    while place < places.count {
      let wanted = places[place]
      if let lost, lost.mayHold(wanted) {
        self.lost = nil
        throw lost
      }
      if let item = try next(from: wanted) {
        if item.path.isWithin(wanted) {
          isInside = true
          return item
        }
        following = item
      }
      isInside = false
      place += 1
    }
    return nil
  }

  /// The next item; that at a place, or the first one behind it, where that comes later.
  private mutating func next(from wanted: ArchivePath) throws -> Item? {
    defer { following = nil }
    if let following, !(following.path < wanted) { return following }
    do {
      if !isInside { try items.skip(to: wanted) }
      return try items.next()
    } catch let error as LostItems {
      guard !error.mayHold(wanted) else { throw error }
      lost = error
      return nil
    }
  }

  /// The next item that can be read.
  ///
  /// - Parameter lost: Told of items in between that cannot be read and may be meant.
  /// - Returns: `nil` behind the last one.
  /// - Throws: What `lost` throws; errors of the storage.
  mutating func next(passing lost: (LostItems) throws -> Void) throws -> Item? {
    while true {
      do { return try next() } catch let error as LostItems { try lost(error) }
    }
  }
}
