import StoreCrypto
import StoreEncoding
import StoreFormat

/// Reads the chunks of contents, each verified against its id.
///
/// One per thread.
public final class ContentReader {
  private let repository: Repository
  private var reader: ChunkReader

  /// A reader for one thread.
  public init(_ repository: Repository) throws {
    let reader = try ChunkReader(keys: repository.keys)
    self.repository = repository
    self.reader = reader
  }

  /// The bytes of a chunk.
  ///
  /// - Throws: `RepositoryError.missingChunk` or `damagedChunk` if it cannot be had whole.
  public func read(_ reference: ChunkReference) throws -> [UInt8] {
    try chunk(reference).bytes
  }

  /// Returns the chunk as a range of its block, uncopied.
  public func chunk(_ reference: ChunkReference) throws -> PlacedBytes {
    try repository.chunk(reference, &reader)
  }

  /// Says whether some bytes are those of a chunk, without reading it from the repository.
  public func isContent(_ bytes: [UInt8], of reference: ChunkReference) throws -> Bool {
    guard bytes.count == Int(reference.length) else { return false }
    return try reader.contentID(bytes) == reference.id
  }
}

/// Walks through the chunks of a content, as many at a time as follow each other in one block.
///
/// So that each block is read by one thread, and once. No run is longer than a block may be, even
/// where a content consists of one chunk again and again.
public struct ChunkRuns {
  private let repository: Repository
  private var chunks: ChunkCursor
  /// The first one of the next run, and its block.
  private var following: (chunk: ChunkReference, block: BlockKey?)?
  private var hasBegun = false

  /// Walks through `chunks`, which are in `repository`.
  public init(_ chunks: ChunkCursor, in repository: Repository) {
    self.chunks = chunks
    self.repository = repository
  }

  /// The next chunks; `nil` at the end.
  ///
  /// - Throws: Why a node of the list cannot be read.
  public mutating func next() throws -> [ChunkReference]? {
    if !hasBegun {
      hasBegun = true
      try advance()
    }
    guard let first = following else { return nil }
    var run = [first.chunk]
    var size = Int(first.chunk.length)
    try advance()
    while let next = following, let block = next.block, block == first.block {
      size += Int(next.chunk.length)
      guard size <= Limits.sharedBlockSize else { break }
      run.append(next.chunk)
      try advance()
    }
    return run
  }

  private mutating func advance() throws {
    following = try chunks.next().map { ($0, repository.block(of: $0)) }
  }
}
