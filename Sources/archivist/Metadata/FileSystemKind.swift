import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// The trust that a file system's statements about its files deserve: their times, and their sizes.
enum FileSystemKind: Sendable {
  /// A file system of this machine: its times come from our own clock.
  case local
  /// One like that, but without owners.
  case localWithoutOwners
  /// A network or FUSE file system, or one that we do not know: its times come from elsewhere.
  case remote
  /// An image that others make, with whatever times they choose: another one in its place may have
  /// the same times and inode numbers.
  case image
  /// Files that the kernel makes up while they are read: neither size nor times say anything.
  case kernel

  /// The meaning of a file's size for how much there is to read.
  enum Sizes: Sendable {
    /// All that there is, but for what is written meanwhile.
    case exact
    /// Mostly that. Reading tells whether there is less, or more.
    case stated
    /// Nothing.
    case meaningless
  }

  /// The meaning of a file's size here.
  var sizes: Sizes {
    switch self {
    case .local, .localWithoutOwners, .image: .exact
    case .remote: .stated
    case .kernel: .meaningless
    }
  }

  /// Whether a file belongs to whoever makes it.
  var keepsOwners: Bool { self == .local }

  /// The trust that the times of files deserve.
  var clock: FileClocks.Clock {
    switch self {
    case .local, .localWithoutOwners: .ours
    case .remote: .foreign
    case .image: .none
    case .kernel: .absent
    }
  }

  /// Asks on what kind of file system a directory is.
  init(of directory: DirectoryHandle) throws(SystemError) {
    try self.init(descriptor: directory.number)
  }

  /// Asks on what kind of file system a file is; one that was opened with `O_PATH` will do.
  init(of file: borrowing FileDescriptor) throws(SystemError) {
    try self.init(descriptor: file.number)
  }

  private init(descriptor: Int32) throws(SystemError) {
    var found = statfs()
    guard retryingInterrupts({ unsafe fstatfs(descriptor, &found) }) == 0 else {
      throw .last("fstatfs", [])
    }
    self = Self(magic: UInt32(truncatingIfNeeded: found.f_type))
  }

  /// Judges by the number that statfs(2) gives.
  ///
  /// Only what is known to be local counts as local: taken for remote, a file changed lately is
  /// read once more than it has to be; taken for local, a change could be missed.
  init(magic: UInt32) {
    self =
      if Self.localMagic.contains(magic) {
        .local
      } else if Self.withoutOwnersMagic.contains(magic) {
        .localWithoutOwners
      } else {
        Self.imageMagic.contains(magic)
          ? .image : Self.kernelMagic.contains(magic) ? .kernel : .remote
      }
  }

  private static let kernelMagic: Set<UInt32> = [
    0x0000_9FA0,  // proc
    0x6265_6572,  // sysfs
    0x0027_E0EB,  // cgroup
    0x6367_7270,  // cgroup2
    0x6462_6720,  // debugfs
    0x7472_6163,  // tracefs
    0x7363_6673,  // securityfs
    0x5A3C_69F0,  // AppArmor
    0xF97C_FF8C,  // SELinux
    0x4341_5D53,  // Smack
    0x6265_6570,  // configfs
    0x4249_4E4D,  // binfmt_misc
    0x6573_5543,  // fusectl
    0xCAFE_4A11,  // bpf
    0x1980_0202,  // mqueue
    0x0765_5821,  // resctrl
    0x6E66_7364,  // nfsd
    0x6759_6969,  // rpc_pipefs
    0xABBA_1974,  // Xen
  ]

  private static let withoutOwnersMagic: Set<UInt32> = [
    0x0000_4D44,  // FAT
    0x2011_BAB0,  // exFAT
    0x7366_746E,  // NTFS of the kernel
    0x0000_482B,  // HFS+
    0x1501_3346,  // UDF
  ]

  private static let imageMagic: Set<UInt32> = [
    0x0000_9660,  // ISO 9660
    0x7371_7368,  // SquashFS
    0xE0F5_E1E2,  // EROFS
    0x28CD_3D45,  // cramfs
    0x0000_7275,  // romfs
  ]

  /// Those with an own clock that have on their disk when a file was changed, to the fraction of a
  /// second.
  private static let preciseMagic: Set<UInt32> = [
    0x0000_EF53,  // ext2, ext3, ext4
    0x5846_5342,  // XFS
    0x9123_683E,  // Btrfs
    0x2FC1_2FC1,  // ZFS
    0xCA45_1A4E,  // bcachefs
    0xF2F5_2010,  // F2FS
    0x0102_1994,  // tmpfs, of which a power cut leaves nothing
  ]

  private static let localMagic: Set<UInt32> = preciseMagic.union([
    0x3153_464A,  // JFS
    0x5265_4973,  // ReiserFS
    0x0000_3434,  // NILFS
    0x8584_58F6,  // ramfs
    0x794C_7630,  // overlayfs
  ])

  /// Whether the time of a file's last change is on the disk as the kernel has set it; others, such as
  /// FAT, may tell the time that the file was given.
  static func keepsChangeTime(magic: UInt32) -> Bool { preciseMagic.contains(magic) }
}
