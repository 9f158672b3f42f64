import ChunkStore
import Glibc
import LinuxSystem

/// The content of a file that the walk has come to; opened when its turn comes.
struct FileContent: ContentSource {
  let entry: WalkEntry
  /// The file system, by which the file's size and times are judged.
  let fileSystem: FileSystemKind
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

  /// Some of what the kernel makes up is there for one reading at the beginning, which has to be
  /// large enough, and nowhere else.
  private static let firstReading: UInt64 = (64 << 10) - 1

  var expectedSize: UInt64 {
    switch fileSystem.sizes {
    case .exact: entry.metadata.size
    case .stated: entry.metadata.size == 0 ? Self.firstReading : entry.metadata.size
    case .meaningless: Self.firstReading
    }
  }

  func open() throws -> any ContentStream {
    if fileSystem == .kernel, entry.name.bytes.elementsEqual("kmsg".utf8) {
      throw Refusal.consumed
    }
    return FileContentStream(
      try entry.openForReading(), entry: entry, fileSystem: fileSystem, changes: changes,
      makeItem: makeItem,
      failed: failed, hasManyHoles: hasManyHoles)
  }

  func isWorthReading(afterAttempt attempt: Int) -> Bool {
    guard attempt <= Self.pauses.count, expectedSize <= Self.largestReadAgain else { return false }
    usleep(Self.pauses[attempt - 1])
    return true
  }
}

extension FileContent {
  /// Why a file that can be opened is left out: what the kernel makes up need not be a file in any
  /// other way.
  enum Refusal: Error, CustomStringConvertible {
    /// Bytes that are read of it are gone for others.
    case consumed
    /// It does not end.
    case endless
    /// It gives what happens while it is read, and waits for that.
    case stream

    var description: String {
      let advice = "(--one-file-system or --exclude leaves out /proc and /sys)"
      return switch self {
      case .consumed: "reading it would take messages from the system's log: left out \(advice)"
      case .endless:
        "does not end after \(FileContentStream.mostFromKernel >> 20) MiB: left out \(advice)"
      case .stream: "a stream of events, which is no file: left out \(advice)"
      }
    }
  }
}

/// Reads a file's data, and records its holes without reading them.
///
/// Where sizes are not to be relied on, a file ends where reading does. A file that grows meanwhile
/// still ends where it did when it was opened.
final class FileContentStream: ContentStream {
  private let file: OpenedFile
  private let entry: WalkEntry
  private let changes: FilesChangedMode
  private let makeItem: @Sendable (FileMetadata, [Item.ExtendedAttribute]) -> Item
  private let failed: @Sendable (SystemError) -> Void
  private let hasManyHoles: @Sendable (ArchivePath) -> Void
  private let sizes: FileSystemKind.Sizes
  private var extents: DataExtents
  /// The stretch of data that is being read.
  private var current: Range<UInt64> = 0..<0
  private var holes: [Item.Hole] = []
  /// Whether holes were read as zeros.
  private var hasLeftOutHoles = false
  private var place = Place.inside
  /// Where reading goes on beyond the stated size, and has ended at last.
  private var position: UInt64

  private enum Place {
    /// Within the size that the file had when it was opened.
    case inside
    /// Where nothing should be.
    case beyond
    case end
    /// The end was met inside.
    case earlyEnd
  }

  /// An item has to stay small: further holes are read as the zeros that they are.
  static let mostHoles = 20_000
  private static let readAheadFrom: UInt64 = 1 << 20
  /// Enough for whatever is worth keeping; a process's page map, say, has hundreds of GB.
  static let mostFromKernel: UInt64 = 64 << 20

  init(
    _ file: consuming OpenedFile, entry: WalkEntry, fileSystem: FileSystemKind,
    changes: FilesChangedMode,
    makeItem: @escaping @Sendable (FileMetadata, [Item.ExtendedAttribute]) -> Item,
    failed: @escaping @Sendable (SystemError) -> Void,
    hasManyHoles: @escaping @Sendable (ArchivePath) -> Void = { _ in }
  ) {
    let isWhereItWas = file.metadata.identity.device == entry.metadata.identity.device
    sizes = (isWhereItWas ? fileSystem : .remote).sizes
    extents = DataExtents(file.metadata)
    position = file.metadata.size
    if sizes == .meaningless {
      place = .beyond
      position = 0
    }
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
    while buffer.count < end {
      switch place {
      case .inside:
        guard try findData() else {
          place = sizes == .exact ? .end : .beyond
          continue
        }
        let wanted = Int(min(UInt64(end - buffer.count), UInt64(current.count)))
        let start = current.lowerBound
        let got = try located { () throws(SystemError) in
          try file.read(wanted, at: start, into: &buffer)
        }
        current = (start + UInt64(got))..<current.upperBound
        if got < wanted {
          // Cut short while we read it, or never as long as it says.
          position = max(current.lowerBound, holes.last?.end ?? 0)
          place = .earlyEnd
        }
      case .beyond: try readBeyond(end - buffer.count, into: &buffer)
      case .end, .earlyEnd: return
      }
    }
  }

  /// Reads what is there beyond the stated size, if the file has always had it.
  private func readBeyond(_ count: Int, into buffer: inout [UInt8]) throws {
    let before = buffer.count
    let got: Int
    do throws(SystemError) {
      got = try file.read(count, at: position, into: &buffer)
    } catch {
      if sizes == .meaningless, error.code == ESPIPE || error.code == EAGAIN {
        throw FileContent.Refusal.stream
      }
      throw error.at(entry.path.bytes)
    }
    if got > 0, sizes == .stated, try isWritten() {
      buffer.removeLast(buffer.count - before)
      place = .end
      return
    }
    position += UInt64(got)
    if got < count { place = .end }
    if sizes == .meaningless, position > Self.mostFromKernel { throw FileContent.Refusal.endless }
  }

  /// Whether the file shows signs of having been written to since it was opened.
  private func isWritten() throws -> Bool {
    let now = try located { () throws(SystemError) in try file.descriptor.metadata() }
    return now.size != file.metadata.size || now.mtime != file.metadata.mtime
      || now.ctime != file.metadata.ctime
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
    let isChanged: Bool
    switch sizes {
    case .exact:
      isChanged = changes.isChanged(opened, now) || place == .earlyEnd && changes != .disabled
    // A file that is less than it says, and says so still, has always been.
    case .stated: isChanged = changes.isChanged(opened, now)
    // Every reading is an answer of its own.
    case .meaningless: isChanged = false
    }
    var summary = ContentSummary(size: position, holes: holes, changedWhileRead: isChanged)
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
