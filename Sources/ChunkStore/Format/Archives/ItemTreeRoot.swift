/// Where a tree of items begins, and how many items it has.
public struct ItemTreeRoot: Hashable, Sendable {
  /// The root node.
  public var id: ChunkID
  /// All items of the tree.
  public var itemCount: UInt64
}
