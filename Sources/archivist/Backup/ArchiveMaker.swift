import ChunkStore
import Glibc
import LinuxSystem

/// The description of an archive before it is made.
struct NewArchive: Sendable {
  let name: String
  /// When the backup began.
  let start: Timestamp
  /// The time that the archive gives as its own.
  let time: Timestamp
  let isTimeGiven: Bool
  let hostname: String
  let user: String
  let comment: String
  let commandLine: [[UInt8]]
  /// The directory that relative paths are relative to.
  let workingDirectory: [UInt8]
  let series: String
  let roots: [ArchiveManifest.Root]

  /// Completes what the builder knows.
  func describe(_ manifest: inout ArchiveManifest) {
    manifest.name = name
    manifest.start = time
    if isTimeGiven { manifest.end = time }
    manifest.hostname = hostname
    manifest.username = user
    manifest.comment = comment
    manifest.commandLine = commandLine
    manifest.workingDirectory = workingDirectory
    manifest.series = series
    manifest.program = "archivist \(Archivist.version)"
    manifest.roots = roots
  }
}

/// Makes an archive: begins it, fills it, and ends it in good order when a signal comes.
struct ArchiveMaker {
  let session: Session
  let repository: Repository
  let backup: BackupRun
  let options: ArchiveBuilder.Options
  let new: NewArchive
  /// Seconds between two checkpoints.
  let checkpointInterval: Int
  let signals: SignalWatch
  let listing: Listing
  /// Says at the end why there is to be no archive, if that is so.
  let failure: () -> CommandFailure?

  private var report: Report { session.report }

  /// A machine that slept for long may have been taken for gone, and what it relied on be freed.
  private static let attempts = 3

  /// Makes the archive.
  ///
  /// - Parameter parents: Chooses what unchanged files are taken from.
  /// - Returns: The archive.
  /// - Throws: `RepositoryError`, `StorageError`; `CommandFailure` after a signal.
  func run(parents: ([Archive], MadeArchives) throws -> [Archive]) throws -> Archive {
    // Standard input cannot be read again.
    for _ in 1..<(backup.options.streamed.isEmpty ? Self.attempts : 1) {
      do {
        return try attempt(parents)
      } catch RepositoryError.leaseLost {
        report.info(
          "The lease of this backup was ended, because nothing was heard of it for long: starting "
            + "again. What is stored already is not stored twice")
      }
    }
    return try attempt(parents)
  }

  private func attempt(
    _ choose: ([Archive], MadeArchives) throws -> [Archive]
  ) throws -> Archive {
    let memory = ClientMemory(session)
    if report.isDebugging { StageTimes.begin() }
    var options = options
    options.checkpoints = ArchiveBuilder.Checkpoints(
      interval: Double(checkpointInterval), describe: { [new] in new.describe(&$0) },
      made: { [repository, report] in
        try Self.remember($0, of: repository, memory, report)
      })
    let builder = try ArchiveBuilder(
      repository, options: options, problem: tell, report: reporter())
    signals.handle { [interrupt = builder.interruption] in interrupt() }
    defer { signals.handle(nil) }
    do {
      // One that is damaged keeps nobody from making another.
      let archives = try session.archives(in: repository)
      guard !archives.contains(where: { Array($0.name.utf8) == Array(new.name.utf8) }) else {
        throw RepositoryError.archiveExists(new.name)
      }
      let recognition = try memory.recognize(repository, having: archives)
      if let mismatch = recognition.mismatch, mismatch.isCertain { session.warn(about: mismatch) }
      let made = try memory.madeArchives(in: repository)
      let parents = try choose(archives, made)
      say(parents)
      let progress = backup.counters.flatMap {
        Progress.begin(session, $0, builder, parents: parents)
      }
      defer { progress?.finish() }
      do {
        try StageTimes.measuring("compare") {
          try backup.run(builder, repository: repository, parents: parents)
        }
      } catch RepositoryError.interrupted {
        // The builder ends with a checkpoint.
      }
      let archive = try builder.finish { manifest in
        if let failure = failure() { throw failure }
        let isComplete = signals.signal == nil
        if let failure = backup.sources.failure(
          items: manifest.statistics.items, isComplete: isComplete)
        {
          throw isComplete ? failure : interrupted(nil, stored: builder.storedSoFar().storedSize)
        }
        new.describe(&manifest)
      }
      sayStages()
      try Self.remember(archive, of: repository, memory, report, as: recognition)
      if archive.manifest.kind == .checkpoint {
        throw interrupted(archive, stored: builder.storedSoFar().storedSize)
      }
      backup.sources.say(report)
      try repository.removeCheckpoints(
        archives.filter { old in
          old.manifest.series == new.series
            && (made.contains(old) || parents.contains { $0.id == old.id })
        })
      return archive
    } catch {
      builder.cancel()
      throw error
    }
  }

  /// Remembers what was made, if this client's own disk lets it: the backup is worth more.
  private static func remember(
    _ archive: Archive, of repository: Repository, _ memory: ClientMemory, _ report: Report,
    as recognition: ClientMemory.Recognition? = nil
  ) throws {
    do {
      try memory.remember(archive, in: repository, as: recognition)
    } catch let error as SystemError {
      report.warning(
        .various,
        "\(name: error.path): \(error.reason) (\(error.operation)): archive "
          + "\(name: Array(archive.name.utf8)) is made, but this client cannot remember that. It will "
          + "not notice if the archive is taken away, and takes no unchanged files from it")
    }
  }

  /// Tells of what the backup makes do without; nothing is missed that is in no index object.
  private func tell(_ object: Corruption) {
    if case .object(.segment, _) = object.object {
      session.note(object)
    } else {
      session.warn(object)
    }
  }

  private func say(_ parents: [Archive]) {
    for parent in parents {
      report.info("Unchanged files are taken from archive \(name: Array(parent.name.utf8))")
    }
    if parents.isEmpty, backup.options.cacheMode.time != nil {
      report.info("No earlier archive to compare with: every file is read")
    }
  }

  /// Says which threads had much to do, and which waited for others.
  private func sayStages() {
    func text(_ seconds: Double) -> String {
      let thousandths = Int((seconds * 1000).rounded())
      return "\(thousandths / 1000)." + String(thousandths % 1000 + 1000).dropFirst() + " s"
    }
    for stage in StageTimes.stages {
      report.debug(
        "\(stage.name): \(text(stage.alive)), of that busy \(text(stage.busy)), "
          + "waiting for input \(text(stage.input)), waiting for output \(text(stage.output))")
    }
  }

  private func interrupted(_ checkpoint: Archive?, stored: UInt64) -> CommandFailure {
    let figures = checkpoint?.manifest.statistics ?? ArchiveManifest.Statistics()
    let start: Message =
      "interrupted by a signal: there is no archive \(name: Array(new.name.utf8))"
    let complete: Message =
      "\(HumanText.count(figures.files, "file")), \(HumanText.size(figures.originalSize)), "
      + (figures.files == 1 ? "is complete" : "are complete")
    let again: Message = "run the same command again"
    let text: Message =
      switch (figures.files > 0, stored > 0) {
      case (false, false): ", and nothing was stored yet"
      case (false, true): ". \(HumanText.size(stored)) already stored will be reused: \(again)"
      case (true, false): ". \(complete), and nothing new had to be stored: \(again)"
      case (true, true):
        ". \(complete), and \(HumanText.size(stored)) stored by this run will be reused: \(again)"
      }
    return CommandFailure(start + text, status: .signal(signals.signal ?? SIGTERM))
  }

  /// Says what became of each item.
  private func reporter() -> @Sendable (ArchiveBuilder.Outcome, UInt8) -> Void {
    { [report, listing, unsettled = backup.unsettled] outcome, tag in
      switch outcome {
      case .archived(let item):
        let isUnchanged =
          tag == BackupRun.Status.modified.rawValue && unsettled.isUnchanged(item)
        if item.changedWhileRead {
          report.warning(.fileChanged, "\(name: item.path.bytes): changed while it was read")
          listing.add(.changedWhileRead, item.path)
        } else if isUnchanged {
          listing.add(.unchanged, item.path)
        } else {
          listing.add(BackupRun.Status(rawValue: tag) ?? .added, item.path)
        }
      case .failed(let path, let error):
        unsettled.forget(path)
        let kind = (error as? SystemError).map { BackupRun.warning($0) } ?? .fileFailed
        let reason = (error as? SystemError)?.reason ?? "\(error)"
        report.warning(kind, "\(name: path.bytes): \(reason)")
        listing.add(.error, path)
      }
    }
  }
}
