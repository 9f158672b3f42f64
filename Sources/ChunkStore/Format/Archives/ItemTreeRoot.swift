public import StoreEncoding

/// Where a tree of items begins, and how many items it has.
public struct ItemTreeRoot: Hashable, Sendable {
  /// The root node.
  public var id: ChunkID
  /// All items of the tree.
  public var itemCount: UInt64

  package init(
    id: ChunkID, itemCount: UInt64
  ) {
    self.id = id
    self.itemCount = itemCount
  }
}
