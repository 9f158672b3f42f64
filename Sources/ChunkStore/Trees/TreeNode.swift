import Crypto

/// What a node of a tree holds; the numbers are on disk.
enum NodeKind: UInt8, Sendable {
  /// Items, in ascending order of their paths.
  case items = 1
  /// First path, id and item count of nodes one level below.
  case itemNodes = 2
  /// References to chunks of one content.
  case chunks = 3
  /// Id, chunk count and byte count of list nodes one level below.
  case chunkNodes = 4
}

/// A node of the item tree or of a list of chunks.
///
///     node := kind u8 | level u8 | entry count | entry*
///     items       shared | suffix length | suffix | field length | fields
///     itemNodes   shared | suffix length | suffix | id 32 | item count
///     chunks      id 32 | length
///     chunkNodes  id 32 | chunk count | byte count
///
/// `shared` is how many leading bytes the path has in common with the entry before it. Leaves are
/// of level 0. A node is stored as a chunk whose id is made with the tree id key.
enum TreeNode {
  case items([Item])
  case itemNodes([ItemChild], level: Int)
  case chunks([ChunkReference])
  case chunkNodes([ChunkChild], level: Int)

  struct ItemChild: Hashable, Sendable {
    var firstPath: ArchivePath
    var id: ChunkID
    var itemCount: UInt64
  }

  struct ChunkChild: Hashable, Sendable {
    var id: ChunkID
    var count: UInt64
    var size: UInt64
  }

  init(decoding bytes: [UInt8]) throws(FormatError) {
    guard bytes.count <= Limits.nodeSize else {
      throw .limitExceeded("node", found: UInt64(bytes.count), limit: UInt64(Limits.nodeSize))
    }
    var reader = ByteReader(bytes)
    let kindByte = try reader.byte()
    guard let kind = NodeKind(rawValue: kindByte) else {
      throw .unknownAlgorithm("node kind", UInt64(kindByte))
    }
    let level = Int(try reader.byte())
    guard level < Limits.treeDepth else {
      throw .limitExceeded("tree depth", found: UInt64(level), limit: UInt64(Limits.treeDepth))
    }
    let isLeaf = kind == .items || kind == .chunks
    guard isLeaf == (level == 0) else { throw .inconsistent("a node at the wrong level") }
    // Every entry has at least three bytes.
    let count: Int = try reader.varint("entries of a node", limit: reader.remaining / 3)
    switch kind {
    case .items:
      var items: [Item] = []
      items.reserveCapacity(count)
      var paths = PathDecoder()
      for _ in 0..<count {
        let path = try paths.next(&reader)
        let length: Int = try reader.varint("item", limit: reader.remaining)
        items.append(try ItemCoding.decode(try reader.nested(length), path: path))
      }
      self = .items(items)
    case .itemNodes:
      var children: [ItemChild] = []
      var paths = PathDecoder()
      for _ in 0..<count {
        children.append(
          ItemChild(
            firstPath: try paths.next(&reader), id: try reader.chunkID(),
            itemCount: try reader.varint()))
      }
      guard children.count > 1 else { throw .inconsistent("an inner node with a single entry") }
      self = .itemNodes(children, level: level)
    case .chunks:
      var references: [ChunkReference] = []
      references.reserveCapacity(count)
      for _ in 0..<count { references.append(try reader.reference()) }
      self = .chunks(references)
    case .chunkNodes:
      var children: [ChunkChild] = []
      for _ in 0..<count {
        children.append(
          ChunkChild(
            id: try reader.chunkID(), count: try reader.varint(), size: try reader.varint()))
      }
      guard children.count > 1 else { throw .inconsistent("an inner node with a single entry") }
      self = .chunkNodes(children, level: level)
    }
    try reader.finish()
  }
}

/// Paths as differences from the one before; refuses those that do not ascend.
///
/// Writers count paths in full when they fill a node. So does the reader: few bytes each could
/// otherwise stand for gigabytes of paths that are long and nearly the same.
private struct PathDecoder {
  private var last: ArchivePath?
  private var total = 0

  mutating func next(_ reader: inout ByteReader) throws(FormatError) -> ArchivePath {
    let known = last?.bytes ?? []
    let shared: Int = try reader.varint("shared path", limit: known.count)
    let suffix = try reader.blob("path", limit: ArchivePath.maximumLength)
    total += shared + suffix.count
    guard total <= Limits.nodeSize else {
      throw .limitExceeded(
        "paths of a node", found: UInt64(total), limit: UInt64(Limits.nodeSize))
    }
    let path = try ArchivePath(Array(known[..<shared]) + suffix)
    if let last, !(last < path) { throw .unsortedPaths }
    last = path
    return path
  }
}

/// The other direction.
struct PathEncoder {
  private var last: [UInt8] = []

  mutating func append(_ path: ArchivePath, to writer: inout ByteWriter) {
    var shared = 0
    let most = min(last.count, path.bytes.count)
    while shared < most, last[shared] == path.bytes[shared] { shared += 1 }
    writer.varint(shared)
    writer.blob(path.bytes[shared...])
    last = path.bytes
  }
}
