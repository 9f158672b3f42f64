public import StoreEncoding

/// One entry of an archive: a file, a directory, a link, a device, with all its metadata.
public struct Item: Hashable, Sendable {
  /// Where the item stands in the archive.
  public var path: ArchivePath
  /// Type and permissions, as `st_mode` of Linux has them.
  public var mode: UInt32
  /// Numeric owner.
  public var uid: UInt32
  /// Numeric group.
  public var gid: UInt32
  /// The owner's name, as bytes; empty if unknown.
  public var user: [UInt8] = []
  /// The group's name, as bytes; empty if unknown.
  public var group: [UInt8] = []
  /// When the content was last changed.
  public var mtime: Timestamp
  /// When the inode was last changed; kept only where a files-cache mode compares it.
  public var ctime: Timestamp?
  /// When the file was last read; kept only on request.
  public var atime: Timestamp?
  /// When the file was made, where the file system knows.
  public var birthtime: Timestamp?
  /// The inode number; kept only where a files-cache mode compares it.
  public var inode: UInt64?
  /// The content of a regular file; `nil` for everything else.
  public var content: Content?
  /// Where a symbolic link points to, as bytes.
  public var linkTarget: [UInt8]?
  /// The first path of the group of hard links that this item belongs to.
  ///
  /// Every member of the
  /// group carries the content as well.
  public var hardLinkGroup: ArchivePath?
  /// Major and minor number of a device.
  public var device: Device?
  /// Extended attributes, POSIX ACLs among them, in ascending order of their names.
  public var extendedAttributes: [ExtendedAttribute] = []
  /// The names of the users and groups that the ACLs among the attributes mention, ascending.
  public var aclNames: [ACLName] = []
  /// Flags of the inode; none if there are none, or if they were not recorded.
  public var flags: InodeFlags = []
  /// The file changed while it was read: what is stored may be a mixture of two states.
  public var changedWhileRead = false

  /// Makes an item with the metadata that each one has.
  public init(path: ArchivePath, mode: UInt32, uid: UInt32, gid: UInt32, mtime: Timestamp) {
    self.path = path
    self.mode = mode
    self.uid = uid
    self.gid = gid
    self.mtime = mtime
  }

  /// Makes an item that has everything else still to come.
  package init(path: ArchivePath) {
    self.init(path: path, mode: 0, uid: 0, gid: 0, mtime: Timestamp(seconds: 0))
  }

  /// Returns the item at another path.
  public func at(_ path: ArchivePath) -> Item {
    var item = self
    item.path = path
    return item
  }

  /// The content of a regular file.
  public struct Content: Hashable, Sendable {
    /// The file's size in bytes, holes included.
    public var size: UInt64
    /// The chunks of its data, holes left out.
    public var chunks: ChunkList
    /// The holes, ascending, neither touching nor overlapping.
    public var holes: [Hole]

    /// Makes the description of a content.
    public init(size: UInt64, chunks: ChunkList, holes: [Hole] = []) {
      self.size = size
      self.chunks = chunks
      self.holes = holes
    }
  }

  /// A stretch of a file that has no storage and reads as zeros.
  public struct Hole: Hashable, Sendable {
    /// First byte of the hole, from the start of the file.
    public var offset: UInt64
    /// Bytes in the hole.
    public var length: UInt64

    /// Makes a hole.
    public init(offset: UInt64, length: UInt64) {
      self.offset = offset
      self.length = length
    }
  }

  /// The chunks of one content, in order: in the item itself, or in a tree of their own.
  public enum ChunkList: Hashable, Sendable {
    /// The most references that an item holds itself.
    public static let inlineLimit = 32

    /// At most `inlineLimit` references.
    case inline(InlineChunks)
    /// The root of a tree of list nodes, how many chunks are below it, and how many bytes.
    case tree(root: ChunkID, count: UInt64, size: UInt64)

    /// How many chunks there are.
    public var count: UInt64 {
      switch self {
      case .inline(let references): UInt64(references.count)
      case .tree(_, let count, _): count
      }
    }
  }

  /// The numbers of a device node.
  public struct Device: Hashable, Sendable {
    /// The driver.
    public var major: UInt32
    /// The device that the driver has under this number.
    public var minor: UInt32

    /// Makes a device number.
    public init(major: UInt32, minor: UInt32) {
      self.major = major
      self.minor = minor
    }
  }

  /// One extended attribute.
  public struct ExtendedAttribute: Hashable, Sendable {
    /// Its name with the namespace, `user.comment` say, as bytes.
    public var name: [UInt8]
    /// Its value.
    public var value: [UInt8]

    /// Makes an attribute.
    public init(name: [UInt8], value: [UInt8]) {
      self.name = name
      self.value = value
    }
  }

  /// The name behind a number in an ACL.
  public struct ACLName: Hashable, Comparable, Sendable {
    /// Whose name it is.
    public enum Kind: UInt8, Sendable {
      // In archives for good: add cases, never renumber them.
      case user = 0
      case group = 1
    }

    /// Whether it is a user or a group.
    public var kind: Kind
    /// The number that stands in the ACL.
    public var id: UInt32
    /// The name, as bytes; never empty.
    public var name: [UInt8]

    /// Makes a name for a number.
    public init(kind: Kind, id: UInt32, name: [UInt8]) {
      self.kind = kind
      self.id = id
      self.name = name
    }

    /// Users come before groups, and small numbers before large ones.
    public static func < (a: ACLName, b: ACLName) -> Bool {
      (a.kind.rawValue, a.id) < (b.kind.rawValue, b.id)
    }
  }

  /// The kind of file that an item is.
  public enum Kind: UInt32, Sendable {
    // The values are those of S_IFMT on Linux.
    case fifo = 0o010000
    case characterDevice = 0o020000
    case directory = 0o040000
    case blockDevice = 0o060000
    case regular = 0o100000
    case symbolicLink = 0o120000
    case socket = 0o140000

    /// Whether such a file stands for a device, and has its numbers.
    public var isDevice: Bool { self == .characterDevice || self == .blockDevice }
  }

  /// The kind of file; `nil` if the mode names none that Linux knows.
  public var kind: Kind? { Kind(rawValue: mode & 0o170000) }

  /// The permission bits with setuid, setgid and sticky.
  public var permissions: UInt32 { mode & 0o7777 }
}
