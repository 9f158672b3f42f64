import StoreCrypto
import StoreEncoding

/// An entry of an inner node: one node of a lower level.
protocol TreeChild {
  /// The kind of inner node that holds such entries.
  static var kind: NodeKind { get }
  var id: ChunkID { get }
  /// For trees whose entries are ordered by path.
  var path: ArchivePath? { get }
  /// The input of the boundary hash.
  var key: [UInt8] { get }
  /// The entry's bytes behind its path.
  var value: [UInt8] { get }
  /// The entry for a node of these children.
  static func parent(_ id: ChunkID, of children: [Self]) -> Self
}

/// The levels of a tree above its leaves, each with one unfinished node.
struct TreeLevels<Child: TreeChild> {
  private var levels: [(builder: NodeBuilder, entries: [Child])] = []

  package mutating func add(
    _ child: Child, _ store: any NodeStore, _ boundary: inout KeyedHash
  ) throws {
    try add(child, to: 0, store, &boundary)
  }

  /// Ends all nodes, and names the root; `nil` if there was no leaf.
  package mutating func finish(_ store: any NodeStore, _ boundary: inout KeyedHash) throws -> Child?
  {
    var level = 0
    while level < levels.count {
      let entries = levels[level].entries
      if level == levels.count - 1, entries.count == 1 { return entries[0] }
      if !entries.isEmpty { try end(level, store, &boundary) }
      level += 1
    }
    return nil
  }

  private mutating func add(
    _ child: Child, to level: Int, _ store: any NodeStore, _ boundary: inout KeyedHash
  ) throws {
    guard level + 1 < Limits.treeDepth else {
      throw FormatError.limitExceeded(
        "tree depth", found: UInt64(level + 2), limit: UInt64(Limits.treeDepth))
    }
    if level == levels.count { levels.append((NodeBuilder(Child.kind, level: level + 1), [])) }
    let value = child.value
    if levels[level].builder.isFull(for: (child.path?.bytes.count ?? 0) + value.count) {
      try end(level, store, &boundary)
    }
    levels[level].entries.append(child)
    let ends = try levels[level].builder.add(
      path: child.path, key: child.key, value: value, boundary: &boundary)
    if ends { try end(level, store, &boundary) }
  }

  private mutating func end(
    _ level: Int, _ store: any NodeStore, _ boundary: inout KeyedHash
  ) throws {
    let entries = levels[level].entries
    levels[level].entries = []
    let node = levels[level].builder.finish()
    // A node with a single entry says nothing: the child itself stands one level higher.
    let parent =
      entries.count == 1
      ? entries[0] : Child.parent(try store.store(node: node), of: entries)
    try add(parent, to: level + 1, store, &boundary)
  }
}
