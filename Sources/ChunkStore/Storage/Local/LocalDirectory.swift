package import CLinux
internal import Glibc

/// Owns the descriptor of a directory; what is done in it is named relative to that.
///
/// A path may lead elsewhere at any time: to the directory beneath a mount point whose disk is gone.
/// A descriptor stays with its directory. All system calls on names are here.
package final class LocalDirectory: Sendable {
  private let descriptor: Int32
  /// The path that the directory was opened by: for messages.
  package let path: String

  /// The process's own directory, in which any path is a name.
  package static let working = LocalDirectory(AT_FDCWD, path: "")

  private init(_ descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  /// Opens a directory; nothing in it is read, so that no permission to do so is needed.
  package convenience init(path: String) throws(StorageError) {
    while true {
      let descriptor = unsafe linux_open(path, linux_O_PATH | O_DIRECTORY | O_CLOEXEC, 0)
      if descriptor >= 0 {
        self.init(descriptor, path: path)
        return
      }
      if errno != EINTR { throw .last("open", path) }
    }
  }

  deinit { if descriptor >= 0 { _ = close(descriptor) } }

  /// The path of a name, for messages.
  package func path(_ name: String) -> String {
    path.isEmpty ? name : name == "." ? path : path.hasSuffix("/") ? path + name : "\(path)/\(name)"
  }

  private func last(_ operation: String, _ name: String) -> StorageError {
    .last(operation, path(name))
  }

  /// Opens a file or directory.
  package func open(_ name: String, flags: Int32, mode: mode_t = 0) throws(StorageError)
    -> LocalFile
  {
    while true {
      let file = unsafe linux_openat(descriptor, name, flags | O_CLOEXEC, mode)
      if file >= 0 { return LocalFile(file, path: path(name)) }
      if errno != EINTR { throw last("open", name) }
    }
  }

  /// Opens the file that an object stands in, for reading.
  ///
  /// Anything may lie under the name of an object. What is no file is never opened: a FIFO would
  /// be waited for, and a device may begin to move.
  func openObject(_ name: String) throws(StorageError) -> LocalFile {
    guard let found = try status(name) else {
      throw try status(name, followsLinks: false) != nil
        ? .damaged(path(name), "is a symbolic link to nothing") : .notFound(path(name))
    }
    guard found.kind == .file else {
      throw .damaged(path(name), "is a \(found.kind.rawValue), not a file")
    }
    return try open(name, flags: O_RDONLY)
  }

  /// The status of the directory itself.
  package func status() throws(StorageError) -> LocalFile.Status {
    var info = stat()
    guard unsafe fstat(descriptor, &info) == 0 else { throw .last("stat", path) }
    return LocalFile.Status(info)
  }

  /// The status of a name; `nil` if there is nothing.
  package func status(_ name: String, followsLinks: Bool = true) throws(StorageError) -> LocalFile
    .Status?
  {
    var info = stat()
    if unsafe fstatat(descriptor, name, &info, followsLinks ? 0 : AT_SYMLINK_NOFOLLOW) == 0 {
      return LocalFile.Status(info)
    }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw last("stat", name)
  }

  /// The properties that decide whether a name can be removed.
  struct Details: Sendable {
    let kind: LocalFile.Kind
    let size: UInt64
    let owner: UInt32
    /// Whether it is a directory in which everybody may remove only what is his.
    let isSticky: Bool
    /// Whether something is mounted on it.
    let isMountPoint: Bool
    /// Whether chattr(1) was told that it must not be changed, or only be appended to.
    let isProtected: Bool
  }

  /// Details of a name, links not followed; `nil` if there is nothing.
  func details(_ name: String) throws(StorageError) -> Details? {
    var info = statx()
    // AT_SYMLINK_NOFOLLOW and AT_NO_AUTOMOUNT; STATX_TYPE, STATX_MODE, STATX_UID and STATX_SIZE.
    guard unsafe linux_statx(descriptor, name, 0x900, 0x20B, &info) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw last("stat", name)
    }
    let mode = mode_t(info.stx_mode)
    return Details(
      kind: LocalFile.Kind(mode: mode), size: info.stx_size, owner: info.stx_uid,
      isSticky: mode & S_ISVTX != 0,
      // STATX_ATTR_MOUNT_ROOT; STATX_ATTR_IMMUTABLE and STATX_ATTR_APPEND.
      isMountPoint: info.stx_attributes & 0x2000 != 0,
      isProtected: info.stx_attributes & 0x30 != 0)
  }

  /// Whether there is a directory of this name, or a link to one.
  package func isDirectory(_ name: String) throws(StorageError) -> Bool {
    try status(name)?.isDirectory == true
  }

  /// Which file system the directory is on, as statfs(2) numbers them; `nil` if that cannot be said.
  var fileSystemType: UInt64? {
    var type: UInt64 = 0
    return unsafe linux_file_system_type(descriptor, &type) == 0 ? type : nil
  }

  // MARK: Names

  /// The mode of a file as its file system has it, and not as the kernel remembers it; `nil` if it
  /// does not say.
  func freshMode(_ name: String) -> UInt16? {
    var info = statx()
    // AT_STATX_FORCE_SYNC, STATX_MODE
    guard unsafe linux_statx(descriptor, name, 0x2000, 0x2, &info) == 0 else { return nil }
    return info.stx_mode
  }

  /// Changes the mode of a file; `false` if that cannot be done.
  func setModeIfPossible(_ name: String, _ mode: mode_t) -> Bool {
    unsafe fchmodat(descriptor, name, mode, 0) == 0
  }

  /// Gives a file a second name; `false` if that cannot be done.
  func linkIfPossible(_ from: String, to: String) -> Bool {
    unsafe linkat(descriptor, from, descriptor, to, 0) == 0
  }

  package func makeDirectory(_ name: String, mode: mode_t) throws(StorageError) {
    if unsafe mkdirat(descriptor, name, mode) == 0 {
      // Whatever the umask took away is given back: repositories are shared by group.
      guard unsafe fchmodat(descriptor, name, mode, 0) == 0 else { throw last("chmod", name) }
    } else if errno != EEXIST {
      throw last("mkdir", name)
    }
  }

  func setMode(_ name: String, _ mode: mode_t) throws(StorageError) {
    guard unsafe fchmodat(descriptor, name, mode, 0) == 0 else { throw last("chmod", name) }
  }

  package func remove(_ name: String) throws(StorageError) {
    if unsafe unlinkat(descriptor, name, 0) != 0, errno != ENOENT { throw last("unlink", name) }
  }

  /// Removes a file, unless something else has its name.
  func removeFile(_ name: String) throws(StorageError) {
    guard try details(name)?.kind == .file else { return }
    try remove(name)
  }

  /// Removes a directory, unless anything is in it.
  func removeDirectoryIfEmpty(_ name: String) throws(StorageError) {
    guard unsafe unlinkat(descriptor, name, AT_REMOVEDIR) != 0 else { return }
    guard [ENOENT, ENOTEMPTY, EEXIST].contains(errno) else { throw last("rmdir", name) }
  }

  /// Refuses a directory that this user may not remove anything from.
  func demandWritable(_ name: String) throws(StorageError) {
    guard unsafe faccessat(descriptor, name, W_OK | X_OK, AT_EACCESS) == 0 else {
      throw last("access", name)
    }
  }

  /// Removes a file of ours that nobody needs; one that stays is found as abandoned later.
  package func discard(_ name: String) { _ = unsafe unlinkat(descriptor, name, 0) }

  /// Removes a directory of ours, which is empty.
  func discardDirectory(_ name: String) { _ = unsafe unlinkat(descriptor, name, AT_REMOVEDIR) }

  package func rename(_ from: String, to: String) throws(StorageError) {
    guard unsafe renameat(descriptor, from, descriptor, to) == 0 else { throw last("rename", to) }
  }

  /// Renames unless `to` exists; says whether it did.
  func renameIfAbsent(_ from: String, to: String) throws(StorageError) -> Bool {
    if unsafe linux_rename_noreplace(descriptor, from, descriptor, to) == 0 { return true }
    if errno == EEXIST { return false }
    // Some file systems (FUSE, old NFS) know no RENAME_NOREPLACE: a hard link never replaces.
    guard errno == EINVAL || errno == ENOSYS || errno == ENOTSUP else { throw last("rename", to) }
    if unsafe linkat(descriptor, from, descriptor, to, 0) == 0 {
      try remove(from)
      return true
    }
    if errno == EEXIST { return false }
    // Nor links: names here are hashes or random, so a name that is there is the same object.
    guard errno == EPERM || errno == ENOTSUP || errno == ENOSYS else { throw last("link", to) }
    if try status(to) != nil { return false }
    try rename(from, to: to)
    return true
  }

  /// Makes a directory's entries survive a power cut.
  package func synchronize(_ name: String = ".") throws(StorageError) {
    try open(name, flags: O_RDONLY | O_DIRECTORY).synchronize()
  }

  // MARK: Listings

  /// The names in a directory, as bytes, without `.` and `..`.
  package func names(in directory: String = ".") throws(StorageError) -> [[UInt8]] {
    var names: [[UInt8]] = []
    try forEachName(in: directory) { name in names.append(Self.bytes(name)) }
    return names
  }

  /// Calls `body` with each name in a directory, but `.` and `..`.
  func forEachName(
    in directory: String, _ body: (_ name: Span<UInt8>) -> Void
  ) throws(StorageError) {
    try scan(directory) { _, name throws(StorageError) in body(name) }
  }

  /// The entries of a directory that have wanted names, links followed.
  ///
  /// Asked relative to the directory, whose path need not be looked up for each entry. Without a
  /// status is what is there and cannot be looked at, such as a link to nothing.
  package func entries(
    in directory: String, where isWanted: ([UInt8]) -> Bool
  ) throws(StorageError) -> [(name: [UInt8], status: LocalFile.Status?)] {
    var entries: [(name: [UInt8], status: LocalFile.Status?)] = []
    try scan(directory) { opened, name throws(StorageError) in
      let name = Self.bytes(name)
      guard isWanted(name) else { return }
      do throws(StorageError) {
        entries.append((name, try status(name, in: opened, directory, followsLinks: true)))
      } catch {
        // Gone since it was listed, unless it is a link whose end is not there.
        var isThere = error.isOfOneObject
        if !isThere {
          do throws(StorageError) {
            _ = try status(name, in: opened, directory, followsLinks: false)
            isThere = true
          } catch .notFound {
            return
          }
        }
        guard isThere else { throw error }
        entries.append((name, nil))
      }
    }
    return entries
  }

  /// Calls `body` with each name in a directory, and with what the system says of it, links not
  /// followed.
  package func forEachEntry(
    in directory: String, _ body: (_ name: [UInt8], _ status: LocalFile.Status) -> Void
  ) throws(StorageError) {
    try scan(directory) { opened, name throws(StorageError) in
      let name = Self.bytes(name)
      do throws(StorageError) {
        body(name, try status(name, in: opened, directory, followsLinks: false))
      } catch .notFound {
        return  // Gone since it was listed.
      }
    }
  }

  private func status(
    _ name: [UInt8], in opened: Int32, _ directory: String, followsLinks: Bool
  ) throws(StorageError) -> LocalFile.Status {
    var info = stat()
    let terminated = name.map { CChar(bitPattern: $0) } + [0]
    guard unsafe fstatat(opened, terminated, &info, followsLinks ? 0 : AT_SYMLINK_NOFOLLOW) == 0
    else { throw last("stat", "\(directory)/\(String(decoding: name, as: UTF8.self))") }
    return LocalFile.Status(info)
  }

  private static func bytes(_ name: Span<UInt8>) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(name.count)
    for index in name.indices { copy.append(name[index]) }
    return copy
  }

  private func scan(
    _ directory: String,
    _ body: (_ opened: Int32, _ name: Span<UInt8>) throws(StorageError) -> Void
  ) throws(StorageError) {
    let opened = unsafe linux_openat(descriptor, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    guard opened >= 0 else { throw last("open", directory) }
    guard let stream = unsafe fdopendir(opened) else {
      let error = last("open", directory)
      _ = close(opened)
      throw error
    }
    // The stream owns the descriptor from here on.
    defer { _ = unsafe closedir(stream) }
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        if errno != 0 { throw last("readdir", directory) }
        return
      }
      var failure: StorageError?
      unsafe withUnsafeBytes(of: &entry.pointee.d_name) { field in
        // The kernel ends each name with a zero, within d_name, and it stays until the next one is
        // asked for.
        let bytes = unsafe field.bindMemory(to: UInt8.self)
        let end = unsafe bytes.firstIndex(of: 0) ?? bytes.count
        let name = unsafe bytes.span.extracting(..<end)
        let isSpecial = end <= 2 && name.indices.allSatisfy { name[$0] == UInt8(ascii: ".") }
        guard !isSpecial else { return }
        do throws(StorageError) { try body(opened, name) } catch { failure = error }
      }
      if let failure { throw failure }
    }
  }
}
