import Crypto

/// Reads nodes of trees by their ids.
protocol NodeSource: AnyObject {
  func node(_ id: ChunkID) throws -> TreeNode

  /// Says that a node will be read soon; it may be fetched meanwhile.
  func announce(_ id: ChunkID)

  /// The bytes of a node, for whoever decodes a part of it; `nil` where only whole nodes are had.
  func encoded(_ id: ChunkID) throws -> [UInt8]?

  /// The error for a node whose bytes are not what they should be.
  func damage(_ id: ChunkID, _ error: FormatError) -> any Error
}

extension NodeSource {
  func announce(_ id: ChunkID) {}
  func encoded(_ id: ChunkID) throws -> [UInt8]? { nil }
  func damage(_ id: ChunkID, _ error: FormatError) -> any Error { error }
}

/// Says ahead which of a row of nodes will be read.
private struct NodesAhead {
  /// How many are announced before they are reached.
  let count: Int
  /// The first that was not announced.
  private var next = 0

  init(_ count: Int) { self.count = count }

  mutating func reach(_ position: Int, of nodes: Int, _ announce: (Int) -> Void) {
    next = max(next, position)
    while next < min(nodes, position + count) {
      announce(next)
      next += 1
    }
  }
}

/// Walks the items of a tree in path order, and skips ahead by reading only the nodes on the way.
///
/// Holds one node per level. Confined to one thread.
public struct ItemCursor {
  private let source: any NodeSource
  private var stack: [Frame] = []
  /// The items of a leaf; those before `position` were handed out.
  private var items: [Item] = []
  private var position = 0
  /// The last path of that leaf.
  private var end: ArchivePath?
  /// Whether an item was asked for.
  private var hasBegun = false

  private struct Frame {
    let children: [TreeNode.ItemChild]
    var next: Int
    let level: Int
    var ahead: NodesAhead

    init(_ children: [TreeNode.ItemChild], level: Int) {
      self.children = children
      self.level = level
      next = 0
      // Leaves are small, and share blocks.
      ahead = NodesAhead(level == 1 ? TreeWalk.ahead : 8)
    }
  }

  init(_ root: ItemTreeRoot?, source: any NodeSource) throws {
    self.source = source
    if let root { try enter(root.id, below: Limits.treeDepth, expecting: nil) }
  }

  /// The next item; `nil` behind the last one.
  public mutating func next() throws -> Item? {
    hasBegun = true
    while true {
      if position < items.count {
        // Moved out: a copy would count references for each of its parts.
        var item = Item(path: .root)
        swap(&item, &items[position])
        position += 1
        return item
      }
      guard try advance() else { return nil }
    }
  }

  /// The next items, as many as stand in one leaf; `nil` behind the last one.
  public mutating func nextItems() throws -> [Item]? {
    hasBegun = true
    while position >= items.count {
      guard try advance() else { return nil }
    }
    defer { (items, position) = ([], 0) }
    return position == 0 ? items : Array(items[position...])
  }

  /// Passes over everything before `path`: the next item is at `path`, or the first behind it.
  public mutating func skip(to path: ArchivePath) throws {
    while true {
      if position < items.count, let end, !(end < path) {
        while position < items.count, items[position].path < path { position += 1 }
        return
      }
      (items, position) = ([], 0)
      // A node is left without another look where its parent's next child begins early enough.
      while stack.count > 1, let above = stack.dropLast().last, above.next < above.children.count,
        !(path < above.children[above.next].firstPath)
      {
        stack.removeLast()
      }
      guard try advance(to: path) else { return }
    }
  }

  /// Opens the next leaf, or the last of those to come that begin at or before `target`; `false`
  /// behind the last one.
  private mutating func advance(to target: ArchivePath? = nil) throws -> Bool {
    while var frame = stack.popLast() {
      guard frame.next < frame.children.count else { continue }
      let following = frame.next
      if let target {
        while frame.next + 1 < frame.children.count,
          !(target < frame.children[frame.next + 1].firstPath)
        {
          frame.next += 1
        }
      }
      let child = frame.children[frame.next]
      // Whoever has passed over some, or taken none, may want nothing of what follows.
      if frame.next == following, hasBegun {
        frame.ahead.reach(frame.next, of: frame.children.count) {
          source.announce(frame.children[$0].id)
        }
      }
      frame.next += 1
      stack.append(frame)
      try enter(child.id, below: frame.level, expecting: child, target: target)
      return true
    }
    return false
  }

  /// Descends to a leaf of a node.
  private mutating func enter(
    _ id: ChunkID, below level: Int, expecting: TreeNode.ItemChild?, target: ArchivePath? = nil
  ) throws {
    switch try source.node(id) {
    case .items(let items):
      let first = items.first?.path
      guard expecting == nil || first == expecting?.firstPath else {
        throw FormatError.inconsistent("a node begins at another path than its parent says")
      }
      // Within a node the decoder has checked; from node to node it is checked here.
      if let end, let first, !(end < first) { throw FormatError.unsortedPaths }
      end = items.last?.path ?? end
      self.items = items
      position = 0
    case .itemNodes(let children, let own):
      guard own < level else { throw FormatError.inconsistent("a node at the wrong level") }
      guard expecting == nil || children.first?.firstPath == expecting?.firstPath else {
        throw FormatError.inconsistent("a node begins at another path than its parent says")
      }
      stack.append(Frame(children, level: own))
      _ = try advance(to: target)
    case .chunks, .chunkNodes:
      throw FormatError.inconsistent("a list of chunks in the place of items")
    }
  }
}

/// Walks the chunks of one content in order.
///
/// Holds one node per level.
/// Every node has to hold as many chunks and bytes as its parent, and the root as many as the
/// item, says: so the work and the output are bounded by what the item promises.
public struct ChunkCursor {
  /// `nil` for a list that is in its item.
  private let source: (any NodeSource)?
  private var stack: [(children: [TreeNode.ChunkChild], next: Int, level: Int, ahead: NodesAhead)] =
    []
  private var leaf: [ChunkReference] = []
  private var position = 0

  /// A leaf stands for some 25 MiB.
  private static let ahead = 8

  /// - Parameters:
  ///   - list: The chunks.
  ///   - source: Reads the nodes of a list that is a tree; not asked for otherwise, because most
  ///     lists are in their items.
  /// - Throws: Why the first node of a tree cannot be read.
  init(_ list: Item.ChunkList, source: @autoclosure () throws -> any NodeSource) throws {
    switch list {
    case .inline(let references):
      self.source = nil
      leaf = Array(references)
    case .tree(let root, let count, let size):
      self.source = try source()
      try enter(
        TreeNode.ChunkChild(id: root, count: count, size: size), below: Limits.treeDepth)
    }
  }

  /// The next chunk; `nil` behind the last one.
  public mutating func next() throws -> ChunkReference? {
    while position >= leaf.count {
      guard let top = stack.last else { return nil }
      if top.next >= top.children.count {
        stack.removeLast()
      } else {
        stack[stack.count - 1].ahead.reach(top.next, of: top.children.count) {
          source?.announce(top.children[$0].id)
        }
        stack[stack.count - 1].next += 1
        try enter(top.children[top.next], below: top.level)
      }
    }
    defer { position += 1 }
    return leaf[position]
  }

  private mutating func enter(_ child: TreeNode.ChunkChild, below level: Int) throws {
    switch try source?.node(child.id) {
    case .chunks(let references):
      try Self.check(
        count: child.count, size: child.size, references.map { (1, UInt64($0.length)) })
      leaf = references
      position = 0
    case .chunkNodes(let children, let own):
      guard own < level else { throw FormatError.inconsistent("a node at the wrong level") }
      try Self.check(
        count: child.count, size: child.size, children.map { ($0.count, $0.size) })
      stack.append((children, 0, own, NodesAhead(Self.ahead)))
    case .items, .itemNodes, nil:
      throw FormatError.inconsistent("items in the place of a list of chunks")
    }
  }

  /// Compares the entries of a node with what its parent, or the item, says of them together.
  static func check(
    count promised: UInt64, size promisedSize: UInt64, _ entries: [(count: UInt64, size: UInt64)]
  ) throws(FormatError) {
    var count: UInt64 = 0
    var size: UInt64 = 0
    for entry in entries {
      let (newCount, overflow) = count.addingReportingOverflow(entry.count)
      let (newSize, overflow2) = size.addingReportingOverflow(entry.size)
      // No chunk is empty: or a few nodes would keep a reader busy for years, without a byte.
      guard entry.count > 0, entry.size >= entry.count, !overflow, !overflow2 else {
        throw .inconsistent("a list of chunks with impossible numbers")
      }
      (count, size) = (newCount, newSize)
    }
    guard count > 0, count == promised, size == promisedSize else {
      throw .inconsistent("a list of other chunks than its parent says")
    }
  }
}
