import ChunkStore
import Glibc
import LinuxSystem

/// Files that the user takes away: written to where the user says.
extension PrivateFile {
  /// Writes something that is secret to a new file, or to a device or a pipe that is there.
  ///
  /// Nothing is replaced, and no file is written to that is there already: it could be another copy,
  /// or, in a directory where others may write, a link to anywhere.
  ///
  /// - Parameters:
  ///   - bytes: What is to be written.
  ///   - path: Where to. Directories are not made: one that is missing is on a medium that is not there.
  /// - Throws: `CommandFailure` for what is in the way; `SystemError`.
  static func export(_ bytes: [UInt8], to path: [UInt8]) throws {
    let number = create(path)
    if number >= 0 {
      var code = finish(number, bytes)
      if code == 0 { code = synchronizeDirectory(of: path) }
      if code == 0 { return }
      _ = unsafe withCString(path) { unsafe unlink($0) }
      throw SystemError("write", code: code, path: path)
    }
    guard errno == EEXIST else { throw SystemError.last("open", path) }
    try append(bytes, to: path)
  }

  /// Writes to what is no file: nobody else may have put it, or a link to it, where it is.
  private static func append(_ bytes: [UInt8], to path: [UInt8]) throws {
    let entry = try unsafe status(path, "lstat") { unsafe lstat($0, $1) }
    guard let found = try? unsafe status(path, "stat", { unsafe stat($0, $1) }) else {
      throw isThere(path)
    }
    // Whatever /dev/stdout is.
    if isOutput(found) { return try write(bytes, to: path, STDOUT_FILENO) }
    guard entry.st_mode & S_IFMT != S_IFLNK || isOurs(entry) else { throw isAnothers(path) }
    switch found.st_mode & S_IFMT {
    case S_IFCHR: break
    case S_IFIFO where isOurs(found): break
    case S_IFIFO: throw isAnothers(path)
    case S_IFBLK: throw CommandFailure("\(name: path): is a disk: name a file")
    case S_IFREG: throw isThere(path)
    case S_IFDIR: throw CommandFailure("\(name: path): is a directory: name a file in it")
    default: throw CommandFailure("\(name: path): is neither a file nor a pipe: name a file")
    }
    let number = open(path, O_WRONLY | O_NOCTTY)
    guard number >= 0 else { throw SystemError.last("open", path) }
    defer { _ = close(number) }
    var opened = stat()
    guard unsafe fstat(number, &opened) == 0, isSame(opened, found) else { throw isThere(path) }
    try write(bytes, to: path, number)
  }

  private static func status(
    _ path: [UInt8], _ operation: String,
    _ call: (UnsafePointer<CChar>, UnsafeMutablePointer<stat>) -> Int32
  ) throws(SystemError) -> stat {
    var found = stat()
    guard unsafe withCString(path, { unsafe call($0, &found) }) == 0 else {
      throw .last(operation, path)
    }
    return found
  }

  private static func write(
    _ bytes: [UInt8], to path: [UInt8], _ number: Int32
  ) throws(SystemError) {
    let code = writeAll(bytes, to: number)
    guard code == 0 else { throw SystemError("write", code: code, path: path) }
  }

  private static func isOutput(_ found: stat) -> Bool {
    var output = stat()
    return unsafe fstat(STDOUT_FILENO, &output) == 0 && isSame(output, found)
  }

  private static func isSame(_ a: stat, _ b: stat) -> Bool {
    a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_mode == b.st_mode
  }

  private static func isOurs(_ found: stat) -> Bool { EffectiveUser.trusts(found.st_uid) }

  private static func isThere(_ path: [UInt8]) -> CommandFailure {
    CommandFailure(
      "\(name: path): is there already, and is not replaced: remove it, or name another file")
  }

  private static func isAnothers(_ path: [UInt8]) -> CommandFailure {
    CommandFailure(
      "\(name: path): belongs to another user, who may have put it there: name another file")
  }
}
