import ArgumentParser
import ChunkStore
import Testing

@testable import archivist

@Suite struct `Prune plan` {
  func candidates(_ starts: [Int64]) -> [PruneCandidate<Int>] {
    starts.enumerated().map {
      PruneCandidate(id: $0, name: Array("a\($0)".utf8), start: Timestamp(seconds: $1))
    }
  }

  func plan(_ starts: [Int64], _ counts: [KeepRules.Period: Int], zone: CivilTime.Zone = .utc)
    -> [String]
  {
    let plan = PrunePlan(
      archives: candidates(starts), rules: KeepRules(counts: counts),
      now: Timestamp(seconds: 0), zone: zone)
    return plan.decisions.map { "\($0.archive.id) \($0.reason?.description ?? "pruned")" }
  }

  @Test func `agrees with borg on every recorded case`() throws {
    let cases = try BorgCase.all()
    #expect(cases.count >= 150)
    for example in cases {
      let found = withTimeZone(example.zone) {
        PrunePlan(archives: example.archives.reversed(), rules: example.rules, now: example.now)
          .decisions.map { "\($0.archive.id) \($0.reason?.description ?? "pruned")" }
      }
      #expect(found == example.verdicts, "case \(example.number)")
    }
  }

  @Test func `keeps what is strictly newer than the interval`() throws {
    let rules = KeepRules(within: try KeepInterval("1H"))
    var archives = candidates([6_400, 6_400, 6_401])
    archives[1].start.nanoseconds = 1
    let plan = PrunePlan(
      archives: archives, rules: rules, now: Timestamp(seconds: 10_000), zone: .utc)
    #expect(plan.kept.map(\.id) == [2, 1])
    #expect(plan.removed.map(\.id) == [0])
    #expect(plan.decisions[0].reason?.description == "within #1")
  }

  @Test func `an archive kept by an earlier rule uses up its period, not the count`() {
    let day: Int64 = 86_400
    let found = plan([0, 1, 2].map { $0 * day } + [2 * day + 60], [.minutely: 1, .daily: 1])
    #expect(found == ["3 minutely #1", "2 pruned", "1 daily #1", "0 pruned"])
  }

  @Test func `keeps the oldest archive when there are fewer periods than asked for`() {
    #expect(plan([0, 60, 120], [.daily: 2]) == ["2 daily #1", "1 pruned", "0 daily[oldest] #2"])
    #expect(plan([0, 60, 120], [.daily: 1]) == ["2 daily #1", "1 pruned", "0 pruned"])
    #expect(plan([0, 60, 120], [.daily: -1]) == ["2 daily #1", "1 pruned", "0 pruned"])
  }

  @Test func `what was not stored at the time it names displaces nothing`() {
    let day: Int64 = 86_400
    var archives = candidates((0..<5).map { $0 * day })
    for i in archives.indices { archives[i].stored = Timestamp(seconds: Int64(i) * day + 600) }
    // One for each day, later on that day, and some for days to come: all put on the fifth day.
    for i in 0..<12 {
      archives.append(
        PruneCandidate(
          id: 100 + i, name: Array("forged\(i)".utf8),
          start: Timestamp(seconds: Int64(i) * day + 3600),
          stored: Timestamp(seconds: 5 * day + 3601)))
    }
    let plan = PrunePlan(
      archives: archives, rules: KeepRules(counts: [.daily: 5]),
      now: Timestamp(seconds: 6 * day), zone: .utc)
    // Those of the day itself, give or take one, cannot be told from honest ones; of each other day
    // the honest one stays.
    #expect(Set(plan.kept.map(\.id)).isSuperset(of: [2, 3, 4, 105, 106]))
    #expect(plan.kept.count(where: { $0.id >= 100 }) <= 7)
    let honest = PrunePlan(
      archives: archives.prefix(5), rules: KeepRules(counts: [.daily: 5]),
      now: Timestamp(seconds: 6 * day), zone: .utc)
    #expect(honest.kept.count == 5)
  }

  @Test func `removes nothing from an empty list`() {
    #expect(plan([], [.daily: 3]).isEmpty)
  }

  @Test func `takes the two passes of a repeated hour for one period`() {
    // 2026-10-25 02:30 CEST and, an hour later, 02:30 CET.
    let passes: [Int64] = [1_792_888_200, 1_792_891_800]
    let found = withTimeZone("CET-1CEST,M3.5.0,M10.5.0/3") {
      plan(passes, [.hourly: -1], zone: .local)
    }
    #expect(found == ["1 hourly #1", "0 pruned"])
    #expect(plan(passes, [.hourly: -1]) == ["1 hourly #1", "0 hourly #2"])
  }
}

@Suite struct `Keep interval` {
  @Test(arguments: [
    ("1H", 1), ("2d", 48), ("3w", 504), ("1m", 744), ("1y", 8_760), ("+3d", 72), ("007d", 168),
  ])
  func `has the length that borg gives it`(text: String, hours: Int) throws {
    #expect(try KeepInterval(text).hours == hours)
  }

  @Test(arguments: ["", "5", "5S", "3M", "5h"])
  func `needs a unit that borg knows`(text: String) {
    #expect(throws: RetentionError.unknownUnit(text)) { try KeepInterval(text) }
  }

  @Test(arguments: ["d", "0d", "-1d", "1.5d", "99999999999999999999y", "9223372036854775807y"])
  func `needs a positive number`(text: String) {
    #expect(throws: RetentionError.invalidNumber(text)) { try KeepInterval(text) }
  }
}

@Suite struct `Keep options` {
  @Test func `have borg's names`() throws {
    let options = try KeepOptions.parse([
      "--keep-within", "2d", "--keep-last=1", "--keep-minutely", "2", "-H", "3", "-d4", "-w", "5",
      "-m", "-1", "--keep-13weekly", "7", "-y", "8",
    ])
    #expect(
      options.rules
        == KeepRules(
          within: try KeepInterval("2d"),
          counts: [
            .secondly: 1, .minutely: 2, .hourly: 3, .daily: 4, .weekly: 5, .monthly: -1,
            .quarterly13Weekly: 7, .yearly: 8,
          ]))
    #expect(try KeepOptions.parse(["--keep-secondly", "-1"]).rules.counts == [.secondly: -1])
    #expect(
      try KeepOptions.parse(["--keep-3monthly", "4"]).rules.counts == [.quarterly3Monthly: 4])
  }

  @Test(arguments: [
    [], ["--keep-daily", "0"], ["--keep-daily", "x"], ["--keep-within", "3"],
    ["--keep-13weekly", "1", "--keep-3monthly", "1"],
  ])
  func `are refused when they say nothing, or something twice`(arguments: [String]) {
    #expect(throws: (any Error).self) { try Prune.parse(arguments + ["repo"]) }
    #expect(throws: Never.self) { try Prune.parse(["--keep-daily", "1", "repo"]) }
  }
}

/// What borg answered to `prune --dry-run --list`.
private struct BorgCase {
  var number = ""
  var zone = ""
  var now = Timestamp(seconds: 0)
  var rules = KeepRules()
  var archives: [PruneCandidate<String>] = []
  var verdicts: [String] = []

  static func all() throws -> [BorgCase] {
    var cases: [BorgCase] = []
    for line in try VectorFile.lines("prune-borg-1.4.5.txt") {
      let words = line.split(separator: " ", maxSplits: 3).map(String.init)
      switch words[0] {
      case "case": cases.append(BorgCase(number: words[1]))
      case "zone": cases[cases.count - 1].zone = words[1]
      case "now": cases[cases.count - 1].now = Timestamp(seconds: try #require(Int64(words[1])))
      case "rules": cases[cases.count - 1].rules = try rules(line.split(separator: " ").dropFirst())
      default:
        let start = Timestamp(seconds: try #require(Int64(words[2])))
        cases[cases.count - 1].archives.append(
          PruneCandidate(id: words[1], name: Array(words[1].utf8), start: start))
        cases[cases.count - 1].verdicts.append("\(words[1]) \(words[3])")
      }
    }
    return cases
  }

  static func rules(_ words: ArraySlice<Substring>) throws -> KeepRules {
    try KeepOptions.parse(words.map { "--keep-\($0)" }).rules
  }
}
