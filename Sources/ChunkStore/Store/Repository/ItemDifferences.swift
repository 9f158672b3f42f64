import StoreCrypto
import StoreEncoding
import StoreFormat

/// The difference between two archives at one path.
public enum ItemDifference: Sendable {
  /// Only the newer archive has it.
  case added(Item)
  /// Only the older archive has it.
  case removed(Item)
  /// Both have it, and something about it is another.
  case changed(from: Item, to: Item)

  /// Where the item stands in the archives.
  public var path: ArchivePath {
    switch self {
    case .added(let item), .removed(let item), .changed(_, to: let item): item.path
    }
  }
}

/// The differences between two trees of items, in path order.
///
/// Equal stretches of two trees are equal nodes, and those are passed over unread: the work grows
/// with what is different, not with what there is. Holds one node per level of each tree.
///
/// Where items of one tree cannot be read, nothing is known of those that the other one has there:
/// both are passed over.
struct ItemDifferences {
  /// One of the two trees.
  enum Tree: Sendable {
    case old
    case new
  }

  private let source: any NodeSource
  private let comparesChangeTimes: Bool
  private let lost: (LostItems, Tree) throws -> Void
  private var old: Side
  private var new: Side

  /// Compares two trees.
  ///
  /// - Parameters:
  ///   - old: The one that differences are reckoned from.
  ///   - new: The other one.
  ///   - source: Reads the nodes of both.
  ///   - comparesChangeTimes: Whether an item with another time of its inode's change is another one.
  ///   - lost: Told of items that cannot be read, and so are not compared.
  init(
    _ old: ItemTreeRoot?, _ new: ItemTreeRoot?, source: any NodeSource,
    comparesChangeTimes: Bool = false,
    lost: @escaping (LostItems, Tree) throws -> Void
  ) {
    self.source = source
    self.comparesChangeTimes = comparesChangeTimes
    self.lost = lost
    let isSame = old == new
    self.old = Side(isSame ? nil : old)
    self.new = Side(isSame ? nil : new)
  }

  /// The next difference; `nil` behind the last one.
  ///
  /// - Throws: What `lost` throws; errors of the storage.
  mutating func next() throws -> ItemDifference? {
    while true {
      switch (old.head, new.head) {
      case (nil, nil): return nil
      case (.item(let item), nil):
        old.pass()
        return .removed(item)
      case (nil, .item(let item)):
        new.pass()
        return .added(item)
      case (.node, nil): try open(.old)
      case (nil, .node): try open(.new)
      case (.item(let before), .item(let after)):
        if before.path < after.path {
          old.pass()
          return .removed(before)
        }
        if after.path < before.path {
          new.pass()
          return .added(after)
        }
        old.pass()
        new.pass()
        if !before.isSame(as: after) || comparesChangeTimes && before.ctime != after.ctime {
          return .changed(from: before, to: after)
        }
      case (.item(let before), .node(let node)):
        // Items before everything in the node are in neither of the other's nodes.
        if before.path < node.child.firstPath {
          old.pass()
          return .removed(before)
        }
        try open(.new)
      case (.node(let node), .item(let after)):
        if after.path < node.child.firstPath {
          new.pass()
          return .added(after)
        }
        try open(.old)
      case (.node(let before), .node(let after)):
        if before.child.id == after.child.id {
          old.passEqual(&new)
        } else if before.child.firstPath == after.child.firstPath {
          if before.above == 1, after.above == 1, try openLeaves(before, after) { continue }
          // Equal nodes may stand below: of the same level both are opened, else the higher one.
          if before.above >= after.above, try !open(.old) { continue }
          if after.above >= before.above { try open(.new) }
        } else if before.child.firstPath < after.child.firstPath {
          try open(.old)
        } else {
          try open(.new)
        }
      }
    }
  }

  /// Puts what is in the node at the head of one side in its place.
  ///
  /// - Returns: `false` if that cannot be read: then both sides are behind it.
  @discardableResult
  private mutating func open(_ tree: Tree) throws -> Bool {
    do {
      switch tree {
      case .old: try old.open(source)
      case .new: try new.open(source)
      }
      return true
    } catch let error as LostItems {
      try lost(error, tree)
      try passUnknown(to: error.end)
      return false
    }
  }

  /// Passes over what both sides have before a path; what is lost in one of them and reaches
  /// beyond it moves the path.
  private mutating func passUnknown(to path: ArchivePath?) throws {
    var end = path
    var isBehind = false
    while !isBehind {
      isBehind = true
      for tree in [Tree.old, .new] {
        do {
          switch tree {
          case .old: try old.skip(to: end, source)
          case .new: try new.skip(to: end, source)
          }
        } catch let error as LostItems {
          try lost(error, tree)
          if let known = end { end = error.end.map { max($0, known) } }
          isBehind = false
        }
      }
    }
  }

  /// Opens two leaves at once: of what is in both, byte for byte, nothing is decoded.
  ///
  /// - Returns: `false` if they have to be opened one by one.
  private mutating func openLeaves(_ before: UnreadNode, _ after: UnreadNode) throws -> Bool {
    do {
      guard let oldBytes = try source.encoded(before.child.id),
        let newBytes = try source.encoded(after.child.id),
        var oldLeaf = try LeafReader(oldBytes, before, source),
        var newLeaf = try LeafReader(newBytes, after, source)
      else { return false }
      var oldItems: [Item] = []
      var newItems: [Item] = []
      while true {
        switch (oldLeaf.path, newLeaf.path) {
        case (nil, nil):
          try oldLeaf.verify()
          try newLeaf.verify()
          old.enter(oldItems)
          new.enter(newItems)
          return true
        case (_?, nil): oldItems.append(try oldLeaf.take())
        case (nil, _?): newItems.append(try newLeaf.take())
        case (let oldPath?, let newPath?):
          if oldPath == newPath, oldLeaf.isSame(as: newLeaf) {
            try oldLeaf.advance()
            try newLeaf.advance()
          } else {
            if !(newPath < oldPath) { oldItems.append(try oldLeaf.take()) }
            if !(oldPath < newPath) { newItems.append(try newLeaf.take()) }
          }
        }
      }
    } catch let error where RepositoryError.concernsOneObject(error) {
      // Opened one by one, the damaged one shows.
      return false
    }
  }

  /// Goes through the items of a leaf, and decodes those that are asked for.
  private struct LeafReader {
    private let node: UnreadNode
    private let source: any NodeSource
    private var items: TreeNode.EncodedItems
    private var current: (path: ArchivePath, fields: ByteReader)?
    private let first: ArchivePath?
    private var last: ArchivePath?
    private var shared = ItemCoding.Shared()

    /// - Returns: `nil` for another kind of node.
    init?(_ bytes: [UInt8], _ node: UnreadNode, _ source: any NodeSource) throws {
      self.node = node
      self.source = source
      do throws(FormatError) {
        guard var items = try TreeNode.EncodedItems(bytes) else { return nil }
        current = try items.next()
        (first, last) = (current?.path, current?.path)
        self.items = items
      } catch {
        throw source.damage(node.child.id, error)
      }
    }

    /// Where the next item stands; `nil` behind the last one.
    var path: ArchivePath? { current?.path }

    func isSame(as other: Self) -> Bool {
      guard let mine = current?.fields, let theirs = other.current?.fields else { return false }
      return ByteReader.isRestEqual(mine, theirs)
    }

    mutating func advance() throws {
      do throws(FormatError) {
        current = try items.next()
      } catch {
        throw source.damage(node.child.id, error)
      }
      if let path { last = path }
    }

    mutating func take() throws -> Item {
      guard case (let path, var fields)? = current else {
        throw FormatError.inconsistent("an item behind the end of its node")
      }
      let item: Item
      do throws(FormatError) {
        item = try ItemCoding.decode(&fields, path: path, &shared)
      } catch {
        throw source.damage(node.child.id, error)
      }
      try advance()
      return item
    }

    /// Compares the leaf, which was read to its end, with what the node above says of it.
    func verify() throws(FormatError) { try node.verify(first: first, last: last) }
  }

  /// The first element in the rest of a tree.
  private enum Head {
    case item(Item)
    /// A node that nobody has looked into.
    case node(UnreadNode)
  }

  /// The rest of one tree.
  private struct Side {
    /// None of them has come to its end.
    private var nodes: [OpenNode] = []
    private var items: [Item] = []
    private var position = 0

    init(_ root: ItemTreeRoot?) {
      if let root { nodes = [OpenNode(above: root)] }
    }

    var head: Head? {
      if position < items.count { return .item(items[position]) }
      return nodes.last?.head.map { .node($0) }
    }

    /// Goes to what follows the item at the head.
    mutating func pass() {
      if position < items.count { position += 1 }
    }

    /// Goes, on both sides, to what follows the nodes at the heads and behind them that are equal.
    mutating func passEqual(_ other: inout Side) {
      guard let mine = nodes.last, let theirs = other.nodes.last else { return }
      let most = min(mine.children.count - mine.next, theirs.children.count - theirs.next)
      var count = 0
      while count < most,
        mine.children[mine.next + count].id == theirs.children[theirs.next + count].id
      {
        count += 1
      }
      passNodes(count)
      other.passNodes(count)
    }

    /// Goes to what is at a path or follows it; to the end for `nil`.
    ///
    /// - Throws: `LostItems` for a node that holds what is on either side of the path, and cannot
    ///   be read; it is passed over.
    mutating func skip(to path: ArchivePath?, _ source: any NodeSource) throws {
      guard let path else {
        (nodes, items, position) = ([], [], 0)
        return
      }
      while true {
        switch head {
        case .item(let item) where item.path < path: position += 1
        case .node(let node) where node.child.firstPath < path:
          if let end = node.end, !(path < end) { passNodes(1) } else { try open(source) }
        case .item, .node, nil: return
        }
      }
    }

    private mutating func passNodes(_ count: Int) {
      guard !nodes.isEmpty else { return }
      nodes[nodes.count - 1].next += count
      while let node = nodes.last, node.head == nil { nodes.removeLast() }
    }

    /// Puts what is in the node at the head in its place.
    ///
    /// - Throws: `LostItems` if it cannot be read; it is passed over then.
    mutating func open(_ source: any NodeSource) throws {
      guard let node = nodes.last?.head else { return }
      passNodes(1)
      switch try node.read(from: source) {
      case .items(let items):
        self.items = items
        position = 0
      case .itemNodes(let children, let level):
        nodes.append(OpenNode(children, level: level, end: node.end))
      // `read` refuses those.
      case .chunks, .chunkNodes: break
      }
    }

    /// Puts some items in the place of the leaf at the head: what is left of those in it.
    mutating func enter(_ items: [Item]) {
      passNodes(1)
      self.items = items
      position = 0
    }
  }
}

extension Item {
  /// Whether a restored file would be the same: `ctime`, `atime` and the inode number, which no
  /// restored file can have, do not count.
  public func isSame(as other: Item) -> Bool {
    func restorable(_ item: Item) -> Item {
      var item = item
      (item.ctime, item.atime, item.inode) = (nil, nil, nil)
      return item
    }
    return restorable(self) == restorable(other)
  }
}

extension Repository {
  /// Tells what is different between two archives, in path order.
  ///
  /// What both have is passed over without being read, so that this takes time in proportion to
  /// what is different.
  ///
  /// - Parameters:
  ///   - old: The one that differences are reckoned from.
  ///   - new: The other one.
  ///   - comparesChangeTimes: Whether an item with another time of its inode's change is another one.
  ///   - lost: Told of items that cannot be read, and of the archive that they are in: what the
  ///     other one has in their stretch is not compared.
  ///   - found: Told of each difference.
  /// - Throws: What `lost` and `found` throw; errors of the storage.
  public func differences(
    between old: Archive, and new: Archive, comparingChangeTimes comparesChangeTimes: Bool = false,
    lost: @escaping (LostItems, Archive) throws -> Void,
    _ found: (ItemDifference) throws -> Void
  ) throws {
    var differences = ItemDifferences(
      old.manifest.tree, new.manifest.tree, source: try TreeReader(self),
      comparesChangeTimes: comparesChangeTimes
    ) { items, tree in try lost(items, tree == .old ? old : new) }
    while let difference = try differences.next() { try found(difference) }
  }
}
