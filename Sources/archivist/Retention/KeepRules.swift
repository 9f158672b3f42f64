import ChunkStore

/// Which archives to keep: all of a time, the newest, and so many of each kind of period.
struct KeepRules: Equatable {
  /// Keep everything newer than this.
  var within: KeepInterval?
  /// How many of the newest archives to keep, whatever their times: 0 for none, negative for all.
  var last: Int?
  /// How many archives to keep for each kind of period: 0 for none, negative for no limit.
  var counts: [Period: Int] = [:]

  /// Whether these rules ask for anything at all.
  var isEmpty: Bool {
    within == nil && (last ?? 0) == 0 && counts.values.allSatisfy { $0 == 0 }
  }

  /// A kind of period, of each of which at most one archive is kept; listed in the order in
  /// which the rules are applied.
  enum Period: String, CaseIterable {
    // The raw values are borg's names of the rules, which people read in listings.
    case secondly
    case minutely
    case hourly
    case daily
    case weekly
    case monthly
    case quarterly13Weekly = "quarterly_13weekly"
    case quarterly3Monthly = "quarterly_3monthly"
    case yearly
  }
}

extension KeepRules.Period {
  /// The numbers that name the period in which `time` lies.
  ///
  /// Only what the wall shows counts: the two passes of an hour that daylight saving repeats
  /// are one period.
  func key(of time: CivilTime) -> [Int] {
    let t = time
    switch self {
    case .secondly: return [t.year, t.month, t.day, t.hour, t.minute, t.second]
    case .minutely: return [t.year, t.month, t.day, t.hour, t.minute]
    case .hourly: return [t.year, t.month, t.day, t.hour]
    case .daily: return [t.year, t.month, t.day]
    case .weekly: return [t.isoWeek.year, t.isoWeek.week]
    case .monthly: return [t.year, t.month]
    case .quarterly13Weekly:
      // Three times thirteen weeks, then what is left of the year: thirteen or fourteen.
      return [t.isoWeek.year, min((t.isoWeek.week - 1) / 13, 3)]
    case .quarterly3Monthly: return [t.year, (t.month - 1) / 3]
    case .yearly: return [t.year]
    }
  }
}
