import ChunkStore

/// The paths that items get where leading parts are left off.
///
/// Two items may come to have one path then. All paths are sorted once, beside the archive's order,
/// in bounded memory: so it is known before which items would take the place of another one.
struct StrippedPaths {
  /// How many leading parts are left off.
  let count: Int
  /// How many items other than directories have nothing left, and the first of them.
  private(set) var vanished: (count: Int, first: ArchivePath)?
  /// Whether any item has something left.
  private(set) var isUseful = false
  /// Items that would take the place of another one, in the order of the archive.
  private var conflicts: RecordMerge?
  private var next: SortedRecord?

  /// Leaves nothing off.
  init() { count = 0 }

  /// Looks through the items for two that would come under one path.
  ///
  /// - Parameters:
  ///   - count: How many leading parts are left off.
  ///   - items: The items.
  ///   - directory: A directory for temporary files without names.
  ///   - isChosen: Whether an item will be restored.
  /// - Throws: What `isChosen` throws; why the items, or the temporary files, cannot be read.
  init(
    leavingOff count: Int, _ items: consuming SelectedItems, directory: [UInt8],
    isChosen: (Item) throws -> Bool
  ) throws {
    self.count = count
    var places = RecordSorter(directory: directory)
    while let item = try items.next(passing: { _ in }) {
      guard try isChosen(item) else { continue }
      guard let path = try stripped(item.path) else {
        if item.kind != .directory {
          vanished = (1 + (vanished?.count ?? 0), vanished?.first ?? item.path)
        }
        continue
      }
      isUseful = true
      let kind: UInt8 = item.kind == .directory ? 1 : 0
      try places.add(key: path.bytes, value: [kind] + item.path.bytes)
    }
    var losers = RecordSorter(directory: directory)
    let sorted = try places.sorted()
    var first: SortedRecord?
    while let record = try sorted.next() {
      // Equal paths come as they were added, in the order of the archive.
      if let winner = first, winner.key == record.key {
        // Two directories become one without a loss.
        guard winner.value.first == 0 || record.value.first == 0 else { continue }
        try losers.add(
          key: Self.sortable(record.value.dropFirst()), value: Array(winner.value.dropFirst()))
      } else {
        first = record
      }
    }
    let conflicts = try losers.sorted()
    next = try conflicts.next()
    self.conflicts = conflicts
  }

  /// A path without its leading parts; `nil` if nothing is left.
  func stripped(_ path: ArchivePath) throws(FormatError) -> ArchivePath? {
    guard count > 0 else { return path }
    let rest = path.components.dropFirst(count)
    guard !rest.isEmpty else { return nil }
    return try ArchivePath(Array(rest.joined(separator: [Self.separator])))
  }

  /// The item whose place this one would take; asked in the order of the archive.
  mutating func winner(over path: ArchivePath) throws -> ArchivePath? {
    guard let conflicts, next != nil else { return nil }
    let key = Self.sortable(path.bytes[...])
    while let record = next, record.key.lexicographicallyPrecedes(key) {
      next = try conflicts.next()
    }
    guard let record = next, record.key == key else { return nil }
    return try ArchivePath(record.value)
  }

  private static let separator = UInt8(ascii: "/")

  /// Bytes that come, one by one, in the order of the archive: a separator before all others.
  private static func sortable(_ path: ArraySlice<UInt8>) -> [UInt8] {
    path.map { $0 == separator ? 0 : $0 }
  }
}
