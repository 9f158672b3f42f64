internal import Glibc
import StoreCrypto
import StoreEncoding

extension LocalStorage {
  /// Makes ready to remove the repository as a whole.
  public func removal() -> RepositoryRemoval { RepositoryRemoval(root) }
}

/// The removal of a repository as a whole.
///
/// 1. What has the name of an object, of an upload or of one of the repository's own files goes, where such
///    names belong; nothing else does. Directories go if nothing else is in them.
/// 2. `survey` looks at all of it before anything is removed, and refuses what could not be removed.
/// 3. `begin` is one rename: `config/` becomes `config.deleted/`. Before it the repository is whole; from
///    then on it is none, and whoever opens it is told so. That directory goes last, so that a removal which
///    was interrupted is found, and gone on with.
///
/// Everything is named relative to the directory that was opened, whatever its path leads to later.
public struct RepositoryRemoval: Sendable {
  private let root: LocalDirectory

  fileprivate init(_ root: LocalDirectory) { self.root = root }

  /// Goes on with a removal that was interrupted.
  ///
  /// - Parameter path: The directory of the repository.
  /// - Throws: `StorageError.missingRepository` if no removal was begun there.
  public init(continuedAt path: String) throws(StorageError) {
    root = try LocalDirectory(path: LocalStorage.withoutSlash(path))
    guard try Self.isBegun(root) else { throw .missingRepository(path) }
  }

  /// The name of the directory of configurations in a repository whose removal was begun.
  static let mark = "\(ObjectName.configDirectory).deleted"

  /// Whether a directory is what an interrupted removal has left of a repository.
  static func isBegun(_ root: LocalDirectory) throws(StorageError) -> Bool {
    guard try root.details(mark)?.kind == .directory else { return false }
    return try root.details(ObjectName.configDirectory) == nil
  }

  /// The contents of a repository's directory.
  public struct Survey: Equatable, Sendable {
    /// How many files are the repository's own.
    public internal(set) var files = 0
    /// Their bytes.
    public internal(set) var bytes: UInt64 = 0
    /// The paths of what is not the repository's, relative to its directory: it stays.
    public internal(set) var others: [[UInt8]] = []
  }

  /// Looks at everything, and removes nothing.
  ///
  /// - Returns: What is there.
  /// - Throws: `StorageError.refused` and `StorageError.system` where something could not be removed: a link
  ///   or a mounted disk in the place of a directory, a file that is protected, a directory that this user
  ///   may not write to.
  public func survey() throws(StorageError) -> Survey {
    var survey = Survey()
    if try root.details(Self.mark) != nil, try root.details(ObjectName.configDirectory) != nil {
      throw .refused("\(root.path(Self.mark)): is in the way of the deletion: move it elsewhere")
    }
    try demandRemovable(in: ".", of: try root.details("."))
    for name in try root.names() where !Self.isOwn(name) { survey.others.append(name) }
    for file in LocalStorage.ownFiles { try count(file, &survey) }
    for directory in Self.directories { try look(into: directory, &survey) }
    return survey
  }

  /// Makes what is there no repository any more.
  public func begin() throws(StorageError) {
    guard try !Self.isBegun(root) else { return }
    try root.rename(ObjectName.configDirectory, to: Self.mark)
    try root.synchronize()
  }

  /// Removes what is the repository's own, and then its directory.
  ///
  /// - Parameter path: The directory's path.
  /// - Returns: Why the directory stays; `nil` if it is gone.
  /// - Throws: What keeps something from being removed.
  public func finish(at path: String) throws(StorageError) -> StorageError? {
    for directory in Self.directories where directory != Self.mark { try remove(directory) }
    for file in LocalStorage.ownFiles { try root.removeFile(file) }
    try remove(Self.mark)
    let path = try CanonicalPath.of(LocalStorage.withoutSlash(path))
    guard let now = try LocalFile.status(path), try root.status().inode == now.inode,
      try root.status().device == now.device
    else { return .notFound(path) }
    guard unsafe rmdir(path) == 0 else {
      let obstacle = StorageError.last("rmdir", path)
      try root.synchronize()
      return obstacle
    }
    try LocalFile.synchronizeDirectory(
      "\(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))/")
    return nil
  }

  // MARK: Names

  private static let aside = LocalStorage.aside
  private static let segments = ObjectName.Kind.segment.rawValue

  /// The directories of a repository, in the order in which they go: keys are among the last.
  private static let directories: [String] = {
    let keys = ObjectName.Kind.key.rawValue
    return LocalStorage.directories.filter { $0 != keys } + [
      aside, keys, ObjectName.configDirectory, mark,
    ]
  }()

  private static func isOwn(_ name: [UInt8]) -> Bool {
    let name = String(decoding: name, as: UTF8.self)
    return directories.contains(name) || LocalStorage.ownFiles.contains(name)
  }

  /// Whether a file of this name in one of the directories is the repository's own.
  private static func isOwn(_ name: [UInt8], in directory: String) -> Bool {
    switch directory {
    case LocalStorage.uploads: isUpload(name)
    case aside: isSetAside(name)
    case ObjectName.configDirectory, mark: ObjectName.generation(name) != nil
    // Segments are one directory below.
    case segments: false
    default: isObject(name)
    }
  }

  private static func isObject(_ name: some Collection<UInt8>) -> Bool {
    Digest256(hex: name) != nil
  }

  /// 32 digits, or those of the probes of a file system besides.
  private static func isUpload(_ name: [UInt8]) -> Bool {
    name.count >= 32 && isObject(name.prefix(32) + name.prefix(32))
      && ["", "-1", "-2"].contains(String(decoding: name.dropFirst(32), as: UTF8.self))
  }

  /// The path of an object, with `-` for `/`.
  private static func isSetAside(_ name: [UInt8]) -> Bool {
    let dash = UInt8(ascii: "-")
    let parts = name.split(separator: dash, omittingEmptySubsequences: false)
    guard let first = parts.first, let last = parts.last, parts.count > 1 else { return false }
    let directory = String(decoding: first, as: UTF8.self)
    if directory == ObjectName.configDirectory { return ObjectName.generation(last) != nil }
    return ObjectName.Kind(rawValue: directory) != nil && isObject(last)
  }

  // MARK: Looking

  private func look(into directory: String, _ survey: inout Survey) throws(StorageError) {
    guard let found = try root.details(directory) else { return }
    if found.kind == .link {
      throw .refused(
        "\(root.path(directory)): a part of the repository is elsewhere, and this is a link to it: remove "
          + "both by hand")
    }
    guard found.kind == .directory else {
      survey.others.append(Array(directory.utf8))
      return
    }
    try demandRemovable(directory, found)
    try demandRemovable(in: directory, of: found)
    for name in try root.names(in: directory) {
      if directory == Self.segments, LocalStorage.isPrefix(name) {
        try look(into: "\(directory)/\(String(decoding: name, as: UTF8.self))", &survey)
      } else if owns(name, in: directory),
        try count("\(directory)/\(String(decoding: name, as: UTF8.self))", &survey, in: found)
      {
        continue
      } else if directory == ObjectName.configDirectory || directory == Self.mark {
        // It would be moved along, and what is left would look like a repository for ever.
        throw .refused(
          "\(root.path(directory))/\(String(decoding: name, as: UTF8.self)): is not the repository's, and "
            + "among its configurations: move it elsewhere first")
      } else {
        survey.others.append(Array("\(directory)/".utf8) + name)
      }
    }
  }

  private func owns(_ name: [UInt8], in directory: String) -> Bool {
    directory.hasPrefix("\(Self.segments)/") ? Self.isObject(name) : Self.isOwn(name, in: directory)
  }

  /// Counts a file of the repository.
  ///
  /// - Returns: `false` for something else with its name, which stays.
  @discardableResult
  private func count(
    _ name: String, _ survey: inout Survey, in directory: LocalDirectory.Details? = nil
  ) throws(StorageError) -> Bool {
    guard let found = try root.details(name) else { return true }
    guard found.kind == .file else {
      if directory == nil { survey.others.append(Array(name.utf8)) }
      return false
    }
    try demandRemovable(name, found)
    if let directory, directory.isSticky, geteuid() != 0, directory.owner != geteuid(),
      found.owner != geteuid()
    {
      throw .system(path: root.path(name), operation: "unlink", code: EPERM)
    }
    survey.files += 1
    survey.bytes += found.size
    return true
  }

  private func demandRemovable(
    _ name: String, _ found: LocalDirectory.Details
  ) throws(StorageError) {
    if found.isMountPoint {
      throw .refused(
        "\(root.path(name)): a part of the repository is on a disk, or a directory, that is mounted here: "
          + "unmount it, and remove both by hand")
    }
    if found.isProtected {
      throw .refused(
        "\(root.path(name)): is protected from being removed: `chattr -i -a` takes that away")
    }
  }

  /// Refuses a directory from which nothing can be removed.
  private func demandRemovable(
    in directory: String, of found: LocalDirectory.Details?
  ) throws(StorageError) {
    if found?.isProtected == true {
      throw .refused(
        "\(root.path(directory)): is protected from being changed: `chattr -i -a` takes that away")
    }
    try root.demandWritable(directory)
  }

  // MARK: Removing

  private func remove(_ directory: String) throws(StorageError) {
    guard try root.details(directory)?.kind == .directory else { return }
    for name in try root.names(in: directory) {
      let path = "\(directory)/\(String(decoding: name, as: UTF8.self))"
      if directory == Self.segments, LocalStorage.isPrefix(name) {
        try remove(path)
      } else if owns(name, in: directory) {
        try root.removeFile(path)
      }
    }
    try root.removeDirectoryIfEmpty(directory)
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
