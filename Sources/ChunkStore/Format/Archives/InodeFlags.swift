/// The attributes that `lsattr` shows: flags of an inode, with the bits that Linux gives them.
///
/// Only those that a user sets are kept; what a file system says of its own layout is not.
public struct InodeFlags: OptionSet, Hashable, Sendable {
  /// The bits, as FS_IOC_GETFLAGS has them.
  public let rawValue: UInt32

  /// Takes bits as they are.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The content is compressed by the file system (`c`).
  public static let compressed = InodeFlags(rawValue: 0x4)
  /// The file cannot be changed, renamed, linked or removed (`i`).
  public static let immutable = InodeFlags(rawValue: 0x10)
  /// The file can only grow (`a`).
  public static let appendOnly = InodeFlags(rawValue: 0x20)
  /// Backups are asked to leave the file out (`d`).
  public static let noDump = InodeFlags(rawValue: 0x40)
  /// The content is never compressed by the file system (`m`).
  public static let notCompressed = InodeFlags(rawValue: 0x400)
  /// The content is overwritten in place on file systems that copy on write (`C`).
  public static let noCopyOnWrite = InodeFlags(rawValue: 0x80_0000)

  /// All that an archive keeps.
  ///
  /// Beside those above: secure removal, undelete, synchronous, no access times, journalled data,
  /// no tail merging, synchronous directory, top directory, direct access, project inheritance.
  public static let recorded = InodeFlags(rawValue: 0x2283_C4FF)
}
