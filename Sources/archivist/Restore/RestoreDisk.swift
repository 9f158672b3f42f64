import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// The file system that is restored to: whether it takes anything more.
final class RestoreDisk: Sendable {
  let top: DirectoryHandle
  /// The path of it that says where it is.
  private let place: [UInt8]

  /// Opens the directory to restore into, which has to be there.
  init(path: [UInt8]) throws(SystemError) {
    top = try DirectoryHandle(path: path)
    // Found out before anything fails: a disk that is gone does not tell.
    place = AbsolutePath.of(path)
  }

  /// The consequence of one item's error for all others: `nil` if they may still be restored.
  ///
  /// - A disk that is full, wherever beneath the target it is mounted. Smaller files might still find
  ///   room, now and then; a restore that has holes where the disk was full is of no use.
  /// - A quota that is used up. While something is written, it belongs to whoever restores, or to
  ///   whom a project or the group of a directory belongs: that it is to be given to somebody else
  ///   counts only in the end, where a refusal is about that owner, and no error of the item.
  /// - A read-only file system, or one that fails, if it is the target's own. Others that are mounted
  ///   beneath it concern only what is on them.
  func failure(_ path: ArchivePath, _ error: SystemError) -> TargetFailure? {
    let isFinal =
      switch error.code {
      case ENOSPC, EDQUOT: true
      case EROFS: isReadOnly
      case EIO, ENXIO, ENODEV, ENOTCONN, ESHUTDOWN, ETIMEDOUT: isReadOnly || !isSynchronized
      default: false
      }
    guard isFinal else { return nil }
    // Asked before what is not complete is removed.
    return TargetFailure(
      path: path, cause: error, isOutOfFiles: error.code == ENOSPC && isOutOfFiles)
  }

  /// Whether nothing can be written; so it is after an error, too, if the system was told so.
  private var isReadOnly: Bool {
    var found = statvfs()
    guard unsafe fstatvfs(top.number, &found) == 0 else { return true }
    let readOnly: UInt = 1  // ST_RDONLY
    return found.f_flag & readOnly != 0
  }

  /// Whether everything that was written could be brought to the disk.
  private var isSynchronized: Bool { linux_syncfs(top.number) == 0 || errno == ENOSYS }

  /// Whether the file system has no room for one more name, whatever its size.
  private var isOutOfFiles: Bool {
    var found = statvfs()
    guard unsafe fstatvfs(top.number, &found) == 0 else { return false }
    return found.f_files > 0 && found.f_favail == 0 && found.f_bavail > 0
  }

  // MARK: What is said

  /// The reason why the restore cannot go on, and the remedy.
  func describe(_ failure: TargetFailure) -> (Message, ExitStatus) {
    let disk: Message =
      "\(name: mountPoint(of: failure.path ?? .root)): the disk that is restored to"
    guard let (what, remedy) = Self.lack(failure) else {
      let error = failure.cause
      return (
        "\(disk) fails: \(error.reason) (\(error.operation)). Not everything was restored, and the "
          + "disk may not have all of what was. Once it works, `extract --continue` goes on",
        .failure(.other)
      )
    }
    let item: Message =
      failure.path.map { "\(name: $0.bytes) was not restored" } ?? "something is missing"
    return (
      "\(disk) \(what): \(item), nor what comes after it; what is here is complete. First \(remedy), "
        + "then `extract --continue` goes on",
      .failure(failure.cause.code == EROFS ? .other : .noSpace)
    )
  }

  /// The lack of a disk that works, and the remedy; `nil` for one that does not work.
  private static func lack(_ failure: TargetFailure) -> (Message, Message)? {
    switch failure.cause.code {
    case ENOSPC where failure.isOutOfFiles:
      ("has no room for one more file, though for more bytes", "make room there")
    case ENOSPC: ("is full", "make room there")
    case EDQUOT: ("takes no more: the quota of a user, group or project is used up", "raise it")
    case EROFS: ("is read-only", "mount it for writing")
    default: nil
    }
  }

  /// Where the file system of a path beneath the directory is mounted, as far as a path tells.
  private func mountPoint(of path: ArchivePath) -> [UInt8] {
    let slash = UInt8(ascii: "/")
    func device(_ path: [UInt8]) -> dev_t? {
      var found = stat()
      return unsafe withCString(path) { unsafe lstat($0, &found) } == 0 ? found.st_dev : nil
    }
    func parent(_ path: [UInt8]) -> [UInt8]? {
      guard let end = path.lastIndex(of: slash), path.count > 1 else { return nil }
      return end == 0 ? [slash] : Array(path[..<end])
    }
    var inner = place + [slash] + path.bytes
    while inner.count > place.count, device(inner) == nil, let above = parent(inner) {
      inner = above
    }
    while let above = parent(inner), let number = device(above), number == device(inner) {
      inner = above
    }
    return inner
  }
}

/// Nothing more can be restored.
struct TargetFailure: Error {
  /// The item that it was noticed with, if it was one.
  let path: ArchivePath?
  /// The system's error.
  let cause: SystemError
  /// The target has room, but not for one more name.
  var isOutOfFiles = false
}
