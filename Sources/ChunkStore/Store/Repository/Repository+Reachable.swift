import StoreCrypto
import StoreEncoding
import StoreFormat

extension Repository {
  /// Whether every chunk of a content, and every node of its list, can be referred to by a new
  /// archive.
  public func isUsable(_ content: Item.Content) throws -> Bool {
    switch content.chunks {
    case .inline(let chunks): return chunks.allSatisfy { index.contains($0.id) }
    case .tree(let root, _, _): if !index.contains(root) { return false }
    }
    do {
      var chunks = try ChunkCursor(
        content.chunks, source: UsableNodes(self, reader: try TreeReader(self)))
      while let chunk = try chunks.next() {
        guard index.contains(chunk.id) else { return false }
      }
      return true
    } catch is UsableNodes.Unusable {
      return false
    }
  }

  /// Whether everything that a tree refers to can be referred to.
  func isUsable(_ root: ItemTreeRoot?) throws -> Bool {
    do {
      var items = ItemCursor(root, source: UsableNodes(self, reader: try TreeReader(self)))
      while let item = try items.next() {
        if let content = item.content, try !isUsable(content) { return false }
      }
      return true
    } catch is UsableNodes.Unusable {
      return false
    } catch is LostItems {
      return false
    }
  }
}

/// Reads nodes, but only those that a new archive may refer to.
private final class UsableNodes: NodeSource {
  struct Unusable: Error {}

  private let repository: Repository
  private let reader: TreeReader

  init(_ repository: Repository, reader: TreeReader) {
    self.repository = repository
    self.reader = reader
  }

  func node(_ id: ChunkID) throws -> TreeNode {
    guard repository.index.contains(id) else { throw Unusable() }
    do {
      return try reader.node(id)
    } catch RepositoryError.missingChunk, RepositoryError.damagedChunk {
      // Removed since the index was read, or not whole.
      throw Unusable()
    }
  }
}
