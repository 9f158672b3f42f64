import ChunkStore

/// Finds the entries of a walk that are names of one file.
///
/// A file is forgotten as soon as all of its names have been seen. What remains are those that have
/// names outside of the walk.
struct HardLinkTracker {
  private struct Group {
    let first: ArchivePath
    var remaining: UInt32
  }

  private var groups: [FileIdentity: Group] = [:]

  /// The first path of the group that an entry belongs to, which may be its own.
  ///
  /// It is `nil` for an entry with only one name, and for a directory.
  mutating func group(of metadata: FileMetadata, at path: ArchivePath) -> ArchivePath? {
    guard metadata.linkCount > 1, !metadata.isDirectory else { return nil }
    guard var group = groups[metadata.identity] else {
      groups[metadata.identity] = Group(first: path, remaining: metadata.linkCount - 1)
      return path
    }
    group.remaining -= 1
    groups[metadata.identity] = group.remaining > 0 ? group : nil
    return group.first
  }

  /// How many files have names that were not seen yet.
  var count: Int { groups.count }
}
