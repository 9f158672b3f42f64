import Crypto

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
    try repository.chunk(reference, &reader)
  }

  /// Says whether some bytes are those of a chunk, without reading it from the repository.
  public func isContent(_ bytes: [UInt8], of reference: ChunkReference) throws -> Bool {
    guard bytes.count == Int(reference.length) else { return false }
    return try reader.contentID(bytes) == reference.id
  }
}
