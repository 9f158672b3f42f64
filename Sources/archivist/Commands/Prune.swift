import ArgumentParser
import ChunkStore
import StoreCrypto

struct Prune: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Delete the archives that no rule keeps.",
    discussion: """
      archivist prune --list --dry-run -d 14 -w 8 -m 12 /backup/repo
      archivist prune -a 'web-*' --keep-within 2d --keep-daily 14 /backup/repo
      archivist compact /backup/repo

      The rules apply to the archives of each machine by itself, unless --group-by says otherwise. \
      The newest archive of each stays, unless --allow-none is given. Frees no space by itself: \
      `archivist compact` does.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions
  @OptionGroup var rules: KeepOptions
  @OptionGroup var names: ArchiveNameOptions

  @Argument(help: .repository)
  var location: BytesArgument?

  @Flag(help: "Delete the newest archive of a machine, too, if no rule keeps it.")
  var allowNone = false

  @Flag(name: [.long, .customShort("n")], help: "Say what would be deleted, and delete nothing.")
  var dryRun = false

  @Flag(help: "Print what is kept, by which rule, and what is deleted.")
  var list = false

  @Flag(name: [.long, .customShort("s")], help: "Print figures at the end.")
  var stats = false

  @Flag(help: "Print what was done as one JSON document, instead of all other output.")
  var json = false

  func validate() throws {
    // Without this, a forgotten option would remove every archive.
    if rules.rules.isEmpty {
      let place = location.map { ArgumentBytes.encode(NameText.commandLine([$0.bytes])) }
      throw ValidationError(
        "say which archives to keep. For the newest of each of the last 7 days that have one, "
          + "`archivist prune --dry-run --list --keep-daily 7\(place.map { " " + $0 } ?? "")` shows what "
          + "that deletes")
    }
  }

  func run() throws {
    let session = Session(global)
    let repository = try session.open(try session.repositoryLocation(location).path)
    // Missing archives may be what the rest of the decision depends on.
    if let vanished = try ClientMemory(session).vanished(from: repository) { throw vanished }
    let all = try repository.archives()
    let isOfAll = rules.grouping.keys.isEmpty
    let archives = try names.select(
      all.filter { $0.manifest.kind == .archive }, session, of: isOfAll ? .all : .asNamed)
    let checkpoints = NamedCheckpoints(archives, by: rules.grouping, session.style)
    let plan = try rules.plan(for: checkpoints.others, in: repository, keepsNewest: !allowNone)
    say(plan, archives, session)
    let description = try ArchiveJSON.repository(repository)
    if list, !json {
      switch session.style {
      case .native: try show(plan, of: all, session)
      case .borg: try showAsBorg(plan, checkpoints, session)
      }
    }
    let removed = plan.removed.map(\.id) + checkpoints.superseded
    var figures = DeletionFigures(session, repository, isWanted: stats && !dryRun && !json)
    try figures.begin(removed)
    if !dryRun {
      try session.delete(removed, in: repository)
      try repository.removeCheckpoints(Parent.superseded(all))
    }
    if json {
      try session.output.write(
        CommandJSON.pruning(
          plan, checkpoints, by: rules.grouping, of: description, isDryRun: dryRun
        )
        .lines() + [0x0a])
    } else {
      try figures.finish()
    }
    if !stats, !json {
      session.conclude(
        .pruned(
          archives: plan.removed.count, kept: plan.kept.count, isDryRun: dryRun,
          path: repository.location))
    }
    if stats, !json, session.style == .native {
      let verb = dryRun ? "Would delete" : "Deleted"
      try session.output.write(
        "\(verb) \(HumanText.count(plan.removed.count, "archive")), kept \(plan.kept.count).\n"
          as Message)
    }
    try session.output.finish()
  }

  /// Says where more is kept than somebody might expect who knows the rules.
  private func say(_ plan: PrunePlan<Archive>, _ archives: [Archive], _ session: Session) {
    if rules.groupBy == nil, plan.groups.count > 1 {
      session.report.notice(
        "The archives are of several machines (\(ArchiveNameOptions.hosts(of: archives))): the rules "
          + "apply to those of each by itself (--group-by host; with none, to all together)")
    }
    for group in plan.groups {
      for decision in group.decisions where decision.reason?.rule == .newest {
        let whose: Message =
          group.identity.values.isEmpty ? "" : " of \(group.identity.description)"
        session.report.notice(
          "No rule keeps any archive\(whose): the newest one, \(name: decision.archive.name), is "
            + "kept all the same (--allow-none: it goes, too)")
      }
    }
  }

  private func verb(_ decision: PrunePlan<Archive>.Decision) -> String {
    if let reason = decision.reason { return "keep: \(reason.text)" }
    return dryRun ? "would delete" : "delete"
  }

  private func padded(_ text: String, _ width: Int) -> [UInt8] {
    Array((text + String(repeating: " ", count: max(0, width - text.utf8.count) + 2)).utf8)
  }

  /// Shows the plan as a table: what happens to each archive, and what `list` shows of it at a terminal.
  ///
  /// Elsewhere the columns are as wide as what is in them, and ids are whole.
  private func show(
    _ plan: PrunePlan<Archive>, of all: [Archive], _ session: Session
  ) throws {
    let decisions = plan.groups.flatMap(\.decisions)
    let width = decisions.map { verb($0).utf8.count }.max() ?? 0
    let table = ArchiveTable(
      decisions.map { $0.archive.id }, ids: all.map { $0.id },
      width: session.output.isTerminal ? session.output.width - width - 2 : nil)
    if !decisions.isEmpty {
      let heading: [UInt8] = padded("", width) + table.heading
      try session.output.write(heading)
    }
    for group in plan.groups {
      if plan.groups.count > 1 {
        try session.output.write("\(group.identity.heading):\n" as Message)
      }
      for decision in group.decisions {
        let line: [UInt8] = padded(verb(decision), width) + table.line(decision.archive.id)
        try session.output.write(line)
      }
    }
  }

  /// Shows the plan as borg does: what happens, then name, time and id.
  private func showAsBorg(
    _ plan: PrunePlan<Archive>, _ checkpoints: NamedCheckpoints, _ session: Session
  ) throws {
    let count = plan.removed.count + checkpoints.superseded.count
    var number = 0
    func show(_ archive: Archive, _ what: String?) throws {
      if what == nil { number += 1 }
      let what = what ?? (dryRun ? "Would prune:" : "Pruning archive (\(number)/\(count)):")
      let column = what + String(repeating: " ", count: max(0, 44 - what.utf8.count))
      try session.print(["\(column) \(ArchiveText.entry(archive))"], about: .list)
    }
    for decision in plan.groups.flatMap(\.decisions) {
      try show(
        decision.archive.id, decision.reason.map { "Keeping archive (rule: \($0.borgText)):" })
    }
    for archive in checkpoints.kept { try show(archive, "Keeping checkpoint archive:") }
    for archive in checkpoints.superseded { try show(archive, nil) }
  }
}
