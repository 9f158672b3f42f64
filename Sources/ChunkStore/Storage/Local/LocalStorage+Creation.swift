internal import Glibc

/// Making the folders of a repository.
extension LocalStorage {
  static func withoutSlash(_ path: String) -> String {
    path.hasSuffix("/") && path.count > 1 ? String(path.dropLast()) : path
  }

  /// Makes the folders of a new repository in a folder that is empty or not there, or goes on where
  /// that was interrupted.
  ///
  /// In a folder that was there the group may do what it may do in that folder, if that seems to be
  /// meant; others may nothing.
  ///
  /// - Parameters:
  ///   - path: Where it is made.
  ///   - asked: Who may do what with the repository, as the permissions of its folders; `nil`: its
  ///     owner alone, and the group of a folder that was there.
  /// - Returns: The repository, without a configuration.
  /// - Throws: `StorageError.repositoryExists`, `StorageError.locationNotEmpty` if there is anything
  ///   else at `path`, `StorageError.missingParent`, `StorageError.insideRepository`.
  public static func create(
    path: String, mode asked: UInt32? = nil
  ) throws(StorageError) -> LocalStorage {
    let place = withoutSlash(path)
    try demandOutside(path)
    let found = try LocalFile.status(place)
    let isNew = found == nil
    let mode = asked ?? found.flatMap { groupMode(of: $0.mode) } ?? 0o700
    if let found {
      guard found.isDirectory, try isUnused(LocalFolder(path: place)) else {
        throw try isRepository(place) ? .repositoryExists(path) : .locationNotEmpty(path)
      }
    } else {
      do throws(StorageError) {
        try LocalFile.makeDirectory(place, mode: mode)
      } catch .notFound {
        throw .missingParent(path)
      }
      // Or a power cut takes the repository away with all that was ever put into it.
      try LocalFile.synchronizeDirectory("\(place)/..")
    }
    let root = try LocalFolder(path: place)
    if let asked, !isNew { try root.setMode(".", asked) }
    do throws(StorageError) { try ListingProbe.demand(root, trying: probe) } catch {
      // As it was: an empty folder that was there is the owner's.
      if isNew { LocalFolder.working.discardFolder(place) }
      throw error
    }
    for folder in folders + segmentFolders + [ObjectName.configFolder] {
      try root.makeDirectory(folder, mode: mode)
      try root.setMode(folder, mode)
    }
    let readme = try root.open(readme, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    try readme.setMode(mode & 0o666)
    try readme.write(
      Array(
        """
        This folder is an archivist repository: encrypted, deduplicated backups.
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

  private static let readme = "README"

  /// What a folder permits its group, if that was chosen: what mkdir(1) makes is readable for all, and
  /// what all may write to is nobody's.
  private static func groupMode(of mode: mode_t) -> mode_t? {
    mode & 0o022 == 0o020 || mode & 0o007 == 0 ? mode & 0o2770 | 0o700 : nil
  }

  /// Whether a folder is empty, or holds nothing but what `create` had made of a repository when it
  /// was interrupted: folders without any object in them, but for a key slot that opens nothing.
  static func isUnused(_ root: LocalFolder) throws(StorageError) -> Bool {
    let known = Set(folders + [ObjectName.configFolder])
    let files: Set = [readme, reserve, "\(probe)-1", "\(probe)-2"]
    for name in try root.names() {
      let name = String(decoding: name, as: UTF8.self)
      if files.contains(name) { continue }
      guard known.contains(name), try root.isFolder(name) else { return false }
      switch name {
      case uploads, ObjectName.Kind.key.rawValue: continue
      case ObjectName.Kind.segment.rawValue:
        for prefix in try root.names(in: name) {
          let folder = "\(name)/\(String(decoding: prefix, as: UTF8.self))"
          guard isPrefix(prefix), try root.isFolder(folder), try root.names(in: folder).isEmpty
          else { return false }
        }
      default: guard try root.names(in: name).isEmpty else { return false }
      }
    }
    return true
  }

  /// Refuses to make a repository within another one, where it would be taken for damage.
  private static func demandOutside(_ path: String) throws(StorageError) {
    var folder = try CanonicalPath.of(path)
    while folder != "/", let slash = folder.lastIndex(of: "/") {
      folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
      if try isRepository(folder) { throw .insideRepository(path, folder) }
    }
  }

  /// Whether a folder is that of a repository: it has a configuration.
  private static func isRepository(_ path: String) throws(StorageError) -> Bool {
    let folder = "\(path)/\(ObjectName.configFolder)"
    guard try LocalFile.status(folder)?.isDirectory == true,
      try LocalFile.status("\(path)/\(ObjectName.Kind.segment.rawValue)")?.isDirectory == true
    else { return false }
    do throws(StorageError) {
      return try LocalFile.names(in: folder).contains { ObjectName.generation($0) != nil }
    } catch .system(_, _, EACCES) {
      return true  // It looks like one, and is somebody else's.
    }
  }
}
