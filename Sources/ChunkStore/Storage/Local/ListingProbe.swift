import CLinux
internal import Glibc

/// Finds out whether a file system shows what others have made only after a while.
///
/// Whoever deduplicates or deletes relies on listings that show what others had put before them
/// (docs/format-writing.md, §19). Local disks, NFS and SMB keep that; sshfs caches listings for 20
/// seconds unless it is told otherwise, and NFS does so with `nocto`.
///
/// What one does oneself is always seen, so a listing cannot be the probe. But a program such as
/// sshfs that caches by path, attributes and listings alike, does not know that two names are one
/// file: what is changed under one of them is not seen under the other.
package struct ListingProbe {
  private let directory: LocalDirectory

  private static let fuse: UInt64 = 0x6573_5546
  private static let nfs: UInt64 = 0x6969

  /// Refuses a file system whose listings are late.
  ///
  /// - Parameters:
  ///   - directory: The directory of a repository.
  ///   - name: A name that no file has, nor one with `-` and a digit behind it.
  /// - Throws: `StorageError.refused` with what helps.
  package static func demand(_ directory: LocalDirectory, trying name: String) throws(StorageError)
  {
    let probe = ListingProbe(directory: directory)
    switch directory.fileSystemType {
    case fuse where try probe.cachesByPath(name):
      throw .refused(
        "\(directory.path): this file system shows from a cache what others have put, up to 20 seconds "
          + "late, and data could be lost: mount it with -o dir_cache=no (before sshfs 3, -o "
          + "cache=no), or name the repository as ssh://HOST/PATH")
    case nfs where try probe.isWithoutCloseToOpen():
      throw .refused(
        "\(directory.path): this file system is mounted with nocto, and shows late what others have "
          + "put, and data could be lost: mount it without that option, or with actimeo=0")
    default: break
    }
  }

  /// Whether two names of one file differ for a while after one of them was used to change it.
  ///
  /// Where there are no such names, nothing is found out.
  private func cachesByPath(_ name: String) throws(StorageError) -> Bool {
    let (first, second) = ("\(name)-1", "\(name)-2")
    defer {
      directory.discard(first)
      directory.discard(second)
    }
    _ = try directory.open(first, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    guard directory.linkIfPossible(first, to: second), directory.freshMode(first) != nil,
      directory.setModeIfPossible(second, 0o640), let now = directory.freshMode(second),
      let seen = directory.freshMode(first)
    else { return false }
    return seen != now
  }

  private func isWithoutCloseToOpen() throws(StorageError) -> Bool {
    let device = try directory.status().device
    let table: [UInt8]
    do throws(StorageError) {
      table = try LocalFile.open("/proc/self/mountinfo", flags: O_RDONLY)
        .read(from: 0, count: 4 << 20)
    } catch {
      return false  // No /proc, in a chroot say.
    }
    return Self.isWithoutCloseToOpen(
      String(decoding: table, as: UTF8.self), major: linux_major(device),
      minor: linux_minor(device))
  }

  /// Judges a table of mounts as /proc/self/mountinfo has it.
  package static func isWithoutCloseToOpen(_ table: String, major: UInt32, minor: UInt32) -> Bool {
    table.split(separator: "\n").contains { line in
      let fields = line.split(separator: " ")
      guard fields.count > 3, fields[2] == "\(major):\(minor)", let last = fields.last
      else { return false }
      let options = last.split(separator: ",")
      return options.contains("nocto") && !options.contains("noac")
        && !options.contains("acdirmax=0")
    }
  }
}
