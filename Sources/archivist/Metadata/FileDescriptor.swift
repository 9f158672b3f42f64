import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// Owns one open file and closes it.
///
/// Not copyable, because a number closed twice may be another file the second time.
struct FileDescriptor: ~Copyable, Sendable {
  /// The number, for system calls, as long as this owner lives.
  let number: Int32

  /// Takes over an open file.
  init(owning number: Int32) { self.number = number }

  deinit { _ = Glibc.close(number) }

  /// Opens `name` in a directory, never through a symbolic link, never inherited by a child.
  init(
    opening name: FileName, in directory: DirectoryHandle, flags: Int32, mode: mode_t = 0
  ) throws(SystemError) {
    number = retryingInterrupts {
      unsafe linux_openat(
        directory.number, name.terminated, flags | O_NOFOLLOW | O_CLOEXEC, mode)
    }
    guard number >= 0 else { throw .last("openat", name.bytes) }
  }

  /// Closes the file, and reports what only closing tells: on NFS, that writing had failed.
  consuming func close() throws(SystemError) {
    let number = self.number
    discard self
    // Linux has let go of the number even if a signal interrupted the call.
    guard Glibc.close(number) == 0 || errno == EINTR else { throw .last("close", []) }
  }
}
