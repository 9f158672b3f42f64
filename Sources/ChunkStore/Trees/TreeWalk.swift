/// Follows everything that a tree of items refers to, in path order.
///
/// Holds what is still to be followed of one node per level. Confined to one thread.
struct TreeWalk {
  private let nodes: TreeReader

  /// Nodes that are announced before they are reached.
  private static let ahead = 16

  init(_ repository: Repository) throws { nodes = try TreeReader(repository) }

  /// Follows a tree.
  ///
  /// - Parameters:
  ///   - root: The tree; `nil` for an archive without items.
  ///   - enter: Told of each node, before it is read; says whether it is.
  ///   - chunk: Told of each chunk of a content.
  ///   - unreadable: Told of a node that cannot be read; what it refers to is passed over.
  ///   - willRead: Whether a node that comes soon is going to be read: then it is announced.
  /// - Throws: What these throw, and errors of the storage.
  func run(
    _ root: ItemTreeRoot?, enter: (ChunkID, ArchivePath) throws -> Bool,
    chunk: (ChunkReference, ArchivePath) throws -> Void,
    unreadable: (ChunkID, ArchivePath, RepositoryError) throws -> Void,
    willRead: (ChunkID) -> Bool = { _ in false }
  ) throws {
    guard let root else { return }
    // The last element is next; a node's children are added in reverse, to go in path order.
    var open: [(id: ChunkID, path: ArchivePath)] = [(root.id, .root)]
    while let (id, path) = open.popLast() {
      guard try enter(id, path) else { continue }
      for (id, _) in open.suffix(Self.ahead).reversed() where willRead(id) { nodes.announce(id) }
      let node: TreeNode
      do {
        node = try nodes.node(id)
      } catch let error as RepositoryError {
        try unreadable(id, path, error)
        continue
      }
      switch node {
      case .items(let items):
        for item in items {
          switch item.content?.chunks {
          case nil: break
          case .inline(let references): for part in references { try chunk(part, item.path) }
          case .tree(let root, _, _): open.append((root, item.path))
          }
        }
      case .itemNodes(let children, _):
        for child in children.reversed() { open.append((child.id, child.firstPath)) }
      case .chunks(let references): for part in references { try chunk(part, path) }
      case .chunkNodes(let children, _):
        for child in children.reversed() { open.append((child.id, path)) }
      }
    }
  }
}
