import ChunkStore
import Glibc

/// The content of a file that the walk has come to; opened when its turn comes.
struct FileContent: ContentSource {
  let entry: WalkEntry
  /// How a change is noticed.
  let changes: FilesChangedMode
  /// Makes the item anew, should the file not be what the walk saw.
  let makeItem: @Sendable (FileMetadata, [Item.ExtendedAttribute]) -> Item
  /// Told of metadata that could not be read.
  let failed: @Sendable (SystemError) -> Void
  /// Told of a file with more holes than an item can have.
  var hasManyHoles: @Sendable (ArchivePath) -> Void = { _ in }

  /// How long to wait before a file that changed is read once more; then it is taken as it is.
  private static let pauses: [useconds_t] = [50_000, 250_000]
  /// Larger files change for as long as it takes to read them: they are read once.
  private static let largestReadAgain: UInt64 = 1 << 30

  var expectedSize: UInt64 { entry.metadata.size }

  func open() throws -> any ContentStream {
    FileContentStream(
      try entry.openForReading(), entry: entry, changes: changes, makeItem: makeItem,
      failed: failed, hasManyHoles: hasManyHoles)
  }

  func isWorthReading(afterAttempt attempt: Int) -> Bool {
    guard attempt <= Self.pauses.count, expectedSize <= Self.largestReadAgain else { return false }
    usleep(Self.pauses[attempt - 1])
    return true
  }
}

/// Reads a file's data, and records its holes without reading them.
final class FileContentStream: ContentStream {
  private let file: OpenedFile
  private let entry: WalkEntry
  private let changes: FilesChangedMode
  private let makeItem: @Sendable (FileMetadata, [Item.ExtendedAttribute]) -> Item
  private let failed: @Sendable (SystemError) -> Void
  private let hasManyHoles: @Sendable (ArchivePath) -> Void
  private var extents: DataExtents
  /// The stretch of data that is being read.
  private var current: Range<UInt64> = 0..<0
  private var holes: [Item.Hole] = []
  private var hasEndedEarly = false
  /// Whether holes were read as zeros.
  private var hasLeftOutHoles = false

  /// An item has to stay small: further holes are read as the zeros that they are.
  static let mostHoles = 20_000
  private static let readAheadFrom: UInt64 = 1 << 20

  init(
    _ file: consuming OpenedFile, entry: WalkEntry, changes: FilesChangedMode,
    makeItem: @escaping @Sendable (FileMetadata, [Item.ExtendedAttribute]) -> Item,
    failed: @escaping @Sendable (SystemError) -> Void,
    hasManyHoles: @escaping @Sendable (ArchivePath) -> Void = { _ in }
  ) {
    extents = DataExtents(file.metadata)
    if file.metadata.size >= Self.readAheadFrom { file.willReadInOrder() }
    self.file = file
    self.entry = entry
    self.changes = changes
    self.makeItem = makeItem
    self.failed = failed
    self.hasManyHoles = hasManyHoles
  }

  func read(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try read(count, into: &bytes)
    return bytes
  }

  func read(_ count: Int, into buffer: inout [UInt8]) throws {
    let end = buffer.count + count
    while buffer.count < end, !hasEndedEarly, try findData() {
      let wanted = Int(min(UInt64(end - buffer.count), UInt64(current.count)))
      let start = current.lowerBound
      let got = try located { () throws(SystemError) in
        try file.read(wanted, at: start, into: &buffer)
      }
      current = (start + UInt64(got))..<current.upperBound
      // Cut short while we read it.
      hasEndedEarly = got < wanted
    }
  }

  /// Goes on to the next stretch that has to be read; `false` at the end.
  private func findData() throws -> Bool {
    while current.isEmpty {
      let next = try located { () throws(SystemError) in try extents.next(in: file.descriptor) }
      switch next {
      case nil: return false
      case .data(let range): current = range
      case .hole(let hole):
        if holes.count < Self.mostHoles {
          holes.append(hole)
        } else {
          current = hole.offset..<hole.end
          hasLeftOutHoles = true
        }
      }
    }
    return true
  }

  func finish() throws -> ContentSummary {
    let opened = file.metadata
    let now = try located { () throws(SystemError) in try file.descriptor.metadata() }
    // Where reading stopped is where the content ends, whatever the file has become since.
    let size = hasEndedEarly ? max(current.lowerBound, holes.last?.end ?? 0) : opened.size
    var summary = ContentSummary(
      size: size, holes: holes,
      changedWhileRead: changes.isChanged(opened, now) || hasEndedEarly && changes != .disabled)
    if opened.identity != entry.metadata.identity || opened.ctime != entry.metadata.ctime
      || opened.mode != entry.metadata.mode || opened.flags != entry.metadata.flags
    {
      // Another file by now, or changed since the walk saw it, or one with flags that only an open
      // file tells: everything is taken from this one.
      let reading = file.descriptor.extendedAttributes()
      for failure in reading.failures { failed(failure.at(entry.path.bytes)) }
      summary.item = makeItem(opened, reading.attributes)
    }
    if hasLeftOutHoles { hasManyHoles(entry.path) }
    if let failure = file.flagsFailure { failed(failure.at(entry.path.bytes)) }
    return summary
  }

  private func located<R>(_ body: () throws(SystemError) -> R) throws(SystemError) -> R {
    do throws(SystemError) {
      return try body()
    } catch {
      throw error.at(entry.path.bytes)
    }
  }
}
