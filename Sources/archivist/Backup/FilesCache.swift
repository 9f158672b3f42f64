import ChunkStore

/// Says which files are unchanged since the archive before: a merge of two sorted streams, the
/// walk and that archive's items.
///
/// Needs no table and no memory, and there is nothing to lose. Confined to one thread, which asks
/// in path order.
struct FilesCache {
  private let repository: Repository
  private let mode: FilesCacheMode
  private var items: ItemCursor
  private var next: Item?
  /// Archived paths of the parent's roots, and before which time a file below counts as settled.
  private let settled: [(path: ArchivePath, before: Timestamp)]

  enum Answer {
    /// No such file in the archive before.
    case added
    /// There is one, and it differs.
    case modified
    /// It is the same, and this is its content, and the flags that it had.
    case unchanged(Item.Content, InodeFlags)
  }

  init(_ parent: Archive, in repository: Repository, mode: FilesCacheMode) throws {
    self.repository = repository
    self.mode = mode
    items = try repository.items(of: parent)
    next = try items.next()
    var settled: [(path: ArchivePath, before: Timestamp)] = []
    for root in parent.manifest.roots {
      do throws(WalkRootError) {
        settled.append((try WalkRoot(root.path).path, root.settledBefore))
      } catch {
        // A root that cannot be interpreted any more vouches for nothing: its files are read.
      }
    }
    self.settled = settled
  }

  mutating func look(up path: ArchivePath, _ file: FileMetadata) throws -> Answer {
    if let known = next, known.path < path {
      try items.skip(to: path)
      next = try items.next()
    }
    guard let known = next, known.path == path else { return .added }
    guard let content = known.content, try isSame(known, content, file) else {
      return .modified
    }
    return .unchanged(content, known.flags)
  }

  private func isSame(
    _ known: Item, _ content: Item.Content, _ file: FileMetadata
  ) throws -> Bool {
    guard let compared = mode.time, !mode.rechunks, !known.changedWhileRead,
      content.size == file.size
    else { return false }
    if mode.comparesInode, known.inode != file.identity.inode { return false }
    let before = compared == .ctime ? known.ctime : known.mtime
    let now = compared == .ctime ? file.ctime : file.mtime
    guard before == now,
      // A time this close to the reading may have been that of a later change as well.
      // Of roots inside each other, which are in order, the innermost.
      let root = settled.last(where: { known.path.isWithin($0.path) }), now < root.before
    else { return false }
    return try repository.isUsable(content)
  }
}

/// Several archives that are asked in turn: what the first one does not know, the next one may.
struct FilesCaches {
  private var caches: [FilesCache]

  init(_ parents: [Archive], in repository: Repository, mode: FilesCacheMode) throws {
    caches = try parents.map { try FilesCache($0, in: repository, mode: mode) }
  }

  mutating func look(up path: ArchivePath, _ file: FileMetadata) throws -> FilesCache.Answer {
    var answer = FilesCache.Answer.added
    for index in caches.indices {
      switch try caches[index].look(up: path, file) {
      case .unchanged(let content, let flags): return .unchanged(content, flags)
      case .modified: answer = .modified
      case .added: continue
      }
    }
    return answer
  }
}
