import Crypto

/// What is different between two archives at one path.
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
struct ItemDifferences {
  private let source: any NodeSource
  private var old: Side
  private var new: Side

  init(_ old: ItemTreeRoot?, _ new: ItemTreeRoot?, source: any NodeSource) throws {
    self.source = source
    let isSame = old == new
    self.old = try Side(isSame ? nil : old, source)
    self.new = try Side(isSame ? nil : new, source)
  }

  /// The next difference; `nil` behind the last one.
  mutating func next() throws -> ItemDifference? {
    while true {
      switch (old.head, new.head) {
      case (nil, nil): return nil
      case (.item(let item), nil):
        try old.pass()
        return .removed(item)
      case (nil, .item(let item)):
        try new.pass()
        return .added(item)
      case (.node, nil): try old.open(source)
      case (nil, .node): try new.open(source)
      case (.item(let before), .item(let after)):
        if before.path < after.path {
          try old.pass()
          return .removed(before)
        }
        if after.path < before.path {
          try new.pass()
          return .added(after)
        }
        try old.pass()
        try new.pass()
        if !before.isSame(as: after) { return .changed(from: before, to: after) }
      case (.item(let before), .node(let child, _)):
        // What comes before everything in the node is in neither of the other's nodes.
        if before.path < child.firstPath {
          try old.pass()
          return .removed(before)
        }
        try new.open(source)
      case (.node(let child, _), .item(let after)):
        if after.path < child.firstPath {
          try new.pass()
          return .added(after)
        }
        try old.open(source)
      case (.node(let before, let oldLevel), .node(let after, let newLevel)):
        if before.id == after.id {
          old.passEqual(&new)
        } else if before.firstPath == after.firstPath {
          if oldLevel == 0, newLevel == 0, try openLeaves(before, after) { continue }
          // Equal nodes may stand below: of the same level both are opened, else the higher one.
          if oldLevel >= newLevel { try old.open(source) }
          if newLevel >= oldLevel { try new.open(source) }
        } else if before.firstPath < after.firstPath {
          try old.open(source)
        } else {
          try new.open(source)
        }
      }
    }
  }

  /// Opens two leaves at once: of what is in both, byte for byte, nothing is decoded.
  ///
  /// - Returns: `false` if they have to be opened one by one.
  private mutating func openLeaves(
    _ before: TreeNode.ItemChild, _ after: TreeNode.ItemChild
  ) throws -> Bool {
    guard let oldBytes = try source.encoded(before.id), let newBytes = try source.encoded(after.id),
      var oldLeaf = try LeafReader(oldBytes, before.id, source),
      var newLeaf = try LeafReader(newBytes, after.id, source)
    else { return false }
    var oldItems: [Item] = []
    var newItems: [Item] = []
    guard oldLeaf.path == before.firstPath, newLeaf.path == after.firstPath else {
      throw FormatError.inconsistent("a node begins at another path than its parent says")
    }
    while true {
      switch (oldLeaf.path, newLeaf.path) {
      case (nil, nil):
        try old.enter(oldItems)
        try new.enter(newItems)
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
  }

  /// Goes through the items of a leaf, and decodes those that are asked for.
  private struct LeafReader {
    private let id: ChunkID
    private let source: any NodeSource
    private var items: TreeNode.EncodedItems
    private var current: (path: ArchivePath, fields: ByteReader)?
    private var shared = ItemCoding.Shared()

    /// - Returns: `nil` for another kind of node.
    init?(_ bytes: [UInt8], _ id: ChunkID, _ source: any NodeSource) throws {
      self.id = id
      self.source = source
      do throws(FormatError) {
        guard var items = try TreeNode.EncodedItems(bytes) else { return nil }
        current = try items.next()
        self.items = items
      } catch {
        throw source.damage(id, error)
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
        throw source.damage(id, error)
      }
    }

    mutating func take() throws -> Item {
      guard case (let path, var fields)? = current else {
        throw FormatError.inconsistent("an item behind the end of its node")
      }
      let item: Item
      do throws(FormatError) {
        item = try ItemCoding.decode(&fields, path: path, &shared)
      } catch {
        throw source.damage(id, error)
      }
      try advance()
      return item
    }
  }

  /// What comes first in the rest of a tree.
  private enum Head {
    case item(Item)
    /// A node that nobody has looked into, and what its level is at most.
    case node(TreeNode.ItemChild, level: Int)
  }

  /// The rest of one tree.
  private struct Side {
    private var frames: [(children: [TreeNode.ItemChild], next: Int, level: Int)] = []
    private var items: [Item] = []
    private var position = 0
    private var last: ArchivePath?

    init(_ root: ItemTreeRoot?, _ source: any NodeSource) throws {
      if let root { try enter(root.id, below: Limits.treeDepth, expecting: nil, source) }
    }

    var head: Head? {
      if position < items.count { return .item(items[position]) }
      // `pass` leaves no frame that has come to its end.
      guard let frame = frames.last else { return nil }
      return .node(frame.children[frame.next], level: frame.level - 1)
    }

    /// Goes to what follows the head.
    mutating func pass() throws {
      if position < items.count {
        let path = items[position].path
        // Within a node the decoder has checked; from node to node it is checked here.
        if let last, !(last < path) { throw FormatError.unsortedPaths }
        last = path
        position += 1
        if position < items.count { return }
      } else if !frames.isEmpty {
        frames[frames.count - 1].next += 1
      }
      leaveFrames()
    }

    /// Goes, on both sides, to what follows the nodes at the heads and behind them that are equal.
    mutating func passEqual(_ other: inout Side) {
      guard let mine = frames.last, let theirs = other.frames.last else { return }
      let most = min(mine.children.count - mine.next, theirs.children.count - theirs.next)
      var count = 0
      while count < most,
        mine.children[mine.next + count].id == theirs.children[theirs.next + count].id
      {
        count += 1
      }
      frames[frames.count - 1].next += count
      other.frames[other.frames.count - 1].next += count
      leaveFrames()
      other.leaveFrames()
    }

    private mutating func leaveFrames() {
      while let frame = frames.last, frame.next >= frame.children.count { frames.removeLast() }
    }

    /// Puts what is in the node at the head in its place.
    mutating func open(_ source: any NodeSource) throws {
      guard let frame = frames.last else { return }
      let child = frame.children[frame.next]
      passNode()
      try enter(child.id, below: frame.level, expecting: child, source)
    }

    /// Puts some items in the place of the leaf at the head: what is left of those in it.
    mutating func enter(_ items: [Item]) throws {
      passNode()
      self.items = items
      position = 0
    }

    private mutating func passNode() {
      frames[frames.count - 1].next += 1
      if let frame = frames.last, frame.next == frame.children.count { frames.removeLast() }
    }

    private mutating func enter(
      _ id: ChunkID, below level: Int, expecting: TreeNode.ItemChild?, _ source: any NodeSource
    ) throws {
      let first: ArchivePath?
      switch try source.node(id) {
      case .items(let items):
        first = items.first?.path
        self.items = items
        position = 0
      case .itemNodes(let children, let own):
        guard own < level else { throw FormatError.inconsistent("a node at the wrong level") }
        first = children.first?.firstPath
        frames.append((children, 0, own))
      case .chunks, .chunkNodes:
        throw FormatError.inconsistent("a list of chunks in the place of items")
      }
      guard expecting == nil || first == expecting?.firstPath else {
        throw FormatError.inconsistent("a node begins at another path than its parent says")
      }
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
  ///   - found: Told of each difference.
  /// - Throws: What `found` throws; `RepositoryError` and `FormatError` for nodes that cannot be
  ///   read.
  public func differences(
    between old: Archive, and new: Archive, _ found: (ItemDifference) throws -> Void
  ) throws {
    var differences = try ItemDifferences(
      old.manifest.tree, new.manifest.tree, source: try TreeReader(self))
    while let difference = try differences.next() { try found(difference) }
  }
}
