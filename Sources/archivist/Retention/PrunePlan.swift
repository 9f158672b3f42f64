import ChunkStore

/// An archive that a plan decides about.
struct PruneCandidate<ID> {
  /// What the caller knows it by.
  var id: ID
  /// Its name.
  var name: [UInt8]
  /// When its backup started.
  var start: Timestamp
  /// When the storage got it, by its own clock.
  var stored: Timestamp?

  /// Whether it was stored when it says that it was made, give or take what a backup may take and
  /// clocks may differ.
  ///
  /// Whoever may add archives can give them any time.
  var isTimely: Bool {
    guard let stored else { return true }
    return start > stored.earlier(bySeconds: Self.margin)
      && start.earlier(bySeconds: Self.margin) < stored
  }

  private static var margin: Int64 { 24 * 3600 }
}

/// Why an archive is kept.
struct KeepReason: Equatable, CustomStringConvertible {
  /// The rule that asked for it; `nil` for `--keep-within`.
  var period: KeepRules.Period?
  /// It is the oldest archive, kept because the rule found fewer periods than it may keep.
  var isOldest = false
  /// How many archives this rule keeps, up to and with this one.
  var number: Int

  /// As borg's listing has it: `daily #3`, `weekly[oldest] #2`.
  var description: String {
    "\(period?.rawValue ?? "within")\(isOldest ? "[oldest]" : "") #\(number)"
  }
}

/// What pruning would do, with borg's rules.
///
/// 1. `--keep-within` keeps what is strictly newer than its interval.
/// 2. Each other rule, from the shortest period to the longest, walks from the newest archive to
///    the oldest and takes the first one it meets in each period. One that an earlier rule keeps
///    uses up its period, not the count.
/// 3. A rule that runs out of archives before it has kept as many as it may also keeps the
///    oldest archive, so that a series that is younger than its longest period has a beginning.
///
/// Checkpoints are no candidates: an unfinished backup must never displace a finished one. Archives
/// that were not stored at the time they name - copies, or forgeries - displace only each other.
struct PrunePlan<ID> {
  /// An archive, and why it is kept: `nil` if it is to go.
  struct Decision {
    var archive: PruneCandidate<ID>
    var reason: KeepReason?
  }

  /// All archives, the newest first; of equal times, the last name first.
  let decisions: [Decision]

  /// The archives that stay, the newest first.
  var kept: [PruneCandidate<ID>] { decisions.filter { $0.reason != nil }.map(\.archive) }

  /// The archives that go, the newest first.
  var removed: [PruneCandidate<ID>] { decisions.filter { $0.reason == nil }.map(\.archive) }

  /// Applies `rules` to `archives`, which may come in any order.
  init(
    archives: some Sequence<PruneCandidate<ID>>, rules: KeepRules, now: Timestamp,
    zone: CivilTime.Zone = .local
  ) {
    var decisions = archives.map { Decision(archive: $0) }
    decisions.sort {
      $0.archive.start != $1.archive.start
        ? $0.archive.start > $1.archive.start
        : $1.archive.name.lexicographicallyPrecedes($0.archive.name)
    }
    let times = decisions.map { CivilTime($0.archive.start, in: zone) }
    for isTimely in [true, false] {
      let members = decisions.indices.filter { decisions[$0].archive.isTimely == isTimely }
      if let within = rules.within {
        let limit = now.earlier(bySeconds: Int64(within.hours) * 3600)
        var number = 0
        for i in members where decisions[i].archive.start > limit {
          number += 1
          decisions[i].reason = KeepReason(number: number)
        }
      }
      for period in KeepRules.Period.allCases {
        guard let count = rules.counts[period], count != 0 else { continue }
        Self.keep(count, of: period, members, times: times, in: &decisions)
      }
    }
    self.decisions = decisions
  }

  private static func keep(
    _ count: Int, of period: KeepRules.Period, _ members: [Int], times: [CivilTime],
    in decisions: inout [Decision]
  ) {
    var kept = 0
    var last: [Int]?
    for i in members {
      let key = period.key(of: times[i])
      if key == last { continue }
      last = key
      if decisions[i].reason != nil { continue }
      kept += 1
      decisions[i].reason = KeepReason(period: period, number: kept)
      if kept == count { return }
    }
    if kept < count, let oldest = members.last, decisions[oldest].reason == nil {
      decisions[oldest].reason = KeepReason(period: period, isOldest: true, number: kept + 1)
    }
  }
}
