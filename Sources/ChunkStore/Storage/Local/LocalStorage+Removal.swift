import CLinux
internal import Glibc

/// Removing a repository as a whole.
extension LocalStorage {
  /// Removes everything that is of the repository, and its directory if nothing else is in it.
  ///
  /// Keys and configurations go last: interrupted, it can be opened and removed again.
  ///
  /// - Returns: Whether the directory is gone.
  /// - Throws: What keeps something from being removed.
  public func removeRepository() throws(StorageError) -> Bool {
    let keys = ObjectName.Kind.key.rawValue
    for directory in Self.directories where directory != keys {
      try LocalTree.remove("\(location)/\(directory)")
    }
    try LocalTree.remove("\(location)/\(keys)")
    try LocalTree.remove("\(location)/\(ObjectName.configDirectory)")
    for file in Self.ownFiles { try LocalTree.remove("\(location)/\(file)") }
    let path = Self.withoutSlash(location)
    // Opened before, because the path leads through what is removed.
    let parent = try LocalDirectory(path: "\(path)/..")
    guard unsafe rmdir(path) == 0 else {
      if errno == ENOTEMPTY || errno == EEXIST { return false }
      throw .last("rmdir", path)
    }
    try parent.synchronize()
    return true
  }
}

/// A directory and everything in it.
public enum LocalTree {
  /// Removes a file, or a directory with all that is in it; nothing is done if there is none.
  ///
  /// Symbolic links are removed, and never followed.
  public static func remove(_ path: String) throws(StorageError) {
    guard try LocalFile.status(path) != nil || isLink(path) else { return }
    guard !isLink(path), try LocalFile.status(path)?.isDirectory == true else {
      guard unsafe unlink(path) == 0 || errno == ENOENT else { throw .last("unlink", path) }
      return
    }
    for name in try LocalFile.names(in: path) {
      try remove("\(path)/\(String(decoding: name, as: UTF8.self))")
    }
    guard unsafe rmdir(path) == 0 || errno == ENOENT else { throw .last("rmdir", path) }
  }

  private static func isLink(_ path: String) -> Bool {
    var info = stat()
    return unsafe lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFLNK
  }
}
