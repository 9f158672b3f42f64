import ChunkStore
import Glibc

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
struct LinkedDirectory {
  /// As many links as Linux follows in one path.
  private static let mostLinks = 40

  private let target: DirectoryHandle
  private var links = 0

  private init(target: DirectoryHandle) { self.target = target }

  /// Opens what the link `name` in a directory leads to.
  ///
  /// - Parameters:
  ///   - name: The name of a symbolic link.
  ///   - directory: The directory that it is in.
  ///   - target: What it must lead to something beneath of.
  /// - Returns: What it leads to, or why nobody goes there.
  /// - Throws: Why it cannot be known where it leads.
  static func open(
    _ name: FileName, in directory: DirectoryHandle, beneath target: DirectoryHandle
  ) throws(SystemError) -> Result {
    var way = LinkedDirectory(target: target)
    do throws(Refused) {
      let found = try way.follow(name, in: directory)
      return try way.isBeneath(found) ? .found(found) : .refused(.leadsOutside)
    } catch {
      switch error {
      case .refusal(let refusal): return .refused(refusal)
      case .system(let error): throw error
      }
    }
  }

  /// What a link leads to, or why nobody goes there.
  enum Result {
    case found(DirectoryHandle)
    case refused(RestoreObstacle.LinkRefusal)
  }

  private enum Refused: Error {
    case refusal(RestoreObstacle.LinkRefusal)
    case system(SystemError)
  }

  private mutating func follow(
    _ first: FileName, in start: DirectoryHandle
  ) throws(Refused) -> DirectoryHandle {
    var directory = start
    // Names that are still to be gone through, the next one last.
    var names = [Array(first.bytes)]
    while let bytes = names.popLast() {
      if bytes == Array(".".utf8) { continue }
      if bytes == Array("..".utf8) {
        let inner = directory
        directory = try Self.asking { () throws(SystemError) in try inner.parent() }
        continue
      }
      guard let name = FileName(bytes) else { throw .refusal(.leadsToNoDirectory) }
      let outer = directory
      let found = try Self.asking { () throws(SystemError) in try outer.metadata(of: name) }
      switch found.kind {
      case .directory:
        directory = try Self.asking { () throws(SystemError) in try outer.directory(name) }
      case .symbolicLink:
        links += 1
        guard links <= Self.mostLinks else { throw .refusal(.leadsToNoDirectory) }
        let around = try Self.asking { () throws(SystemError) in try outer.metadata() }
        guard Self.isTrusted(found, in: around) else { throw .refusal(.isNotTrusted) }
        let target = try Self.asking { () throws(SystemError) in try outer.linkTarget(name) }
        let slash = UInt8(ascii: "/")
        if target.first == slash {
          directory = try Self.asking { () throws(SystemError) in
            try DirectoryHandle(path: [slash])
          }
        }
        names += target.split(separator: slash).reversed().map(Array.init)
      default: throw .refusal(.leadsToNoDirectory)
      }
    }
    return directory
  }

  /// Whether nobody but us and root can have put a link where it is.
  private static func isTrusted(_ link: FileMetadata, in directory: FileMetadata) -> Bool {
    func isOurs(_ metadata: FileMetadata) -> Bool { [0, geteuid()].contains(metadata.uid) }
    // Into a sticky directory, such as /tmp, a user may move a link of root's out of another one.
    return isOurs(link) && isOurs(directory) && link.linkCount == 1
      && directory.permissions & 0o022 == 0
  }

  private func isBeneath(_ found: DirectoryHandle) throws(Refused) -> Bool {
    let target = try Self.asking { () throws(SystemError) in try self.target.identity() }
    var directory = found
    var identity = try Self.asking { () throws(SystemError) in try found.identity() }
    while identity != target {
      let inner = directory
      let above = try Self.asking { () throws(SystemError) in try inner.parent() }
      let next = try Self.asking { () throws(SystemError) in try above.identity() }
      // The root is its own parent.
      if next == identity { return false }
      (directory, identity) = (above, next)
    }
    return true
  }

  private static func asking<Value>(
    _ step: () throws(SystemError) -> Value
  ) throws(Refused) -> Value {
    do throws(SystemError) {
      return try step()
    } catch {
      switch error.code {
      case ENOENT, ENOTDIR, ELOOP: throw .refusal(.leadsToNoDirectory)
      default: throw .system(error)
      }
    }
  }
}
