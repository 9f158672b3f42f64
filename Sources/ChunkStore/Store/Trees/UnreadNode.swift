import StoreEncoding
import StoreFormat

/// A node of a tree of items, as the node above it describes it.
struct UnreadNode {
  let child: TreeNode.ItemChild
  /// The first path after everything beneath the node; `nil` if nothing follows.
  let end: ArchivePath?
  /// The level of the node above.
  let above: Int

  /// The root's own description has no path.
  private var isRoot: Bool { above == Limits.treeDepth }

  /// Reads the node, and compares it with its description.
  ///
  /// Nodes that agree with the nodes above them hold items in ascending order, from node to node
  /// as well.
  ///
  /// - Throws: `LostItems` if the node is damaged or missing; other errors of the source.
  func read(from source: any NodeSource) throws -> TreeNode {
    do {
      let node = try source.node(child.id)
      do throws(FormatError) {
        try verify(node)
      } catch {
        throw source.damage(child.id, error)
      }
      return node
    } catch let error where RepositoryError.concernsOneObject(error) {
      throw LostItems(
        first: isRoot ? nil : child.firstPath, end: end, count: child.itemCount, cause: error)
    }
  }

  private func verify(_ node: TreeNode) throws(FormatError) {
    switch node {
    case .items(let items):
      try verify(first: items.first?.path, last: items.last?.path)
    case .itemNodes(let children, let level):
      guard level < above else { throw .inconsistent("a node at the wrong level") }
      try verify(first: children.first?.firstPath, last: children.last?.firstPath)
    case .chunks, .chunkNodes:
      throw .inconsistent("a list of chunks in the place of items")
    }
  }

  /// Compares the first and the last path of a node with its description.
  func verify(first: ArchivePath?, last: ArchivePath?) throws(FormatError) {
    guard isRoot || first == child.firstPath else {
      throw .inconsistent("a node begins at another path than its parent says")
    }
    if let last, let end, !(last < end) { throw .unsortedPaths }
  }
}

/// An inner node of a tree of items, and which of its children comes next.
struct OpenNode {
  let children: [TreeNode.ItemChild]
  let level: Int
  /// The first path after everything beneath the node; `nil` if nothing follows.
  let end: ArchivePath?
  var next = 0

  init(_ children: [TreeNode.ItemChild], level: Int, end: ArchivePath?) {
    self.children = children
    self.level = level
    self.end = end
  }

  /// Stands above the root, which is its only child.
  init(above root: ItemTreeRoot) {
    self.init(
      [TreeNode.ItemChild(firstPath: .root, id: root.id, itemCount: root.itemCount)],
      level: Limits.treeDepth, end: nil)
  }

  /// The child that comes next; `nil` after the last one.
  var head: UnreadNode? {
    guard next < children.count else { return nil }
    return UnreadNode(
      child: children[next],
      end: next + 1 < children.count ? children[next + 1].firstPath : end, above: level)
  }
}
