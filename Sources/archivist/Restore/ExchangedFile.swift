import ChunkStore
import CLinux
import Glibc
import LinuxSystem

extension DirectoryHandle {
  /// Says whether what was opened by its name, right after it was made in here, may be something that
  /// somebody else has put in its place.
  ///
  /// Whoever owns the directory, or may write to it, can exchange names in it.
  func isForeign(_ opened: FileMetadata) -> Bool {
    if opened.uid == EffectiveUser.id { return false }
    // A file that a thread makes belongs to its file system user, which setfsuid(2) tells without a
    // change.
    if opened.uid == UInt32(bitPattern: setfsuid(.max)) { return false }
    do throws(SystemError) {
      // Others give whatever they like: FAT has no owners, a server maps them.
      return try FileSystemKind(of: self).keepsOwners
    } catch {
      return true
    }
  }
}
