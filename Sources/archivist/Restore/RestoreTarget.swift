import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// The directory that items are restored into.
///
/// Archives are treated as untrusted. What they name is reached from the target through one directory
/// after the other, so nothing outside of the target is ever changed.
///
/// 1. What stands in the way of an item is replaced: a link at once, a regular file as soon as the
///    new one is complete, a directory only if it is empty. What is the same already is kept.
/// 2. Nothing else is removed. What is no directory and stands where one above the item belongs is
///    an error of the item, but for a link that `LinkedDirectory` follows.
/// 3. Until an item is complete, it belongs to us and nobody else may read it. So does a directory
///    above it that is made; it gets the metadata of the archive, if that has it, in the end.
/// 4. Items come in the order of the archive. So a directory gets its own metadata, which may
///    forbid to write into it, when the first item behind it arrives, or `finish` is called, and
///    the last file in it is finished.
///
/// It belongs to one thread; the files that it hands out do not.
final class RestoreTarget {
  let context: RestoreContext
  private(set) var directories: DirectoryStack
  /// Directories that still wait for their metadata, each within the one before.
  private var unfinished: [UnfinishedDirectory] = []
  /// Directories above the item at hand that are not restored themselves.
  private var parents: [Item] = []
  /// The files that hard links were made of.
  var links = LinkSources()

  /// Opens the directory to restore into, which has to be there.
  init(
    path: [UInt8], options: RestoreOptions, owners: OwnerNames = OwnerNames(),
    isRoot: Bool = EffectiveUser.id == 0
  ) throws(SystemError) {
    context = RestoreContext(options: options, owners: owners, isRoot: isRoot)
    directories = DirectoryStack(top: try DirectoryHandle(path: path))
  }

  /// Makes one item.
  ///
  /// - Parameters:
  ///   - item: The item, with the path that it is to have beneath the target.
  ///   - parents: Directories of the archive above it that are not restored themselves, each within
  ///     the one before: what they are is known should they be made.
  ///   - report: Learns what the system did not take, of this item or of a directory before it.
  /// - Returns: Whether there is content to be written.
  /// - Throws: Why there is nothing of the item: `SystemError`, `RestoreObstacle`.
  func restore(
    _ item: Item, beneath parents: [Item] = [], report: (RestoreProblem) -> Void
  ) throws -> RestoreOutcome {
    finishDirectories(before: item.path, report)
    self.parents = parents
    do {
      return try make(item, report)
    } catch let error as SystemError where error.code == ENOENT {
      // Somebody removed the directory that we hold open: once more, from the top.
      directories.forget()
      return try make(item, report)
    }
  }

  /// Gives their metadata to the directories that still wait for it: call it behind the last item.
  func finish(report: (RestoreProblem) -> Void) { finishDirectories(before: nil, report) }

  /// Closes all directories, so that what is asked for next is opened from the top.
  func forgetDirectories() { directories.forget() }

  /// Makes one item where it belongs.
  func make(
    _ item: Item, _ report: (RestoreProblem) -> Void
  ) throws -> RestoreOutcome {
    switch item.kind {
    case .directory:
      let directory = try opened(item.path, isItem: true)
      try makeAccessible(directory, item)
      unfinished.append(
        UnfinishedDirectory(item, context, birth: directory.isNew ? Birth(in: directory) : nil))
    case .regular:
      if let source = links.lostSource(of: item) { return .lost(with: source.path) }
      switch try link(item, report) {
      case .done: return .done
      case .waiting: return .waiting
      case .refused: break
      }
      // It may have been given up meanwhile.
      if let source = links.lostSource(of: item) { return .lost(with: source.path) }
      return try makeFile(item, report)
    case .symbolicLink, .fifo, .characterDevice, .blockDevice:
      if try link(item, report) == .done { return .done }
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
      defer { unfinished.removeLast() }
      do throws(SystemError) {
        let handle = try existing(item.path)
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
    guard !context.isRoot else { return opened.isNew ? () : try context.takeOver(directory, item) }
    let found = try directory.metadata()
    guard found.permissions & 0o700 != 0o700, found.uid == EffectiveUser.id else { return }
    guard fchmod(directory.number, found.permissions | 0o700) == 0 else {
      throw .last("fchmod", [])
    }
  }

  private func makeFile(
    _ item: Item, _ report: (RestoreProblem) -> Void
  ) throws -> RestoreOutcome {
    let (opened, name) = try place(of: item.path)
    let directory = opened.handle
    defer { opened.names.add(name, in: directory) }
    let parent = unfinished.last.flatMap { $0.item.path == item.path.parent ? $0 : nil }
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY
    func make() -> Int32 {
      unsafe linux_openat(directory.number, name.terminated, flags, 0o600)
    }
    var number = retryingInterrupts(make)
    if number < 0 {
      guard errno == EEXIST else { throw SystemError.last("openat", name.bytes) }
      try checkName(item, name, in: opened)
      if try directory.metadata(of: name).kind == .regular {
        let linked = item.hardLinkGroup.map { _ in LinkedContent() }
        // Its other names wait until it has this one.
        if let linked { links.add(item, try LinkSource(item, made: nil, content: linked)) }
        return .existing(
          ExistingFile(name, in: directory, context: context, linked: linked, parent: parent))
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
      do {
        links.add(item, try LinkSource(item, made: file.metadata(), content: linked))
      } catch {
        file.discard(item).forEach(report)
        throw error
      }
    }
    return .file(file)
  }

  /// Makes a symbolic link, a FIFO or a device.
  private func makeNode(_ item: Item) throws -> [RestoreProblem] {
    let (opened, name) = try place(of: item.path)
    let directory = opened.handle
    try checkName(item, name, in: opened)
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
    let isTarget = try item.linkTarget.map { try node.linkTarget() == $0 } ?? true
    guard made.kind == item.kind, !directory.isForeign(made), isTarget,
      item.device.map({ $0 == made.deviceNumbers }) ?? true
    else {
      throw SystemError("openat", code: ESTALE, path: item.path.bytes)
    }
    opened.names.add(name, in: directory)
    if item.hardLinkGroup != nil { links.add(item, try LinkSource(item, made: made)) }
    return context.apply(
      item, to: .node(node.number),
      Birth(owner: FileOwner(uid: made.uid, gid: made.gid), mayHaveACL: opened.handsDownACL))
  }

  /// The directory that an item belongs into, made if it is missing, and the item's name there.
  func place(of path: ArchivePath) throws -> (OpenDirectory, FileName) {
    guard let parent = path.parent, let name = FileName(path.name) else {
      throw SystemError("openat", code: EISDIR, path: path.bytes)
    }
    return (try opened(parent), name)
  }

  /// Says whether a symbolic link may stand in the place of a directory.
  ///
  /// Nothing of the archive is restored there, unless that is what was asked for: then the archive
  /// has no link there, and nothing that this run has made is one.
  ///
  /// - Parameters:
  ///   - path: The path of the directory.
  ///   - isItem: Whether the directory is restored itself at the moment.
  /// - Returns: Whether it may.
  func follows(_ path: ArchivePath, isItem: Bool) -> Bool {
    switch context.options.links {
    case .never: false
    case .parents: !isItem && !unfinished.contains { $0.item.path == path }
    case .directories: true
    }
  }

  /// A directory that is there, and that nothing is made in.
  func existing(_ path: ArchivePath) throws(SystemError) -> DirectoryHandle {
    try directories.existing(path) { follows($0, isItem: false) }
  }

  /// Sees to it that an item does not take the place of another one that this run has restored.
  func checkName(_ item: Item, _ name: FileName, in opened: OpenDirectory) throws {
    guard let other = opened.names.other(than: name, in: opened.handle) else { return }
    throw RestoreObstacle.sameName(try (item.path.parent ?? .root).appending(other.bytes))
  }

  /// The directory at a path, made if it is missing.
  ///
  /// One above an item is made for us alone, and gets its metadata when everything in it is there.
  private func opened(_ path: ArchivePath, isItem: Bool = false) throws -> OpenDirectory {
    try directories.making(path, isItem: isItem, follows: follows) { path, directory in
      guard let item = parents.last(where: { $0.path == path }) else {
        // Nobody knows what it was: it stays closed to others, and so does what is made in it.
        if directory.handsDownACL { context.removeACLs(of: directory.handle) }
        return
      }
      unfinished.append(UnfinishedDirectory(item, context, birth: Birth(in: directory)))
    }
  }
}
