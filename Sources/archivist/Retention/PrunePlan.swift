import ChunkStore

/// An archive that a plan decides about.
struct PruneCandidate<ID> {
  /// The caller's own id of it.
  var id: ID
  /// Its name.
  var name: [UInt8]
  /// When its backup started, as it says itself.
  var start: Timestamp
  /// When the storage got it, by its own clock; `nil` if it was stored when it started.
  var stored: Timestamp?
  /// It says that it is a copy of an archive of another repository.
  var isCopy = false
  /// It has no items: none of its sources existed.
  var isEmpty = false
  /// The archives with which it competes: rules apply to each group by itself.
  var group = ArchiveGroup()

  /// When it was put into the repository.
  var arrival: Timestamp { stored ?? start }
}

/// Why an archive is kept.
struct KeepReason: Equatable {
  /// The rule that asked for it.
  enum Rule: Hashable {
    /// `--keep-within`
    case within
    /// `--keep-last`
    case last
    /// One for each period of this kind.
    case period(KeepRules.Period)
    /// No rule does, and it is the newest of its group.
    case newest
  }

  /// The rule that asked for it.
  var rule: Rule
  /// It is the oldest archive, kept because the rule found fewer periods than it may keep.
  var isOldest = false
  /// How many archives this rule keeps, up to and with this one.
  var number: Int

  /// As borg's listing has it: `daily #3`, `weekly[oldest] #2`.
  var borgText: String { "\(name)\(isOldest ? "[oldest]" : "") #\(number)" }

  /// By the option that asked for it: `daily #3`, `weekly #2, oldest`.
  var text: String {
    let option =
      switch rule {
      case .last: "last"
      case .period(.quarterly13Weekly): "13weekly"
      case .period(.quarterly3Monthly): "3monthly"
      case .within, .period, .newest: name
      }
    return "\(option) #\(number)\(isOldest ? ", oldest" : "")"
  }

  /// The rule, as borg and programs have it.
  var name: String {
    switch rule {
    case .within: "within"
    // borg has one rule for both, and programs know it by this name.
    case .last: KeepRules.Period.secondly.rawValue
    case .period(let period): period.rawValue
    case .newest: "newest"
    }
  }
}

/// The plan of a pruning.
///
/// The rules are borg's, for each group of archives by itself:
///
/// 1. `--keep-within` keeps what is strictly newer than its interval.
/// 2. `--keep-last` keeps the newest ones of the others.
/// 3. Each other rule, from the shortest period to the longest, walks from the newest archive to
///    the oldest and takes the first one it meets in each period. One that an earlier rule keeps
///    uses up its period, not the count.
/// 4. A rule that runs out of archives before it has kept as many as it may also keeps the
///    oldest archive, so that a series that is younger than its longest period has a beginning.
///
/// What borg does not have:
///
/// 5. Archives that came out of turn (`Arrivals`) displace only each other. Those that came in turn
///    count for them as well: otherwise archives that were copied once would stay for ever.
/// 6. Archives without items take part in no rule but the first.
/// 7. The newest archive of a group stays, unless the caller consents to its going.
///
/// Checkpoints are no candidates: an unfinished backup must never displace a finished one.
struct PrunePlan<ID> {
  /// An archive, and why it is kept: `nil` if it is to go.
  struct Decision {
    var archive: PruneCandidate<ID>
    var reason: KeepReason?
  }

  /// Archives to which the rules were applied together.
  struct Group {
    /// The values that they have in common.
    let identity: ArchiveGroup
    /// The newest first; of equal times, the last name first.
    fileprivate(set) var decisions: [Decision]
  }

  /// All groups, in the order of what their archives have in common.
  let groups: [Group]

  /// All archives, group by group.
  var decisions: [Decision] { groups.flatMap(\.decisions) }

  /// The archives that stay.
  var kept: [PruneCandidate<ID>] { decisions.filter { $0.reason != nil }.map(\.archive) }

  /// The archives that go.
  var removed: [PruneCandidate<ID>] { decisions.filter { $0.reason == nil }.map(\.archive) }

  /// Applies `rules` to `archives`, which may come in any order.
  ///
  /// - Parameters:
  ///   - archives: All archives that are meant.
  ///   - rules: What is to be kept.
  ///   - now: The time that `--keep-within` is counted from.
  ///   - zone: Where days begin.
  ///   - keepsNewest: Whether the newest archive of a group stays if no rule keeps it.
  init(
    archives: some Sequence<PruneCandidate<ID>>, rules: KeepRules, now: Timestamp,
    zone: CivilTime.Zone = .local, keepsNewest: Bool = true
  ) {
    var members: [ArchiveGroup: [Decision]] = [:]
    for archive in archives {
      members[archive.group, default: []].append(Decision(archive: archive))
    }
    groups = members.sorted { $0.key < $1.key }.map { identity, decisions in
      var group = Group(identity: identity, decisions: decisions)
      group.apply(rules, now: now, zone: zone, keepsNewest: keepsNewest)
      return group
    }
  }
}

extension PrunePlan.Group {
  fileprivate mutating func apply(
    _ rules: KeepRules, now: Timestamp, zone: CivilTime.Zone, keepsNewest: Bool
  ) {
    decisions.sort {
      $0.archive.start != $1.archive.start
        ? $0.archive.start > $1.archive.start
        : $1.archive.name.lexicographicallyPrecedes($0.archive.name)
    }
    if let within = rules.within {
      let limit = now.earlier(bySeconds: Int64(within.hours) * 3600)
      var number = 0
      for i in decisions.indices where decisions[i].archive.start > limit {
        number += 1
        decisions[i].reason = KeepReason(rule: .within, number: number)
      }
    }
    let filled = decisions.indices.filter { !decisions[$0].archive.isEmpty }
    if let count = rules.last, count != 0 {
      let rest = filled.filter { decisions[$0].reason == nil }
      for (number, i) in rest.prefix(count < 0 ? rest.count : count).enumerated() {
        decisions[i].reason = KeepReason(rule: .last, number: number + 1)
      }
    }
    let arrivals = Arrivals(
      filled.map { ArchiveMoments(decisions[$0].archive) }, zone: zone)
    for period in KeepRules.Period.allCases {
      guard let count = rules.counts[period], count != 0 else { continue }
      keep(count, of: period, filled, arrivals.turns(for: period))
    }
    if keepsNewest, let newest = filled.first ?? decisions.indices.first,
      decisions.allSatisfy({ $0.reason == nil || $0.archive.isEmpty && !filled.isEmpty })
    {
      decisions[newest].reason = KeepReason(rule: .newest, number: 1)
    }
  }

  /// Applies the rule for a kind of period to one turn after the other.
  private mutating func keep(
    _ count: Int, of period: KeepRules.Period, _ members: [Int], _ turns: Arrivals.Turns
  ) {
    for turn in 0..<turns.count {
      keep(count, of: period, members, turns, turn)
    }
  }

  /// Keeps archives of one turn; those of earlier turns count, and are not decided about any more.
  private mutating func keep(
    _ count: Int, of period: KeepRules.Period, _ members: [Int], _ turns: Arrivals.Turns,
    _ turn: Int
  ) {
    var kept = 0
    var oldest: Int?
    var next = 0
    while next < members.count {
      let key = turns.keys[next]
      var isTaken = false, isCounted = false
      while next < members.count, turns.keys[next] == key {
        let i = members[next], itsTurn = turns.turns[next]
        next += 1
        if itsTurn == turn {
          oldest = i
          // The first one of the period, whatever keeps it.
          guard !isTaken else { continue }
          isTaken = true
          guard decisions[i].reason == nil else { continue }
          decisions[i].reason = KeepReason(rule: .period(period), number: kept + 1)
          isCounted = true
        } else if itsTurn < turn, let reason = decisions[i].reason,
          reason.rule == .period(period), !reason.isOldest
        {
          isCounted = true
        }
      }
      if isCounted { kept += 1 }
      if kept == count { return }
    }
    if kept < count, let oldest, decisions[oldest].reason == nil {
      decisions[oldest].reason = KeepReason(
        rule: .period(period), isOldest: true, number: kept + 1)
    }
  }
}
