import LinuxSystem
import StoreEncoding
import StoreFormat
import Synchronization

/// The content of an item of another repository, to be read for a copy.
struct StoredContent: ContentSource {
  let item: Item
  let content: Item.Content
  let readers: ReaderPool
  let meter: Meter
  let interruption: Event

  /// Holes are not read.
  var expectedSize: UInt64 {
    content.holes.reduce(content.size) { size, hole in
      size >= hole.length ? size - hole.length : 0
    }
  }

  func open() throws -> any ContentStream { try StoredStream(self) }

  /// Never: stored content cannot change.
  func isWorthReading(afterAttempt attempt: Int) -> Bool { false }
}

/// Reads the chunks of a content one after the other, each verified.
private final class StoredStream: ContentStream {
  private let source: StoredContent
  private let reader: ContentReader
  private var chunks: ChunkCursor
  /// Chunks that were announced, and are read next.
  private var upcoming: [ChunkReference] = []
  /// Bytes that were read, and not yet asked for.
  private var rest: [UInt8] = []
  private var length: UInt64 = 0

  private static let ahead = 4

  init(_ source: StoredContent) throws {
    self.source = source
    reader = try source.readers.take()
    chunks = try source.readers.repository.chunks(of: source.content)
  }

  deinit { source.readers.putBack(reader) }

  func read(_ count: Int) throws -> [UInt8] {
    if source.interruption.isSet { throw RepositoryError.interrupted }
    while rest.count < count, let chunk = try nextChunk() {
      let bytes = try reader.read(chunk)
      if rest.isEmpty { rest = bytes } else { rest += bytes }
    }
    let piece = rest.count <= count ? rest : Array(rest[..<count])
    rest.removeFirst(piece.count)
    length += UInt64(piece.count)
    source.meter.advance(by: UInt64(piece.count))
    return piece
  }

  private func nextChunk() throws -> ChunkReference? {
    while upcoming.count < Self.ahead, let chunk = try chunks.next() {
      source.readers.repository.announce(chunk)
      upcoming.append(chunk)
    }
    return upcoming.isEmpty ? nil : upcoming.removeFirst()
  }

  func finish() throws -> ContentSummary {
    guard length == source.expectedSize else {
      throw FormatError.inconsistent("a content of another length than its item says")
    }
    return ContentSummary(
      size: source.content.size, holes: source.content.holes,
      changedWhileRead: source.item.changedWhileRead)
  }
}

/// Readers that wait for the next content, because making one costs more than a small file.
///
/// There are as many as threads that read at the same time.
final class ReaderPool: Sendable {
  let repository: Repository
  private let idle = Mutex<[Idle]>([])

  /// Sendable: while it is in the pool nobody uses it, and one thread takes it out.
  private struct Idle: @unchecked Sendable {
    let reader: ContentReader
  }

  init(_ repository: Repository) { self.repository = repository }

  func take() throws -> ContentReader {
    try idle.withLock { $0.popLast() }?.reader ?? ContentReader(repository)
  }

  func putBack(_ reader: ContentReader) {
    let idle = Idle(reader: reader)
    self.idle.withLock { $0.append(idle) }
  }
}
