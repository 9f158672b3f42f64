import ChunkStore
import LinuxSystem

/// Why an item was not restored, other than that a system call failed: restoring it would have
/// changed something that is no part of it.
enum RestoreObstacle: Error, Hashable, Sendable {
  /// A file in the place of a directory above the item, which was not chosen.
  case parentIsFile(ArchivePath)
  /// A symbolic link in the place of a directory above the item.
  case parentIsLink(ArchivePath, LinkRefusal)
  /// The archive itself has something above the item that is no directory.
  case parentIsNoDirectory(ArchivePath)
  /// A directory above the item could not be made.
  case parentFailed(ArchivePath, SystemError)
  /// The file system takes the item's name for that of another one in its directory.
  case sameName(ArchivePath)
  /// Without the leading parts that were asked to be left off, another item has the same path.
  case samePath(ArchivePath)

  /// Why a symbolic link is not followed.
  enum LinkRefusal: Hashable, Sendable {
    case leadsOutside
    case leadsToNoDirectory
    /// Somebody else may have put it, or a link on the way that it leads, where it is.
    case isNotTrusted
    /// The archive has a directory or a link of its own there.
    case isRestored
  }

  /// The obstacle, and the remedy.
  var reason: Message {
    switch self {
    case .parentIsFile(let path):
      "\(name: path.bytes) is no directory here: move it away, or restore elsewhere"
    case .parentIsLink(let path, let refusal):
      "\(name: path.bytes) is a symbolic link here, \(refusal.reason): move it away, or restore "
        + "elsewhere"
    case .parentIsNoDirectory(let path):
      "\(name: path.bytes), above it, is no directory in the archive"
    case .parentFailed(let path, let error):
      "\(name: path.bytes), above it, could not be made: \(error.reason)"
    case .sameName(let path):
      "this file system takes its name for that of \(name: path.bytes), which is restored already: "
        + "restore it elsewhere"
    case .samePath(let path):
      "without its leading parts it would take the place of \(name: path.bytes), which is restored "
        + "already: restore it elsewhere"
    }
  }
}

extension RestoreObstacle.LinkRefusal {
  fileprivate var reason: Message {
    switch self {
    case .leadsOutside: "which leads out of the directory that is restored into"
    case .leadsToNoDirectory: "which leads to no directory"
    case .isNotTrusted: "which somebody else may have put there"
    case .isRestored: "where something of the archive was restored"
    }
  }
}
