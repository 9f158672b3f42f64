import StoreCrypto
import Synchronization
import Testing

@testable import ChunkStore

/// A content that is another one at each reading, until it comes to rest.
private final class ChangingContent: ContentSource {
  /// The bytes that each reading gives; `nil`: it cannot be opened any more.
  let readings: [(bytes: [UInt8], isChanged: Bool)?]
  let attempts: Int
  private let count = Mutex(0)

  init(_ readings: [(bytes: [UInt8], isChanged: Bool)?], attempts: Int) {
    self.readings = readings
    self.attempts = attempts
  }

  var timesRead: Int { count.withLock { $0 } }
  var expectedSize: UInt64 { UInt64(readings[0]?.bytes.count ?? 0) }

  func open() throws -> any ContentStream {
    let number = count.withLock { count in
      count += 1
      return count - 1
    }
    guard let reading = readings[min(number, readings.count - 1)] else {
      throw TestFile.Unreadable()
    }
    return Stream(reading.bytes, reading.isChanged)
  }

  func isWorthReading(afterAttempt attempt: Int) -> Bool { attempt < attempts }

  private final class Stream: ContentStream {
    private var rest: ArraySlice<UInt8>
    private let size: Int
    private let isChanged: Bool

    init(_ bytes: [UInt8], _ isChanged: Bool) {
      rest = bytes[...]
      size = bytes.count
      self.isChanged = isChanged
    }

    func read(_ count: Int) throws -> [UInt8] {
      let piece = Array(rest.prefix(count))
      rest = rest.dropFirst(piece.count)
      return piece
    }

    func finish() throws -> ContentSummary {
      ContentSummary(size: UInt64(size), changedWhileRead: isChanged)
    }
  }
}

@Suite struct ChangingContentTests {
  /// Archives one content, and says what is in the archive then.
  private func archived(
    _ content: ChangingContent
  ) throws -> (bytes: [UInt8]?, isChanged: Bool) {
    let test = try SharedRepository()
    let changed = Collected<Bool>()
    let repository = try test.open()
    let builder = try ArchiveBuilder(repository, options: Repository.testOptions) { outcome, _ in
      if case .archived(let item) = outcome { changed.append(item.changedWhileRead) }
    }
    try builder.add(try TestFile(path: "f", bytes: []).item(), content: content)
    let archive = try builder.finish { $0.name = "a" }
    return (try repository.contents(of: archive)["f"], changed.values.first ?? false)
  }

  // Small files and large ones are read by different threads.
  private static let sizes = [10, 700_000]

  @Test(arguments: sizes)
  func `a file that comes to rest is stored as it is then`(size: Int) throws {
    var random = PseudoRandomBytes(seed: 3)
    let states = (0..<3).map { _ in random.bytes(size) }
    let content = ChangingContent(
      [(states[0], true), (states[1], true), (states[2] + [1], false)], attempts: 5)
    let found = try archived(content)
    #expect(found.bytes == states[2] + [1])
    #expect(!found.isChanged)
    #expect(content.timesRead == 3)
  }

  @Test(arguments: sizes)
  func `a file that never rests is stored as it was read last, and flagged`(size: Int) throws {
    var random = PseudoRandomBytes(seed: 4)
    let states = (0..<3).map { _ in random.bytes(size) }
    let content = ChangingContent(states.map { ($0, true) }, attempts: 3)
    let found = try archived(content)
    #expect(found.bytes == states[2])
    #expect(found.isChanged)
    #expect(content.timesRead == 3)
  }

  @Test(arguments: sizes)
  func `of a file that changes and vanishes, what was read is kept`(size: Int) throws {
    var random = PseudoRandomBytes(seed: 5)
    let state = random.bytes(size)
    let found = try archived(ChangingContent([(state, true), nil], attempts: 3))
    #expect(found.bytes == state)
    #expect(found.isChanged)
  }
}
