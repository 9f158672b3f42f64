import StoreCrypto

@testable import ChunkStore

/// Nodes of trees in memory; counts what is stored and what is read.
final class MemoryNodes: NodeStore, NodeSource {
  private(set) var nodes: [ChunkID: [UInt8]] = [:]
  private(set) var stored = 0
  private(set) var reads = 0
  /// Those that were said to be read soon, in order.
  private(set) var announced: [ChunkID] = []
  private var hash: KeyedHash

  init(_ keys: KeyRing) throws { hash = try keys.idHash(.tree) }

  func store(node: [UInt8]) throws -> ChunkID {
    let id = ChunkID(try hash.digest(node.span))
    stored += 1
    nodes[id] = node
    return id
  }

  func node(_ id: ChunkID) throws -> TreeNode {
    reads += 1
    guard let bytes = nodes[id] else { throw RepositoryError.missingChunk(id) }
    return try TreeNode(decoding: bytes)
  }

  func encoded(_ id: ChunkID) throws -> [UInt8]? {
    reads += 1
    guard let bytes = nodes[id] else { throw RepositoryError.missingChunk(id) }
    return bytes
  }

  func announce(_ id: ChunkID) { announced.append(id) }

  /// From now on a node is missing.
  func lose(_ id: ChunkID) { nodes[id] = nil }

  func forgetReads() {
    reads = 0
    announced = []
  }
}

/// Nodes as an attacker would make them, who has the keys.
final class HostileNodes: NodeSource {
  var nodes: [ChunkID: TreeNode] = [:]
  private(set) var reads = 0

  func node(_ id: ChunkID) throws -> TreeNode {
    reads += 1
    guard let node = nodes[id] else { throw RepositoryError.missingChunk(id) }
    return node
  }

  static func id(_ number: UInt64) -> ChunkID {
    ChunkID(Digest256(bigEndianWords: 0, 0, 0, number))
  }
}
