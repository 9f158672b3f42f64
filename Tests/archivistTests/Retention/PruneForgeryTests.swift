import ChunkStore
import Testing

@testable import archivist

/// The archives that somebody who may only add some can make `prune` remove, and the others.
///
/// Times are those of a storage with a clock of its own: the moment at which somebody begins to add
/// archives with any time, as any copy, is in the middle of a history.
@Suite struct `Prune forgery` {
  typealias Candidate = PruneCandidate<Int>

  private static let day: Int64 = 86_400
  private static let minute: Int64 = 60

  /// A small generator of known sequences.
  struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }

    mutating func number(_ range: ClosedRange<Int64>) -> Int64 {
      Int64.random(in: range, using: &self)
    }

    mutating func isTrue(_ percent: Int64) -> Bool { number(1...100) <= percent }
  }

  static func archive(_ id: Int, _ start: Int64, stored: Int64, isCopy: Bool = false) -> Candidate {
    Candidate(
      id: id, name: Array("a\(id)".utf8), start: Timestamp(seconds: start),
      stored: Timestamp(seconds: stored), isCopy: isCopy)
  }

  static func key(_ period: KeepRules.Period, _ seconds: Int64) -> [Int] {
    period.key(of: CivilTime(Timestamp(seconds: seconds), in: .utc))
  }

  // MARK: Histories

  /// An honest history of some months that ends before `end`, in which there may be gaps.
  static func history(until end: Int64, _ random: inout Random) -> [Candidate] {
    var archives: [Candidate] = []
    let first = end - random.number(5...150) * day
    func add(_ start: Int64, _ stored: Int64, isCopy: Bool = false) {
      if stored < end {
        archives.append(archive(archives.count, start, stored: stored, isCopy: isCopy))
      }
    }
    if random.isTrue(30) {
      // The archives that another repository had, copied at once.
      var stored = first
      for age in stride(from: random.number(5...300), to: 0, by: -1) where random.isTrue(80) {
        add(first - age * day + random.number(0...day - 1), stored, isCopy: random.isTrue(70))
        stored += random.number(1...60)
      }
    }
    let style = random.number(0...4)
    var time = first
    while time < end {
      switch style {
      case 0:  // Once a day, for minutes.
        let start = time - time % day + random.number(0...day - 1)
        add(start, start + random.number(1...30) * minute)
        time += day
      case 1:  // Every night over midnight, for hours.
        let start = time - time % day + 23 * 3600 + 50 * minute
        add(start, start + random.number(5...600) * minute)
        time += day
      case 2:  // Several times a day.
        add(time, time + random.number(1...50) * minute)
        time += random.number(1...8) * 3600
      case 3:  // Copies of the night's and of yesterday's, each morning.
        let morning = time - time % day + 6 * 3600
        for number in 0..<random.number(1...4) {
          add(morning - number * 5 * 3600, morning + 4 - number, isCopy: true)
        }
        time += day
      default:  // Now and then, for hours or days.
        add(time, time + random.number(1...40) * 3600)
        time += random.number(1...6) * day
      }
      if random.isTrue(5) { time += random.number(1...20) * day }
    }
    return archives
  }

  /// Archives that somebody adds between two moments.
  static func forgeries(
    from moment: Int64, to now: Int64, of history: [Candidate], _ random: inout Random
  ) -> [Candidate] {
    (0..<random.number(1...80)).map { number in
      let stored = random.isTrue(60) ? moment + number % 3 : random.number(moment...now)
      let victim = history.randomElement(using: &random)?.start.seconds ?? moment
      let start: Int64
      switch random.number(0...6) {
      case 0: start = victim + random.number(-2...2)
      case 1: start = victim - victim % day + day - 1  // The last second of its day.
      case 2: start = moment - moment % day - 1 - random.number(0...20) * day
      case 3: start = random.number(moment - 400 * day...stored)
      case 4: start = stored - random.number(0...2 * day)
      case 5: start = stored + random.number(0...60 * day)
      default: start = stored - random.number(0...600)
      }
      return archive(1_000_000 + Int(number), start, stored: stored, isCopy: random.isTrue(25))
    }
  }

  /// How many periods have begun since the one of a time, until another time.
  static func periods(_ period: KeepRules.Period, from start: Int64, to end: Int64) -> Int {
    let step: Int64
    switch period {
    case .secondly: return Int(clamping: end - start)
    case .minutely: return Int(clamping: end / 60 - start / 60)
    case .hourly: return Int(clamping: end / 3600 - start / 3600)
    case .daily: return Int(clamping: end / day - start / day)
    default: step = day
    }
    var keys: Set<[Int]> = []
    for time in stride(from: start, through: end, by: Int64.Stride(step)) {
      keys.insert(key(period, time))
    }
    keys.insert(key(period, end))
    return keys.count - 1
  }

  // MARK: The promise

  @Test(arguments: 0..<40)
  func `what was stored before is displaced by the passing of time only`(seed: UInt64) {
    var random = Random(state: seed)
    var checked = 0
    for _ in 0..<12 {
      let moment = 1_790_000_000 + random.number(0...400 * Self.day)
      let now = moment + (random.isTrue(40) ? 10 : random.number(10...40 * Self.day))
      let history = Self.history(until: moment, &random)
      let forged = Self.forgeries(from: moment, to: now, of: history, &random)
      var rules = KeepRules()
      for period in KeepRules.Period.allCases where random.isTrue(30) {
        rules.counts[period] = random.isTrue(25) ? -1 : Int(random.number(1...30))
      }
      func plan(_ archives: [Candidate]) -> PrunePlan<Int> {
        PrunePlan(
          archives: archives, rules: rules, now: Timestamp(seconds: now), zone: .utc,
          keepsNewest: false)
      }
      let without = plan(history)
      let with = Set(plan(history + forged).kept.map(\.id))
      // Copies that may still be followed by others of the same run.
      let isOpen = history.contains {
        ArchiveMoments($0).manner == .late && $0.arrival.seconds > moment - 3600
      }
      for decision in without.decisions {
        guard let reason = decision.reason, case .period(let period) = reason.rule,
          !reason.isOldest
        else { continue }
        let archive = decision.archive, start = archive.start.seconds
        let manner = ArchiveMoments(archive).manner
        if manner == .early || manner == .late && isOpen { continue }
        let grace: Int64 =
          archive.isCopy ? Self.day : period == .secondly || period == .minutely ? 60 : 0
        guard start < moment - grace,
          Self.key(period, moment - grace) != Self.key(period, start)
        else { continue }
        let count = rules.counts[period] ?? 0
        guard count < 0 || Self.periods(period, from: start, to: now + 3600) < count else {
          continue
        }
        checked += 1
        #expect(
          with.contains(archive.id),
          "\(archive.start.seconds), stored \(archive.arrival.seconds), \(reason.borgText): from \(moment)"
        )
      }
    }
    #expect(checked > 0)
  }

  @Test func `nothing that is added displaces what --keep-within keeps`() throws {
    var random = Random(state: 1)
    for _ in 0..<50 {
      let moment = 1_790_000_000 + random.number(0...400 * Self.day)
      let history = Self.history(until: moment, &random)
      let forged = Self.forgeries(from: moment, to: moment + 100, of: history, &random)
      let rules = KeepRules(within: try KeepInterval("20d"))
      func kept(_ archives: [Candidate]) -> Set<Int> {
        Set(
          PrunePlan(
            archives: archives, rules: rules, now: Timestamp(seconds: moment + 100), zone: .utc,
            keepsNewest: false
          ).kept.map(\.id))
      }
      #expect(kept(history + forged).isSuperset(of: kept(history)))
    }
  }

  /// 2026-11-28T12:00:00Z.
  private static let noon: Int64 = 1_795_867_200

  private func kept(
    _ archives: [Candidate], _ rules: KeepRules, now: Int64 = noon + 3600
  ) -> [Int] {
    PrunePlan(
      archives: archives, rules: rules, now: Timestamp(seconds: now), zone: .utc
    ).kept.map(\.id).sorted()
  }

  @Test(arguments: [30, 8 * 60])
  func `an archive that ends yesterday takes nobody's place`(minutes: Int64) {
    // Each day at 23:50; some end on the next day.
    let midnight = Self.noon - Self.day / 2
    let honest = (0..<10).map { age in
      let start = midnight - 600 - Int64(age) * Self.day
      return Self.archive(age, start, stored: start + (age == 3 ? 60 : minutes * 60))
    }
    let forged = (0..<10).map { age in
      Self.archive(
        100 + age, midnight - 1 - Int64(age) * Self.day, stored: Self.noon + Int64(age))
    }
    let rules = KeepRules(counts: [.daily: 7])
    #expect(kept(honest, rules) == Array(0..<7))
    #expect(Set(kept(honest + forged, rules)).isSuperset(of: 0..<7))
    #expect(Set(kept(honest + forged.reversed(), rules)).isSuperset(of: 0..<7))
  }

  @Test(arguments: [KeepRules.Period.monthly, .yearly, .quarterly3Monthly, .weekly])
  func `an archive that comes after the end of a period does not take it`(
    period: KeepRules.Period
  ) {
    // From 2025-12-20, a day apart; the new year, month and quarter began an hour ago.
    let newYear: Int64 = 1_767_225_600
    let honest = (0..<12).map { age in
      let start = newYear - Int64(age) * Self.day - 20 * 3600
      return Self.archive(age, start, stored: start + 600)
    }
    let forged = [
      Self.archive(100, newYear - 1, stored: newYear + 3600),
      Self.archive(101, newYear - 60, stored: newYear + 3601, isCopy: true),
    ]
    let rules = KeepRules(counts: [period: 1])
    let now = newYear + 7200
    if period == .weekly {
      // The week goes on: this is what the next backup would do.
      #expect(kept(honest + forged, rules, now: now).contains(100))
    } else {
      #expect(kept(honest + forged, rules, now: now).contains(0))
    }
  }

  @Test func `--keep-last is displaced`() {
    let honest = (0..<5).map { age in
      let start = Self.noon - Int64(age) * Self.day
      return Self.archive(age, start, stored: start + 60)
    }
    let forged = (0..<5).map {
      Self.archive(100 + $0, Self.noon + 600 + Int64($0), stored: Self.noon + 601 + Int64($0))
    }
    #expect(kept(honest + forged, KeepRules(last: 5)) == Array(100..<105))
  }

  // MARK: Honest ones

  @Test(arguments: [false, true])
  func `copies of a whole repository are pruned as the original`(areShuffled: Bool) {
    var random = Random(state: 7)
    for round in 0..<40 {
      let starts = (0..<random.number(1...60)).map { _ in
        Self.noon - random.number(0...500 * Self.day)
      }.sorted()
      let originals = starts.enumerated().map { Self.archive($0, $1, stored: $1) }
      var copies = originals
      if areShuffled { copies.shuffle(using: &random) }
      for i in copies.indices {
        copies[i].stored = Timestamp(seconds: Self.noon + Int64(i))
        copies[i].isCopy = round % 2 == 0 || copies[i].start.seconds > Self.noon - 2 * Self.day
      }
      var rules = KeepRules()
      for period in KeepRules.Period.allCases where random.isTrue(40) {
        rules.counts[period] = random.isTrue(25) ? -1 : Int(random.number(1...12))
      }
      #expect(kept(copies, rules) == kept(originals, rules))
    }
  }

  @Test func `what was copied once does not stay for ever`() {
    // Ten days that were copied, then backups for thirty days.
    let copies = (0..<10).map {
      Self.archive(
        $0, Self.noon - (40 - Int64($0)) * Self.day, stored: Self.noon - 30 * Self.day,
        isCopy: true)
    }
    let backups = (0..<30).map {
      let start = Self.noon - (29 - Int64($0)) * Self.day
      return Self.archive(100 + $0, start, stored: start + 600)
    }
    let rules = KeepRules(counts: [.daily: 7])
    #expect(kept(copies + backups, rules) == Array(123..<130))
    #expect(kept(copies + backups.prefix(3), rules) == Array(6..<10) + Array(100..<103))
  }

  @Test func `many archives take no more than moments`() {
    let archives = (0..<10_000).map { number in
      Self.archive(
        number, Self.noon - Int64(number) * 3600, stored: Self.noon - Int64(number * 7919 % 10_000))
    }
    let rules = KeepRules(counts: [.hourly: 48, .daily: 14, .weekly: 8, .monthly: 12, .yearly: -1])
    let clock = ContinuousClock()
    var found: [Int] = []
    let time = clock.measure { found = kept(archives, rules) }
    #expect(!found.isEmpty)
    #expect(time < .seconds(60))
  }
}
