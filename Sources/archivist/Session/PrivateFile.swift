import CLinux
import Glibc

/// Small files of this client: whole or not there, and readable by nobody else.
enum PrivateFile {
  private static let slash = UInt8(ascii: "/")

  /// The bytes of a file; `nil` if there is none.
  static func read(_ path: [UInt8]) throws(SystemError) -> [UInt8]? {
    let number = open(path, O_RDONLY)
    guard number >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw .last("open", path)
    }
    defer { _ = close(number) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = retryingInterrupts { unsafe Glibc.read(number, &buffer, buffer.count) }
      if count < 0 { throw .last("read", path) }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  /// Makes the folders above a path that are missing.
  static func makeFolders(above path: [UInt8]) throws(SystemError) {
    for end in path.indices.dropFirst() where path[end] == slash {
      let made = unsafe withCString(Array(path[..<end])) { unsafe mkdir($0, 0o700) }
      if made == 0 {
        let code = synchronizeFolder(of: Array(path[..<end]))
        if code != 0 { throw SystemError("fsync", code: code, path: Array(path[..<end])) }
      } else if errno != EEXIST, errno != EISDIR {
        throw .last("mkdir", path[..<end])
      }
    }
  }

  /// Finds out whether files can be written in a folder, as far as that can be known before.
  static func demandWritable(_ folder: [UInt8]) throws(SystemError) {
    let answer = unsafe withCString(folder) { unsafe access($0, W_OK | X_OK) }
    guard answer == 0 else { throw .last("access", folder) }
  }

  /// Writes a file aside, and renames it into place.
  ///
  /// It takes the place of a file or a link; anything else of that name stays, and is an error.
  static func write(_ bytes: [UInt8], to path: [UInt8]) throws(SystemError) {
    try makeFolders(above: path)
    var found = stat()
    if unsafe withCString(path, { unsafe lstat($0, &found) }) == 0 {
      let kind = found.st_mode & S_IFMT
      guard kind == S_IFREG || kind == S_IFLNK else {
        throw SystemError("rename", code: kind == S_IFDIR ? EISDIR : EEXIST, path: path)
      }
    }
    let temporary = path + Array(".new-\(getpid())".utf8)
    var number = create(temporary)
    if number < 0, errno == EEXIST {
      // A run that was killed has left it, or somebody else put it there: nothing is written to that.
      _ = unsafe withCString(temporary) { unsafe unlink($0) }
      number = create(temporary)
    }
    guard number >= 0 else { throw .last("open", path) }
    var code = finish(number, bytes)
    if code == 0 {
      let renamed = unsafe withCString(temporary) { from in
        unsafe withCString(path) { to in unsafe rename(from, to) }
      }
      code = renamed == 0 ? synchronizeFolder(of: path) : errno
      if renamed == 0 && code == 0 { return }
    }
    _ = unsafe withCString(temporary) { unsafe unlink($0) }
    throw SystemError("write", code: code, path: path)
  }

  /// Opens a new file for writing; what has the name already is an error.
  static func create(_ path: [UInt8]) -> Int32 {
    open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
  }

  /// Writes all of a new file, brings it to the disk and closes it.
  ///
  /// - Returns: An error number, or 0.
  static func finish(_ number: Int32, _ bytes: [UInt8]) -> Int32 {
    var code = writeAll(bytes, to: number)
    if code == 0, fsync(number) != 0 { code = errno }
    if close(number) != 0, code == 0 { code = errno }
    return code
  }

  /// Makes the entry of a path in its folder survive a power cut.
  ///
  /// - Returns: An error number, or 0.
  static func synchronizeFolder(of path: [UInt8]) -> Int32 {
    var folder = Array(path[..<(path.lastIndex(of: slash) ?? 0)])
    if folder.isEmpty { folder = path.first == slash ? [slash] : [UInt8(ascii: ".")] }
    let number = open(folder, O_RDONLY | O_DIRECTORY)
    guard number >= 0 else { return errno }
    defer { _ = close(number) }
    return fsync(number) == 0 ? 0 : errno
  }

  static func open(_ path: [UInt8], _ flags: Int32) -> Int32 {
    retryingInterrupts {
      unsafe withCString(path) { unsafe linux_open($0, flags | O_CLOEXEC, 0o600) }
    }
  }
}
