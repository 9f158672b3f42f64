import StoreFormat

/// A content that is read when its turn comes, on another thread.
public protocol ContentSource: Sendable {
  /// How many bytes it will have, as far as is known now.
  var expectedSize: UInt64 { get }

  /// Opens it for reading.
  func open() throws -> any ContentStream

  /// Asked when the content changed while it was read, for the first time, the second, and so on:
  /// says whether it is to be read again from the start, and may wait before it does.
  func isWorthReading(afterAttempt attempt: Int) -> Bool
}

/// A content that is being read.
///
/// Confined to one thread.
public protocol ContentStream: AnyObject {
  /// The next `count` bytes of data, holes left out; fewer only at the end.
  func read(_ count: Int) throws -> [UInt8]

  /// Appends the same bytes to `buffer`.
  func read(_ count: Int, into buffer: inout [UInt8]) throws

  /// Called at the end: what was found out on the way.
  func finish() throws -> ContentSummary
}

extension ContentStream {
  /// Reads, and copies: for streams that cannot do better.
  public func read(_ count: Int, into buffer: inout [UInt8]) throws {
    let piece = try read(count)
    if buffer.isEmpty, buffer.capacity < piece.count { buffer = piece } else { buffer += piece }
  }
}

/// The facts known of a content once it has been read.
public struct ContentSummary: Sendable {
  /// Bytes in all, holes included.
  public var size: UInt64
  /// The holes, ascending.
  public var holes: [Item.Hole]
  /// It was changed while it was read.
  public var changedWhileRead: Bool
  /// The item as it was found when its content was opened, if that is not what it was before.
  public var item: Item?

  /// Makes a summary.
  public init(
    size: UInt64, holes: [Item.Hole] = [], changedWhileRead: Bool = false, item: Item? = nil
  ) {
    self.size = size
    self.holes = holes
    self.changedWhileRead = changedWhileRead
    self.item = item
  }
}
