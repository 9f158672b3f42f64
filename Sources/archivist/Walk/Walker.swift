import ChunkStore
import Glibc
import LinuxSystem

/// Goes through everything beneath some roots, in the order of an archive.
///
/// 1. Paths ascend strictly, as `ArchivePath` orders them: a directory comes before what is in it.
/// 2. No symbolic link is followed, except in the path of a root, above its last name.
/// 3. What cannot be read is reported, and the walk goes on.
/// 4. Memory is the names of the directories from the root to where the walk is; open are at most
///    `maximumOpenDirectories` of these.
///
/// A walk belongs to one thread; its entries may be handed to others.
struct Walker: Sendable {
  /// Of a chain of directories that is longer, the outer ones are closed, and opened again on the
  /// way back: someone could make a chain longer than the number of files a process may open.
  static let maximumOpenDirectories = OpenFiles.share(8, most: 64)

  /// Where the walk starts, in the order of the archive.
  let roots: [WalkRoot]
  /// The entries it leaves out.
  let options: WalkOptions

  /// Prepares a walk.
  init(roots: [WalkRoot], options: WalkOptions) {
    self.roots = roots
    self.options = options
  }

  /// Walks.
  ///
  /// A root that is inside of another is a walk of its own, in its place in the order: whatever
  /// the outer one leaves out, the inner one is walked.
  ///
  /// - Parameters:
  ///   - select: Decides about an entry by its path, in the archive and as patterns see it; asked
  ///     before the entry is looked at, where the file system permits.
  ///   - report: Learns what could not be read and what options excluded.
  ///   - visit: Gets the entries.
  /// - Throws: What `visit` throws, at once.
  func run<Failure: Error>(
    select: (ArchivePath, _ patternPath: [UInt8]) -> WalkDecision,
    report: (WalkEvent) -> Void,
    visit: (WalkEntry) throws(Failure) -> Void
  ) throws(Failure) {
    var next = 0
    // The walks that are under way, each inside of the one before.
    var walks: [RootWalk] = []
    while next < roots.count || !walks.isEmpty {
      let candidate = walks.last?.candidate
      if candidate == nil, walks.popLast() != nil { continue }
      if next < roots.count, candidate.map({ roots[next].path <= $0.path }) ?? true {
        // In its own place, the inner root takes over from the outer walk.
        if candidate?.path == roots[next].path { walks[walks.count - 1].advance(report) }
        do throws(SystemError) {
          walks.append(try RootWalk(root: next, of: self))
        } catch {
          report(.rootFailed(roots[next].path, error.at(roots[next].given)))
        }
        next += 1
      } else if let candidate {
        let step = walks[walks.count - 1].examine(candidate, select, report)
        if let entry = step?.entry { try visit(entry) }
        if let inside = step?.inside { walks[walks.count - 1].descend(inside) }
        walks[walks.count - 1].advance(report)
      }
    }
  }
}

/// The walk through one root.
private struct RootWalk {
  /// An entry that nobody has looked at yet.
  struct Candidate {
    let name: FileName
    let type: DirectoryListing.EntryType
    let directory: DirectoryHandle
    let path: ArchivePath
    let patternPath: [UInt8]
    let isRoot: Bool
  }

  /// The steps for a candidate: visit it, walk through it, or both.
  struct Step {
    var entry: WalkEntry?
    var inside: Frame?
  }

  /// A directory that the walk is in.
  struct Frame {
    /// `nil` while it is closed.
    var handle: DirectoryHandle?
    let identity: FileIdentity
    let path: ArchivePath
    let patternPath: [UInt8]
    let names: DirectoryListing
    var next = 0
  }

  private let index: Int
  private let root: WalkRoot
  private let options: WalkOptions
  private var frames: [Frame] = []
  /// The root itself.
  private let top: Candidate
  private var device: UInt64?
  /// The next entry in the order of the archive; `nil` at the end.
  private(set) var candidate: Candidate?

  /// Opens the directory that the root is in.
  init(root index: Int, of walker: Walker) throws(SystemError) {
    self.index = index
    root = walker.roots[index]
    options = walker.options
    let (directory, name) = try root.open()
    top = Candidate(
      name: name, type: .unknown, directory: directory, path: root.path,
      patternPath: root.patternPath, isRoot: true)
    candidate = top
  }

  /// Goes on to the entry behind the candidate.
  mutating func advance(_ report: (WalkEvent) -> Void) { candidate = nextCandidate(report) }

  private mutating func nextCandidate(_ report: (WalkEvent) -> Void) -> Candidate? {
    while let frame = frames.last {
      guard let directory = frame.handle, frame.next < frame.names.count else {
        leave(report)
        continue
      }
      frames[frames.count - 1].next += 1
      let bytes = frame.names.name(frame.next)
      do throws(FormatError) {
        let path = try frame.path.appending(bytes)
        // Mostly the same bytes, which are shared then.
        let patternPath =
          frame.patternPath == frame.path.bytes
          ? path.bytes : Self.joined(frame.patternPath, bytes)
        guard let name = FileName(bytes) else { throw .unsafePath }
        return Candidate(
          name: name, type: frame.names.type(frame.next), directory: directory, path: path,
          patternPath: patternPath, isRoot: false)
      } catch {
        let path = shown(frame.path) + [UInt8(ascii: "/")] + bytes
        report(.failed(SystemError("archive", code: ENAMETOOLONG, path: path)))
      }
    }
    return nil
  }

  private static func joined(_ directory: [UInt8], _ name: ArraySlice<UInt8>) -> [UInt8] {
    // The entries of `.` have no `./` in front of them.
    directory.isEmpty || directory == [UInt8(ascii: ".")]
      ? Array(name) : directory + [UInt8(ascii: "/")] + name
  }

  /// Decides about a candidate and finds out about it; `nil` if there is nothing to do.
  mutating func examine(
    _ candidate: Candidate, _ select: (ArchivePath, [UInt8]) -> WalkDecision,
    _ report: (WalkEvent) -> Void
  ) -> Step? {
    do throws(SystemError) {
      // A directory that is left out with all that is in it is not even looked at: that may be
      // forbidden, or make an automounter mount it.
      let decision = select(candidate.path, candidate.patternPath)
      switch decision {
      case .include: break
      case .exclude: if candidate.type == .other { return nil }
      case .excludeWithoutRecursion: return nil
      }
      let found = try candidate.directory.metadata(of: candidate.name)
      if decision == .exclude, !found.isDirectory { return nil }
      if candidate.isRoot { device = found.identity.device }
      if let exclusion = exclusion(found) {
        report(.excluded(candidate.path, exclusion))
        return nil
      }
      if found.isDirectory {
        return examineDirectory(candidate, found, isVisited: decision == .include, report)
      }
      let link = found.kind == .symbolicLink
      let target = link ? try candidate.directory.linkTarget(candidate.name) : nil
      if link, candidate.isRoot { report(.rootIsLink(index)) }
      var attributes = AttributeReading()
      if options.readsExtendedAttributes {
        attributes = candidate.directory.extendedAttributes(of: candidate.name, kind: found.kind)
      }
      return Step(entry: entry(candidate, found, target, attributes, report))
    } catch {
      let error = error.at(shown(candidate.path))
      report(
        candidate.isRoot
          ? .rootFailed(candidate.path, error) : .unreadable(candidate.path, error))
      return nil
    }
  }

  /// Walks into a directory, behind everything that is visited of it.
  mutating func descend(_ frame: Frame) {
    frames.append(frame)
    let closed = frames.count - 1 - Walker.maximumOpenDirectories
    if closed >= 0 { frames[closed].handle = nil }
  }

  /// Opens a directory and reads its names.
  private mutating func examineDirectory(
    _ candidate: Candidate, _ found: FileMetadata, isVisited: Bool, _ report: (WalkEvent) -> Void
  ) -> Step? {
    var step = Step()
    var metadata = found
    var attributes = AttributeReading()
    var isLeftOut = false
    // The root of another file system is visited, so that its mount point is restored.
    if options.staysOnOneFileSystem, found.identity.device != device {
      isLeftOut = true
      if options.readsExtendedAttributes, isVisited {
        attributes = candidate.directory.extendedAttributes(of: candidate.name, kind: found.kind)
      }
    } else {
      do throws(SystemError) {
        let handle = try candidate.directory.directory(candidate.name)
        // The opened directory is the one that is walked through, archived and checked: the name
        // may have been given to another directory meanwhile.
        metadata = try handle.metadata()
        if let failure = metadata.addInodeFlags(of: handle.number), isVisited {
          report(.failed(failure.at(shown(candidate.path))))
        }
        if let exclusion = exclusion(metadata) {
          report(.excluded(candidate.path, exclusion))
          return nil
        }
        var names = DirectoryListing(of: handle)
        if let failure = names.failure { report(.failed(failure.at(shown(candidate.path)))) }
        let tags = options.tags.found(in: handle, names)
        if !tags.isEmpty {
          guard options.tags.keepsTags, isVisited else {
            report(.excluded(candidate.path, .tagged))
            return nil
          }
          isLeftOut = true
          names.filter { name in tags.contains { name.elementsEqual($0) } }
        }
        if options.readsExtendedAttributes, isVisited { attributes = handle.extendedAttributes() }
        // Opening the mount point of an automounter has mounted it.
        if candidate.isRoot { device = metadata.identity.device }
        if !options.staysOnOneFileSystem || metadata.identity.device == device {
          step.inside = Frame(
            handle: handle, identity: metadata.identity, path: candidate.path,
            patternPath: candidate.patternPath, names: names)
        } else {
          isLeftOut = true
        }
      } catch {
        let located = error.at(shown(candidate.path))
        report(candidate.isRoot ? .rootFailed(candidate.path, located) : .failed(located))
        if error.code == ENOENT || error.code == ENOTDIR || error.code == ELOOP { return nil }
        // Without permission to read it, the directory itself is still worth having.
        if options.readsExtendedAttributes, isVisited {
          attributes = candidate.directory.extendedAttributes(of: candidate.name, kind: found.kind)
        }
      }
    }
    if isVisited {
      step.entry = entry(candidate, metadata, nil, attributes, report)
      step.entry?.isLeftOut = isLeftOut
    }
    return step
  }

  private func exclusion(_ found: FileMetadata) -> WalkEvent.Exclusion? {
    if options.skip.contains(found.identity) { return .skipped }
    return options.excludesNoDump && found.isNoDump ? .noDump : nil
  }

  private func entry(
    _ candidate: Candidate, _ metadata: FileMetadata, _ target: [UInt8]?,
    _ attributes: AttributeReading, _ report: (WalkEvent) -> Void
  ) -> WalkEntry {
    for failure in attributes.failures { report(.failed(failure.at(shown(candidate.path)))) }
    return WalkEntry(
      path: candidate.path, root: index, metadata: metadata, linkTarget: target,
      extendedAttributes: attributes.attributes, directory: candidate.directory,
      name: candidate.name)
  }

  /// Goes back to the directory above, and opens it again if it was closed.
  private mutating func leave(_ report: (WalkEvent) -> Void) {
    guard let left = frames.popLast(), let frame = frames.last, frame.handle == nil else { return }
    do throws(SystemError) {
      frames[frames.count - 1].handle = try reopened(frame, from: left.handle)
    } catch {
      report(.failed(error.at(shown(frame.path))))
    }
  }

  /// Opens the innermost directory again.
  private func reopened(
    _ frame: Frame, from child: DirectoryHandle?
  ) throws(SystemError) -> DirectoryHandle {
    if let child {
      let parent = try child.parent()
      if try parent.identity() == frame.identity { return parent }
    }
    // Somebody moved the child while the walk was inside: from the top, then.
    var handle = try top.directory.directory(top.name)
    for inner in frames.dropFirst() {
      guard let name = FileName(inner.path.name) else { break }
      handle = try handle.directory(name)
    }
    guard try handle.identity() == frame.identity else {
      throw SystemError("openat", code: ESTALE, path: [])
    }
    return handle
  }

  /// A path of the archive as the user would write it.
  private func shown(_ path: ArchivePath) -> [UInt8] {
    let rest = path.components.dropFirst(root.path.components.count)
    let slash = UInt8(ascii: "/")
    return rest.reduce(into: root.location) { shown, component in
      if shown.last != slash { shown.append(slash) }
      shown.append(contentsOf: component)
    }
  }
}
