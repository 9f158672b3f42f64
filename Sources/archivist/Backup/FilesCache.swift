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
  private let lost: (LostItems) -> Void

  enum Answer {
    /// No such file in the archive before.
    case added
    /// There is one, and it differs.
    case modified
    /// There is one, and nothing tells that it differs, nor that it does not, because it may have been
    /// changed once more at this same time; this was its content.
    case unsettled(Item.Content, at: Timestamp)
    /// It is the same, and this is its content, and the flags that it had.
    case unchanged(Item.Content, InodeFlags)
  }

  /// Merges with one archive.
  ///
  /// - Parameters:
  ///   - parent: The archive before.
  ///   - repository: Where it is.
  ///   - mode: What makes a file unchanged.
  ///   - lost: Told of the parent's items that cannot be read: those files count as new.
  /// - Throws: Errors of the storage.
  init(
    _ parent: Archive, in repository: Repository, mode: FilesCacheMode,
    lost: @escaping (LostItems) -> Void
  ) throws {
    self.repository = repository
    self.mode = mode
    self.lost = lost
    items = try repository.items(of: parent)
    var settled: [(path: ArchivePath, before: Timestamp)] = []
    for root in parent.manifest.roots {
      do throws(WalkRootError) {
        settled.append((try WalkRoot(root.path).path, root.settledBefore))
      } catch {
        // A root that cannot be interpreted any more vouches for nothing: its files are read.
      }
    }
    self.settled = settled
    next = try following()
  }

  /// The parent's next item that can be read.
  private mutating func following() throws -> Item? {
    while true {
      do { return try items.next() } catch let error as LostItems { lost(error) }
    }
  }

  /// Looks up a file.
  ///
  /// - Parameters:
  ///   - path: Its path.
  ///   - file: What is known of it now.
  ///   - clock: That of its file system.
  /// - Returns: Whether it is what it was.
  /// - Throws: Errors of the storage.
  mutating func look(
    up path: ArchivePath, _ file: FileMetadata, _ clock: FileClocks.Clock
  ) throws -> Answer {
    if let known = next, known.path < path {
      do { try items.skip(to: path) } catch let error as LostItems { lost(error) }
      next = try following()
    }
    guard let known = next, known.path == path else { return .added }
    // Nor do sizes say much where no time does.
    if clock == .absent, let content = known.content {
      return .unsettled(content, at: file.mtime)
    }
    guard let compared = mode.time, let content = known.content,
      isSame(known, content, file, compared), try repository.isUsable(content)
    else { return .modified }
    // Elsewhere ctime may be anything.
    let time =
      compared == .mtime
      ? file.mtime : clock == .foreign ? max(file.ctime, file.mtime) : file.ctime
    // A time this close to the reading may have been that of a later change as well.
    // Of roots inside each other, which are in order, the innermost.
    guard let root = settled.last(where: { known.path.isWithin($0.path) }),
      FileClocks.tells(time, compared, settledBefore: root.before, clock)
    else { return .unsettled(content, at: time) }
    return .unchanged(content, known.flags)
  }

  private func isSame(
    _ known: Item, _ content: Item.Content, _ file: FileMetadata, _ compared: FilesCacheMode.Time
  ) -> Bool {
    guard !mode.rechunks, !known.changedWhileRead, content.size == file.size else { return false }
    if mode.comparesInode, known.inode != file.identity.inode { return false }
    // Where ctime is what it should be, it is another one as soon as mtime is; not everywhere is it.
    return (compared == .mtime || known.ctime == file.ctime) && known.mtime == file.mtime
  }
}

/// Several archives that are asked in turn: what the first one does not know, the next one may.
struct FilesCaches {
  private var caches: [FilesCache]

  /// Takes the archives in the order in which they are asked; `lost` is told of what cannot be read
  /// of them.
  init(
    _ parents: [Archive], in repository: Repository, mode: FilesCacheMode,
    lost: @escaping (LostItems, Archive) -> Void
  ) throws {
    caches = try parents.map { parent in
      try FilesCache(parent, in: repository, mode: mode) { lost($0, parent) }
    }
  }

  /// Asks one after the other.
  mutating func look(
    up path: ArchivePath, _ file: FileMetadata, _ clock: FileClocks.Clock
  ) throws -> FilesCache.Answer {
    var answer = FilesCache.Answer.added
    for index in caches.indices {
      switch try caches[index].look(up: path, file, clock) {
      case .unchanged(let content, let flags): return .unchanged(content, flags)
      case .modified: if case .added = answer { answer = .modified }
      case .unsettled(let content, let time): answer = .unsettled(content, at: time)
      case .added: continue
      }
    }
    return answer
  }
}
