import ServeStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

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
struct NodesAhead {
  /// Leaves that are announced before they are reached: some blocks full.
  static let leaves = 128

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
/// Items beneath a node that is damaged or missing are passed over: `LostItems` is thrown once in
/// their place, and the next call goes on after them. Any other error ends the walk.
///
/// Holds one node per level. Confined to one thread.
public struct ItemCursor {
  private let source: any NodeSource
  private var stack: [Frame] = []
  /// The items of a leaf; those before `position` were handed out.
  private var items: [Item] = []
  private var position = 0
  /// The last path of that leaf.
  private var last: ArchivePath?
  /// Whether an item was handed out.
  private var hasBegun = false

  private struct Frame {
    var node: OpenNode
    var ahead: NodesAhead

    init(_ node: OpenNode) {
      self.node = node
      // Leaves are small, and share blocks.
      ahead = NodesAhead(node.level == 1 ? NodesAhead.leaves : 8)
    }
  }

  /// Reads nothing yet.
  init(_ root: ItemTreeRoot?, source: any NodeSource) {
    self.source = source
    if let root { stack = [Frame(OpenNode(above: root))] }
  }

  /// The next item; `nil` behind the last one.
  ///
  /// - Throws: `LostItems` in the place of those that cannot be read; errors of the storage.
  public mutating func next() throws -> Item? {
    while true {
      if position < items.count {
        hasBegun = true
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
  ///
  /// - Throws: `LostItems` in the place of those that cannot be read; errors of the storage.
  public mutating func nextItems() throws -> [Item]? {
    while position >= items.count {
      guard try advance() else { return nil }
    }
    hasBegun = true
    defer { (items, position) = ([], 0) }
    return position == 0 ? items : Array(items[position...])
  }

  /// Passes over everything before `path`: the next item is at `path`, or the first behind it.
  ///
  /// - Throws: `LostItems` if what is at `path`, or comes first behind it, cannot be read; then the
  ///   next item is the first one after that. Errors of the storage.
  public mutating func skip(to path: ArchivePath) throws {
    while true {
      if position < items.count, let last, !(last < path) {
        while position < items.count, items[position].path < path { position += 1 }
        return
      }
      (items, position) = ([], 0)
      // A node is left without another look where its parent's next child begins early enough.
      while stack.count > 1, let above = stack.dropLast().last?.node.head,
        !(path < above.child.firstPath)
      {
        stack.removeLast()
      }
      guard let node = following(path) else { return }
      try open(node)
    }
  }

  /// Opens the next leaf that can be read; `false` behind the last one.
  ///
  /// - Throws: `LostItems` for all nodes before that leaf that cannot be read.
  private mutating func advance() throws -> Bool {
    (items, position) = ([], 0)
    var lost: LostItems?
    while items.isEmpty, let node = following() {
      do {
        try open(node)
      } catch let error as LostItems {
        // Nodes beside each other share a block, and so its damage.
        if lost == nil { lost = error } else { lost?.extend(by: error) }
      }
    }
    if let lost { throw lost }
    return !items.isEmpty
  }

  /// Takes the next node, or the last of those to come that begin at or before `target`; `nil`
  /// behind the last one.
  private mutating func following(_ target: ArchivePath? = nil) -> UnreadNode? {
    while var frame = stack.popLast() {
      let children = frame.node.children
      guard frame.node.next < children.count else { continue }
      let first = frame.node.next
      if let target {
        while frame.node.next + 1 < children.count,
          !(target < children[frame.node.next + 1].firstPath)
        {
          frame.node.next += 1
        }
      }
      // A caller that has passed over some, or taken none, may want nothing of what follows.
      if frame.node.next == first, hasBegun {
        frame.ahead.reach(first, of: children.count) { source.announce(children[$0].id) }
      }
      let node = frame.node.head
      frame.node.next += 1
      stack.append(frame)
      return node
    }
    return nil
  }

  /// Takes the items of a leaf, or the children of an inner node.
  private mutating func open(_ node: UnreadNode) throws {
    switch try node.read(from: source) {
    case .items(let items):
      last = items.last?.path
      self.items = items
      position = 0
    case .itemNodes(let children, let level):
      stack.append(Frame(OpenNode(children, level: level, end: node.end)))
    // `read` refuses those.
    case .chunks, .chunkNodes: break
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
