import StoreFormat

extension ArchiveBuilder {
  /// How contents are cut and compressed.
  public struct Options: Sendable {
    /// Where contents are cut.
    public var chunker = ChunkerParameters.default
    /// How blocks are compressed.
    public var compression = Compression.default
    /// How many items may wait for their contents: what those need to be opened is kept open.
    public var itemsInFlight = 2048
    /// Whether every block is opened again and compared before it is published.
    public var verifiesBlocks = true
    /// How checkpoints are made, if at all.
    public var checkpoints: Checkpoints?

    /// The defaults.
    public init() {}

    /// The number of items that go from thread to thread at a time.
    var itemsTogether: Int { min(256, 1 + itemsInFlight / 8) }
  }

  /// Archives of what is done so far, made while the work goes on: what an interrupted run has
  /// stored is kept by them, and the next run compares with them.
  public struct Checkpoints: Sendable {
    /// Seconds between two of them.
    public var interval: Double
    /// Completes the manifest of one, as `finish` does with that of the archive.
    public var describe: @Sendable (inout ArchiveManifest) throws -> Void
    /// Told of each one.
    public var made: @Sendable (Archive) throws -> Void

    /// Makes checkpoints every `interval` seconds.
    public init(
      interval: Double, describe: @escaping @Sendable (inout ArchiveManifest) throws -> Void,
      made: @escaping @Sendable (Archive) throws -> Void = { _ in }
    ) {
      self.interval = interval
      self.describe = describe
      self.made = made
    }
  }

  /// The outcome of an item, told in path order on a thread of the builder's.
  public enum Outcome: Sendable {
    /// It is in the archive.
    case archived(Item)
    /// Its content could not be read; it is not in the archive.
    case failed(ArchivePath, any Error)
  }
}
