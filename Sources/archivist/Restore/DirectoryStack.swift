import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// A directory that is open for things to be made in, and what it hands down to them.
///
/// Confined to one thread; the handle is not.
final class OpenDirectory {
  let handle: DirectoryHandle
  /// Whether this run has made it.
  let isNew: Bool
  /// Whether what is made in it gets an ACL from it; looked up when something is.
  private(set) lazy var handsDownACL = mayChange || handle.hasDefaultACL
  /// Whether what it hands down, an ACL or its group, may be another thing in a moment.
  private lazy var mayChange = handle.isAnothers
  /// The names that items have got in it.
  let names: MadeNames
  /// Who owns what is made in it, as far as that is known.
  ///
  /// In a directory that was made by us it is who got the directory itself: its set-group-ID bit,
  /// too, comes from where it was made.
  private(set) var newcomers: FileOwner?

  /// Takes a directory that was there before.
  ///
  /// - Parameters:
  ///   - handle: The directory.
  ///   - names: The names that items have got in it.
  ///   - mayChange: What it hands down may be another thing in a moment, because it is still being
  ///     restored under this path.
  init(found handle: DirectoryHandle, names: MadeNames, mayChange: Bool = false) {
    self.handle = handle
    self.names = names
    isNew = false
    if mayChange { self.mayChange = true }
  }

  /// Takes a directory that was made in `parent` just now.
  init(
    made handle: DirectoryHandle, _ metadata: FileMetadata, names: MadeNames,
    in parent: OpenDirectory
  ) {
    self.handle = handle
    self.names = names
    isNew = true
    names.inherit(from: parent.names)
    mayChange = parent.mayChange
    handsDownACL = parent.handsDownACL
    parent.learn(from: metadata)
    newcomers = parent.newcomers
  }

  /// Looks whom something belongs to that was made in here, if that is not known.
  func learn(from number: Int32) {
    guard newcomers == nil, !mayChange else { return }
    do throws(SystemError) {
      learn(from: try FileMetadata(descriptor: number))
    } catch {
      // Then everything is given to its owner, whoever has it.
    }
  }

  private func learn(from made: FileMetadata) {
    guard newcomers == nil, !mayChange else { return }
    newcomers = FileOwner(uid: made.uid, gid: made.gid)
  }
}

/// The numbers of a file's owner and group.
struct FileOwner: Equatable, Sendable {
  let uid: UInt32
  let gid: UInt32
}

/// Opens directories beneath one, and keeps the way to the last one open.
///
/// A symbolic link is followed only where the caller permits it, as `LinkedDirectory` has it. Items
/// in the order of an archive find the directory they belong into open already, or one step away.
struct DirectoryStack {
  /// How much of the way to a directory stays open; longer ones could exhaust a process's files.
  static let maximumOpenDirectories = OpenFiles.share(8, most: 64)

  private struct Level {
    let name: FileName
    /// `nil` while it is closed.
    var directory: OpenDirectory?
    /// The names that items have got in it, before it was closed as well.
    let names: MadeNames
  }

  private let top: OpenDirectory
  private var levels: [Level] = []
  /// The directory that the levels lead to.
  private var current = ArchivePath.root
  /// Whether a directory has been restored that hands something down: an ACL, or its group.
  ///
  /// Two items may come to have one path, when leading parts are left off. Then the directory may
  /// be given that at any moment.
  private var handsDown = false

  /// Starts at the directory that everything is beneath.
  init(top: DirectoryHandle) { self.top = OpenDirectory(found: top, names: MadeNames()) }

  /// Opens a directory; what is missing of it is made, for its owner alone.
  ///
  /// - Parameters:
  ///   - wanted: Which one.
  ///   - isItem: The directory itself is restored: what is no directory is replaced, and its
  ///     permissions may be changed if they keep us out.
  ///   - follows: Asked whether a symbolic link may stand in the place of a directory, which may be
  ///     the one that is restored.
  ///   - made: Told of each directory that is made above the one that is restored.
  /// - Returns: The directory.
  /// - Throws: `RestoreObstacle`; `SystemError` if it could be neither opened nor made.
  mutating func making(
    _ wanted: ArchivePath, isItem: Bool = false,
    follows: (ArchivePath, _ isItem: Bool) -> Bool = { _, _ in false },
    made: (ArchivePath, OpenDirectory) -> Void = { _, _ in }
  ) throws -> OpenDirectory {
    // Most items are in the directory of the item before.
    if wanted == current, let directory = levels.last?.directory { return directory }
    let names = try Self.names(wanted)
    var (depth, directory) = nearest(to: names)
    current = .root
    levels.removeLast(levels.count - Self.shared(levels, names))
    while depth < names.count {
      let name = names[depth]
      let isItem = isItem && depth == names.count - 1
      // Some of the way is made anew only where it was closed.
      let level =
        depth < levels.count
        ? levels[depth] : Level(name: name, directory: nil, names: MadeNames())
      let place = depth
      func path() -> ArchivePath { Self.path(names[...place]) }
      directory = try directory.making(
        name, isItem: isItem, names: level.names, mayChange: handsDown, in: top.handle,
        path: path, follows: follows)
      if directory.isNew, !isItem { made(path(), directory) }
      if depth == levels.count { levels.append(level) }
      levels[depth].directory = directory
      depth += 1
      let closed = depth - 1 - Self.maximumOpenDirectories
      if closed >= 0 { levels[closed].directory = nil }
    }
    current = wanted
    return directory
  }

  /// The directory at `path` is complete but for what other threads still do: what was known of it
  /// does not count any more.
  mutating func leave(_ path: ArchivePath, handsDown: Bool) {
    if handsDown { self.handsDown = true }
    guard let parent = path.parent, current.isWithin(path) else {
      // After an error nobody knows what is open.
      if current == .root { levels = [] }
      return
    }
    levels.removeLast(levels.count - parent.components.count)
    current = parent
  }

  /// Closes everything but the top.
  mutating func forget() {
    levels = []
    current = .root
  }

  /// Opens a directory that is there, and changes nothing.
  ///
  /// - Parameters:
  ///   - path: Which one.
  ///   - follows: Asked whether a symbolic link may stand in the place of a directory.
  /// - Returns: The directory.
  /// - Throws: Why it could not be opened: `ELOOP` for a link that is not followed.
  func existing(
    _ path: ArchivePath, follows: (ArchivePath) -> Bool = { _ in false }
  ) throws(SystemError) -> DirectoryHandle {
    let names = try Self.names(path)
    let start = nearest(to: names)
    var handle = start.directory.handle
    for depth in start.depth..<names.count {
      handle = try opened(names[depth], in: handle) { follows(Self.path(names[...depth])) }
    }
    return handle
  }

  private func opened(
    _ name: FileName, in handle: DirectoryHandle, follows: () -> Bool
  ) throws(SystemError) -> DirectoryHandle {
    do throws(SystemError) {
      return try handle.directory(name)
    } catch {
      guard error.code == ENOTDIR || error.code == ELOOP, follows(),
        case .found(let directory) = try LinkedDirectory(name, in: handle, beneath: top.handle)
      else { throw error }
      return directory
    }
  }

  /// The deepest open directory on the way to a path.
  private func nearest(to names: [FileName]) -> (depth: Int, directory: OpenDirectory) {
    for depth in stride(from: Self.shared(levels, names), to: 0, by: -1) {
      if let directory = levels[depth - 1].directory { return (depth, directory) }
    }
    return (0, top)
  }

  private static func shared(_ levels: [Level], _ names: [FileName]) -> Int {
    zip(levels, names).prefix { $0.name == $1 }.count
  }

  /// The path that names lead along; a part of one that was safe.
  private static func path(_ names: ArraySlice<FileName>) -> ArchivePath {
    var path = ArchivePath.root
    for name in names {
      guard let inner = try? path.appending(name.bytes) else { break }
      path = inner
    }
    return path
  }

  private static func names(_ path: ArchivePath) throws(SystemError) -> [FileName] {
    var names: [FileName] = []
    for component in path.components {
      guard let name = FileName(component) else {
        throw SystemError("openat", code: EINVAL, path: path.bytes)
      }
      names.append(name)
    }
    return names
  }
}

extension OpenDirectory {
  /// Opens the directory `name`, made if it is missing.
  ///
  /// - Parameters:
  ///   - name: Its name in this one.
  ///   - isItem: It is restored: anything else of that name is replaced, and it is made accessible
  ///     if it keeps us out.
  ///   - names: The names that items have got in it.
  ///   - mayChange: What it hands down may change.
  ///   - target: What no link may lead out of.
  ///   - path: Its path in the archive.
  ///   - follows: Asked whether a symbolic link may stand in its place.
  /// - Returns: The directory.
  /// - Throws: `RestoreObstacle`; `SystemError` if it could be neither opened nor made.
  fileprivate func making(
    _ name: FileName, isItem: Bool, names: MadeNames, mayChange: Bool, in target: DirectoryHandle,
    path: () -> ArchivePath, follows: (ArchivePath, _ isItem: Bool) -> Bool
  ) throws -> OpenDirectory {
    for _ in 0..<DirectoryHandle.attempts {
      let isMade = unsafe mkdirat(handle.number, name.terminated, 0o700) == 0
      guard isMade || errno == EEXIST else {
        let error = SystemError.last("mkdirat", name.bytes)
        // Without the directory around it, it may come out better from the top.
        if isItem || error.code == ENOENT { throw error }
        throw RestoreObstacle.parentFailed(path(), error)
      }
      if !isMade, let other = self.names.other(than: name, in: handle) {
        throw RestoreObstacle.sameName(try (path().parent ?? .root).appending(other.bytes))
      }
      if let directory = try opening(name, isItem: isItem) {
        self.names.add(name, in: handle)
        guard isMade else {
          return OpenDirectory(found: directory, names: names, mayChange: mayChange)
        }
        let made = try directory.metadata()
        guard !handle.isForeign(made) else {
          throw SystemError("mkdirat", code: ESTALE, path: name.bytes)
        }
        return OpenDirectory(made: directory, made, names: names, in: self)
      }
      if isMade { continue }
      let isLink = try handle.metadata(of: name).kind == .symbolicLink
      if isLink, follows(path(), isItem) {
        switch try LinkedDirectory(name, in: handle, beneath: target) {
        case .found(let directory):
          return OpenDirectory(found: directory, names: names, mayChange: mayChange)
        case .refused(let refusal):
          guard isItem else { throw RestoreObstacle.parentIsLink(path(), refusal) }
        }
      }
      guard isItem else {
        throw isLink
          ? RestoreObstacle.parentIsLink(path(), .isRestored)
          : RestoreObstacle.parentIsFile(path())
      }
      let isGone = unsafe unlinkat(handle.number, name.terminated, 0) == 0
      guard isGone || errno == ENOENT || errno == EISDIR else {
        throw SystemError.last("unlinkat", name.bytes)
      }
    }
    throw SystemError("openat", code: ENOTDIR, path: name.bytes)
  }

  /// Opens the directory `name`; `nil` if it is something else, or gone.
  private func opening(_ name: FileName, isItem: Bool) throws(SystemError) -> DirectoryHandle? {
    do throws(SystemError) {
      return try handle.directory(name)
    } catch {
      switch error.code {
      case ENOTDIR, ELOOP, ENOENT: return nil
      case EACCES where isItem:
        try handle.makeAccessible(name)
        return try handle.directory(name)
      default: throw error
      }
    }
  }
}

extension DirectoryHandle {
  /// How often something may come in between before we give up.
  fileprivate static let attempts = 16

  /// Whether what is made in here gets an ACL.
  fileprivate var hasDefaultACL: Bool {
    let name = AccessControlList.defaultName.map { CChar(bitPattern: $0) } + [0]
    if unsafe fgetxattr(number, name, nil, 0) >= 0 { return true }
    // Whatever else is wrong, an ACL that is not there can be removed.
    return errno != ENODATA && errno != EOPNOTSUPP
  }

  /// Whether somebody else may give it an ACL, or another group, that is handed down: its owner may.
  fileprivate var isAnothers: Bool {
    do throws(SystemError) {
      return try metadata().uid != EffectiveUser.id
    } catch {
      return true
    }
  }

  /// Whether the directory has an ACL itself.
  var hasAccessACL: Bool {
    let name = AccessControlList.accessName.map { CChar(bitPattern: $0) } + [0]
    return unsafe fgetxattr(number, name, nil, 0) >= 0
  }

  /// Lets its owner into the directory `name`, whose permissions forbid it.
  fileprivate func makeAccessible(_ name: FileName) throws(SystemError) {
    let directory = try FileDescriptor(
      opening: name, in: self, flags: linux_O_PATH | O_DIRECTORY)
    let permissions = try directory.metadata().permissions | 0o700
    let path = Array("/proc/self/fd/\(directory.number)".utf8) + [0]
    guard unsafe chmod(path.map { CChar(bitPattern: $0) }, permissions) == 0 else {
      throw .last("chmod", name.bytes)
    }
  }

  /// Makes something under a name, after removing what has the name.
  func replacing(
    _ name: FileName, _ operation: String, _ make: () -> Int32
  ) throws(SystemError) -> Int32 {
    for _ in 0..<Self.attempts {
      let result = retryingInterrupts(make)
      if result >= 0 { return result }
      guard errno == EEXIST else { throw .last(operation, name.bytes) }
      try remove(name)
    }
    throw SystemError(operation, code: EEXIST, path: name.bytes)
  }

  /// Gives the name of a file to another one, all at once.
  ///
  /// - Parameters:
  ///   - name: The name.
  ///   - make: Makes the other one, which is not this one, under the name that it is told.
  /// - Throws: Why the name is still that of the file.
  func replace(_ name: FileName, by make: (FileName) -> Int32) throws(SystemError) {
    let temporary = try name.temporary()
    _ = try replacing(temporary, "linkat") { make(temporary) }
    guard unsafe renameat(number, temporary.terminated, number, name.terminated) != 0 else {
      return
    }
    let failure = SystemError.last("renameat", name.bytes)
    try remove(temporary)
    throw failure
  }

  /// Removes a file, a link or an empty directory, if it is there.
  func remove(_ name: FileName) throws(SystemError) {
    if unsafe unlinkat(number, name.terminated, 0) == 0 || errno == ENOENT { return }
    guard errno == EISDIR else { throw .last("unlinkat", name.bytes) }
    guard unsafe unlinkat(number, name.terminated, AT_REMOVEDIR) == 0 || errno == ENOENT else {
      throw .last("unlinkat", name.bytes)
    }
  }
}
