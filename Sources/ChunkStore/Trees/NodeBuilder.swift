import Crypto

/// Keeps the nodes of trees: gives each its id, and stores those that are new.
protocol NodeStore: AnyObject {
  func store(node: [UInt8]) throws -> ChunkID
}

/// Collects entries of one level, and says where a node ends.
///
/// Boundaries depend on the entries alone, so that equal stretches of two trees become equal
/// nodes: a node ends behind an entry of encoded size s whose HMAC, of its level and key, is below
/// 2⁶⁴ · s / 64 KiB. Hence about 64 KiB between two ends, wherever an entry is large. A node has
/// at least 16 KiB, or 256 KiB and not more; an inner node has at least two entries.
struct NodeBuilder {
  static let targetSize: UInt64 = 64 << 10
  static let minimumSize = 16 << 10
  static let maximumSize = 256 << 10

  private let kind: NodeKind
  private let level: Int
  /// What the boundary hash of each entry begins with.
  private let domain: [UInt8]
  private var body = ByteWriter(reserving: maximumSize)
  private var weight = 0
  private(set) var count = 0
  private var paths = PathEncoder()

  init(_ kind: NodeKind, level: Int) {
    self.kind = kind
    self.level = level
    domain = [UInt8(truncatingIfNeeded: level), kind.rawValue]
  }

  var isEmpty: Bool { count == 0 }

  /// Whether an entry of this size would make the node too large.
  func isFull(for size: Int) -> Bool {
    weight + size > Self.maximumSize && count >= (level == 0 ? 1 : 2)
  }

  /// Adds an entry; `true` if the node ends behind it.
  mutating func add(
    path: ArchivePath? = nil, key: [UInt8], value: [UInt8], boundary: inout KeyedHash
  ) throws -> Bool {
    if let path { paths.append(path, to: &body) }
    body.raw(value)
    // The size must not depend on the entry before: the path counts in full.
    return try ends(behind: key, size: (path?.bytes.count ?? 0) + value.count, &boundary)
  }

  /// Adds an item; `true` if the node ends behind it.
  mutating func add(
    _ path: ArchivePath, fields: ByteWriter, boundary: inout KeyedHash
  ) throws -> Bool {
    paths.append(path, to: &body)
    let start = body.count
    body.blob(fields.bytes)
    return try ends(
      behind: path.bytes, size: path.bytes.count + body.count - start, &boundary)
  }

  private mutating func ends(
    behind key: [UInt8], size: Int, _ boundary: inout KeyedHash
  ) throws -> Bool {
    count += 1
    weight += size
    guard weight >= Self.minimumSize, count >= (level == 0 ? 1 : 2) else { return false }
    if size >= Self.targetSize { return true }
    let hash = try boundary.digest(domain.span, key.span).leadingWord
    return hash < (UInt64.max / Self.targetSize) * UInt64(size)
  }

  /// The node's bytes; the builder is empty again.
  mutating func finish() -> [UInt8] {
    var node = ByteWriter(reserving: body.count + 12)
    node.byte(kind.rawValue)
    node.byte(UInt8(truncatingIfNeeded: level))
    node.varint(count)
    node.raw(body.bytes)
    body.removeAll()
    paths = PathEncoder()
    weight = 0
    count = 0
    return node.bytes
  }
}
