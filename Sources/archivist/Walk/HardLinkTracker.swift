import ChunkStore
import CLinux

/// Finds the entries of a walk that are names of one file.
///
/// The number of an inode is not enough: if a file is removed during the walk, the next one that is
/// made gets its number.
///
/// A file is forgotten as soon as all of its names have been seen. What remains are those that have
/// names outside of the walk, and those that got or lost names meanwhile.
struct HardLinkTracker {
  private struct Group {
    let first: ArchivePath
    /// Tells the file from others that have its number, before it or after it.
    let fingerprint: Int
    let linkCount: UInt32
    var seen: UInt32 = 1
    /// Whether the file has had the same number of names each time.
    var isSteady = true
  }

  private let start: Timestamp
  private var groups: [FileIdentity: Group] = [:]

  /// Prepares for a walk that began at some time, by our clock.
  init(startedAt start: Timestamp) { self.start = start }

  /// The first path of the group that an entry belongs to, which may be its own.
  ///
  /// It is `nil` for an entry with only one name, and for a directory.
  mutating func group(of entry: WalkEntry, on kind: FileSystemKind) -> ArchivePath? {
    let metadata = entry.metadata
    guard metadata.linkCount > 1, !metadata.isDirectory else { return nil }
    let fingerprint = fingerprint(entry, kind)
    guard var group = groups[metadata.identity], group.fingerprint == fingerprint else {
      // Of a file that had the number before, no name will come any more.
      groups[metadata.identity] = Group(
        first: entry.path, fingerprint: fingerprint, linkCount: metadata.linkCount)
      return entry.path
    }
    group.seen += 1
    if metadata.linkCount != group.linkCount { group.isSteady = false }
    groups[metadata.identity] =
      group.isSteady && group.seen == group.linkCount ? nil : group
    return group.first
  }

  /// How many files are remembered.
  var count: Int { groups.count }

  /// The values that all names of a file have in common, and no later file with its number has.
  private func fingerprint(_ entry: WalkEntry, _ kind: FileSystemKind) -> Int {
    let metadata = entry.metadata
    var hasher = Hasher()
    hasher.combine(metadata.mode & 0o170000)
    let birth = kind.clock == .ours ? metadata.birthtime : nil
    hasher.combine(birth)
    // A file is made within some tick of the clock; if that is past, no other is made in it. So
    // names may be added and removed while the walk goes on, which gives a file another ctime.
    if let birth, birth < start.earlier(bySeconds: 2) { return hasher.finalize() }
    let generation = kind.clock == .ours ? entry.inodeGeneration() : nil
    hasher.combine(generation)
    // Without either, the file may be another one as soon as something is different.
    if generation == nil {
      hasher.combine(metadata.ctime)
      hasher.combine(metadata.mtime)
      hasher.combine(metadata.size)
    }
    return hasher.finalize()
  }
}

extension WalkEntry {
  /// The generation of a regular file's inode, where the file may be opened and has one.
  fileprivate func inodeGeneration() -> UInt32? {
    guard metadata.kind == .regular, let file = try? openForReading(),
      file.metadata.isSameFile(as: metadata)
    else { return nil }
    return file.descriptor.inodeGeneration()
  }
}

extension FileDescriptor {
  /// The generation of the file's inode, where the file system has one.
  fileprivate borrowing func inodeGeneration() -> UInt32? {
    var generation: UInt32 = 0
    guard unsafe linux_get_inode_generation(number, &generation) == 0 else { return nil }
    return generation
  }
}
