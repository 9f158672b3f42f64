import LinuxSystem

#if os(Linux)
  import CLinux
  import ChunkStore
  import Glibc

  extension DirectoryHandle {
    /// The metadata of the entry `name`, which may be a symbolic link itself.
    func metadata(of name: FileName) throws(SystemError) -> FileMetadata {
      // An automounter's mount point is looked at, not mounted.
      try unsafe FileMetadata(askingAbout: name.bytes) { out in
        unsafe linux_statx(
          number, name.terminated, AT_SYMLINK_NOFOLLOW | linux_AT_NO_AUTOMOUNT,
          FileMetadata.mask, out)
      }
    }

    /// The metadata of the file that the entry `name` leads to.
    func metadata(followingLink name: FileName) throws(SystemError) -> FileMetadata {
      try unsafe FileMetadata(askingAbout: name.bytes) { out in
        unsafe linux_statx(
          number, name.terminated, linux_AT_NO_AUTOMOUNT, FileMetadata.mask, out)
      }
    }

    /// The metadata of the directory itself.
    func metadata() throws(SystemError) -> FileMetadata {
      try FileMetadata(descriptor: number)
    }

    /// Where the symbolic link `name` points to.
    func linkTarget(_ name: FileName) throws(SystemError) -> [UInt8] {
      try readLink(number, name.terminated)
    }
  }

  /// Where a symbolic link points to: the one of a name in a directory, or, without a name, the one
  /// that was opened itself.
  private func readLink(
    _ number: Int32, _ terminated: [UInt8]
  ) throws(SystemError) -> [UInt8] {
    // Linux knows no target that is longer.
    let limit = Int(PATH_MAX)
    var failure: SystemError?
    let target = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      guard let start = buffer.baseAddress else { return }
      let length = unsafe readlinkat(number, terminated, start, limit)
      if length < 0 { failure = .last("readlinkat", terminated.dropLast()) }
      count = max(0, length)
    }
    if let failure { throw failure }
    return target
  }

  extension FileDescriptor {
    /// The metadata of the open file.
    func metadata() throws(SystemError) -> FileMetadata {
      try FileMetadata(descriptor: number)
    }

    /// Where a symbolic link points to that was opened itself.
    func linkTarget() throws(SystemError) -> [UInt8] { try readLink(number, [0]) }
  }

  extension FileMetadata {
    fileprivate static let mask = UInt32(STATX_BASIC_STATS | STATX_BTIME)

    /// Asks about an open file, or one that was opened with `O_PATH`.
    init(descriptor: Int32) throws(SystemError) {
      try unsafe self.init(askingAbout: []) { out in
        unsafe linux_statx(descriptor, "", linux_AT_EMPTY_PATH, Self.mask, out)
      }
    }

    fileprivate init(
      askingAbout path: some Collection<UInt8>, _ call: (UnsafeMutablePointer<statx>) -> Int32
    ) throws(SystemError) {
      var found = statx()
      guard unsafe call(&found) == 0 else { throw .last("statx", path) }
      self.init(found)
    }

    private init(_ found: statx) {
      mode = UInt32(found.stx_mode)
      uid = found.stx_uid
      gid = found.stx_gid
      size = found.stx_size
      blocks = found.stx_blocks
      mtime = Timestamp(found.stx_mtime)
      ctime = Timestamp(found.stx_ctime)
      atime = Timestamp(found.stx_atime)
      let knowsBirth = found.stx_mask & UInt32(STATX_BTIME) != 0
      birthtime = knowsBirth ? Timestamp(found.stx_btime) : nil
      identity = FileIdentity(
        device: linux_makedev(found.stx_dev_major, found.stx_dev_minor), inode: found.stx_ino)
      linkCount = found.stx_nlink
      deviceNumbers = Item.Device(major: found.stx_rdev_major, minor: found.stx_rdev_minor)
      flags = []
      for (attribute, flag) in Self.freeFlags where found.stx_attributes & attribute != 0 {
        flags.insert(flag)
      }
    }

    private static let freeFlags: [(attribute: UInt64, flag: InodeFlags)] = [
      (UInt64(STATX_ATTR_COMPRESSED), .compressed), (UInt64(STATX_ATTR_IMMUTABLE), .immutable),
      (UInt64(STATX_ATTR_APPEND), .appendOnly), (UInt64(STATX_ATTR_NODUMP), .noDump),
    ]

    /// The flags that come with all the other metadata; all others need an open file.
    static let freeFlagSet = InodeFlags(freeFlags.map(\.flag))
  }

  extension Timestamp {
    fileprivate init(_ time: statx_timestamp) {
      self.init(seconds: time.tv_sec, nanoseconds: time.tv_nsec)
    }
  }
#endif
