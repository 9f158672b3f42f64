import ChunkStore

/// The identity of a file, by which two paths are known to be the same one, for as long as it
/// exists.
struct FileIdentity: Hashable, Sendable {
  /// The file system.
  let device: UInt64
  /// The file in it.
  let inode: UInt64
}

/// The metadata that the system has of a file without opening it.
struct FileMetadata: Hashable, Sendable {
  /// Type and permissions.
  var mode: UInt32
  /// Numeric owner.
  var uid: UInt32
  /// Numeric group.
  var gid: UInt32
  /// Bytes of content, holes included.
  var size: UInt64
  /// Blocks of 512 bytes that the content takes up.
  var blocks: UInt64
  /// When the content was last changed.
  var mtime: Timestamp
  /// When the inode was last changed.
  var ctime: Timestamp
  /// When the file was last read.
  var atime: Timestamp
  /// When the file was made, where the file system knows.
  var birthtime: Timestamp?
  /// Which file this is.
  var identity: FileIdentity
  /// How many names the file has.
  var linkCount: UInt32
  /// The numbers of the device that the file stands for; zeros for everything else.
  var deviceNumbers: Item.Device
  /// Flags of the inode: those that come for free, and after `addInodeFlags` all.
  var flags: InodeFlags

  /// The owner asked backups to leave this file out (`chattr +d`).
  var isNoDump: Bool { flags.contains(.noDump) }

  /// The kind of the file; `nil` for one that Linux does not know.
  var kind: Item.Kind? { Item.Kind(rawValue: mode & 0o170000) }

  /// The permission bits with setuid, setgid and sticky.
  var permissions: UInt32 { mode & 0o7777 }

  /// Whether this is a directory.
  var isDirectory: Bool { kind == .directory }

  /// Whether the other metadata, of whatever time, is that of the same file.
  ///
  /// The inode number alone does not say so: that of a file that was removed is given to the next.
  func isSameFile(as other: FileMetadata) -> Bool {
    identity == other.identity && birthtime == other.birthtime
  }

  /// Whether less is stored than the size says, so that there may be holes.
  var mayHaveHoles: Bool { blocks < size / 512 }
}

extension FileMetadata {
  /// The metadata that go into an item only on request.
  struct RecordedFields: OptionSet, Sendable {
    let rawValue: UInt8

    /// The inode's time of change, where the files cache compares it.
    static let ctime = RecordedFields(rawValue: 1)
    /// The inode number, where the files cache compares it.
    static let inode = RecordedFields(rawValue: 2)
    /// The time of the last reading.
    static let atime = RecordedFields(rawValue: 4)
    /// The time when the file was made.
    static let birthtime = RecordedFields(rawValue: 8)
    /// The inode's flags.
    static let flags = RecordedFields(rawValue: 16)
  }

  /// Makes the item that an archive keeps, still without content and attributes.
  ///
  /// Owners get their names from `names`; without it, numbers alone are recorded.
  func item(
    at path: ArchivePath, linkTarget: [UInt8]? = nil, names: OwnerNames?,
    recording fields: RecordedFields
  ) -> Item {
    var item = Item(path: path, mode: mode, uid: uid, gid: gid, mtime: mtime)
    if let names {
      item.user = names.user(uid)
      item.group = names.group(gid)
    }
    if fields.contains(.ctime) { item.ctime = ctime }
    if fields.contains(.inode) { item.inode = identity.inode }
    if fields.contains(.atime) { item.atime = atime }
    if fields.contains(.birthtime) { item.birthtime = birthtime }
    if kind == .characterDevice || kind == .blockDevice { item.device = deviceNumbers }
    item.linkTarget = linkTarget
    // Nothing else can be opened to have them set.
    if fields.contains(.flags), kind == .regular || kind == .directory { item.flags = flags }
    return item
  }
}
