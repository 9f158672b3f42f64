import Glibc
import StoreCrypto

@testable import ChunkStore

/// A file in memory, which may turn out to be other than it was promised to be.
struct TestFile: Sendable, ContentSource {
  enum Fault: Sendable {
    case cannotBeOpened
    /// Reading fails behind this many bytes.
    case fails(after: Int)
    /// It has another length by the time it is read.
    case changed(to: [UInt8])
  }

  struct Unreadable: Error {}

  var path: String
  var bytes: [UInt8]
  var owner: UInt32 = 1000
  var fault: Fault?
  /// The size that it is said to have, if that is not the one it has.
  var announced: Int?

  var expectedSize: UInt64 { UInt64(announced ?? bytes.count) }

  /// The content that an archive should hold of it; `nil` if it should not be there.
  var archived: [UInt8]? {
    switch fault {
    case nil: bytes
    case .cannotBeOpened, .fails: nil
    case .changed(let bytes): bytes
    }
  }

  func item() throws -> Item {
    Item(
      path: try ArchivePath(Array(path.utf8)), mode: 0o100644, uid: owner, gid: owner,
      mtime: Timestamp(seconds: 1_600_000_000))
  }

  func open() throws -> any ContentStream {
    if case .cannotBeOpened = fault { throw Unreadable() }
    return TestStream(self)
  }

  func isWorthReading(afterAttempt attempt: Int) -> Bool { false }
}

private final class TestStream: ContentStream {
  private let bytes: [UInt8]
  private let fault: TestFile.Fault?
  private var position = 0

  init(_ file: TestFile) {
    bytes = if case .changed(let now) = file.fault { now } else { file.bytes }
    fault = file.fault
  }

  func read(_ count: Int) throws -> [UInt8] {
    if case .fails(let after) = fault, position + count > after { throw TestFile.Unreadable() }
    let piece = Array(bytes[position..<min(bytes.count, position + count)])
    position += piece.count
    return piece
  }

  func finish() throws -> ContentSummary {
    let isChanged = if case .changed = fault { true } else { false }
    return ContentSummary(size: UInt64(position), changedWhileRead: isChanged)
  }
}

extension PseudoRandomBytes {
  /// Bytes of a size that tends to the odd ones, some of which compress well.
  mutating func content(largest: Int = 40_000) -> [UInt8] {
    let size =
      switch int(0...9) {
      case 0: 0
      case 1: 1
      case 2: int(1022...1026)
      case 3, 4: int(2...200)
      case 5, 6: int(200...5000)
      default: int(5000...largest)
      }
    if once(in: 3) {
      let word = bytes(int(1...40))
      return Array((0..<size).map { word[$0 % word.count] })
    }
    return bytes(size)
  }

  /// Files in no order; now and then one repeats another, or a part of it.
  mutating func files(_ count: Int, largest: Int = 40_000, prefix: String = "") -> [TestFile] {
    var files: [TestFile] = []
    for number in 0..<count {
      var bytes = content(largest: largest)
      if once(in: 5), let other = files.randomElement(using: &self) {
        bytes = once(in: 2) ? other.bytes : other.bytes + bytes
      }
      files.append(
        TestFile(
          path: "\(prefix)d\(int(0...5))/f\(number)", bytes: bytes, owner: UInt32(int(1000...1001)))
      )
    }
    return files
  }

  /// The files as they may be a day later: most of them are the same.
  mutating func changed(_ files: [TestFile]) -> [TestFile] {
    var changed = files.filter { _ in !once(in: 12) }
    for at in changed.indices where once(in: 6) {
      if once(in: 2) { changed[at].bytes = content() } else { changed[at].bytes += bytes(10) }
    }
    return changed + self.files(int(0...3), prefix: "n\(int(0...1_000_000))-")
  }
}
