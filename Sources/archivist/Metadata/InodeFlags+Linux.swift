import LinuxSystem

#if os(Linux)
  import CLinux
  import ChunkStore
  import Glibc

  extension FileMetadata {
    /// Adds the flags that only an open file tells.
    ///
    /// It costs a quarter of a microsecond where the file is open anyway, and more than all the
    /// rest of a look at an unchanged file where it is not: there the parent archive knows.
    ///
    /// - Returns: Why they could not be read; `nil` for a file system that has none, too.
    mutating func addInodeFlags(of descriptor: Int32) -> SystemError? {
      guard kind == .regular || kind == .directory else { return nil }
      do throws(SystemError) {
        flags = try InodeFlags(of: descriptor)
      } catch {
        switch error.code {
        case ENOTTY, EOPNOTSUPP, EINVAL, ENOSYS, EPERM, EACCES: return nil
        default: return error
        }
      }
      return nil
    }
  }

  extension InodeFlags {
    /// Asks an open file or directory.
    init(of descriptor: Int32) throws(SystemError) {
      var bits: Int32 = 0
      guard unsafe linux_get_inode_flags(descriptor, &bits) == 0 else {
        throw .last("FS_IOC_GETFLAGS", [])
      }
      self = InodeFlags(rawValue: UInt32(bitPattern: bits)).intersection(.recorded)
    }

    /// Changes the flags of an open file or directory to these, and no others.
    ///
    /// - Throws: Why some of them were not taken; the others were.
    func set(on descriptor: Int32) throws(SystemError) {
      var bits: Int32 = 0
      guard unsafe linux_get_inode_flags(descriptor, &bits) == 0 else {
        // Nothing to set, and nothing to set it on.
        if isEmpty, errno == ENOTTY || errno == EOPNOTSUPP || errno == EINVAL { return }
        throw .last("FS_IOC_GETFLAGS", [])
      }
      let known = Int32(bitPattern: InodeFlags.recorded.rawValue)
      let wanted = bits & ~known | Int32(bitPattern: intersection(.recorded).rawValue)
      if wanted == bits || linux_set_inode_flags(descriptor, wanted) == 0 { return }
      let failure = SystemError.last("FS_IOC_SETFLAGS", [])
      // Those that the file system does not know, or that only root may set, keep no other from
      // being set. Immutable and append-only come last: nothing can be set behind them.
      let lastBits = InodeFlags([.immutable, .appendOnly]).rawValue
      var isComplete = true
      for last in [false, true] {
        for bit in 0..<31 where (lastBits >> UInt32(bit) & 1 == 1) == last {
          let mask: Int32 = 1 << Int32(bit)
          guard (bits ^ wanted) & mask != 0 else { continue }
          let next = bits ^ mask
          if linux_set_inode_flags(descriptor, next) == 0 {
            bits = next
          } else {
            isComplete = false
          }
        }
      }
      if !isComplete { throw failure }
    }
  }
#endif
