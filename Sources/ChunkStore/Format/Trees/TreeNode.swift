import StoreCrypto
package import StoreEncoding

/// The kind of a tree's node; the numbers are on disk.
package enum NodeKind: UInt8, Sendable {
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
package enum TreeNode {
  case items([Item])
  case itemNodes([ItemChild], level: Int)
  case chunks([ChunkReference])
  case chunkNodes([ChunkChild], level: Int)

  package struct ItemChild: Hashable, Sendable {
    package var firstPath: ArchivePath
    package var id: ChunkID
    package var itemCount: UInt64

    package init(
      firstPath: ArchivePath, id: ChunkID, itemCount: UInt64
    ) {
      self.firstPath = firstPath
      self.id = id
      self.itemCount = itemCount
    }
  }

  package struct ChunkChild: Hashable, Sendable {
    package var id: ChunkID
    package var count: UInt64
    package var size: UInt64

    package init(
      id: ChunkID, count: UInt64, size: UInt64
    ) {
      self.id = id
      self.count = count
      self.size = size
    }
  }

  package init(decoding bytes: [UInt8]) throws(FormatError) {
    var reader = ByteReader(bytes)
    let (kind, level, count) = try Self.head(&reader)
    switch kind {
    case .items:
      var items: [Item] = []
      items.reserveCapacity(count)
      var paths = PathDecoder()
      var shared = ItemCoding.Shared()
      for _ in 0..<count {
        let path = try paths.next(&reader)
        let length: Int = try reader.varint("item", limit: reader.remaining)
        let outer = try reader.enter(length)
        items.append(Item(path: path))
        try ItemCoding.decode(&reader, into: &items[items.count - 1], &shared)
        try reader.leave(outer)
      }
      self = .items(items)
    case .itemNodes:
      var children: [ItemChild] = []
      children.reserveCapacity(count)
      var paths = PathDecoder()
      for _ in 0..<count {
        children.append(
          ItemChild(
            firstPath: try paths.next(&reader), id: try reader.chunkID(),
            itemCount: try reader.varint()))
      }
      self = .itemNodes(children, level: level)
    case .chunks:
      var references: [ChunkReference] = []
      references.reserveCapacity(count)
      for _ in 0..<count {
        references.append(try reader.reference())
        if references[references.count - 1].length == 0 { throw Self.emptyChunk }
      }
      self = .chunks(references)
    case .chunkNodes:
      var children: [ChunkChild] = []
      children.reserveCapacity(count)
      for _ in 0..<count {
        let child = ChunkChild(
          id: try reader.chunkID(), count: try reader.varint(), size: try reader.varint())
        guard child.count > 0, child.size >= child.count else { throw Self.emptyChunk }
        children.append(child)
      }
      self = .chunkNodes(children, level: level)
    }
    try reader.finish()
  }

  /// A few nodes could otherwise keep a reader busy for years, without a byte.
  private static let emptyChunk = FormatError.inconsistent("a list with chunks of no bytes")

  /// The bytes in front of the entries.
  private static func head(
    _ reader: inout ByteReader
  ) throws(FormatError) -> (kind: NodeKind, level: Int, count: Int) {
    guard reader.remaining <= Limits.nodeSize else {
      throw .limitExceeded(
        "node", found: UInt64(reader.remaining), limit: UInt64(Limits.nodeSize))
    }
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
    guard count > (isLeaf ? 0 : 1) else {
      throw .inconsistent(isLeaf ? "a node without entries" : "an inner node with a single entry")
    }
    return (kind, level, count)
  }

  /// The encoded items of a leaf, one after the other.
  ///
  /// Paths are decoded, and have to ascend; what else an item has stays as it is.
  package struct EncodedItems {
    private var reader: ByteReader
    private var left: Int
    private var paths = PathDecoder()

    /// - Returns: `nil` for another kind of node.
    package init?(_ bytes: [UInt8]) throws(FormatError) {
      reader = ByteReader(bytes)
      let (kind, _, count) = try TreeNode.head(&reader)
      guard kind == .items else { return nil }
      left = count
    }

    package mutating func next() throws(FormatError) -> (path: ArchivePath, fields: ByteReader)? {
      guard left > 0 else {
        try reader.finish()
        return nil
      }
      left -= 1
      let path = try paths.next(&reader)
      let length: Int = try reader.varint("item", limit: reader.remaining)
      return (path, try reader.nested(length))
    }
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
    let known = last ?? .root
    let shared: Int = try reader.varint("shared path", limit: known.bytes.count)
    let count: Int = try reader.varint("path", limit: ArchivePath.maximumLength)
    total += shared + count
    guard total <= Limits.nodeSize else {
      throw .limitExceeded(
        "paths of a node", found: UInt64(total), limit: UInt64(Limits.nodeSize))
    }
    let path = try ArchivePath(after: known, shared: shared, &reader, count: count)
    guard last == nil || path.follows(known, shared: shared) else { throw .unsortedPaths }
    last = path
    return path
  }
}

/// Encodes paths as prefix differences.
package struct PathEncoder {
  private var last: [UInt8] = []

  package init() {}

  package mutating func append(_ path: ArchivePath, to writer: inout ByteWriter) {
    var shared = 0
    let most = min(last.count, path.bytes.count)
    while shared < most, last[shared] == path.bytes[shared] { shared += 1 }
    writer.varint(shared)
    writer.blob(path.bytes[shared...])
    last = path.bytes
  }
}
