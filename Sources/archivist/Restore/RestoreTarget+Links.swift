import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// Files with several names.
extension RestoreTarget {
  /// Sets what keeps a file from getting another name: call it when all files are finished.
  func finishLinks(report: (RestoreProblem) -> Void) {
    for source in links.all {
      guard let item = source.item, let name = FileName(source.path.name) else { continue }
      do throws(SystemError) {
        let directory = try existing(source.path.parent ?? .root)
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
  var lostGroups: Set<ArchivePath> { Set(links.lost.map(\.group)) }

  /// Removes an item if it is one of the names of a file whose content could not be restored.
  ///
  /// - Parameters:
  ///   - item: A member of one of `lostGroups`.
  ///   - report: Learns why a directory could not be left as it was.
  /// - Returns: The name that the file was made under; `nil` if the item is something else.
  /// - Throws: Why the file is still there.
  func removeLost(
    _ item: Item, report: (RestoreProblem) -> Void
  ) throws(SystemError) -> ArchivePath? {
    for source in links.lost where source.group == item.hardLinkGroup {
      guard let parent = item.path.parent, let name = FileName(item.path.name) else { continue }
      let directory: DirectoryHandle
      do throws(SystemError) {
        directory = try existing(parent)
        guard source.isSame(try directory.metadata(of: name)) else { continue }
      } catch {
        guard error.code == ENOENT else { throw error }
        continue
      }
      try context.keepingMetadata(of: directory, at: parent, report: report) {
        () throws(SystemError) in
        try directory.remove(name)
      }
      return source.path
    }
    return nil
  }

  /// Makes a name that waited for the content of its group, which is there or lost by now: call it
  /// when all files are finished.
  ///
  /// - Parameters:
  ///   - item: A member of one of the groups in `links.waiting`.
  ///   - report: Learns what the system did not take.
  ///   - restore: Restores it as a file of its own, if it could not be linked.
  /// - Returns: What became of it; `nil` if it did not wait.
  /// - Throws: Why there is nothing of the item: `SystemError`, `RestoreObstacle`.
  func makeWaiting(
    _ item: Item, report: (RestoreProblem) -> Void, restore: (RestoreOutcome) -> Void
  ) throws -> RestoreOutcome? {
    guard let group = item.hardLinkGroup, let source = links[group],
      !links.isSource(item.path, of: group), try source.isSame(item),
      let parent = item.path.parent, let name = FileName(item.path.name)
    else { return nil }
    forgetDirectories()
    let directory = try existing(parent)
    if let found = try? directory.metadata(of: name), source.isSame(found) { return nil }
    if source.content?.isLost == true { return .lost(with: source.path) }
    var result: Result<RestoreOutcome, any Error> = .success(.done)
    try context.keepingMetadata(of: directory, at: parent, report: report) {
      () throws(SystemError) in
      do {
        let outcome = try make(item, report)
        restore(outcome)
        result = .success(outcome)
      } catch let error as SystemError {
        throw error
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  /// The outcome of the attempt to make one more name.
  enum Linking {
    case done
    /// A regular file has the name, and the content that is to replace it is not complete.
    case waiting
    /// The item becomes a file of its own: there is none to link to, or it takes no more names.
    case refused
  }

  /// Makes another name of a file that this run has made before.
  ///
  /// Never of any other file: an archive could name one that is not its own.
  ///
  /// - Parameters:
  ///   - item: The item that is to be the other name.
  ///   - report: Learns why it becomes a file of its own, if there is one to link to.
  /// - Returns: Whether there is the name. Where not, the item has all of its content for a file of its
  ///   own.
  /// - Throws: Why neither could be tried.
  func link(
    _ item: Item, _ report: (RestoreProblem) -> Void
  ) throws -> Linking {
    guard let group = item.hardLinkGroup, let source = links[group],
      source.path != item.path, source.kind == item.kind,
      let sourceName = FileName(source.path.name)
    else { return .refused }
    guard try source.isSame(item) else {
      let error = SystemError("linkat", code: EINVAL, path: item.path.bytes)
      report(RestoreProblem(path: item.path, aspect: .otherFile(source.path), error: error))
      return .refused
    }
    func waiting() -> Linking {
      links.wait(group)
      return .waiting
    }
    if !source.isComplete, !source.hasName || links.waiting.contains(group) { return waiting() }
    func refused(_ code: Int32) -> Linking {
      let error = SystemError("linkat", code: code, path: item.path.bytes)
      if source.content?.isLost != true {
        report(RestoreProblem(path: item.path, aspect: .hardLink(source.path), error: error))
      }
      return .refused
    }
    let (opened, name) = try place(of: item.path)
    let directory = opened.handle
    try checkName(item, name, in: opened)
    let sourceDirectory: DirectoryHandle
    do throws(SystemError) {
      sourceDirectory = try existing(source.path.parent ?? .root)
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
    func link(to name: FileName) -> Int32 {
      unsafe linkat(
        sourceDirectory.number, sourceName.terminated, directory.number, name.terminated, 0)
    }
    do throws(SystemError) {
      if link(to: name) != 0 {
        guard errno == EEXIST else { throw .last("linkat", name.bytes) }
        let found = try directory.metadata(of: name)
        if source.isSame(found) {
          // It has the name already.
        } else if found.kind == .regular {
          guard source.isComplete else { return waiting() }
          try context.unlock(name, in: directory)
          try directory.replace(name) { link(to: $0) }
        } else {
          _ = try directory.replacing(name, "linkat") { link(to: name) }
        }
      }
    } catch {
      switch error.code {
      case ENOENT, EXDEV, EMLINK, EPERM, EOPNOTSUPP, ENOSYS: return refused(error.code)
      default: throw error
      }
    }
    if source.isSame(try directory.metadata(of: name)) {
      opened.names.add(name, in: directory)
      return .done
    }
    // The name changed hands between looking and linking.
    try directory.remove(name)
    return refused(ESTALE)
  }
}
