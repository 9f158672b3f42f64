import StoreCrypto
import StoreEncoding
import StoreFormat

/// Which chunks more than one item refers to, of all archives of a repository.
///
/// Two bits for each row of the index. Every node is read at most twice: what lies below one that is met
/// a second time is that of two items, whatever comes after.
public final class SharedChunks {
  private let repository: Repository
  private let nodes: TreeReader
  /// Chunks that an item refers to, and those that a second one does.
  private let seen: Marks
  private let shared: Marks
  private var visits: [ChunkID: Int] = [:]

  /// Looks at all archives.
  ///
  /// - Parameters:
  ///   - repository: Where they are.
  ///   - problem: Told of archives and of nodes of their trees that cannot be had: they refer to nothing.
  /// - Throws: Errors of the storage.
  public init(_ repository: Repository, problem: (any Error) -> Void) throws {
    self.repository = repository
    nodes = try TreeReader(repository)
    seen = Marks(repository.index)
    shared = Marks(repository.index)
    let archives = try repository.archives { name, error in
      if case .object(.label, _) = name { return }
      problem(Corruption(object: name, cause: error))
    }
    for archive in archives {
      guard let root = archive.manifest.tree?.id else { continue }
      try visit(root, below: Limits.treeDepth, problem)
    }
  }

  /// Whether more than one item refers to a chunk.
  public func contains(_ id: ChunkID) -> Bool { shared.isReferenced(id) }

  private func visit(
    _ id: ChunkID, below level: Int, _ problem: (any Error) -> Void
  ) throws {
    let visit = visits[id, default: 0]
    guard visit < 2 else { return }
    visits[id] = visit + 1
    let node: TreeNode
    do {
      node = try nodes.node(id)
    } catch let error as RepositoryError {
      return problem(error)
    }
    switch node {
    case .items(let items):
      for item in items { try add(item, isShared: visit > 0, problem) }
    case .itemNodes(let children, let own):
      guard own < level else {
        return problem(nodes.damage(id, .inconsistent("a node at the wrong level")))
      }
      for child in children { try self.visit(child.id, below: own, problem) }
    case .chunks, .chunkNodes:
      problem(nodes.damage(id, .inconsistent("a node of another kind")))
    }
  }

  private func add(_ item: Item, isShared: Bool, _ problem: (any Error) -> Void) throws {
    guard let content = item.content else { return }
    var own: Set<ChunkID> = []
    do {
      var chunks = try repository.chunks(of: content)
      while let chunk = try chunks.next() { own.insert(chunk.id) }
    } catch let error as RepositoryError {
      problem(error)
    }
    for id in own where seen.mark(id) == .known || isShared { _ = shared.mark(id) }
  }
}
