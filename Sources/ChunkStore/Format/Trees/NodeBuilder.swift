package import StoreCrypto
package import StoreEncoding

/// Keeps the nodes of trees: gives each its id, and stores those that are new.
package protocol NodeStore: AnyObject {
  func store(node: [UInt8]) throws -> ChunkID
}

/// Collects entries of one level, and says where a node ends.
///
/// Boundaries depend on the entries alone, so that equal stretches of two trees become equal
/// nodes: a node ends behind an entry of encoded size s whose HMAC, of its level and key, is below
/// 2⁶⁴ · s / T. Hence about T bytes between two ends, wherever an entry is large. A node has at
/// least T / 4 bytes, or 4 T and not more; an inner node has at least two entries.
///
/// T is 4 KiB for leaves: each is stored again for one entry that has changed. For inner nodes,
/// which are few and change in any case, it is 64 KiB: a reader learns from one of them what to
/// fetch for a long while.
package struct NodeBuilder {
  private let kind: NodeKind
  private let level: Int
  /// T in what is said above.
  private let target: Int
  /// The prefix of the boundary hash of each entry.
  private let domain: [UInt8]
  private var body: ByteWriter
  private var weight = 0
  package private(set) var count = 0
  private var paths = PathEncoder()

  package init(_ kind: NodeKind, level: Int) {
    self.kind = kind
    self.level = level
    target = level == 0 ? 4 << 10 : 64 << 10
    body = ByteWriter(reserving: 4 * target)
    domain = [UInt8(truncatingIfNeeded: level), kind.rawValue]
  }

  package var isEmpty: Bool { count == 0 }

  /// Whether an entry of this size would make the node too large.
  package func isFull(for size: Int) -> Bool {
    weight + size > 4 * target && count >= (level == 0 ? 1 : 2)
  }

  /// Adds an entry; `true` if the node ends behind it.
  package mutating func add(
    path: ArchivePath? = nil, key: [UInt8], value: [UInt8], boundary: inout KeyedHash
  ) throws -> Bool {
    if let path { paths.append(path, to: &body) }
    body.raw(value)
    // The size must not depend on the entry before: the path counts in full.
    return try ends(behind: key, size: (path?.bytes.count ?? 0) + value.count, &boundary)
  }

  /// Adds an item; `true` if the node ends behind it.
  package mutating func add(
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
    guard weight >= target / 4, count >= (level == 0 ? 1 : 2) else { return false }
    if size >= target { return true }
    let hash = try boundary.digest(domain.span, key.span).leadingWord
    return hash < UInt64.max / UInt64(target) * UInt64(size)
  }

  /// The node's bytes; the builder is empty again.
  package mutating func finish() -> [UInt8] {
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
