import ArgumentParser
import ChunkStore
import Glibc
import LinuxSystem

struct Extract: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Restore an archive, or a part of it, into the current directory.",
    discussion: """
      archivist extract /backup/repo::2026-11-21
      archivist extract /backup/repo::2026-11-21 etc/ssh home/user/notes.txt
      archivist extract --stdout repo::dump var/backup/db.sql | less
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions
  @OptionGroup var patterns: SelectionOptions
  @OptionGroup var output: ExtractOutputOptions
  @OptionGroup var metadata: ExtractMetadataOptions

  @Argument(help: .archive)
  var location: BytesArgument

  @Argument(
    help: ArgumentHelp(
      "What to restore, if not everything: paths as `list` shows them.", valueName: "path"))
  var paths: [BytesArgument] = []

  @Option(help: "Leave this many leading parts off each path.")
  var stripComponents = 0

  @Flag(
    help: """
      Keep a symbolic link that leads to a directory in the place of one that is restored, as it is \
      kept above what is restored.
      """)
  var keepDirectorySymlink = false

  @Flag(help: "Write the contents of files to standard output.")
  var stdout = false

  @Flag(name: [.long, .customShort("n")], help: "Read and verify everything, and write nothing.")
  var dryRun = false

  func validate() throws {
    if stripComponents < 0 { throw ValidationError("--strip-components: a number from 0 on") }
  }

  func run() throws {
    let session = Session(global)
    let (path, name) = try session.archiveLocation(location, next: paths.first)
    let repository = try session.open(path)
    let archive = try session.archive(name, in: repository)
    var selection = try Selection(paths: paths.map(\.bytes), rules: patterns.rules())
    let report = session.report
    // There may be a later one.
    if let vanished = try session.vanished(from: repository), vanished.isCertain {
      report.caution("\(vanished)")
    }
    let signals = SignalWatch.process
    var done: Restored?
    try repository.reading("extract", problem: session.note) {
      let progress = try RestoreProgress(
        session, archive, in: repository,
        selection: selection.isEverything ? nil : selection)
      defer { progress.finish() }
      if stdout {
        try writeContents(of: archive, repository, &selection, session, progress)
      } else if dryRun {
        let items = try verify(archive, repository, &selection, session, progress)
        done = Restored(items: items, failed: nil, bytes: progress.meter.reading?.done ?? 0)
      } else {
        done = try restore(archive, repository, &selection, session, progress, signals)
      }
    }
    try session.output.finish()
    report.perhapsLost(selection)
    report.neverMatched(selection, in: session.style == .native ? location.bytes : [])
    if let done { session.conclude(summary(done, warnings: report.warningCount)) }
  }

  /// The figures of a restore that came to its end, or of a dry run.
  private struct Restored {
    var items: Int
    /// Items that could not be restored; `nil` for a dry run.
    var failed: Int?
    var bytes: UInt64
  }

  private func summary(_ done: Restored, warnings: Int) -> Summary {
    guard let failed = done.failed else {
      return .verified(items: done.items, bytes: done.bytes, warnings: warnings)
    }
    return .restored(
      items: done.items, failed: failed, bytes: done.bytes,
      directory: AbsolutePath.of([UInt8(ascii: ".")]), warnings: warnings)
  }

  private func restore(
    _ archive: Archive, _ repository: Repository, _ selection: inout Selection,
    _ session: Session, _ progress: RestoreProgress, _ signals: SignalWatch
  ) throws -> Restored? {
    let report = session.report
    let paths = try paths(of: archive, repository, selection, session)
    var options = metadata.restoreOptions
    // Where leading parts are left off, a link may be one that was restored.
    options.links = stripComponents > 0 ? .never : keepDirectorySymlink ? .directories : .parents
    let here = [UInt8(ascii: ".")]
    let disk = try RestoreDisk(path: here)
    let marks = RestoreMarks(disk, file: "\(session.directories.cache)/restored")
    if metadata.continues { options.finished = marks?.mark }
    let target = try RestoreTarget(
      path: here, options: options, owners: OwnerNames { report.ownersUnknown($0) })
    let run = RestoreRun(
      repository, onto: disk, marks: marks, report: report, meter: progress.meter,
      restoresLostAsZeros: metadata.lostAsZeros)
    signals.handle { run.interrupt() }
    defer { signals.handle(nil) }
    do {
      let (chosen, failed) = try run.run(
        archive, in: selection.places, to: target, under: paths,
        select: { selection.contains($0.path) },
        lost: { lost in
          report.lost(lost)
          selection.pass(lost)
        },
        visit: { visit($0, session, progress) })
      if failed > 0, failed == chosen {
        report.error(
          "nothing was restored: \(HumanText.count(failed, "item")) chosen, and none of them could be",
          report.exitStatus == .warning(.damage) ? .integrity : .other)
        return nil
      }
      return Restored(
        items: chosen, failed: failed, bytes: progress.meter.reading?.done ?? 0)
    } catch let failure as TargetFailure {
      let (message, status) = disk.describe(failure)
      throw CommandFailure(message, status: status)
    } catch RepositoryError.interrupted {
      throw CommandFailure(
        "interrupted by a signal: files that are here are complete, and `extract --continue` goes "
          + "on from there", status: .signal(signals.signal ?? SIGTERM))
    }
  }

  private func visit(_ item: Item, _ session: Session, _ progress: RestoreProgress) {
    progress.begin(item)
    if output.list { session.report.item(path: ItemFormat.path(item)) }
  }

  /// The paths that items get; says so where leaving parts off leaves nothing.
  private func paths(
    of archive: Archive, _ repository: Repository, _ selection: Selection, _ session: Session
  ) throws -> StrippedPaths {
    guard stripComponents > 0 else { return StrippedPaths() }
    var selection = selection
    let items = SelectedItems(try repository.items(of: archive), selection)
    let paths = try StrippedPaths(
      leavingOff: stripComponents, items, directory: session.temporaryDirectory
    ) { selection.contains($0.path) }
    if let vanished = paths.vanished {
      let message: Message =
        "--strip-components \(stripComponents) leaves nothing of the path of "
        + "\(name: vanished.first.bytes)"
      // borg says nothing of it.
      guard session.style == .native else {
        session.report.info(message)
        return paths
      }
      guard paths.isUseful else {
        throw CommandFailure("\(message), nor of any other: nothing was restored")
      }
      let more = vanished.count > 1 ? " and \(vanished.count - 1) others" : ""
      session.report.warning(.fileFailed, "\(message)\(more): not restored")
    }
    return paths
  }

  /// Reads and verifies every chunk of what is selected, and returns how many items that is.
  private func verify(
    _ archive: Archive, _ repository: Repository, _ selection: inout Selection,
    _ session: Session, _ progress: RestoreProgress
  ) throws -> Int {
    let reader = try ContentReader(repository)
    var count = 0
    var items = SelectedItems(try repository.items(of: archive), selection)
    func pass(_ lost: LostItems) {
      session.report.lost(lost)
      selection.pass(lost)
    }
    while let item = try items.next(passing: pass) {
      guard selection.contains(item.path) else { continue }
      visit(item, session, progress)
      count += 1
      guard let content = item.content else { continue }
      do {
        var chunks = try repository.chunks(of: content)
        while let chunk = try chunks.next() {
          _ = try reader.chunk(chunk)
          progress.meter.advance(by: UInt64(chunk.length))
        }
        for hole in content.holes { progress.meter.advance(by: hole.length) }
      } catch let error where RepositoryError.concernsOneObject(error) {
        if let lost = try LostContent.description(content, in: repository) {
          session.report.warning(.damage, "\(name: item.path.bytes): \(lost)")
        } else {
          session.report.warning(
            .damage, "\(name: item.path.bytes): \(Exit.describe(error).0)")
        }
      }
    }
    return count
  }

  /// Writes the contents of the selected files one after the other.
  private func writeContents(
    of archive: Archive, _ repository: Repository, _ selection: inout Selection,
    _ session: Session, _ progress: RestoreProgress
  ) throws {
    let reader = try ContentReader(repository)
    var items = SelectedItems(try repository.items(of: archive), selection)
    func pass(_ lost: LostItems) {
      session.report.lost(lost)
      selection.pass(lost)
    }
    while let item = try items.next(passing: pass) {
      guard selection.contains(item.path), let content = item.content else { continue }
      visit(item, session, progress)
      var position: UInt64 = 0
      var holes = content.holes[...]
      func writeHole() throws {
        while let hole = holes.first, hole.offset == position {
          holes.removeFirst()
          try writeZeros(hole.length, session)
          progress.meter.advance(by: hole.length)
          position = hole.end
        }
      }
      var chunks = try repository.chunks(of: content)
      try writeHole()
      while let chunk = try chunks.next() {
        progress.meter.advance(by: UInt64(chunk.length))
        var bytes = try read(chunk, of: item, reader, session)[...]
        while !bytes.isEmpty {
          let room = holes.first.map { Int(clamping: $0.offset - position) } ?? .max
          let part = bytes.prefix(room)
          try session.output.write(part)
          position += UInt64(part.count)
          bytes = bytes.dropFirst(part.count)
          try writeHole()
        }
      }
    }
  }

  private func read(
    _ chunk: ChunkReference, of item: Item, _ reader: ContentReader, _ session: Session
  ) throws -> [UInt8] {
    do {
      return try reader.read(chunk)
    } catch let error where metadata.lostAsZeros && LostContent.isLoss(error) {
      session.report.warning(
        .damage, "\(name: item.path.bytes): \(chunk.length) bytes are lost: zeros instead")
      return [UInt8](repeating: 0, count: Int(chunk.length))
    }
  }

  private func writeZeros(_ count: UInt64, _ session: Session) throws {
    let zeros = [UInt8](repeating: 0, count: 1 << 16)
    var rest = count
    while rest > 0 {
      let part = Int(min(rest, UInt64(zeros.count)))
      try session.output.write(zeros[..<part])
      rest -= UInt64(part)
    }
  }
}
