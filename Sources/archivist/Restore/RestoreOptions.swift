import ChunkStore
import LinuxSystem

/// The metadata of an item that are restored, and how.
struct RestoreOptions: Sendable {
  /// Owners are found by their names first: the numbers may belong to somebody else here.
  var findsOwnersByName = true
  /// Holes stay holes; otherwise they take up storage like everything else.
  var keepsHoles = true
  /// Extended attributes are restored, other than ACLs.
  var restoresExtendedAttributes = true
  /// POSIX ACLs are restored.
  var restoresACLs = true
  /// Inode flags are restored; those that are in the way are taken off.
  var restoresFlags = true
  /// A file that has the size and the time of its item and is covered by this counts as restored, and
  /// is not read.
  var finished: RestoreMark?
  /// Where a symbolic link may stand in the place of a directory, and is kept.
  var links = FollowedLinks.parents

  /// The directories that links are followed in the place of, as `LinkedDirectory` does.
  enum FollowedLinks: Sendable {
    case never
    /// Those above what is restored that are not restored themselves.
    case parents
    /// Those that are restored as well.
    case directories
  }
}

/// Something about an item that the system did not take; the rest of the item is there.
struct RestoreProblem: Hashable, Sendable {
  /// Which item.
  let path: ArchivePath
  /// The missing aspect.
  let aspect: Aspect
  /// Why.
  let error: SystemError

  /// A part of what an item is.
  enum Aspect: Hashable, Sendable {
    case owner
    case permissions
    /// The extended attribute with this name.
    case attribute([UInt8])
    case times
    case flags
    /// Everything about a directory, which is not there any more.
    case directory
    /// The identity with the file at this path; it is a file of its own.
    case hardLink(ArchivePath)
    /// The separateness from the file at this path, which is another one in the archive.
    case otherFile(ArchivePath)
    /// The absence of attributes other than its own.
    case surplus
    /// A file that is not whole is still there under its name.
    case remains
  }
}

/// The outcome of one item.
enum RestoreOutcome: Sendable {
  /// It is there with all that belongs to it, or will be as soon as what follows is restored.
  case done
  /// The file is there and waits for its content; other threads may write and finish it.
  case file(RestoredFile)
  /// There is a regular file already, which may be what is wanted; any thread may find out.
  case existing(ExistingFile)
  /// It is another name of a file whose content is on its way, and a regular file has that name: it
  /// gives way when the content is complete.
  case waiting
  /// It is not a kind of file that can be restored: a socket, which only its server can make.
  case skipped
  /// It is the same file as the one at this path, whose content could not be restored.
  case lost(with: ArchivePath)
}
