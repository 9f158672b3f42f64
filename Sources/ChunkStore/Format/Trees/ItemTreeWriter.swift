import StoreCrypto
package import StoreEncoding

/// Cuts items, which come in path order, into nodes, and those into nodes of higher levels.
///
/// Holds one unfinished node per level. Confined to one thread.
package struct ItemTreeWriter: ~Copyable {
  private var boundary: KeyedHash
  private let store: any NodeStore
  private var leaf = NodeBuilder(.items, level: 0)
  private var leafFirst: ArchivePath?
  private var last: ArchivePath?
  private var levels = TreeLevels<TreeNode.ItemChild>()
  /// The fields of the item that is being added; used again for the next one.
  private var fields = ByteWriter(reserving: 512)

  package init(keys: KeyRing, store: any NodeStore) throws {
    boundary = try keys.boundaryHash()
    self.store = store
  }

  package mutating func add(_ item: Item) throws {
    if let last, !(last < item.path) { throw FormatError.unsortedPaths }
    guard let kind = item.kind, kind.isDevice == (item.device != nil) else {
      throw FormatError.inconsistent("an item of a type that no reader knows")
    }
    fields.removeAll()
    ItemCoding.encode(item, to: &fields)
    guard item.path.bytes.count + fields.count < Limits.nodeSize - 64 else {
      throw FormatError.limitExceeded(
        "metadata of one item", found: UInt64(fields.count), limit: UInt64(Limits.nodeSize))
    }
    let size = ByteWriter.varintSize(fields.count) + fields.count
    if leaf.isFull(for: item.path.bytes.count + size) { try endLeaf() }
    if leaf.isEmpty { leafFirst = item.path }
    last = item.path
    let ends = try leaf.add(item.path, fields: fields, boundary: &boundary)
    if ends { try endLeaf() }
  }

  /// Ends all nodes; `nil` for a tree without items.
  package consuming func finish() throws -> ItemTreeRoot? { try snapshot() }

  /// Stores a tree of the items so far; more may follow, as if it had not been asked for.
  package mutating func snapshot() throws -> ItemTreeRoot? {
    let unfinished = (leaf, leafFirst, levels)
    defer { (leaf, leafFirst, levels) = unfinished }
    if !leaf.isEmpty { try endLeaf() }
    guard let root = try levels.finish(store, &boundary) else { return nil }
    return ItemTreeRoot(id: root.id, itemCount: root.itemCount)
  }

  private mutating func endLeaf() throws {
    guard let first = leafFirst else { return }
    let count = UInt64(leaf.count)
    let id = try store.store(node: leaf.finish())
    try levels.add(
      TreeNode.ItemChild(firstPath: first, id: id, itemCount: count), store, &boundary)
  }
}

extension TreeNode.ItemChild: TreeChild {
  package static let kind = NodeKind.itemNodes
  package var path: ArchivePath? { firstPath }
  package var key: [UInt8] { firstPath.bytes }
  package var value: [UInt8] {
    var value = ByteWriter()
    value.digest(id.digest)
    value.varint(itemCount)
    return value.bytes
  }

  package static func parent(_ id: ChunkID, of children: [Self]) -> Self {
    TreeNode.ItemChild(
      firstPath: children.first?.firstPath ?? .root, id: id,
      itemCount: children.reduce(0) { $0 + $1.itemCount })
  }
}
