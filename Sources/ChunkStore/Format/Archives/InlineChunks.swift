public import StoreEncoding

/// The chunks of a content that its item holds itself, in order.
///
/// Most files are a single chunk: that one needs no memory besides the item's.
public struct InlineChunks: Hashable, Sendable {
  /// One way to say the same thing, so that equal lists are equal values.
  private enum Storage: Hashable, Sendable {
    case one(ChunkReference)
    /// None, or two and more.
    case several([ChunkReference])
  }

  private var storage: Storage

  /// Makes a list of some chunks.
  public init(_ chunks: [ChunkReference] = []) {
    if chunks.count == 1, let only = chunks.first {
      storage = .one(only)
    } else {
      storage = .several(chunks)
    }
  }

  /// Adds a chunk behind the others.
  package mutating func append(_ chunk: ChunkReference) {
    switch storage {
    case .one(let first): storage = .several([first, chunk])
    case .several(var chunks) where !chunks.isEmpty:
      // Not kept in two places, or all would be copied.
      storage = .several([])
      chunks.append(chunk)
      storage = .several(chunks)
    case .several: storage = .one(chunk)
    }
  }
}

extension InlineChunks: RandomAccessCollection {
  /// Zero.
  public var startIndex: Int { 0 }

  /// How many there are.
  public var endIndex: Int {
    switch storage {
    case .one: 1
    case .several(let chunks): chunks.count
    }
  }

  /// The chunk at a position.
  public subscript(position: Int) -> ChunkReference {
    switch storage {
    case .one(let only):
      precondition(position == 0, "there is one chunk")
      return only
    case .several(let chunks): return chunks[position]
    }
  }
}

extension InlineChunks: ExpressibleByArrayLiteral {
  /// Makes a list of the chunks between the brackets.
  public init(arrayLiteral chunks: ChunkReference...) { self.init(chunks) }
}
