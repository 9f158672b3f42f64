import ArgumentParser
import ChunkStore
import LinuxSystem

/// The options that say which archives to keep.
struct KeepOptions: ParsableArguments {
  @Option(
    name: .customLong("keep-within"),
    help: ArgumentHelp(
      "Keep all archives within this interval: a number and h, d, w, m (months of 31 days) or y (365 "
        + "days).",
      valueName: "interval"),
    transform: { try KeepInterval($0) })
  var within: KeepInterval?

  @Option(
    name: .customLong("keep-last"), parsing: .unconditional,
    help: ArgumentHelp("Keep the newest N archives.", valueName: "n"))
  var last: Int?

  @Option(
    name: .customLong("keep-secondly"), parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the newest archive of each of the last N seconds that have one.", valueName: "n"))
  var secondly: Int?

  @Option(
    name: .customLong("keep-minutely"), parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the newest archive of each of the last N minutes that have one.", valueName: "n"))
  var minutely: Int?

  @Option(
    name: [.customShort("H", allowingJoined: true), .customLong("keep-hourly")],
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the newest archive of each of the last N hours that have one.", valueName: "n"))
  var hourly: Int?

  @Option(
    name: [.customShort("d", allowingJoined: true), .customLong("keep-daily")],
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the newest archive of each of the last N days that have one.", valueName: "n"))
  var daily: Int?

  @Option(
    name: [.customShort("w", allowingJoined: true), .customLong("keep-weekly")],
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the newest archive of each of the last N weeks that have one.", valueName: "n"))
  var weekly: Int?

  @Option(
    name: [.customShort("m", allowingJoined: true), .customLong("keep-monthly")],
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the newest archive of each of the last N months that have one.", valueName: "n"))
  var monthly: Int?

  @Option(
    name: .customLong("keep-13weekly"), parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the newest archive of each of the last N quarters of 13 weeks.", valueName: "n"))
  var quarterly13Weekly: Int?

  @Option(
    name: .customLong("keep-3monthly"), parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the newest archive of each of the last N quarters of 3 months.", valueName: "n"))
  var quarterly3Monthly: Int?

  @Option(
    name: [.customShort("y", allowingJoined: true), .customLong("keep-yearly")],
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the newest archive of each of the last N years that have one. A negative number has no "
        + "limit.", valueName: "n"))
  var yearly: Int?

  @Option(
    name: .customLong("group-by"),
    help: ArgumentHelp(
      "Apply the rules to each group by itself: host, user, paths, series, with commas between; or "
        + "none, to all together. The default is host.",
      valueName: "keys"),
    transform: { try ArchiveGrouping($0) })
  var groupBy: ArchiveGrouping?

  /// How archives are grouped: where nothing is said, no machine's archives displace another's.
  var grouping: ArchiveGrouping { groupBy ?? .byHost }

  /// The rules that the options ask for.
  var rules: KeepRules {
    var rules = KeepRules(within: within, last: last)
    rules.counts[.secondly] = secondly
    rules.counts[.minutely] = minutely
    rules.counts[.hourly] = hourly
    rules.counts[.daily] = daily
    rules.counts[.weekly] = weekly
    rules.counts[.monthly] = monthly
    rules.counts[.quarterly13Weekly] = quarterly13Weekly
    rules.counts[.quarterly3Monthly] = quarterly3Monthly
    rules.counts[.yearly] = yearly
    return rules
  }

  /// Applies the rules to archives of a repository.
  func plan(
    for archives: [Archive], in repository: Repository, keepsNewest: Bool
  ) throws -> PrunePlan<Archive> {
    let stored = try repository.archiveDates()
    return PrunePlan(
      archives: archives.map { PruneCandidate($0, stored: stored[$0.id], grouping) },
      rules: rules, now: SystemClock.now, keepsNewest: keepsNewest)
  }

  func validate() throws {
    if quarterly13Weekly != nil, quarterly3Monthly != nil {
      throw ValidationError("Use either --keep-13weekly or --keep-3monthly, not both.")
    }
  }
}

extension PruneCandidate<Archive> {
  /// Describes, for a plan, an archive that the storage has had since `stored`.
  init(_ archive: Archive, stored: Timestamp?, _ grouping: ArchiveGrouping) {
    self.init(
      id: archive, name: Array(archive.name.utf8), start: archive.start, stored: stored,
      isCopy: archive.manifest.origin != nil,
      isEmpty: archive.manifest.tree.map { $0.itemCount == 0 } ?? true,
      group: grouping.group(of: archive.manifest))
  }
}
