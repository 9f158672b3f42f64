import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// Small files of this client: whole or not there, and readable by nobody else.
enum PrivateFile {
  private static let slash = UInt8(ascii: "/")

  /// Whether there is something of this name.
  static func isThere(_ path: [UInt8]) -> Bool {
    unsafe withCString(path) { unsafe access($0, F_OK) } == 0
  }

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

  /// Makes the directories above a path that are missing.
  static func makeDirectories(above path: [UInt8]) throws(SystemError) {
    for end in path.indices.dropFirst() where path[end] == slash {
      let made = unsafe withCString(Array(path[..<end])) { unsafe mkdir($0, 0o700) }
      if made == 0 {
        let code = synchronizeDirectory(of: Array(path[..<end]))
        if code != 0 { throw SystemError("fsync", code: code, path: Array(path[..<end])) }
      } else if errno != EEXIST, errno != EISDIR {
        throw .last("mkdir", path[..<end])
      }
    }
  }

  /// Finds out whether files can be written in a directory, as far as that can be known before.
  static func demandWritable(_ directory: [UInt8]) throws(SystemError) {
    let answer = unsafe withCString(directory) { unsafe access($0, W_OK | X_OK) }
    guard answer == 0 else { throw .last("access", directory) }
  }

  /// Writes a file aside, and renames it into place.
  ///
  /// It takes the place of a file or a link; anything else of that name stays, and is an error.
  static func write(_ bytes: [UInt8], to path: [UInt8]) throws(SystemError) {
    try replace(path) { () throws(SystemError) in bytes }
  }

  /// Replaces a file by what is made of it, one process after the other.
  ///
  /// - Parameters:
  ///   - path: The file. Directories above it that are missing are made.
  ///   - change: Makes the new contents of the old ones (`nil`: there is no file); returns `nil` to
  ///     leave everything as it is.
  /// - Throws: The first call that failed.
  static func update(
    _ path: [UInt8], _ change: (_ old: [UInt8]?) -> [UInt8]?
  ) throws(SystemError) {
    try replace(path) { () throws(SystemError) in change(try read(path)) }
  }

  /// Writes what `make` returns aside, and renames it into place; nothing if that is `nil`.
  ///
  /// What is written aside always has the same name, and whoever makes a file of that name, and has
  /// locked it, is alone until it is renamed. One that a killed process leaves is not locked, and goes
  /// with the next write.
  private static func replace(
    _ path: [UInt8], _ make: () throws(SystemError) -> [UInt8]?
  ) throws(SystemError) {
    try makeDirectories(above: path)
    var found = stat()
    if unsafe withCString(path, { unsafe lstat($0, &found) }) == 0 {
      let kind = found.st_mode & S_IFMT
      guard kind == S_IFREG || kind == S_IFLNK else {
        throw SystemError("rename", code: kind == S_IFDIR ? EISDIR : EEXIST, path: path)
      }
    }
    let temporary = path + Array(".new".utf8)
    let number = try createAlone(temporary, for: path)
    // An open file keeps the lock.
    defer { _ = close(number) }
    var isRenamed = false
    defer { if !isRenamed { remove(temporary, if: number) } }
    guard let bytes = try make() else { return }
    var code = writeAll(bytes, to: number)
    if code == 0, fsync(number) != 0 { code = errno }
    // Where nothing can be locked, another process may have made it anew.
    if code == 0, !names(temporary, number) { code = EBUSY }
    if code == 0 {
      isRenamed =
        unsafe withCString(temporary) { from in
          unsafe withCString(path) { to in unsafe rename(from, to) }
        } == 0
      code = isRenamed ? synchronizeDirectory(of: path) : errno
    }
    guard code == 0 else { throw SystemError("write", code: code, path: path) }
  }

  /// For so long another process is waited for.
  private static let patience = 30.0

  /// Makes a file that only this process has open, and has locked.
  private static func createAlone(
    _ temporary: [UInt8], for path: [UInt8]
  ) throws(SystemError) -> Int32 {
    let end = SystemClock.monotonicSeconds + patience
    while true {
      var number = create(temporary)
      let isOurs = number >= 0
      if !isOurs {
        guard errno == EEXIST else { throw .last("open", path) }
        number = open(temporary, O_WRONLY | O_NOFOLLOW | O_NONBLOCK)
        if number < 0 {
          guard errno != ENOENT else { continue }
          // Not one of ours: a link, say. It is not written through, and does not stay.
          guard unsafe withCString(temporary, { unsafe unlink($0) }) == 0 || errno == ENOENT else {
            throw .last("open", path)
          }
          continue
        }
      }
      let answer = retryingInterrupts { flock(number, LOCK_EX | LOCK_NB) }
      if answer != 0, errno == EWOULDBLOCK {
        _ = close(number)
        guard SystemClock.monotonicSeconds < end else {
          throw SystemError("flock", code: EWOULDBLOCK, path: temporary)
        }
        usleep(5000)
        continue
      }
      // Where files cannot be locked there is no harm but between two that write at the same moment.
      if isOurs, names(temporary, number) { return number }
      if !isOurs { remove(temporary, if: number) }
      _ = close(number)
    }
  }

  /// Removes a file, if it is the one that is open.
  private static func remove(_ path: [UInt8], if number: Int32) {
    guard names(path, number) else { return }
    _ = unsafe withCString(path) { unsafe unlink($0) }
  }

  /// Whether a path names the file that is open.
  private static func names(_ path: [UInt8], _ number: Int32) -> Bool {
    var (opened, there) = (stat(), stat())
    guard unsafe fstat(number, &opened) == 0,
      unsafe withCString(path, { unsafe lstat($0, &there) }) == 0
    else { return false }
    return opened.st_dev == there.st_dev && opened.st_ino == there.st_ino
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

  /// Makes the entry of a path in its directory survive a power cut.
  ///
  /// - Returns: An error number, or 0.
  static func synchronizeDirectory(of path: [UInt8]) -> Int32 {
    var directory = Array(path[..<(path.lastIndex(of: slash) ?? 0)])
    if directory.isEmpty { directory = path.first == slash ? [slash] : [UInt8(ascii: ".")] }
    let number = open(directory, O_RDONLY | O_DIRECTORY)
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
