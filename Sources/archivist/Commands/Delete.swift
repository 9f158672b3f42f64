import ArgumentParser
import ChunkStore
import LinuxSystem
import StoreCrypto

struct Delete: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Delete archives.",
    discussion: """
      archivist delete /backup/repo::2026-11-21
      archivist delete -a 'test-*' /backup/repo
      archivist compact /backup/repo

      Frees no space by itself: `archivist compact` does. Of REPOSITORY alone, without any archive, it \
      deletes everything, at once, after asking.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions
  @OptionGroup var selection: ArchiveSelectionOptions

  @Argument(
    help: ArgumentHelp(
      "The archive to delete; or the repository, with archives named or selected, or all of it.",
      valueName: "repository[::archive]"))
  var location: BytesArgument?

  @Argument(help: ArgumentHelp("More archives of the same repository.", valueName: "archive"))
  var archives: [BytesArgument] = []

  @Flag(name: [.long, .customShort("n")], help: "Say what would be deleted, and delete nothing.")
  var dryRun = false

  @Flag(help: "Print the archives that are deleted.")
  var list = false

  @Flag(
    help: ArgumentHelp(
      "Select archives that borg's clients have named NAME.checkpoint as well.",
      visibility: .hidden))
  var considerCheckpoints = false

  @Flag(name: [.long, .customShort("s")], help: "Print figures at the end.")
  var stats = false

  @Flag(help: "Give up an archive that cannot be read any more, named by its whole id.")
  var damaged = false

  @Flag(help: "Delete only what this client keeps of the repository to be quick.")
  var cacheOnly = false

  @Flag(help: "Of a repository that is deleted: remember that it was there.")
  var keepSecurityInfo = false

  @Flag(help: "Delete a whole repository without asking.")
  var force = false

  @Flag(help: "Print what was done as one JSON document, instead of all other output.")
  var json = false

  func run() throws {
    let session = Session(global)
    let location = try session.location(self.location)
    let namesNothing = archives.isEmpty && !selection.isGiven && !cacheOnly
    // A variable that is not set must not make a whole repository of an archive.
    guard !namesNothing || location.archive != [] && self.location?.bytes != [] else {
      throw CommandFailure(
        "which archive is to be deleted? There is no name behind ::, or no argument at all: is a variable "
          + "not set? To delete all of a repository, name it without ::")
    }
    let isWhole = namesNothing && location.archive == nil && !damaged
    if isWhole || cacheOnly {
      try demandSense(isWhole: isWhole)
      try delete(location.path, cacheOnly: cacheOnly, session)
      return try session.output.finish()
    }
    let repository = try session.open(location.path)
    try warnOrStop(repository, session)
    var named = archives.map(\.bytes)
    if let name = location.archive, !name.isEmpty { named.insert(name, at: 0) }
    // Those of the named ones that match, or all of both? borg takes neither.
    guard named.isEmpty || !selection.isGiven else {
      throw CommandFailure(
        "archives are named, and selected by options as well: only one of the two goes")
    }
    if damaged {
      guard !named.isEmpty else {
        throw CommandFailure("--damaged: which archive? Name it by its whole id, as id:64 digits")
      }
      return try giveUp(named, repository, session)
    }
    var known: Set<Digest256> = []
    var chosen = try named.map { try session.archive($0, in: repository, for: .deletion) }
      .filter { known.insert($0.id).inserted }
    if selection.isGiven {
      let all = try repository.archives().filter {
        considerCheckpoints && $0.manifest.kind == .archive || session.isShown($0)
      }
      let selected = try selection.select(all, session, of: .asNamed)
      try demandThatAllAreMeant(selected, of: all)
      chosen = selected
    }
    let description = try ArchiveJSON.repository(repository)
    for (number, archive) in chosen.enumerated() where (list || dryRun) && !json {
      let verb = dryRun ? "Would delete archive: " : "Deleting archive: "
      let line: Message =
        session.style == .native
        ? "\(verb)\(name: Array(archive.name.utf8))"
        : "\(verb)\(ArchiveText.entry(archive)) (\(number + 1)/\(chosen.count))"
      try session.print([line], about: .list)
    }
    var figures = DeletionFigures(session, repository, isWanted: stats && !dryRun && !json)
    try figures.begin(chosen)
    if !dryRun { try session.delete(chosen, in: repository) }
    if json {
      try session.output.write(
        CommandJSON.deletion(chosen, from: description, isDryRun: dryRun).lines() + [0x0a])
    } else {
      try figures.finish()
      if !dryRun {
        session.conclude(.deleted(archives: chosen.count, path: location.path))
      }
    }
    try session.output.finish()
  }
}

extension Delete {
  /// Stops where a repository as a whole is not certain to be meant.
  private func demandSense(isWhole: Bool) throws(CommandFailure) {
    if json {
      throw CommandFailure(
        "--json is for archives that are deleted, not for a repository as a whole")
    }
    guard !isWhole || location != nil else {
      throw CommandFailure(
        "what is to be deleted? Name an archive, select some with --glob-archives, or name the repository "
          + "itself, to delete all of it")
    }
  }

  /// Deletes a repository as a whole, or only what this client keeps of it to be quick.
  private func delete(_ path: String, cacheOnly: Bool, _ session: Session) throws {
    let deletion = RepositoryDeletion(
      session: session, path: path, isDryRun: dryRun, keepsMemory: keepSecurityInfo,
      isForced: force)
    do {
      let repository = try session.open(path)
      try cacheOnly ? deletion.deleteCache(of: repository) : deletion.run(repository)
    } catch StorageError.deletedInPart where !cacheOnly {
      try deletion.runAgain()
    }
  }

  /// Looks for archives that are gone: what is missing may be what a decision depends on.
  ///
  /// Who names archives one by one need not know what became of others; nobody is kept from giving
  /// up a damaged one.
  private func warnOrStop(_ repository: Repository, _ session: Session) throws {
    guard let vanished = try ClientMemory(session).vanished(from: repository) else { return }
    if case .vanished(let archives) = vanished,
      damaged || !selection.isGiven && !archives.unreadable.isEmpty
    {
      session.report.warning(.various, "\(vanished)")
    } else {
      throw vanished
    }
  }

  /// Stops where a pattern that leaves nothing out would delete the archives of several machines.
  private func demandThatAllAreMeant(_ selected: [Archive], of all: [Archive]) throws {
    guard selection.names.matchesEverything, selected.count == all.count,
      Set(all.map(\.manifest.hostname)).count > 1
    else { return }
    throw CommandFailure(
      "this pattern matches all \(all.count) archives, which are of several machines "
        + "(\(ArchiveNameOptions.hosts(of: all))): is a variable not set? Select those of one machine "
        + "at a time")
  }

  /// Deletes archives that cannot be read, so that `compact` can go on.
  private func giveUp(
    _ names: [[UInt8]], _ repository: Repository, _ session: Session
  ) throws {
    var givenUp: [Digest256] = []
    for name in names {
      guard name.starts(with: Array("id:".utf8)), let id = Digest256(hex: name.dropFirst(3)) else {
        throw CommandFailure("--damaged: name the archive by its whole id, as id:64 digits")
      }
      givenUp.append(id)
      if list || dryRun, !json {
        let verb = dryRun ? "Would give up archive: " : "Giving up archive: "
        try session.output.write("\(verb)\(name: name)\n" as Message)
      }
      if !dryRun { try repository.giveUp(id) }
    }
    if json {
      try session.output.write(
        CommandJSON.givenUp(
          givenUp, from: try ArchiveJSON.repository(repository), isDryRun: dryRun
        ).lines() + [0x0a])
    }
    try session.output.finish()
  }
}

extension Session {
  /// Deletes archives, and shows how far that is.
  func delete(_ archives: [Archive], in repository: Repository) throws {
    let meter = Meter()
    let progress = Progress.begin(self, meter)
    defer { progress?.finish() }
    try repository.delete(archives, meter: meter)
    do {
      try ClientMemory(self).forget(archives, in: repository)
    } catch let error as SystemError {
      report.caution(
        "\(name: error.path): \(error.reason) (\(error.operation)): this client cannot note what was "
          + "deleted, and may miss it in other copies of the repository")
    }
  }
}

extension OutputWriter {
  func write(_ message: Message) throws(OutputError) { try write(message.bytes) }
}
