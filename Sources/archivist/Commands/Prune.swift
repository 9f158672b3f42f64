import ArgumentParser
import ChunkStore
import Crypto

struct Prune: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Delete the archives that no rule keeps.",
    discussion: """
      archivist prune --list --dry-run -d 14 -w 8 -m 12 /backup/repo
      archivist prune -a 'web-*' --keep-within 2d --keep-daily 14 /backup/repo
      archivist compact /backup/repo

      With the archives of several machines in a repository, always say which ones are meant, with \
      -a. Frees no space by itself: `archivist compact` does.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions
  @OptionGroup var rules: KeepOptions
  @OptionGroup var names: ArchiveNameOptions

  @Argument(help: .repository)
  var location: BytesArgument?

  @Flag(name: [.long, .customShort("n")], help: "Say what would be deleted, and delete nothing.")
  var dryRun = false

  @Flag(help: "Print what is kept, by which rule, and what is deleted.")
  var list = false

  @Flag(name: [.long, .customShort("s")], help: "Print figures at the end.")
  var stats = false

  func validate() throws {
    // Without this, a forgotten option would remove every archive.
    if rules.rules.isEmpty {
      throw ValidationError("Say what to keep: at least one --keep-… option must not be 0.")
    }
  }

  func run() throws {
    let session = Session(global)
    let repository = try session.open(try session.repositoryLocation(location).path)
    // What is missing may be what the rest of the decision depends on.
    if let vanished = try ClientMemory(session).vanished(from: repository) { throw vanished }
    let all = try repository.archives()
    let archives = try names.select(all.filter { $0.manifest.kind == .archive }, session)
    let plan = try rules.plan(for: archives, in: repository)
    if list {
      for decision in plan.decisions { try print(decision, plan, session) }
    }
    if !dryRun {
      try session.delete(plan.removed.map(\.id), in: repository)
      try repository.removeCheckpoints(Parent.superseded(all))
    }
    if stats {
      let verb = dryRun ? "Would delete" : "Deleted"
      try session.output.write(
        "\(verb) \(HumanText.count(plan.removed.count, "archive")), kept \(plan.kept.count).\n"
          as Message)
    }
    try session.output.finish()
  }

  /// As borg prints it: what happens, then name, time and id.
  private func print(
    _ decision: PrunePlan<Archive>.Decision, _ plan: PrunePlan<Archive>, _ session: Session
  ) throws {
    let archive = decision.archive.id
    let what: String
    if let reason = decision.reason {
      what = "Keeping archive (rule: \(reason)):"
    } else {
      what = dryRun ? "Would prune:" : "Pruning archive:"
    }
    let column = what + String(repeating: " ", count: max(0, 40 - what.utf8.count))
    let name = archive.name + String(repeating: " ", count: max(0, 36 - archive.name.count))
    let time = TimeText.list(CivilTime(archive.start, in: .local))
    try session.output.write(
      "\(column) \(name: Array(name.utf8)) \(time) [\(archive.id.hex)]\n" as Message)
  }
}
