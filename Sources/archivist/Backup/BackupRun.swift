import ChunkStore
import Glibc
import LinuxSystem

/// One `create`: the walk, the files cache, and what is told about each item.
struct BackupRun {
  /// The status of an item, in borg's letters.
  enum Status: UInt8 {
    case added = 0x41  // A
    case modified = 0x4d  // M
    case unchanged = 0x55  // U
    case changedWhileRead = 0x43  // C
    case error = 0x45  // E
    case directory = 0x64  // d
    case blockDevice = 0x62  // b
    case characterDevice = 0x63  // c
    case hardLink = 0x68  // h
    case symbolicLink = 0x73  // s
    case fifo = 0x66  // f
    case standardInput = 0x69  // i
    case dryRun = 0x2d  // -
    case excluded = 0x78  // x
  }

  struct Options {
    var cacheMode = FilesCacheMode.default
    /// When the backup began, by our clock.
    var start = Timestamp(seconds: .min)
    var numericIDs = false
    var recordsAccessTime = false
    var recordsBirthTime = true
    var recordsChangeTime = true
    /// Whether also of what is no file: borg's `diff` shows those.
    var recordsAllChangeTimes = false
    var recordsExtendedAttributes = true
    var recordsACLs = true
    var recordsFlags = true
    /// How it is noticed that a file changes while it is read.
    var changes = FilesChangedMode.ctime
    /// Devices and FIFOs are read like regular files.
    var readsSpecialFiles = false
    /// The files that do not come from the walk, in the order of the archive.
    var streamed: [StreamedFile] = []
    var walk = WalkOptions()
    var patterns = PatternList()
  }

  let report: Report
  let roots: [WalkRoot]
  let options: Options
  /// Instead of everything beneath the roots, what is listed.
  var paths: SortedPaths?
  /// Learns what of that which was asked for could not be backed up.
  let sources: SourceTally
  /// Counts what is done, if somebody wants to see it.
  var counters: BackupCounters?
  /// Files that are read although they may be unchanged.
  let unsettled = UnsettledFiles()
  /// Told of every item, in the order of the archive.
  let list: @Sendable (Status, ArchivePath) -> Void

  /// Reads everything, and gives it to the builder.
  ///
  /// - Parameters:
  ///   - builder: Makes the archive.
  ///   - repository: Where it is made.
  ///   - parents: What unchanged files are compared with, one after the other.
  /// - Throws: Errors of the repository; those of single files are reported.
  func run(_ builder: ArchiveBuilder, repository: Repository, parents: [Archive]) throws {
    sources.begin()
    var cache = try openCaches(parents, repository)
    var links = HardLinkTracker(startedAt: options.start)
    var clocks = FileClocks()
    let makeItem = itemMaker()
    let failed: @Sendable (SystemError) -> Void = { [report] error in
      report.warning(BackupRun.warning(error), "\(name: error.path): \(error.reason)")
    }
    let hasManyHoles: @Sendable (ArchivePath) -> Void = { [report] path in
      report.notice(
        "\(name: path.bytes): has more than \(FileContentStream.mostHoles) holes: those behind are kept "
          + "as zeros, which take up room when they are restored")
    }
    var streamed = options.streamed[...]
    func addStreamed(before path: ArchivePath?) throws {
      while let file = streamed.first, path.map({ file.item.path <= $0 }) ?? true {
        guard file.item.path != path else {
          throw CommandFailure(
            "\(name: file.item.path.bytes): there is a file of this name as well: "
              + "choose another with --stdin-name")
        }
        streamed.removeFirst()
        try builder.add(file.item, content: file.source, tag: Status.standardInput.rawValue)
      }
    }
    try walkAhead { entry in
      try addStreamed(before: entry.path)
      if let (item, content) = special(entry, makeItem) {
        try builder.add(item, content: content, tag: Status.added.rawValue)
        return
      }
      let remade = makeItem(entry)
      let kind = entry.metadata.isDirectory ? FileSystemKind.local : clocks.kind(of: entry)
      let group = links.group(of: entry, on: kind)
      let make: @Sendable (FileMetadata, [Item.ExtendedAttribute]) -> Item = {
        var item = remade($0, $1)
        // The name may belong to another file by now.
        item.hardLinkGroup = entry.metadata.isSameFile(as: $0) ? group : nil
        return item
      }
      var item = make(entry.metadata, entry.extendedAttributes)
      let isLater = group.map { $0 != entry.path } ?? false
      guard entry.metadata.kind == .regular else {
        try builder.add(item, tag: (isLater ? .hardLink : status(of: entry)).rawValue)
        return
      }
      var status = Status.added
      do {
        let clock = clocks.clock(of: entry)
        switch try cache?.look(up: entry.path, entry.metadata, clock) {
        case nil, .added: break
        case .modified: status = .modified
        case .unsettled(let content, let time):
          status = .modified
          if !isLater { unsettled.add(entry.path, content) }
          report.debug(
            clock == .absent
              ? "\(name: entry.path.bytes): read again, because no time tells of changes there"
              : "\(name: entry.path.bytes): read again, because its time, "
                + "\(TimeText.list(CivilTime(time, in: .local))), is not far enough before the last "
                + "backup to tell that nothing was changed since")
        case .unchanged(let content, let flags):
          item.content = content
          // The file is not opened to ask for those that only then can be had.
          if options.recordsFlags {
            item.flags.formUnion(flags.subtracting(FileMetadata.freeFlagSet))
          }
          status = .unchanged
          counters?.addKnown(content)
        }
      } catch let error as RepositoryError {
        cacheFailed(error)
        cache = nil
      }
      let tag = (isLater ? .hardLink : status).rawValue
      if item.content != nil {
        try builder.add(item, tag: tag)
      } else {
        let content = FileContent(
          entry: entry, fileSystem: kind, changes: options.changes, makeItem: make, failed: failed,
          hasManyHoles: hasManyHoles)
        try builder.add(
          item, content: counters?.counting(content, at: entry.path) ?? content, tag: tag)
      }
    }
    try addStreamed(before: nil)
  }

  /// Walks, and archives nothing.
  ///
  /// - Throws: Why there would be no archive.
  func dryRun() throws {
    var streamed = options.streamed.map(\.item.path)[...]
    var items = UInt64(streamed.count)
    try walk { entry in
      while let path = streamed.first, path < entry.path {
        list(.dryRun, path)
        streamed.removeFirst()
      }
      list(entry.isLeftOut ? .excluded : .dryRun, entry.path)
      items += 1
    }
    for path in streamed { list(.dryRun, path) }
    if let failure = sources.failure(items: items, isComplete: true) { throw failure }
    sources.say(report)
  }

  /// A device, a FIFO or a link to one as a regular file, if that is asked for.
  ///
  /// No times are recorded by which a later backup could take it for unchanged.
  private func special(
    _ entry: WalkEntry,
    _ makeItem: (WalkEntry) -> @Sendable (FileMetadata, [Item.ExtendedAttribute]) -> Item
  ) -> (Item, SpecialContent)? {
    guard options.readsSpecialFiles else { return nil }
    var metadata = entry.metadata
    let isLink = metadata.kind == .symbolicLink
    if isLink {
      do throws(SystemError) {
        metadata = try entry.directory.metadata(followingLink: entry.name)
      } catch {
        // A link that leads nowhere is one like others.
        if error.code != ENOENT, error.code != ELOOP, error.code != ENOTDIR {
          report.warning(
            Self.warning(error),
            "\(name: entry.path.bytes): saved as a link, because it is not known what it leads to: "
              + "\(error.reason)")
        }
        return nil
      }
    }
    guard metadata.isSpecial else { return nil }
    var item = makeItem(entry)(metadata, isLink ? [] : entry.extendedAttributes)
    item.mode = 0o100000 | metadata.permissions
    item.device = nil
    item.linkTarget = nil
    return (item, SpecialContent(entry: entry, isLink: isLink, isFIFO: metadata.kind == .fifo))
  }

  private func openCaches(_ parents: [Archive], _ repository: Repository) throws -> FilesCaches? {
    do {
      return try FilesCaches(parents, in: repository, mode: options.cacheMode) { lost, parent in
        report.warning(
          .various,
          "the earlier archive \(name: Array(parent.name.utf8)) is damaged, so files are read that "
            + "may be unchanged: \(lost.message)")
      }
    } catch let error as RepositoryError {
      cacheFailed(error)
      return nil
    }
  }

  private func cacheFailed(_ error: RepositoryError) {
    report.warning(
      .various, "the earlier archive cannot be read, so every file is: \(Exit.describe(error).0)")
  }

  /// The directories to walk through, unless paths are listed.
  private var directories: DirectoryWalk {
    DirectoryWalk(
      report: report, roots: roots, options: options.walk, patterns: options.patterns,
      sources: sources, readsSpecialFiles: options.readsSpecialFiles, list: list)
  }

  /// Visits what there is, while the walk goes on ahead on another thread.
  private func walkAhead(_ visit: (WalkEntry) throws -> Void) throws {
    guard paths == nil else { return try walk(visit) }
    try directories.runAhead { entry in try visitUnlessSocket(entry, visit) }
  }

  private func walk(_ visit: (WalkEntry) throws -> Void) throws {
    if let paths {
      try PathListWalk(
        paths: paths, readsExtendedAttributes: options.walk.readsExtendedAttributes
      ).run(report: directories.tell) { entry in try visitUnlessSocket(entry, visit) }
    } else {
      try directories.run { entry in try visitUnlessSocket(entry, visit) }
    }
  }

  private func visitUnlessSocket(
    _ entry: WalkEntry, _ visit: (WalkEntry) throws -> Void
  ) throws {
    guard entry.metadata.kind != .socket else {
      report.info("\(name: entry.path.bytes): a socket, which only its server can make: skipped")
      return
    }
    guard entry.metadata.kind != nil else {
      report.warning(
        .fileSkipped, "\(name: entry.path.bytes): of a type that Linux does not know: skipped")
      return
    }
    try visit(entry)
  }

  /// The kind of warning that an error is.
  ///
  /// A file that was there when its directory was read is one that has changed if it is gone; one
  /// that was asked for by its path is missing.
  static func warning(
    _ error: SystemError, ifMissing: ExitStatus.Warning = .fileChanged
  ) -> ExitStatus.Warning {
    switch error.code {
    case EACCES, EPERM: .filePermissionDenied
    case ENOENT: ifMissing
    case EIO: .fileReadError
    default: .fileFailed
    }
  }

  /// Makes items of what the walk, or the opened file itself, says.
  private func itemMaker()
    -> (WalkEntry) -> @Sendable (FileMetadata, [Item.ExtendedAttribute]) -> Item
  {
    let names = options.numericIDs ? nil : OwnerNames { [report] in report.ownersUnknown($0) }
    let options = options
    var fields = options.cacheMode.recorded
    if options.recordsAccessTime { fields.insert(.atime) }
    if options.recordsBirthTime { fields.insert(.birthtime) }
    if options.recordsFlags { fields.insert(.flags) }
    if options.recordsAllChangeTimes { fields.insert(.ctime) }
    if !options.recordsChangeTime { fields.remove(.ctime) }
    // Only files are compared; elsewhere they would make every archive differ for nothing.
    var others = fields.subtracting(.inode)
    if !options.recordsAllChangeTimes { others.remove(.ctime) }
    return { [fields, others] entry in
      let path = entry.path
      let target = entry.linkTarget
      return { metadata, attributes in
        var item = metadata.item(
          at: path, linkTarget: target, names: names,
          recording: metadata.kind == .regular ? fields : others)
        item.extendedAttributes = attributes.filter {
          AccessControlList.isName($0.name)
            ? options.recordsACLs : options.recordsExtendedAttributes
        }
        if let names, !item.extendedAttributes.isEmpty {
          item.aclNames = AccessControlList.names(in: item.extendedAttributes, names)
        }
        return item
      }
    }
  }

  private func status(of entry: WalkEntry) -> Status {
    switch entry.metadata.kind {
    case .directory: entry.isLeftOut ? .excluded : .directory
    case .symbolicLink: .symbolicLink
    case .fifo: .fifo
    case .blockDevice: .blockDevice
    case .characterDevice: .characterDevice
    default: .added
    }
  }
}
