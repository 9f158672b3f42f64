import ChunkStore
import LinuxSystem

/// One entry that a walk has come to.
struct WalkEntry: Sendable {
  /// Where it stands in the archive.
  let path: ArchivePath
  /// The place of its root in `Walker.roots`.
  let root: Int
  /// The metadata of a moment ago.
  let metadata: FileMetadata
  /// Where it points to, if it is a symbolic link.
  let linkTarget: [UInt8]?
  /// Its extended attributes, if they were asked for.
  let extendedAttributes: [Item.ExtendedAttribute]
  /// The directory that it is in.
  let directory: DirectoryHandle
  /// Its name there; `FileName.itself` for a root such as `/` or `.`.
  let name: FileName
  /// Whether it is a directory of which only itself is visited, and a tag perhaps: because of that
  /// tag, or because another file system is mounted there.
  var isLeftOut = false
}

/// The decision of a walk about an entry.
enum WalkDecision: Sendable {
  /// Visit it, and walk through it if it is a directory.
  case include
  /// Do not visit it, but walk through it if it is a directory.
  case exclude
  /// Leave it and everything beneath it alone.
  case excludeWithoutRecursion
}

/// Something that a walk has to tell besides its entries.
enum WalkEvent: Sendable {
  /// Something that was asked for by its path could not be read at all: a root or a listed path.
  case rootFailed(ArchivePath, SystemError)
  /// The root with this place in `Walker.roots` is a symbolic link, and archived as one.
  case rootIsLink(Int)
  /// Something could not be read: a directory without permission, a file that has vanished. `SystemError.path` is the path as the user would write it.
  case failed(SystemError)
  /// An entry could not be looked at, and so is not visited.
  case unreadable(ArchivePath, SystemError)
  /// A place is left out because another one is archived under the same path.
  case conflict([UInt8], ArchivePath)
  /// An option excluded an entry and everything beneath it.
  case excluded(ArchivePath, Exclusion)

  /// Which option it was.
  enum Exclusion: Sendable {
    /// One of `WalkOptions.skip`.
    case skipped
    /// `WalkOptions.excludesNoDump`
    case noDump
    /// `WalkOptions.tags`
    case tagged
  }
}

/// The entries that a walk leaves out or leaves unread.
struct WalkOptions: Sendable {
  /// Directories on other file systems than their root are visited, but not walked through.
  var staysOnOneFileSystem = false
  /// The files that are never visited: the repository itself, for example.
  var skip: Set<FileIdentity> = []
  /// Files and directories that their owner marked with `chattr +d` are left out.
  var excludesNoDump = false
  /// Directories that hold one of these are left out.
  var tags = DirectoryTags()
  /// Extended attributes are read.
  var readsExtendedAttributes = true
}

/// Names whose presence in a directory excludes it.
struct DirectoryTags: Sendable {
  /// A `CACHEDIR.TAG` file with the signature of the Cache Directory Tagging Specification.
  var caches = false
  /// A file or directory with one of these names, or at one of these paths; only names are kept.
  var names: [[UInt8]] = []
  /// A tagged directory itself and its tags are visited; only the rest is left out.
  var keepsTags = false

  static let cacheName = Array("CACHEDIR.TAG".utf8)
  static let cacheSignature = Array("Signature: 8a477f597d28d172789f06886806bc55".utf8)

  /// The tags that a directory holds.
  func found(in directory: DirectoryHandle, _ listing: DirectoryListing) -> [[UInt8]] {
    var found = names.filter { name in
      // As borg, a path such as `.git/HEAD` is a tag as well, and a link that leads nowhere is none.
      (name.contains(UInt8(ascii: "/")) || listing.contains(name)) && directory.reaches(name)
    }
    if caches, listing.contains(Self.cacheName), Self.hasSignature(directory) {
      found.append(Self.cacheName)
    }
    return found
  }

  private static func hasSignature(_ directory: DirectoryHandle) -> Bool {
    // A tag that cannot be read tags nothing: what is in doubt is backed up.
    guard let name = FileName(cacheName),
      let file = try? OpenedFile(name, in: directory),
      let start = try? file.read(cacheSignature.count, at: 0)
    else { return false }
    return start == cacheSignature
  }
}
