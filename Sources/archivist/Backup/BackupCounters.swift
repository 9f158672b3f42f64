import ChunkStore
import Synchronization

/// The progress of a `create` so far, for whoever shows it.
///
/// Written by the threads that do the work: one atomic addition for each piece.
final class BackupCounters: Sendable {
  private let files = Atomic<UInt64>(0)
  private let bytes = Atomic<UInt64>(0)
  private let current = Mutex<[UInt8]>([])

  /// Files that are done.
  var fileCount: UInt64 { files.load(ordering: .relaxed) }
  /// Bytes of contents that are done, read or known.
  var originalSize: UInt64 { bytes.load(ordering: .relaxed) }
  /// The file that was read last.
  var path: [UInt8] { current.withLock { $0 } }

  /// Counts a file whose content is in the repository already.
  func addKnown(_ content: Item.Content) {
    files.wrappingAdd(1, ordering: .relaxed)
    bytes.wrappingAdd(content.size, ordering: .relaxed)
  }

  /// Returns a source of the same content that counts it as it is read.
  func counting(_ source: any ContentSource, at path: ArchivePath) -> any ContentSource {
    CountedContent(source: source, path: path.bytes, counters: self)
  }

  fileprivate func add(_ count: UInt64) { bytes.wrappingAdd(count, ordering: .relaxed) }

  fileprivate func add(_ count: UInt64, of path: [UInt8]) {
    add(count)
    current.withLock { $0 = path }
  }

  fileprivate func end() { files.wrappingAdd(1, ordering: .relaxed) }

  fileprivate func takeBack(_ count: UInt64) {
    files.wrappingSubtract(1, ordering: .relaxed)
    bytes.wrappingSubtract(count, ordering: .relaxed)
  }
}

private final class CountedContent: ContentSource {
  private let source: any ContentSource
  private let path: [UInt8]
  private let counters: BackupCounters
  /// The bytes counted by the last reading to the end.
  private let counted = Atomic<UInt64>(0)

  init(source: any ContentSource, path: [UInt8], counters: BackupCounters) {
    self.source = source
    self.path = path
    self.counters = counters
  }

  var expectedSize: UInt64 { source.expectedSize }

  func isWorthReading(afterAttempt count: Int) -> Bool {
    guard source.isWorthReading(afterAttempt: count) else { return false }
    // All of it is counted again.
    counters.takeBack(counted.load(ordering: .relaxed))
    return true
  }

  func open() throws -> any ContentStream { Stream(try source.open(), of: self) }

  private final class Stream: ContentStream {
    private let stream: any ContentStream
    private let content: CountedContent
    private var count: UInt64 = 0

    init(_ stream: any ContentStream, of content: CountedContent) {
      self.stream = stream
      self.content = content
    }

    func read(_ count: Int) throws -> [UInt8] {
      let bytes = try stream.read(count)
      self.count += UInt64(bytes.count)
      content.counters.add(UInt64(bytes.count), of: content.path)
      return bytes
    }

    func read(_ count: Int, into buffer: inout [UInt8]) throws {
      let before = buffer.count
      try stream.read(count, into: &buffer)
      let got = UInt64(buffer.count - before)
      self.count += got
      content.counters.add(got, of: content.path)
    }

    func finish() throws -> ContentSummary {
      let summary = try stream.finish()
      // Holes are not read, but are part of the size.
      let holes = summary.holes.reduce(0) { $0 + $1.length }
      content.counters.add(holes)
      content.counters.end()
      content.counted.store(count + holes, ordering: .relaxed)
      return summary
    }
  }
}
