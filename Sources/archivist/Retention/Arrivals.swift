import ChunkStore

/// The two times of an archive: the one that its maker gave it, and that of the storage's clock.
struct ArchiveMoments {
  /// When its backup started, as it says itself.
  let start: Timestamp
  /// When the storage got it.
  let arrival: Timestamp
  /// It says that it is a copy.
  let isCopy: Bool

  /// The way in which it came here, by the two times.
  enum Manner: Int, CaseIterable {
    /// Stored by the backup that it names: at most a day after its start.
    case backup
    /// A copy, or an archive that was given an older time.
    case late
    /// Stored before it says that it was started.
    case early
  }

  init<ID>(_ archive: PruneCandidate<ID>) {
    start = archive.start
    arrival = archive.arrival
    isCopy = archive.isCopy
  }

  /// How it came here.
  var manner: Manner {
    if start.earlier(bySeconds: Self.clockDifference) > arrival { return .early }
    return isCopy || start < arrival.earlier(bySeconds: Self.longestBackup) ? .late : .backup
  }

  /// The most that clocks may differ by.
  static var clockDifference: Int64 { 3600 }
  /// The longest time that a backup may take.
  static var longestBackup: Int64 { 24 * 3600 }
}

/// Says for each kind of period which archives came in turn.
///
/// Whoever may add archives to a repository can give them any time, but cannot choose when the
/// storage gets them. So they are looked at in the order in which they came. One is *in turn* if its
/// time is in a later period than those before it, or in the same one while that lasts: then it is
/// what a backup would have been. It can take the place of another archive only in the period in
/// which it comes, and use up one period of a rule's count while one passes. All others are out of
/// turn. They are looked at again, as a turn of their own, and so on.
///
/// Three manners of coming have turns of their own, of which each earlier one goes first:
///
/// 1. Backups. One that ends after its period is in turn if nothing came in its period before it,
///    and nothing else in the period in which it ends.
/// 2. Archives with older times, and copies. Those that come less than an hour after each other are
///    sorted among themselves: they are copied or made again in any order, many of a period. Copies
///    may be made until a day after their period.
/// 3. Archives from the future: a clock was wrong. They are not told apart.
struct Arrivals {
  /// The turn of each archive, and its period.
  struct Turns {
    /// How many turns there are.
    var count: Int
    /// The turn of each archive.
    var turns: [Int]
    /// The period of each archive, by its own time.
    var keys: [[Int]]
  }

  private let moments: [ArchiveMoments]
  private let zone: CivilTime.Zone
  private let starts: [CivilTime]
  /// The archives of each manner, as they came.
  private let order: [[Int]]

  /// More turns than this are not told apart: honest archives need two or three.
  private static var mostTurns: Int { 8 }
  /// Archives with older times that come in shorter intervals than this are one batch.
  private static var batchInterval: Int64 { 3600 }
  /// How long after a period copies of its archives may come.
  private static var copyDelay: Int64 { 24 * 3600 }

  /// Prepares to tell apart archives that are given in the order of their start, the newest first.
  init(_ moments: [ArchiveMoments], zone: CivilTime.Zone) {
    self.moments = moments
    self.zone = zone
    starts = moments.map { CivilTime($0.start, in: zone, isNamed: false) }
    var order = [[Int]](repeating: [], count: ArchiveMoments.Manner.allCases.count)
    // The oldest first, so that it is first of those that came at the same time.
    let all = moments.indices.reversed().sorted { moments[$0].arrival < moments[$1].arrival }
    for i in all { order[moments[i].manner.rawValue].append(i) }
    self.order = order
  }

  /// The turns for a kind of period.
  func turns(for period: KeepRules.Period) -> Turns {
    var result = Turns(
      count: 0, turns: [Int](repeating: 0, count: moments.count),
      keys: starts.map { period.key(of: $0) })
    for manner in ArchiveMoments.Manner.allCases {
      var rest = order[manner.rawValue]
      var number = 0
      while !rest.isEmpty {
        number += 1
        var turn = Turn(manner, period, keys: result.keys, takesAll: number == Self.mostTurns)
        rest.removeAll { i in
          let isInTurn = turn.takes(i, moments[i]) { key(period, moments[i].arrival, late: $0) }
          if isInTurn { result.turns[i] = result.count }
          return isInTurn
        }
        result.count += 1
      }
    }
    return result
  }

  /// The period in which an archive came, or in which it would have come a little earlier.
  private func key(_ period: KeepRules.Period, _ arrival: Timestamp, late seconds: Int64) -> [Int] {
    period.key(of: CivilTime(arrival.earlier(bySeconds: seconds), in: zone, isNamed: false))
  }

  /// One turn, while archives are added to it as they came.
  private struct Turn {
    private let manner: ArchiveMoments.Manner
    private let period: KeepRules.Period
    private let keys: [[Int]]
    private let takesAll: Bool
    /// The newest one, by its own time.
    private var newest: (index: Int, start: Timestamp)?
    /// The newest one before this batch began.
    private var newestBefore: (index: Int, start: Timestamp)?
    private var last: Timestamp?
    /// In which period the last one came.
    private var lastKey: [Int]?

    init(
      _ manner: ArchiveMoments.Manner, _ period: KeepRules.Period, keys: [[Int]], takesAll: Bool
    ) {
      self.manner = manner
      self.period = period
      self.keys = keys
      self.takesAll = takesAll || manner == .early
    }

    /// Takes an archive, if it is in turn.
    ///
    /// - Parameters:
    ///   - i: The archive's place in `keys`.
    ///   - moments: Its times.
    ///   - arrivalKey: Says in which period it came, or would have come so many seconds earlier.
    /// - Returns: Whether it is.
    mutating func takes(
      _ i: Int, _ moments: ArchiveMoments, _ arrivalKey: (_ earlier: Int64) -> [Int]
    ) -> Bool {
      if takesAll { return true }
      let isInTurn: Bool
      switch manner {
      case .early: isInTurn = true
      case .backup:
        let grace = period.grace
        let came = arrivalKey(grace)
        let isPunctual =
          came == keys[i] || moments.arrival.earlier(bySeconds: grace) < moments.start
        isInTurn =
          isLater(i, moments, than: newest)
          ? isPunctual || came != lastKey
          : isPunctual && isInNewestPeriod(i)
        if isInTurn { lastKey = came }
      case .late:
        if let last, last > moments.arrival.earlier(bySeconds: Arrivals.batchInterval) {
          // The batch goes on.
        } else {
          newestBefore = newest
        }
        last = moments.arrival
        isInTurn =
          isLater(i, moments, than: newestBefore)
          || isInNewestPeriod(i)
            && isWithin(moments, i, by: moments.isCopy ? Arrivals.copyDelay : 0, arrivalKey)
      }
      if isInTurn, newest.map({ $0.start < moments.start }) ?? true {
        newest = (i, moments.start)
      }
      return isInTurn
    }

    private func isLater(
      _ i: Int, _ moments: ArchiveMoments, than other: (index: Int, start: Timestamp)?
    ) -> Bool {
      guard let other else { return true }
      return keys[other.index] != keys[i] && other.start < moments.start
    }

    private func isInNewestPeriod(_ i: Int) -> Bool {
      newest.map { keys[$0.index] == keys[i] } ?? false
    }

    /// Whether an archive came in its own period, or so many seconds later at most.
    private func isWithin(
      _ moments: ArchiveMoments, _ i: Int, by delay: Int64, _ arrivalKey: (Int64) -> [Int]
    ) -> Bool {
      arrivalKey(0) == keys[i] || arrivalKey(delay) == keys[i]
        || moments.arrival.earlier(bySeconds: delay) < moments.start
    }
  }
}

extension KeepRules.Period {
  /// How many seconds after a period a backup of it may end: none takes less than a second.
  fileprivate var grace: Int64 { self == .secondly || self == .minutely ? 60 : 0 }
}
