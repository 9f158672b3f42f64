import StoreEncoding
import StoreFormat

/// Follows everything that a tree of items refers to, in path order.
///
/// Holds what is still to be followed of one node per level. Confined to one thread.
struct TreeWalk {
  private let nodes: TreeReader

  /// A node that is still to be followed.
  private struct Open {
    let id: ChunkID
    let path: ArchivePath
    var isAnnounced = false
  }

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
    var open = [Open(id: root.id, path: .root)]
    while let next = open.popLast() {
      let (id, path) = (next.id, next.path)
      guard try enter(id, path) else { continue }
      for i in open.indices.suffix(NodesAhead.leaves).reversed() where !open[i].isAnnounced {
        open[i].isAnnounced = true
        if willRead(open[i].id) { nodes.announce(open[i].id) }
      }
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
          case .tree(let root, _, _): open.append(Open(id: root, path: item.path))
          }
        }
      case .itemNodes(let children, _):
        for child in children.reversed() {
          open.append(Open(id: child.id, path: child.firstPath))
        }
      case .chunks(let references): for part in references { try chunk(part, path) }
      case .chunkNodes(let children, _):
        for child in children.reversed() { open.append(Open(id: child.id, path: path)) }
      }
    }
  }
}
