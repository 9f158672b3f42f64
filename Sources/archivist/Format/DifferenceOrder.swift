import ArgumentParser
import ChunkStore

/// The order of differences, by one or more of their properties.
struct DifferenceOrder: Sendable {
  /// The keys to sort by.
  enum Key: String, CaseIterable, Sendable {
    case path
    case sizeAdded = "size_added"
    case sizeRemoved = "size_removed"
    case sizeDifference = "size_diff"
    case size
    case user
    case group
    case uid
    case gid
    case mtime
    case ctime
    case mtimeDifference = "mtime_diff"
    case ctimeDifference = "ctime_diff"
  }

  private let keys: [(key: Key, isDescending: Bool)]

  /// Understands keys with commas between.
  ///
  /// - Throws: `ValidationError` for one that is not known.
  init(_ text: String) throws {
    var keys: [(Key, Bool)] = []
    for part in text.split(separator: ",") {
      let word = part.filter { $0 != " " }
      if word.isEmpty { continue }
      let isMarked = word.first == ">" || word.first == "<"
      guard let key = Key(rawValue: String(word.dropFirst(isMarked ? 1 : 0))) else {
        throw ValidationError(
          "--sort-by \(word): unsupported sort field; use \(Key.allCases.map(\.rawValue).joined(separator: ", "))"
        )
      }
      keys.append((key, word.first == ">"))
    }
    guard !keys.isEmpty else { throw ValidationError("--sort-by: by what?") }
    self.keys = keys
  }

  /// A difference, with what is printed of it.
  struct Entry {
    let line: [UInt8]
    fileprivate let path: [UInt8]
    fileprivate let old: Item?
    fileprivate let new: Item?
    fileprivate let added: Int64
    fileprivate let removed: Int64

    init(_ difference: ItemDifference, _ changes: [DifferenceFormat.Change], _ line: [UInt8]) {
      self.line = line
      path = difference.path.bytes
      switch difference {
      case .added(let item): (old, new) = (nil, item)
      case .removed(let item): (old, new) = (item, nil)
      case .changed(let before, let after): (old, new) = (before, after)
      }
      added = Int64(clamping: changes.reduce(0) { $0 &+ $1.added })
      removed = Int64(clamping: changes.reduce(0) { $0 &+ $1.removed })
    }

    /// As it is now, or was last.
    fileprivate var item: Item? { new ?? old }
  }

  /// The entries in this order; those that are equal stay as they are.
  func sorted(_ entries: [Entry]) -> [Entry] {
    entries.enumerated().sorted { a, b in
      for (key, isDescending) in keys {
        if Self.isLess(a.element, b.element, key) { return !isDescending }
        if Self.isLess(b.element, a.element, key) { return isDescending }
      }
      return a.offset < b.offset
    }.map(\.element)
  }

  private static func isLess(_ a: Entry, _ b: Entry, _ key: Key) -> Bool {
    let epoch = Timestamp(seconds: 0)
    func isLess(_ bytes: (Entry) -> [UInt8]?) -> Bool {
      (bytes(a) ?? []).lexicographicallyPrecedes(bytes(b) ?? [])
    }
    func difference(_ entry: Entry, _ time: (Item) -> Timestamp?) -> Int64 {
      func nanoseconds(_ item: Item?) -> Int64 {
        guard let moment = item.flatMap(time) else { return 0 }
        return Int64(clamping: Int128(moment.seconds) * 1_000_000_000 + Int128(moment.nanoseconds))
      }
      return nanoseconds(entry.new).subtractingReportingOverflow(nanoseconds(entry.old))
        .partialValue
    }
    switch key {
    case .path: return isLess { $0.path }
    case .sizeAdded: return a.added < b.added
    case .sizeRemoved: return a.removed < b.removed
    case .sizeDifference: return a.added - b.added < a.removed - b.removed
    case .size: return (a.new?.content?.size ?? 0) < (b.new?.content?.size ?? 0)
    case .user: return isLess { $0.item?.user }
    case .group: return isLess { $0.item?.group }
    case .uid: return (a.item?.uid ?? 0) < (b.item?.uid ?? 0)
    case .gid: return (a.item?.gid ?? 0) < (b.item?.gid ?? 0)
    case .mtime: return (a.item?.mtime ?? epoch) < (b.item?.mtime ?? epoch)
    case .ctime: return (a.item?.ctime ?? epoch) < (b.item?.ctime ?? epoch)
    case .mtimeDifference: return difference(a) { $0.mtime } < difference(b) { $0.mtime }
    case .ctimeDifference: return difference(a) { $0.ctime } < difference(b) { $0.ctime }
    }
  }
}
