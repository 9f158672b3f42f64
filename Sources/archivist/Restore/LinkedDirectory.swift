import ChunkStore
import Glibc
import LinuxSystem

/// Follows a symbolic link that stands where a directory is looked for.
///
/// `/lib` of many systems is such a link. It is followed name by name, as the kernel would, and
/// only if
///
/// 1. nobody else can have made it, or any link on the way: it belongs to us or to root, has no
///    other name, and so does the directory that it is in, where nobody else may exchange it;
/// 2. it leads to a directory beneath the target.
///
/// A user who may write to a directory that root restores into could lead root elsewhere otherwise.
enum LinkedDirectory {
  /// It is this one.
  case found(DirectoryHandle)
  /// Nobody goes there.
  case refused(RestoreObstacle.LinkRefusal)

  /// As many links as Linux follows in one path.
  private static let mostLinks = 40

  /// Opens what the link `name` in a directory leads to.
  ///
  /// - Parameters:
  ///   - name: The name of a symbolic link.
  ///   - directory: The directory that it is in.
  ///   - target: What it must lead to something beneath of.
  /// - Throws: Why it cannot be known where it leads.
  init(
    _ name: FileName, in directory: DirectoryHandle, beneath target: DirectoryHandle
  ) throws(SystemError) {
    do throws(SystemError) {
      self = try Self.follow(name, in: directory)
      if case .found(let found) = self, try !Self.isBeneath(target, found) {
        self = .refused(.leadsOutside)
      }
    } catch {
      switch error.code {
      case ENOENT, ENOTDIR, ELOOP: self = .refused(.leadsToNoDirectory)
      default: throw error
      }
    }
  }

  private static func follow(
    _ first: FileName, in start: DirectoryHandle
  ) throws(SystemError) -> LinkedDirectory {
    let slash = UInt8(ascii: "/")
    var directory = start
    var links = 0
    // Names that are still to be gone through, the next one last.
    var names = [Array(first.bytes)]
    while let bytes = names.popLast() {
      if bytes == Array(".".utf8) { continue }
      if bytes == Array("..".utf8) {
        directory = try directory.parent()
        continue
      }
      guard let name = FileName(bytes) else { return .refused(.leadsToNoDirectory) }
      let found = try directory.metadata(of: name)
      switch found.kind {
      case .directory: directory = try directory.directory(name)
      case .symbolicLink:
        links += 1
        guard links <= mostLinks else { return .refused(.leadsToNoDirectory) }
        guard isTrusted(found, in: try directory.metadata()) else {
          return .refused(.isNotTrusted)
        }
        let target = try directory.linkTarget(name)
        if target.first == slash { directory = try DirectoryHandle(path: [slash]) }
        names += target.split(separator: slash).reversed().map(Array.init)
      default: return .refused(.leadsToNoDirectory)
      }
    }
    return .found(directory)
  }

  /// Whether nobody but us and root can have put a link where it is.
  private static func isTrusted(_ link: FileMetadata, in directory: FileMetadata) -> Bool {
    // Into a sticky directory, such as /tmp, a user may move a link of root's out of another one.
    EffectiveUser.trusts(link.uid) && EffectiveUser.trusts(directory.uid) && link.linkCount == 1
      && directory.permissions & 0o022 == 0
  }

  private static func isBeneath(
    _ target: DirectoryHandle, _ found: DirectoryHandle
  ) throws(SystemError) -> Bool {
    let end = try target.identity()
    var directory = found
    var identity = try found.identity()
    while identity != end {
      directory = try directory.parent()
      let above = try directory.identity()
      // The root is its own parent.
      if above == identity { return false }
      identity = above
    }
    return true
  }
}
