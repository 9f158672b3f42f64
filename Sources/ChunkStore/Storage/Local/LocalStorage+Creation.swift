internal import Glibc
import StoreEncoding

/// Making the directories of a repository.
extension LocalStorage {
  static func withoutSlash(_ path: String) -> String {
    path.hasSuffix("/") && path.count > 1 ? String(path.dropLast()) : path
  }

  /// Makes the directories of a new repository in a directory that is empty or not there, or goes on where
  /// that was interrupted.
  ///
  /// In a directory that was there the group may do what it may do in that directory, if that seems to be
  /// meant; others may nothing.
  ///
  /// - Parameters:
  ///   - path: Where it is made.
  ///   - asked: Who may do what with the repository, as the permissions of its directories; `nil`: its
  ///     owner alone, and the group of a directory that was there.
  /// - Returns: The repository, without a configuration.
  /// - Throws: `StorageError.repositoryExists`, `StorageError.locationNotEmpty` if there is anything
  ///   else at `path`, `StorageError.missingParent`, `StorageError.insideRepository`.
  public static func create(
    path: String, mode asked: UInt32? = nil
  ) throws(StorageError) -> LocalStorage {
    let place = withoutSlash(path)
    let found = try demandUnused(path)
    let isNew = found == nil
    let mode = asked ?? found.flatMap { groupMode(of: $0.mode) } ?? 0o700
    if isNew {
      do throws(StorageError) {
        try LocalFile.makeDirectory(place, mode: mode)
      } catch .notFound {
        throw .missingParent(path)
      }
      // Or a power cut takes the repository away with all that was ever put into it.
      try LocalFile.synchronizeDirectory("\(place)/..")
    }
    let root = try LocalDirectory(path: place)
    if let asked, !isNew { try root.setMode(".", asked) }
    do throws(StorageError) { try ListingProbe.demand(root, trying: probe) } catch {
      // As it was: an empty directory that was there is the owner's.
      if isNew { LocalDirectory.working.discardDirectory(place) }
      throw error
    }
    for directory in directories + segmentDirectories + [ObjectName.configDirectory] {
      try root.makeDirectory(directory, mode: mode)
      try root.setMode(directory, mode)
    }
    let readme = try root.open(readme, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    try readme.setMode(mode & 0o666)
    try readme.write(
      Array(
        """
        This directory is an archivist repository: encrypted, deduplicated backups.
        Do not change anything in it by hand. It may be copied as a whole.

        """.utf8
      ).span)
    try readme.synchronize()
    let storage = try LocalStorage(path: path)
    try storage.restoreReserve()
    try root.synchronize(ObjectName.Kind.segment.rawValue)
    try root.synchronize()
    return storage
  }

  /// Finds out whether a repository can be made, as far as that can be known before, and changes nothing.
  ///
  /// - Parameters:
  ///   - path: Where it is to be made.
  ///   - makesParents: Whether the directories above may be missing.
  /// - Throws: What `create` throws.
  public static func demandCreatable(
    path: String, makesParents: Bool
  ) throws(StorageError) {
    guard try demandUnused(path) == nil, !makesParents else { return }
    let canonical = try CanonicalPath.of(path)
    let parent = canonical[..<(canonical.lastIndex(of: "/") ?? canonical.startIndex)]
    if !parent.isEmpty, try LocalFile.status(String(parent)) == nil { throw .missingParent(path) }
  }

  /// The status of a path at which a repository may be made; `nil` if nothing is there.
  private static func demandUnused(_ path: String) throws(StorageError) -> LocalFile.Status? {
    let place = withoutSlash(path)
    try demandOutside(path)
    guard let found = try LocalFile.status(place) else { return nil }
    guard found.isDirectory, try isUnused(LocalDirectory(path: place)) else {
      if found.isDirectory, try RepositoryRemoval.isBegun(LocalDirectory(path: place)) {
        throw .deletedInPart(path)
      }
      throw try isRepository(place) ? .repositoryExists(path) : .locationNotEmpty(path)
    }
    return found
  }

  private static let readme = "README"

  /// The files that a repository has besides its directories.
  static let ownFiles = [readme, reserve, "\(probe)-1", "\(probe)-2"]

  /// The permissions of a directory for its group, if they were chosen: a directory of mkdir(1) is
  /// readable for all, and one that all may write to is nobody's.
  private static func groupMode(of mode: mode_t) -> mode_t? {
    mode & 0o022 == 0o020 || mode & 0o007 == 0 ? mode & 0o2770 | 0o700 : nil
  }

  /// Whether a directory is empty, or holds nothing but what `create` had made of a repository when it
  /// was interrupted: directories without any object in them, but for a key slot that opens nothing.
  static func isUnused(_ root: LocalDirectory) throws(StorageError) -> Bool {
    let known = Set(directories + [ObjectName.configDirectory])
    let files = Set(ownFiles)
    for name in try root.names() {
      let name = String(decoding: name, as: UTF8.self)
      if files.contains(name) { continue }
      guard known.contains(name), try root.isDirectory(name) else { return false }
      switch name {
      case uploads, ObjectName.Kind.key.rawValue: continue
      case ObjectName.Kind.segment.rawValue:
        for prefix in try root.names(in: name) {
          let directory = "\(name)/\(String(decoding: prefix, as: UTF8.self))"
          guard isPrefix(prefix), try root.isDirectory(directory),
            try root.names(in: directory).isEmpty
          else { return false }
        }
      default: guard try root.names(in: name).isEmpty else { return false }
      }
    }
    return true
  }

  /// Refuses to make a repository within another one, where it would be taken for damage.
  private static func demandOutside(_ path: String) throws(StorageError) {
    var directory = try CanonicalPath.of(path)
    while directory != "/", let slash = directory.lastIndex(of: "/") {
      directory = slash == directory.startIndex ? "/" : String(directory[..<slash])
      if try isRepository(directory) { throw .insideRepository(path, directory) }
    }
  }

  /// Whether a directory is that of a repository: it has a configuration.
  private static func isRepository(_ path: String) throws(StorageError) -> Bool {
    let directory = "\(path)/\(ObjectName.configDirectory)"
    guard try LocalFile.status(directory)?.isDirectory == true,
      try LocalFile.status("\(path)/\(ObjectName.Kind.segment.rawValue)")?.isDirectory == true
    else { return false }
    do throws(StorageError) {
      return try LocalFile.names(in: directory).contains { ObjectName.generation($0) != nil }
    } catch .system(_, _, EACCES) {
      return true  // It looks like one, and is somebody else's.
    }
  }
}
