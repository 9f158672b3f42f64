internal import Glibc

/// Removing a repository as a whole.
extension LocalStorage {
  /// Removes everything that is of the repository, and its directory if nothing else is in it.
  ///
  /// Keys and configurations go last: interrupted, it can be opened and removed again.
  ///
  /// - Returns: Why its directory stays, which is not the repository's if other files are in it; `nil` if it is
  ///   gone.
  /// - Throws: What keeps something from being removed; `StorageError.refused`, before anything is
  ///   removed, where a part of it is a link, because what that leads to would stay.
  public func removeRepository() throws(StorageError) -> StorageError? {
    let path = try CanonicalPath.of(location)
    for directory in Self.directories where LocalFile.isSymbolicLink("\(path)/\(directory)") {
      throw .refused(
        "\(path)/\(directory): a part of the repository is elsewhere, and this is a link to it: remove "
          + "both by hand")
    }
    let keys = ObjectName.Kind.key.rawValue
    for directory in Self.directories where directory != keys {
      try LocalTree.remove("\(path)/\(directory)")
    }
    try LocalTree.remove("\(path)/\(keys)")
    try LocalTree.remove("\(path)/\(ObjectName.configDirectory)")
    for file in Self.ownFiles { try LocalTree.remove("\(path)/\(file)") }
    guard unsafe rmdir(path) == 0 else { return .last("rmdir", path) }
    try LocalDirectory(path: "\(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))/")
      .synchronize()
    return nil
  }
}

/// A directory and everything in it.
public enum LocalTree {
  /// Removes a file, or a directory with all that is in it; nothing is done if there is none.
  ///
  /// Symbolic links are removed, and never followed.
  public static func remove(_ path: String) throws(StorageError) {
    let isLink = LocalFile.isSymbolicLink(path)
    guard try LocalFile.status(path) != nil || isLink else { return }
    guard !isLink, try LocalFile.status(path)?.isDirectory == true else {
      guard unsafe unlink(path) == 0 || errno == ENOENT else { throw .last("unlink", path) }
      return
    }
    for name in try LocalFile.names(in: path) {
      if let text = String(validating: name, as: UTF8.self) {
        try remove("\(path)/\(text)")
      } else {
        let bytes = (Array("\(path)/".utf8) + name + [0]).map { CChar(bitPattern: $0) }
        guard unsafe unlink(bytes) == 0 || errno == ENOENT else { throw .last("unlink", path) }
      }
    }
    guard unsafe rmdir(path) == 0 || errno == ENOENT else { throw .last("rmdir", path) }
  }
}
