public import StoreFormat

/// Bytes in memory, as the content of a regular file.
public struct MemoryContent: ContentSource {
  private let bytes: [UInt8]

  /// The content of a file with these bytes.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// How many bytes there are.
  public var expectedSize: UInt64 { UInt64(bytes.count) }

  /// Reads from the first byte on.
  public func open() -> any ContentStream { Stream(bytes) }

  /// Never: nobody changes them.
  public func isWorthReading(afterAttempt attempt: Int) -> Bool { false }

  private final class Stream: ContentStream {
    private var rest: ArraySlice<UInt8>
    private let size: Int

    init(_ bytes: [UInt8]) {
      rest = bytes[...]
      size = bytes.count
    }

    func read(_ count: Int) -> [UInt8] {
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }

    func finish() -> ContentSummary { ContentSummary(size: UInt64(size)) }
  }
}

extension ArchiveBuilder {
  /// Starts an archive with the default options, which `finish(as:)` publishes if all items are in it.
  public convenience init(_ repository: Repository) throws {
    let failures = FailedItems()
    try self.init(repository, options: Options()) { outcome, _ in failures.note(outcome) }
    self.failures = failures
  }

  /// Adds a regular file with bytes that are in memory.
  ///
  /// - Parameters:
  ///   - bytes: Its content.
  ///   - path: Where it stands; paths have to come in ascending order.
  ///   - mode: Its type and permissions, as `st_mode` has them.
  /// - Throws: The first error of any thread.
  public func add(_ bytes: [UInt8], at path: ArchivePath, mode: UInt32 = 0o100_644) throws {
    let item = Item(path: path, mode: mode, uid: 0, gid: 0, mtime: repository.machine.now())
    try add(item, content: MemoryContent(bytes))
  }

  /// Waits for everything that was added, and publishes the archive under a name.
  ///
  /// - Throws: `RepositoryError.archiveExists` and `invalidArchiveName`, after which another name may be
  ///   tried; the first error of any thread, or of an item; then there is no archive.
  @discardableResult
  public func finish(as name: String) throws -> Archive {
    try Repository.checkArchiveName(name)
    guard try !repository.archives().contains(where: { $0.name == name }) else {
      throw RepositoryError.archiveExists(name)
    }
    return try finish { manifest in
      if let failure = failures?.first { throw failure.error }
      manifest.name = name
    }
  }
}
