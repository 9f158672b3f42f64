public import StoreCrypto

/// The identity of a chunk: HMAC-SHA-256 of its bytes under an id key of the repository.
///
/// File contents and tree nodes have an id key each, so that neither is ever taken for the other.
public struct ChunkID: Hashable, Comparable, Sendable {
  /// The HMAC.
  public let digest: Digest256

  /// Wraps a digest.
  public init(_ digest: Digest256) { self.digest = digest }

  /// Orders ids by their bytes.
  public static func < (a: ChunkID, b: ChunkID) -> Bool { a.digest < b.digest }
}

/// One chunk of a longer content: which one, and how many bytes it has.
public struct ChunkReference: Hashable, Sendable {
  /// Which chunk.
  public var id: ChunkID
  /// Bytes in the chunk.
  public var length: UInt32

  /// Names a chunk of `length` bytes.
  public init(id: ChunkID, length: UInt32) {
    self.id = id
    self.length = length
  }
}
