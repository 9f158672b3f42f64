import ChunkStore

/// The items of an archive where those that are meant may be: what is elsewhere is not even read.
struct SelectedItems {
  /// A place where items are taken from.
  private struct Place {
    let path: ArchivePath
    /// Of a directory above what is meant, only the item itself is taken.
    var isAbove = false

    func holds(_ item: ArchivePath) -> Bool { isAbove ? item == path : item.isWithin(path) }
  }

  private var items: ItemCursor
  /// In order, and none of which everything is taken within another; `nil` where they may be
  /// anywhere.
  private let places: [Place]?
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
  ///
  /// - Parameters:
  ///   - items: All items.
  ///   - places: The places.
  ///   - withParents: The directories above the places are items as well, where the archive has
  ///     them and they can be read.
  init(_ items: ItemCursor, in places: [ArchivePath]?, withParents: Bool = false) {
    self.items = items
    self.places = places.map { paths in
      guard withParents else { return paths.map { Place(path: $0) } }
      var places: [Place] = []
      for path in paths {
        var parents: [Place] = []
        // Those above the place before were named with it.
        while let parent = (parents.last?.path ?? path).parent,
          places.last.map({ !$0.path.isWithin(parent) }) ?? true
        {
          parents.append(Place(path: parent, isAbove: true))
        }
        places += parents.reversed() + [Place(path: path)]
      }
      return places
    }
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
      if let lost, !wanted.isAbove, lost.mayHold(wanted.path) {
        self.lost = nil
        throw lost
      }
      // Of a directory itself there is one item.
      if !(wanted.isAbove && isInside), let item = try next(from: wanted) {
        if wanted.holds(item.path) {
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
  private mutating func next(from wanted: Place) throws -> Item? {
    defer { following = nil }
    if let following, !(following.path < wanted.path) { return following }
    do {
      if !isInside { try items.skip(to: wanted.path) }
      return try items.next()
    } catch let error as LostItems {
      guard wanted.isAbove || !error.mayHold(wanted.path) else { throw error }
      // Those above a place are not asked about: what was lost before may still be meant.
      if lost == nil { lost = error } else { lost?.extend(by: error) }
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
