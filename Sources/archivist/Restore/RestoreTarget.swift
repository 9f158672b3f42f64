import CLinux
import ChunkStore
import Glibc

/// The directory that items are restored into.
///
/// An archive is taken for hostile. What it names is reached from the target through one directory
/// after the other, none of them a symbolic link, so nothing outside of the target is ever changed.
///
/// 1. What stands in the way of an item is replaced: a link at once, a regular file as soon as the
///    new one is complete, a directory only if it is empty. What is the same already is kept.
/// 2. Until an item is complete, it belongs to us and nobody else may read it.
/// 3. Items come in the order of the archive. So a directory gets its own metadata, which may
///    forbid to write into it, when the first item behind it arrives, or `finish` is called, and
///    the last file in it is finished.
///
/// It belongs to one thread; the files that it hands out do not.
final class RestoreTarget {
  private let context: RestoreContext
  private var directories: DirectoryStack
  /// Directories that still wait for their metadata, each within the one before.
  private var unfinished: [UnfinishedDirectory] = []
  /// For each group of hard links, the member that this run has made.
  private var linkSources: [ArchivePath: LinkSource] = [:]
  /// Members that others have taken the place of, because they could get no more names.
  private var formerSources: [LinkSource] = []

  private struct LinkSource {
    let group: ArchivePath
    let path: ArchivePath
    let made: FileMetadata
    /// `nil` for what has no content.
    let content: LinkedContent?
    /// To be set when the last link is made.
    let item: Item?

    /// Whether this is still what was made.
    func isSame(_ found: FileMetadata) -> Bool {
      // The number of a removed inode is soon given to another one, which is made later.
      found.identity == made.identity && found.kind == made.kind
        && found.birthtime == made.birthtime
    }
  }

  /// Opens the directory to restore into, which has to be there.
  init(
    path: [UInt8], options: RestoreOptions, owners: OwnerNames = OwnerNames(),
    isRoot: Bool = geteuid() == 0
  ) throws(SystemError) {
    context = RestoreContext(options: options, owners: owners, isRoot: isRoot)
    directories = DirectoryStack(top: try DirectoryHandle(path: path))
  }

  /// Makes one item.
  ///
  /// - Parameters:
  ///   - item: The item, with the path that it is to have beneath the target.
  ///   - report: Learns what the system did not take, of this item or of a directory before it.
  /// - Returns: Whether there is content to be written.
  /// - Throws: Why there is nothing of the item.
  func restore(
    _ item: Item, report: (RestoreProblem) -> Void
  ) throws(SystemError) -> RestoreOutcome {
    finishDirectories(before: item.path, report)
    do throws(SystemError) {
      return try make(item, report)
    } catch {
      // Somebody removed the directory that we hold open: once more, from the top.
      guard error.code == ENOENT else { throw error }
      directories.forget()
      return try make(item, report)
    }
  }

  /// Gives their metadata to the directories that still wait for it: call it behind the last item.
  func finish(report: (RestoreProblem) -> Void) { finishDirectories(before: nil, report) }

  /// Sets what keeps a file from getting another name: call it when all files are finished.
  func finishLinks(report: (RestoreProblem) -> Void) {
    for source in linkSources.values {
      guard let item = source.item, let name = FileName(source.path.name) else { continue }
      do throws(SystemError) {
        let directory = try directories.existing(source.path.parent ?? .root)
        let file = try FileDescriptor(
          opening: name, in: directory, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        guard source.isSame(try file.metadata()) else { continue }
        context.applyFlags(item, to: file.number).forEach(report)
      } catch {
        report(RestoreProblem(path: source.path, aspect: .flags, error: error))
      }
    }
  }

  /// The groups of hard links whose content could not be restored: known when all files are
  /// finished, or given up.
  var lostGroups: Set<ArchivePath> { Set(lostSources.map(\.group)) }

  private var lostSources: [LinkSource] {
    (Array(linkSources.values) + formerSources).filter { $0.content?.isLost ?? false }
  }

  /// Removes an item if it is one of the names of a file whose content could not be restored.
  ///
  /// - Parameter item: A member of one of `lostGroups`.
  /// - Returns: The name that the file was made under; `nil` if the item is something else.
  /// - Throws: Why the file is still there.
  func removeLost(_ item: Item) throws(SystemError) -> ArchivePath? {
    for source in lostSources where source.group == item.hardLinkGroup {
      guard let parent = item.path.parent, let name = FileName(item.path.name) else { continue }
      let directory: DirectoryHandle
      do throws(SystemError) {
        directory = try directories.existing(parent)
        guard source.isSame(try directory.metadata(of: name)) else { continue }
      } catch {
        guard error.code == ENOENT else { throw error }
        continue
      }
      try context.keepingMetadata(of: directory) { () throws(SystemError) in
        try directory.remove(name)
      }
      return source.path
    }
    return nil
  }

  private func make(
    _ item: Item, _ report: (RestoreProblem) -> Void
  ) throws(SystemError) -> RestoreOutcome {
    switch item.kind {
    case .directory:
      let directory = try directories.making(item.path, mode: 0o700, isItem: true)
      try makeAccessible(directory, item)
      unfinished.append(
        UnfinishedDirectory(item, context, birth: directory.isNew ? Birth(in: directory) : nil))
    case .regular:
      if let source = lostSource(of: item) { return .lost(with: source.path) }
      if try link(item, report) { return .done }
      // It may have been given up meanwhile.
      if let source = lostSource(of: item) { return .lost(with: source.path) }
      return try makeFile(item, report)
    case .symbolicLink, .fifo, .characterDevice, .blockDevice:
      if try link(item, report) { return .done }
      try makeNode(item).forEach(report)
    case .socket, nil:
      return .skipped
    }
    return .done
  }

  private func finishDirectories(before path: ArchivePath?, _ report: (RestoreProblem) -> Void) {
    while let directory = unfinished.last {
      let item = directory.item
      if let path, path.isWithin(item.path), path != item.path { return }
      unfinished.removeLast()
      do throws(SystemError) {
        let handle = try directories.existing(item.path)
        directories.leave(item.path, handsDown: context.handsDown(item))
        directory.leave(handle).forEach(report)
      } catch {
        report(RestoreProblem(path: item.path, aspect: .directory, error: error))
      }
    }
  }

  /// Sees to it that we may write into a directory of the archive that was there before.
  private func makeAccessible(_ opened: OpenDirectory, _ item: Item) throws(SystemError) {
    // A new one has no flags but those that are handed down, which do not keep us out.
    if opened.isNew, item.flags.isEmpty { return }
    let directory = opened.handle
    // Flags that it gets anyway at the end are not handed down to what is made in it until then.
    try context.unlock(directory.number, and: item.flags)
    guard !context.isRoot else { return }
    let found = try directory.metadata()
    guard found.permissions & 0o700 != 0o700, found.uid == geteuid() else { return }
    guard fchmod(directory.number, found.permissions | 0o700) == 0 else {
      throw .last("fchmod", [])
    }
  }

  private func makeFile(
    _ item: Item, _ report: (RestoreProblem) -> Void
  ) throws(SystemError) -> RestoreOutcome {
    let (opened, name) = try place(of: item.path)
    let directory = opened.handle
    let parent = unfinished.last.flatMap { $0.item.path == item.path.parent ? $0 : nil }
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY
    func make() -> Int32 {
      unsafe linux_openat(directory.number, name.terminated, flags, 0o600)
    }
    var number = retryingInterrupts(make)
    if number < 0 {
      guard errno == EEXIST else { throw .last("openat", name.bytes) }
      // A group of hard links is made anew: nobody knows what other names the old ones have.
      if item.hardLinkGroup == nil, try directory.metadata(of: name).kind == .regular {
        return .existing(ExistingFile(name, in: directory, context: context, parent: parent))
      }
      try context.unlock(name, in: directory)
      number = try directory.replacing(name, "openat", make)
    }
    context.applyEarlyFlags(item, to: number)
    parent?.begin()
    opened.learn(from: number)
    let linked = item.hardLinkGroup.map { _ in LinkedContent() }
    let file = RestoredFile(
      owning: number, context: context, directory: directory, name: name,
      birth: Birth(in: opened), linked: linked, parent: parent)
    if item.hardLinkGroup != nil {
      do throws(SystemError) {
        remember(item, try file.metadata(), linked)
      } catch {
        file.discard(item).forEach(report)
        throw error
      }
    }
    return .file(file)
  }

  /// Makes a symbolic link, a FIFO or a device.
  private func makeNode(_ item: Item) throws(SystemError) -> [RestoreProblem] {
    let (opened, name) = try place(of: item.path)
    let directory = opened.handle
    if item.kind == .symbolicLink {
      guard let target = item.linkTarget, !target.isEmpty, !target.contains(0) else {
        throw SystemError("symlinkat", code: EINVAL, path: item.path.bytes)
      }
      _ = try directory.replacing(name, "symlinkat") {
        unsafe symlinkat(target + [0], directory.number, name.terminated)
      }
    } else {
      let numbers = item.device ?? Item.Device(major: 0, minor: 0)
      let device = dev_t(linux_makedev(numbers.major, numbers.minor))
      _ = try directory.replacing(name, "mknodat") {
        unsafe mknodat(
          directory.number, name.terminated, (item.mode & 0o170000) | 0o600, device)
      }
    }
    // O_PATH opens the node itself: no device acts, no FIFO waits, and whatever is given the name
    // from now on is not what gets the metadata.
    let node = try FileDescriptor(opening: name, in: directory, flags: linux_O_PATH)
    let made = try node.metadata()
    guard made.kind == item.kind else {
      throw SystemError("openat", code: ESTALE, path: item.path.bytes)
    }
    if item.hardLinkGroup != nil { remember(item, made, nil) }
    return context.apply(
      item, to: .node(node.number),
      Birth(owner: FileOwner(uid: made.uid, gid: made.gid), mayHaveACL: opened.handsDownACL))
  }

  /// Makes another name of a file that this run has made before.
  ///
  /// Never of any other file: an archive could name one that is not its own.
  ///
  /// - Parameters:
  ///   - item: The item that is to be the other name.
  ///   - report: Learns why it becomes a file of its own, if there is one to link to.
  /// - Returns: `false` if there is none, or if the file system does not take one more name. Then
  ///   the item, which has all of its content, becomes a file of its own.
  /// - Throws: Why neither could be tried.
  private func link(
    _ item: Item, _ report: (RestoreProblem) -> Void
  ) throws(SystemError) -> Bool {
    guard let group = item.hardLinkGroup, let source = linkSources[group],
      source.path != item.path, source.made.kind == item.kind,
      let sourceName = FileName(source.path.name)
    else { return false }
    func refused(_ code: Int32) -> Bool {
      let error = SystemError("linkat", code: code, path: item.path.bytes)
      if source.content?.isLost != true {
        report(RestoreProblem(path: item.path, aspect: .hardLink(source.path), error: error))
      }
      return false
    }
    let (opened, name) = try place(of: item.path)
    let directory = opened.handle
    let sourceDirectory: DirectoryHandle
    do throws(SystemError) {
      sourceDirectory = try directories.existing(source.path.parent ?? .root)
      guard source.isSame(try sourceDirectory.metadata(of: sourceName)) else {
        return refused(ESTALE)
      }
    } catch {
      switch error.code {
      // Somebody has removed or replaced it.
      case ENOENT, ENOTDIR, ELOOP: return refused(error.code)
      default: throw error
      }
    }
    do throws(SystemError) {
      _ = try directory.replacing(name, "linkat") {
        unsafe linkat(
          sourceDirectory.number, sourceName.terminated, directory.number, name.terminated, 0)
      }
    } catch {
      switch error.code {
      case ENOENT, EXDEV, EMLINK, EPERM, EOPNOTSUPP, ENOSYS: return refused(error.code)
      default: throw error
      }
    }
    if source.isSame(try directory.metadata(of: name)) { return true }
    // The name changed hands between looking and linking.
    try directory.remove(name)
    return refused(ESTALE)
  }

  /// The member that this run has made of an item's group, if its content could not be restored.
  private func lostSource(of item: Item) -> LinkSource? {
    guard let group = item.hardLinkGroup, let source = linkSources[group],
      source.content?.isLost ?? false
    else { return nil }
    return source
  }

  private func remember(_ item: Item, _ made: FileMetadata, _ content: LinkedContent?) {
    guard let group = item.hardLinkGroup else { return }
    let waits = item.kind == .regular && !item.flags.isDisjoint(with: RestoreContext.blockingFlags)
    if let former = linkSources[group] { formerSources.append(former) }
    linkSources[group] = LinkSource(
      group: group, path: item.path, made: made, content: content, item: waits ? item : nil)
  }

  /// The directory that an item belongs into, made if it is missing, and the item's name there.
  private func place(of path: ArchivePath) throws(SystemError) -> (OpenDirectory, FileName) {
    guard let parent = path.parent, let name = FileName(path.name) else {
      throw SystemError("openat", code: EISDIR, path: path.bytes)
    }
    return (try directories.making(parent, mode: 0o777), name)
  }
}
