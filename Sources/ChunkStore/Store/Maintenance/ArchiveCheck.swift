import StoreCrypto
import StoreEncoding
import StoreFormat

/// Follows the trees of archives, and verifies whatever a reader of them relies on.
///
/// What a node has to be depends on where it stands: below which level, between which paths, for
/// how many items or chunks. A node that was whole in a place is not read again for the same place
/// in another archive. So archives that have most of their trees in common cost little more than
/// one of them. Confined to one thread.
struct ArchiveCheck {
  private let nodes: TreeReader
  private var places: ChunkPlaces
  /// Hashes of the places of nodes that were whole, with all beneath them; Swift's own hash, which
  /// has another secret in each process.
  private var whole: Set<Int> = []
  /// Nodes that cannot be read, and why: they are not tried again.
  private var unreadable: [ChunkID: any Error] = [:]
  /// First paths of nodes of items that were met where they do not belong.
  private var misplaced: [ChunkID: ArchivePath] = [:]
  /// The faults of lists of chunks, by the hashes of their places.
  private var faults: [Int: Fault] = [:]
  /// The faults of the archive that is being checked.
  private var findings = Findings()
  private let announces: Bool

  /// More than these are read again: 64 MiB.
  private static let mostWhole = 4 << 20
  /// More of what is wrong is looked at again: otherwise a few nodes that refer to a bad one
  /// thousands of times could keep a check busy for hours.
  private static let mostBad = 1 << 16

  /// The faults of an archive.
  struct Findings {
    /// In words, without the archive's name.
    private(set) var texts: [String] = []
    /// How many there are.
    private(set) var count = 0

    /// More are counted, and not put into words.
    static let most = 100

    fileprivate mutating func add(_ text: @autoclosure () -> String) {
      count += 1
      if texts.count < Self.most { texts.append(text()) }
    }
  }

  /// Where a node of items stands in a tree.
  private struct ItemPlace: Hashable {
    let id: ChunkID
    /// Levels of nodes are below this.
    let level: Int
    /// The first path, as the parent says; `nil` for the root.
    let first: ArchivePath?
    let count: UInt64
    /// The first path that follows all those of the node; `nil` at the end of the archive.
    let end: ArchivePath?
  }

  /// Where a node of a list of chunks stands.
  private struct ListPlace: Hashable {
    let id: ChunkID
    let level: Int
    let count: UInt64
    let size: UInt64
  }

  /// Why a content cannot be restored.
  private enum Fault {
    case chunk(ChunkID, ChunkPlaces.Fault)
    case node(ChunkID, any Error)
  }

  /// - Parameters:
  ///   - repository: The repository, whose index was read after its archives were listed.
  ///   - damaged: What was read, and found damaged.
  /// - Throws: Errors of libcrypto.
  init(_ repository: Repository, damaged: DamagedBlocks = DamagedBlocks()) throws {
    nodes = try TreeReader(repository)
    places = ChunkPlaces(repository.index, damaged: damaged)
    announces = repository.storage.announcedSize > 0
  }

  /// Looks at one archive.
  ///
  /// - Parameter root: Its tree; `nil` for an archive without items.
  /// - Returns: What is wrong with it.
  /// - Throws: Errors that do not concern this archive alone.
  mutating func check(_ root: ItemTreeRoot?) throws -> Findings {
    findings = Findings()
    if let root {
      try checkItems(
        ItemPlace(
          id: root.id, level: Limits.treeDepth, first: nil, count: root.itemCount, end: nil))
    }
    return findings
  }

  // MARK: Items

  /// - Returns: Whether the node is whole, with all beneath it.
  @discardableResult
  private mutating func checkItems(_ place: ItemPlace) throws -> Bool {
    let hash = place.hashValue
    if whole.contains(hash) { return true }
    let before = findings.count
    do {
      if let first = misplaced[place.id], first != place.first {
        throw FormatError.inconsistent(Self.otherFirst)
      }
      switch try node(place.id) {
      case .items(let items):
        guard demand(place, first: items.first?.path, count: UInt64(items.count)) else { break }
        if let end = place.end, let last = items.last?.path, !(last < end) {
          report(place, FormatError.unsortedPaths, hidesItems: true)
        }
        for item in items { try check(item) }
      case .itemNodes(let children, let level):
        guard level < place.level else { throw FormatError.inconsistent(Self.wrongLevel) }
        var count: UInt64 = 0
        for child in children { count = count.addingSaturated(child.itemCount) }
        guard demand(place, first: children.first?.firstPath, count: count) else { break }
        var announced = 0
        for number in children.indices {
          if announces { announce(children, from: number, level, place.end, &announced) }
          try checkItems(Self.child(number, of: children, level, end: place.end))
        }
      case .chunks, .chunkNodes:
        throw FormatError.inconsistent("a list of chunks in the place of items")
      }
    } catch let error where Self.concernsNode(error) {
      report(place, error, hidesItems: true)
    }
    guard findings.count == before else { return false }
    if whole.count < Self.mostWhole { whole.insert(hash) }
    return true
  }

  private static func child(
    _ number: Int, of children: [TreeNode.ItemChild], _ level: Int, end: ArchivePath?
  ) -> ItemPlace {
    let child = children[number]
    return ItemPlace(
      id: child.id, level: level, first: child.firstPath, count: child.itemCount,
      end: number + 1 < children.count ? children[number + 1].firstPath : end)
  }

  private func announce(
    _ children: [TreeNode.ItemChild], from number: Int, _ level: Int, _ end: ArchivePath?,
    _ announced: inout Int
  ) {
    announced = max(announced, number)
    while announced < min(children.count, number + NodesAhead.leaves) {
      let place = Self.child(announced, of: children, level, end: end)
      if !whole.contains(place.hashValue) { nodes.announce(place.id) }
      announced += 1
    }
  }

  /// - Returns: Whether it is worth looking at what is beneath: a node that begins elsewhere is
  ///   another one's.
  private mutating func demand(_ place: ItemPlace, first: ArchivePath?, count: UInt64) -> Bool {
    if count != place.count {
      report(place, FormatError.inconsistent("\(count) items instead of \(place.count)"))
    }
    guard place.first == nil || first == place.first else {
      report(place, FormatError.inconsistent(Self.otherFirst), hidesItems: true)
      if let first, misplaced.count < Self.mostBad { misplaced[place.id] = first }
      return false
    }
    return true
  }

  private mutating func report(_ place: ItemPlace, _ error: any Error, hidesItems: Bool = false) {
    let hidden =
      hidesItems
      ? ": no item from \(place.first ?? .root) on" + (place.end.map { " and before \($0)" } ?? "")
        + " can be had" : ""
    findings.add("tree node \(place.id.digest.hex): \(Corruption.text(of: error))\(hidden)")
  }

  private mutating func check(_ item: Item) throws {
    guard let content = item.content else { return }
    switch try fault(of: content) {
    case nil: break
    case .chunk(let id, let fault)?:
      findings.add("\(item.path): chunk \(id.digest.hex) \(Self.text(fault))")
    case .node(let id, let error)?:
      let text = Corruption.text(of: error)
      findings.add("\(item.path): node \(id.digest.hex) of its chunks: \(text)")
    }
  }

  // MARK: Contents

  private mutating func fault(of content: Item.Content) throws -> Fault? {
    switch content.chunks {
    case .inline(let references):
      for reference in references {
        if let fault = fault(of: reference) { return fault }
      }
      return nil
    case .tree(let root, let count, let size):
      return try checkList(
        ListPlace(id: root, level: Limits.treeDepth, count: count, size: size))
    }
  }

  private mutating func fault(of reference: ChunkReference) -> Fault? {
    places.fault(of: reference.id, length: reference.length, in: .contentSegment)
      .map { .chunk(reference.id, $0) }
  }

  /// Ends at the first fault: the file cannot be restored.
  private mutating func checkList(_ place: ListPlace) throws -> Fault? {
    let hash = place.hashValue
    if whole.contains(hash) { return nil }
    if let known = faults[hash] { return known }
    let fault = try read(place)
    if let fault {
      if faults.count < Self.mostBad { faults[hash] = fault }
    } else if whole.count < Self.mostWhole {
      whole.insert(hash)
    }
    return fault
  }

  private mutating func read(_ place: ListPlace) throws -> Fault? {
    do {
      switch try node(place.id) {
      case .chunks(let references):
        try ChunkCursor.check(
          count: place.count, size: place.size, references.map { (1, UInt64($0.length)) })
        for reference in references {
          if let fault = fault(of: reference) { return fault }
        }
      case .chunkNodes(let children, let level):
        guard level < place.level else { throw FormatError.inconsistent(Self.wrongLevel) }
        try ChunkCursor.check(
          count: place.count, size: place.size, children.map { ($0.count, $0.size) })
        for child in children {
          let below = ListPlace(id: child.id, level: level, count: child.count, size: child.size)
          if let fault = try checkList(below) { return fault }
        }
      case .items, .itemNodes:
        throw FormatError.inconsistent("items in the place of a list of chunks")
      }
    } catch let error where Self.concernsNode(error) {
      return .node(place.id, error)
    }
    return nil
  }

  // MARK: Both

  private static let wrongLevel = "a node at the wrong level"
  private static let otherFirst = "a node begins at another path than its parent says"

  private mutating func node(_ id: ChunkID) throws -> TreeNode {
    if let known = unreadable[id] { throw known }
    do {
      switch places.fault(of: id, in: .treeSegment) {
      case nil: return try nodes.node(id)
      case .damaged?: throw RepositoryError.damagedChunk(id, FormatError.authenticationFailed)
      case .missing?, .otherLength?: throw RepositoryError.missingChunk(id)
      case .otherKind?:
        throw FormatError.inconsistent("a node that stands among the contents of files")
      }
    } catch let error where Self.concernsNode(error) {
      if unreadable.count < Self.mostBad { unreadable[id] = error }
      throw error
    }
  }

  private static func concernsNode(_ error: any Error) -> Bool {
    switch error {
    case RepositoryError.missingChunk, RepositoryError.damagedChunk: true
    default: Corruption.isOfOnePlace(error)
    }
  }

  private static func text(_ fault: ChunkPlaces.Fault) -> String {
    switch fault {
    case .missing: "is missing"
    case .damaged: "is damaged"
    case .otherLength(let length): "has \(length) bytes, and not as many as the file says"
    case .otherKind: "stands among the nodes of trees, where no content is looked for"
    }
  }
}

extension UInt64 {
  /// The sum, or the greatest number there is.
  fileprivate func addingSaturated(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
