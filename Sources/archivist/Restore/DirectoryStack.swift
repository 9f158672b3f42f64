import CLinux
import ChunkStore
import Glibc

/// Opens directories beneath one, and keeps the way to the last one open.
///
/// A symbolic link is never followed. Items in the order of an archive find the directory they
/// belong into open already, or one step away.
struct DirectoryStack {
  /// How much of the way to a directory stays open; longer ones could exhaust a process's files.
  static let maximumOpenDirectories = OpenFiles.share(8, most: 64)

  private struct Level {
    let name: FileName
    /// `nil` while it is closed.
    var handle: DirectoryHandle?
  }

  private let top: DirectoryHandle
  private var levels: [Level] = []
  /// The directory that the levels lead to.
  private var current = ArchivePath.root

  /// Starts at the directory that everything is beneath.
  init(top: DirectoryHandle) { self.top = top }

  /// Opens a directory; what is missing of it is made, what is no directory is replaced.
  ///
  /// - Parameters:
  ///   - path: Which one.
  ///   - mode: The permissions of the directory itself if it is made. Those above it are made as
  ///     `mkdir -p` does.
  ///   - isItem: The directory itself is restored, so that its permissions may be changed if they
  ///     keep us out.
  /// - Returns: The directory.
  /// - Throws: Why it could be neither opened nor made.
  mutating func making(
    _ path: ArchivePath, mode: mode_t, isItem: Bool = false
  ) throws(SystemError) -> DirectoryHandle {
    // Most items are in the directory of the item before.
    if path == current, let handle = levels.last?.handle { return handle }
    let names = try Self.names(path)
    var (depth, handle) = nearest(to: names)
    current = .root
    levels.removeLast(levels.count - Self.shared(levels, names))
    while depth < names.count {
      let name = names[depth]
      let isLast = depth == names.count - 1
      handle = try handle.making(name, mode: isLast ? mode : 0o777, isOurs: isLast && isItem)
      if depth < levels.count {
        levels[depth].handle = handle
      } else {
        levels.append(Level(name: name, handle: handle))
      }
      depth += 1
      let closed = depth - 1 - Self.maximumOpenDirectories
      if closed >= 0 { levels[closed].handle = nil }
    }
    current = path
    return handle
  }

  /// Closes everything but the top.
  mutating func forget() {
    levels = []
    current = .root
  }

  /// Opens a directory that is there, and changes nothing.
  func existing(_ path: ArchivePath) throws(SystemError) -> DirectoryHandle {
    let names = try Self.names(path)
    let start = nearest(to: names)
    var handle = start.handle
    for name in names[start.depth...] { handle = try handle.directory(name) }
    return handle
  }

  /// The deepest open directory on the way to a path.
  private func nearest(to names: [FileName]) -> (depth: Int, handle: DirectoryHandle) {
    for depth in stride(from: Self.shared(levels, names), to: 0, by: -1) {
      if let handle = levels[depth - 1].handle { return (depth, handle) }
    }
    return (0, top)
  }

  private static func shared(_ levels: [Level], _ names: [FileName]) -> Int {
    zip(levels, names).prefix { $0.name == $1 }.count
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

extension DirectoryHandle {
  /// How often something may come in between before we give up.
  private static let attempts = 16

  /// Opens the directory `name`, made if it is missing; anything else of that name is replaced.
  ///
  /// One that is `isOurs` and keeps us out is made accessible.
  func making(
    _ name: FileName, mode: mode_t, isOurs: Bool
  ) throws(SystemError) -> DirectoryHandle {
    var failure = SystemError("openat", code: ENOTDIR, path: name.bytes)
    for _ in 0..<Self.attempts {
      guard unsafe mkdirat(number, name.terminated, mode) == 0 || errno == EEXIST else {
        throw .last("mkdirat", name.bytes)
      }
      do throws(SystemError) {
        return try directory(name)
      } catch {
        failure = error
        switch error.code {
        case ENOTDIR, ELOOP:
          let isGone = unsafe unlinkat(number, name.terminated, 0) == 0
          guard isGone || errno == ENOENT || errno == EISDIR else {
            throw .last("unlinkat", name.bytes)
          }
        case ENOENT: continue
        case EACCES where isOurs: try makeAccessible(name)
        default: throw error
        }
      }
    }
    throw failure
  }

  /// Lets its owner into the directory `name`, whose permissions forbid it.
  private func makeAccessible(_ name: FileName) throws(SystemError) {
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

  /// Removes a file, a link or an empty directory, if it is there.
  func remove(_ name: FileName) throws(SystemError) {
    if unsafe unlinkat(number, name.terminated, 0) == 0 || errno == ENOENT { return }
    guard errno == EISDIR else { throw .last("unlinkat", name.bytes) }
    guard unsafe unlinkat(number, name.terminated, AT_REMOVEDIR) == 0 || errno == ENOENT else {
      throw .last("unlinkat", name.bytes)
    }
  }
}
