public import StoreCrypto
public import StoreEncoding

/// The content of an archive object: name, origin, times, figures, and the root of the item tree.
public struct ArchiveManifest: Hashable, Sendable {
  /// Whether an archive is a finished one.
  public enum Kind: UInt8, Sendable {
    // The numbers are on disk.
    /// A finished backup.
    case archive = 1
    /// The state of a backup that was still running.
    case checkpoint = 2
  }

  /// Finished or not.
  public var kind = Kind.archive
  /// The name given to it; a label may have given it another one since.
  public var name: String
  /// When the backup began.
  public var start: Timestamp
  /// When it ended.
  public var end: Timestamp
  /// The machine that made it.
  public var hostname = ""
  /// The user that made it.
  public var username = ""
  /// A comment of the maker.
  public var comment = ""
  /// The command that made it, argument by argument, as bytes.
  public var commandLine: [[UInt8]] = []
  /// The directory that it was made in, which relative paths are relative to; empty if not recorded.
  public var workingDirectory: [UInt8] = []
  /// The series that this archive belongs to: archives of a series follow each other.
  public var series = ""
  /// The directories that were archived.
  public var roots: [Root] = []
  /// How contents were cut.
  public var chunker = ""
  /// How contents were compressed.
  public var compression = ""
  /// Items of each kind, and bytes.
  public var statistics = Statistics()
  /// The tree of items; `nil` for an archive without items.
  public var tree: ItemTreeRoot?
  /// The program that made it.
  public var program = ""
  /// The archive that it is a copy of; `nil` for an archive that was made where it is.
  public var origin: Origin?

  /// An archive in its repository: the first of those that were copied from one to the next.
  public struct Origin: Hashable, Sendable {
    /// The repository that it was made in.
    public var repository: RepositoryID
    /// Its id there.
    public var archive: Digest256

    /// Makes an origin.
    public init(repository: RepositoryID, archive: Digest256) {
      self.repository = repository
      self.archive = archive
    }
  }

  /// A directory that was archived.
  public struct Root: Hashable, Sendable {
    /// The path as it was given, as bytes.
    public var path: [UInt8]
    /// A file below it counts as settled if its time is before this: anything later may have
    /// been changed again within the same tick of the clock.
    public var settledBefore: Timestamp

    /// Makes a root.
    public init(path: [UInt8], settledBefore: Timestamp) {
      self.path = path
      self.settledBefore = settledBefore
    }
  }

  /// Figures of a backup.
  public struct Statistics: Hashable, Sendable {
    /// Regular files.
    public var files: UInt64 = 0
    /// Items of all kinds.
    public var items: UInt64 = 0
    /// Bytes of all contents.
    public var originalSize: UInt64 = 0
    /// Bytes of contents that this backup stored, before compression.
    public var newSize: UInt64 = 0
    /// Bytes that this backup added to the repository, compressed and sealed.
    public var storedSize: UInt64 = 0
    /// Chunks that this backup stored.
    public var newChunks: UInt64 = 0

    /// All zero.
    public init() {}
  }

  /// Makes a manifest with what every archive has.
  public init(name: String, start: Timestamp, end: Timestamp) {
    self.name = name
    self.start = start
    self.end = end
  }

  /// The end of a checkpoint's name.
  public static let checkpointSuffix = ".checkpoint"

  /// Makes this the manifest of an unfinished backup.
  package mutating func becomeCheckpoint() {
    kind = .checkpoint
    name += Self.checkpointSuffix
  }

  private enum Field {
    static let comment: UInt64 = 1
    static let kind: UInt64 = 2
    static let hostname: UInt64 = 3
    static let name: UInt64 = 4
    static let username: UInt64 = 5
    static let start: UInt64 = 6
    static let end: UInt64 = 7
    static let tree: UInt64 = 8
    static let commandLine: UInt64 = 9
    static let series: UInt64 = 11
    static let roots: UInt64 = 13
    static let chunker: UInt64 = 15
    static let compression: UInt64 = 17
    static let statistics: UInt64 = 19
    static let program: UInt64 = 21
    static let origin: UInt64 = 23
    static let workingDirectory: UInt64 = 25
  }

  /// Arguments behind this many bytes are left out of the record.
  private static let commandLineLimit = 256 << 10
  /// A path of more bytes is not recorded.
  private static let workingDirectoryLimit = 64 << 10
  /// Roots behind this many bytes are left out; without its root a file is never taken as settled.
  private static let rootsLimit = 512 << 10

  package func encoded() throws(FormatError) -> [UInt8] {
    var writer = ByteWriter()
    writer.text(Field.comment, comment)
    writer.field(Field.kind) { $0.byte(kind.rawValue) }
    writer.text(Field.hostname, hostname)
    writer.field(Field.name) { $0.raw(name.utf8) }
    writer.text(Field.username, username)
    writer.field(Field.start) { $0.timestamp(start) }
    writer.field(Field.end) { $0.timestamp(end) }
    if let tree {
      writer.field(Field.tree) { field in
        field.digest(tree.id.digest)
        field.varint(tree.itemCount)
      }
    }
    writer.field(Field.commandLine) { field in
      let limit = field.count + Self.commandLineLimit
      for argument in commandLine where field.count + argument.count < limit {
        field.blob(argument)
      }
    }
    writer.text(Field.series, series)
    writer.field(Field.roots) { field in
      let limit = field.count + Self.rootsLimit
      for root in roots where field.count + root.path.count < limit {
        field.blob(root.path)
        field.timestamp(root.settledBefore)
      }
    }
    writer.text(Field.chunker, chunker)
    writer.text(Field.compression, compression)
    writer.field(Field.statistics) { field in
      for figure in [
        statistics.files, statistics.items, statistics.originalSize, statistics.newSize,
        statistics.storedSize, statistics.newChunks,
      ] {
        field.varint(figure)
      }
    }
    writer.text(Field.program, program)
    if let origin {
      writer.field(Field.origin) { field in
        field.digest(origin.repository)
        field.digest(origin.archive)
      }
    }
    if !workingDirectory.isEmpty, workingDirectory.count <= Self.workingDirectoryLimit {
      writer.field(Field.workingDirectory) { $0.raw(workingDirectory) }
    }
    guard writer.count < Limits.archiveSize - Padding.minimum else {
      throw .limitExceeded(
        "archive object", found: UInt64(writer.count), limit: UInt64(Limits.archiveSize))
    }
    return writer.bytes
  }

  package init(decoding reader: ByteReader) throws(FormatError) {
    var fields = FieldReader(reader)
    var name: String?
    var kind: Kind?
    var start: Timestamp?
    var manifest = ArchiveManifest(
      name: "", start: Timestamp(seconds: 0), end: Timestamp(seconds: 0))
    while case (let number, var value)? = try fields.next() {
      switch number {
      case Field.comment: manifest.comment = value.text()
      case Field.kind:
        let raw = try value.byte()
        guard let known = Kind(rawValue: raw) else {
          throw .unknownAlgorithm("kind of archive", UInt64(raw))
        }
        kind = known
      case Field.hostname: manifest.hostname = value.text()
      case Field.name: name = value.text()
      case Field.username: manifest.username = value.text()
      case Field.start: start = try value.timestamp()
      case Field.end: manifest.end = try value.timestamp()
      case Field.tree:
        let root = ItemTreeRoot(id: try value.chunkID(), itemCount: try value.varint())
        guard root.itemCount > 0 else { throw .inconsistent("a tree without items") }
        manifest.tree = root
      case Field.commandLine:
        while !value.isAtEnd {
          manifest.commandLine.append(try value.blob("argument", limit: Limits.archiveSize))
        }
      case Field.series: manifest.series = value.text()
      case Field.roots:
        while !value.isAtEnd {
          manifest.roots.append(
            Root(
              path: try value.blob("root", limit: Limits.archiveSize),
              settledBefore: try value.timestamp()))
        }
      case Field.chunker: manifest.chunker = value.text()
      case Field.compression: manifest.compression = value.text()
      case Field.statistics:
        manifest.statistics.files = try value.varint()
        manifest.statistics.items = try value.varint()
        manifest.statistics.originalSize = try value.varint()
        manifest.statistics.newSize = try value.varint()
        manifest.statistics.storedSize = try value.varint()
        manifest.statistics.newChunks = try value.varint()
      case Field.program: manifest.program = value.text()
      case Field.origin:
        manifest.origin = Origin(
          repository: try value.digest(), archive: try value.digest())
      case Field.workingDirectory: manifest.workingDirectory = Array(value.rest())
      default:
        try FieldReader.passOver(number)
        continue
      }
      try value.finish()
    }
    guard let name, !name.isEmpty else { throw .missingField("name") }
    guard let kind else { throw .missingField("kind") }
    guard let start else { throw .missingField("start") }
    manifest.name = name
    manifest.kind = kind
    manifest.start = start
    self = manifest
  }
}

extension ByteWriter {
  /// A field with a text; left out if it is empty.
  package mutating func text(_ number: UInt64, _ text: String) {
    if !text.isEmpty { field(number) { $0.raw(text.utf8) } }
  }
}

extension ByteReader {
  package mutating func text() -> String { String(decoding: rest(), as: UTF8.self) }
}

/// An archive in a repository: its manifest, its id, and the name it goes by now.
public struct Archive: Hashable, Sendable {
  /// The SHA-256 of the archive object: what the archive is known by for good.
  public var id: Digest256
  /// The name it goes by: the manifest's, or that of the newest label.
  public var name: String
  /// The manifest that was recorded when it was made.
  public var manifest: ArchiveManifest

  package init(
    id: Digest256, name: String, manifest: ArchiveManifest
  ) {
    self.id = id
    self.name = name
    self.manifest = manifest
  }

  /// When the backup began.
  public var start: Timestamp { manifest.start }
}
