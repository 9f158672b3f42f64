import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// An open directory that threads may share; closed when the last of them lets go.
///
/// Everything below a root is reached through handles and single names. So a path may be longer
/// than the system's limit, and no symbolic link that appears in the middle leads elsewhere.
final class DirectoryHandle: Sendable {
  /// The descriptor, for system calls, as long as this object lives.
  let number: Int32

  private init(owning number: Int32) { self.number = number }

  deinit { _ = Glibc.close(number) }

  /// Opens a directory by its path, as the user gave it: symbolic links are followed.
  convenience init(path: [UInt8]) throws(SystemError) {
    guard !path.contains(0) else { throw SystemError("open", code: EINVAL, path: path) }
    let terminated = path + [0]
    let number = try Self.open("open", path) { flags in
      unsafe linux_open(terminated, flags, 0)
    }
    self.init(owning: number)
  }

  /// Opens the directory `name` in this one, and nothing but a directory.
  ///
  /// - Throws: `ENOTDIR` or `ELOOP` if it is something else, a symbolic link for example.
  func directory(_ name: FileName) throws(SystemError) -> DirectoryHandle {
    let number = try Self.open("openat", name.bytes) { flags in
      unsafe linux_openat(self.number, name.terminated, flags | O_NOFOLLOW, 0)
    }
    return DirectoryHandle(owning: number)
  }

  /// Opens the directory that this one is in now.
  func parent() throws(SystemError) -> DirectoryHandle {
    let name = Array("..".utf8)
    let number = try Self.open("openat", name) { flags in
      unsafe linux_openat(self.number, name + [0], flags, 0)
    }
    return DirectoryHandle(owning: number)
  }

  /// Whether there is something at a path in here; symbolic links are followed.
  func reaches(_ path: [UInt8]) -> Bool {
    var found = stat()
    return unsafe withCString(path) { unsafe fstatat(number, $0, &found, 0) } == 0
  }

  /// The type, as in `st_mode`, of the thing at a path, at the end of all links; `nil` if there is none.
  static func type(at path: [UInt8]) -> mode_t? {
    var found = stat()
    return unsafe withCString(path) { unsafe stat($0, &found) } == 0 ? found.st_mode & S_IFMT : nil
  }

  /// Which directory this is.
  func identity() throws(SystemError) -> FileIdentity { try metadata().identity }

  /// Opens without touching the access time, where that is permitted.
  private static func open(
    _ operation: String, _ path: some Collection<UInt8>, _ call: (Int32) -> Int32
  ) throws(SystemError) -> Int32 {
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK
    var number = retryingInterrupts { call(flags | linux_O_NOATIME) }
    // O_NOATIME is for owners of the file only.
    if number < 0, errno == EPERM { number = retryingInterrupts { call(flags) } }
    guard number >= 0 else { throw .last(operation, path) }
    return number
  }
}
