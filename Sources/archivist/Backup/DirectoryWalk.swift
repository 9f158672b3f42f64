import ChunkStore
import Glibc
import LinuxSystem

/// The walk of a `create` through directories: what is selected, and what is told meanwhile.
struct DirectoryWalk: Sendable {
  let report: Report
  let roots: [WalkRoot]
  let options: WalkOptions
  let patterns: PatternList
  /// Learns which of the roots could not be read.
  let sources: SourceTally
  /// Whether links to devices and FIFOs are read as if they were files.
  let readsSpecialFiles: Bool
  /// Told of what is left out.
  let list: @Sendable (BackupRun.Status, ArchivePath) -> Void

  /// Entries that go from thread to thread together: to hand something over may wake a thread,
  /// which costs more than to look at a file.
  private static let batchSize = 32

  /// Walks.
  func run(_ visit: (WalkEntry) throws -> Void) throws {
    var matcher = PatternMatcher(patterns)
    try Walker(roots: roots, options: options).run(
      select: { path, patternPath in
        switch matcher.verdict(for: SelectionPath(patternPath)) {
        case .include: return .include
        case .exclude:
          list(.excluded, path)
          return .exclude
        case .excludeNoRecurse:
          list(.excluded, path)
          return .excludeWithoutRecursion
        }
      },
      report: tell,
      visit: { (entry) throws(any Error) in try visit(entry) })
  }

  /// Walks on a thread of its own, a little ahead of `visit`.
  ///
  /// - Throws: What `visit` throws, at once.
  func runAhead(_ visit: (WalkEntry) throws -> Void) throws {
    // Each entry keeps its directory open.
    let entries = BoundedQueue<[WalkEntry]>(capacity: OpenFiles.share(8, most: 512))
    let group = ThreadGroup()
    group.onFailure { entries.cancel() }
    group.start("walk") {
      defer { entries.close() }
      var batch: [WalkEntry] = []
      try run { entry in
        batch.append(entry)
        guard batch.count >= Self.batchSize else { return }
        try entries.push(batch, cost: batch.count)
        batch.removeAll(keepingCapacity: true)
      }
      if !batch.isEmpty { try entries.push(batch, cost: batch.count) }
    }
    do {
      while let batch = entries.pop() { for entry in batch { try visit(entry) } }
    } catch {
      group.fail(error)
    }
    try group.join()
  }

  /// Tells of what the walk has to say.
  func tell(_ event: WalkEvent) {
    switch event {
    case .rootFailed(let path, let error):
      let warning = BackupRun.warning(error, ifMissing: .fileMissing)
      report.warning(warning, "\(name: error.path): \(error.reason)")
      sources.addMissing(error.path, warning)
      list(.error, path)
    case .rootIsLink(let index): tell(ofLink: roots[index])
    case .failed(let error):
      report.warning(BackupRun.warning(error), "\(name: error.path): \(error.reason)")
    case .unreadable(let path, let error):
      report.warning(BackupRun.warning(error), "\(name: error.path): \(error.reason)")
      list(.error, path)
    case .conflict(let location, let path):
      report.warning(
        .fileSkipped, "\(name: location): left out: another is archived as \(name: path.bytes)")
      list(.error, path)
    // A skipped entry is none of the user's files.
    case .excluded(_, .skipped): break
    case .excluded(let path, _): list(.excluded, path)
    }
  }

  /// Says that what a root leads to is not backed up, unless another root has it.
  private func tell(ofLink root: WalkRoot) {
    let end = AbsolutePath.of(root.location)
    // Where a link leads nowhere, it itself is all that there is.
    guard let type = DirectoryHandle.type(at: root.location) else { return }
    if readsSpecialFiles, [S_IFIFO, S_IFCHR, S_IFBLK].contains(type) { return }
    let isElsewhere = roots.contains { other in
      let around = AbsolutePath.of(other.location)
      return other != root && (end == around || end.starts(with: around + [UInt8(ascii: "/")]))
        || other != root && around == [UInt8(ascii: "/")]
    }
    guard !isElsewhere else { return }
    report.warning(
      .symbolicLinkInPath,
      "\(name: root.given): is a symbolic link, and is backed up as one; what it leads to is not. "
        + "With a / behind it, that is meant")
  }
}
