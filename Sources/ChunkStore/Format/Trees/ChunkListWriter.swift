import StoreCrypto
package import StoreEncoding

/// Collects the chunks of one content, in order, and turns long lists into trees.
///
/// Holds at most one unfinished node per level, however long the content.
package struct ChunkListWriter {
  private var inline: [ChunkReference] = []
  private var tree: Tree?
  private var count: UInt64 = 0
  package private(set) var size: UInt64 = 0

  package init() {}

  /// Made only for lists that are too long for their item.
  private final class Tree {
    var boundary: KeyedHash
    var leaf = NodeBuilder(.chunks, level: 0)
    var leafSize: UInt64 = 0
    var levels = TreeLevels<TreeNode.ChunkChild>()

    init(keys: KeyRing) throws { boundary = try keys.boundaryHash() }

    func add(_ chunk: ChunkReference, store: any NodeStore) throws {
      var value = ByteWriter()
      value.reference(chunk)
      if leaf.isFull(for: value.count) { try endLeaf(store) }
      leafSize += UInt64(chunk.length)
      let ends = try leaf.add(
        key: chunk.id.digest.bytes, value: value.bytes, boundary: &boundary)
      if ends { try endLeaf(store) }
    }

    func endLeaf(_ store: any NodeStore) throws {
      let count = UInt64(leaf.count)
      let child = TreeNode.ChunkChild(
        id: try store.store(node: leaf.finish()), count: count, size: leafSize)
      leafSize = 0
      try levels.add(child, store, &boundary)
    }

    func finish(_ store: any NodeStore) throws -> TreeNode.ChunkChild? {
      if !leaf.isEmpty { try endLeaf(store) }
      return try levels.finish(store, &boundary)
    }
  }

  package mutating func add(_ chunk: ChunkReference, keys: KeyRing, store: any NodeStore) throws {
    count += 1
    size += UInt64(chunk.length)
    if let tree {
      try tree.add(chunk, store: store)
    } else if inline.count < Item.ChunkList.inlineLimit {
      inline.append(chunk)
    } else {
      let tree = try Tree(keys: keys)
      for earlier in inline + [chunk] { try tree.add(earlier, store: store) }
      inline = []
      self.tree = tree
    }
  }

  package mutating func finish(store: any NodeStore) throws -> Item.ChunkList {
    guard let tree, let root = try tree.finish(store) else { return .inline(InlineChunks(inline)) }
    return .tree(root: root.id, count: count, size: size)
  }
}

extension TreeNode.ChunkChild: TreeChild {
  package static let kind = NodeKind.chunkNodes
  package var path: ArchivePath? { nil }
  package var key: [UInt8] { id.digest.bytes }
  package var value: [UInt8] {
    var value = ByteWriter()
    value.digest(id.digest)
    value.varint(count)
    value.varint(size)
    return value.bytes
  }

  package static func parent(_ id: ChunkID, of children: [Self]) -> Self {
    TreeNode.ChunkChild(
      id: id, count: children.reduce(0) { $0 + $1.count },
      size: children.reduce(0) { $0 + $1.size })
  }
}
