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

  func plan(
    _ starts: [Int64], last: Int? = nil, _ counts: [KeepRules.Period: Int],
    zone: CivilTime.Zone = .utc
  ) -> [String] {
    let plan = PrunePlan(
      archives: candidates(starts), rules: KeepRules(last: last, counts: counts),
      now: Timestamp(seconds: 0), zone: zone)
    return plan.decisions.map { "\($0.archive.id) \($0.reason?.borgText ?? "pruned")" }
  }

  @Test func `agrees with borg on every recorded case`() throws {
    let cases = try BorgCase.all()
    #expect(cases.count >= 150)
    for example in cases {
      let found = withTimeZone(example.zone) {
        PrunePlan(
          archives: example.archives.reversed(), rules: example.rules, now: example.now,
          keepsNewest: false
        ).decisions.map { "\($0.archive.id) \($0.reason?.borgText ?? "pruned")" }
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
    #expect(plan.decisions[0].reason?.borgText == "within #1")
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

  @Test func `keeps the newest, however close together`() {
    #expect(
      plan([0, 0, 0, 5], last: 2, [:]) == [
        "3 secondly #1", "2 secondly #2", "1 pruned", "0 pruned",
      ])
    // The rule for seconds is borg's.
    #expect(
      plan([0, 0, 0, 5], [.secondly: 2])
        == ["3 secondly #1", "2 secondly #2", "1 pruned", "0 pruned"])
    #expect(
      plan([0, 5, 5, 5], [.secondly: 2])
        == ["3 secondly #1", "2 pruned", "1 pruned", "0 secondly #2"])
    #expect(
      plan([0, 5, 5, 5], last: 2, [.secondly: 1])
        == ["3 secondly #1", "2 secondly #2", "1 pruned", "0 secondly #1"])
    #expect(plan([0, 5], last: -1, [:]) == ["1 secondly #1", "0 secondly #2"])
    #expect(plan([0, 5], last: 5, [:]) == ["1 secondly #1", "0 secondly #2"])
  }

  // MARK: Groups

  private func ofHosts(_ archives: [(host: String, day: Int64)]) -> [PruneCandidate<String>] {
    archives.map { host, day in
      PruneCandidate(
        id: "\(host)-\(day)", name: Array("\(host)-\(day)".utf8),
        start: Timestamp(seconds: day * 86_400),
        group: ArchiveGroup(values: [.init(key: .host, texts: [Array(host.utf8)])]))
    }
  }

  @Test func `each group is pruned by itself`() {
    let archives = ofHosts([("web", 9), ("db", 1), ("web", 8), ("db", 2), ("web-db", 3)])
    let found = PrunePlan(
      archives: archives, rules: KeepRules(counts: [.daily: 1]), now: Timestamp(seconds: 0),
      zone: .utc)
    #expect(
      found.groups.map { $0.decisions.map(\.archive.id) }
        == [["db-2", "db-1"], ["web-9", "web-8"], ["web-db-3"]])
    #expect(found.kept.map(\.id) == ["db-2", "web-9", "web-db-3"])
    // Archives of others change nothing.
    let alone = PrunePlan(
      archives: archives.filter { $0.id.hasPrefix("db") }, rules: KeepRules(counts: [.daily: 1]),
      now: Timestamp(seconds: 0), zone: .utc)
    #expect(alone.kept.map(\.id) == ["db-2"])
  }

  @Test func `the newest archive of a group stays, unless it may go`() throws {
    let archives = ofHosts([("web", 2), ("web", 3), ("db", 60)])
    let rules = KeepRules(within: try KeepInterval("30d"))
    func kept(keepsNewest: Bool) -> [String] {
      PrunePlan(
        archives: archives, rules: rules, now: Timestamp(seconds: 61 * 86_400), zone: .utc,
        keepsNewest: keepsNewest
      ).decisions.compactMap { decision in
        decision.reason.map { "\(decision.archive.id) \($0.borgText)" }
      }
    }
    #expect(kept(keepsNewest: true) == ["db-60 within #1", "web-3 newest #1"])
    #expect(kept(keepsNewest: false) == ["db-60 within #1"])
  }

  @Test func `archives without items displace nothing`() throws {
    var archives = candidates((0..<6).map { $0 * 86_400 })
    for i in 3..<6 { archives[i].isEmpty = true }
    func kept(_ rules: KeepRules) -> [String] {
      PrunePlan(archives: archives, rules: rules, now: Timestamp(seconds: 6 * 86_400), zone: .utc)
        .decisions.compactMap { decision in
          decision.reason.map { "\(decision.archive.id) \($0.borgText)" }
        }
    }
    #expect(kept(KeepRules(counts: [.daily: 2])) == ["2 daily #1", "1 daily #2"])
    #expect(kept(KeepRules(last: 2)) == ["2 secondly #1", "1 secondly #2"])
    #expect(
      kept(KeepRules(within: try KeepInterval("36H"))) == ["5 within #1", "2 newest #1"])
    archives = archives.map {
      var archive = $0; archive.isEmpty = true; return archive
    }
    #expect(kept(KeepRules(counts: [.daily: 2])) == ["5 newest #1"])
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

  @Test(arguments: ["", "5", "5S", "5min", "3x", "5dd"])
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
          within: try KeepInterval("2d"), last: 1,
          counts: [
            .minutely: 2, .hourly: 3, .daily: 4, .weekly: 5, .monthly: -1,
            .quarterly13Weekly: 7, .yearly: 8,
          ]))
    #expect(try KeepOptions.parse(["--keep-secondly", "-1"]).rules.counts == [.secondly: -1])
    #expect(
      try KeepOptions.parse(["--keep-3monthly", "4"]).rules.counts == [.quarterly3Monthly: 4])
  }

  @Test func `group by what is asked for`() throws {
    func grouping(_ text: String) throws -> [GroupKey] {
      try KeepOptions.parse(["--group-by", text]).grouping.keys
    }
    #expect(try KeepOptions.parse([]).grouping == .byHost)
    #expect(try grouping("none") == [])
    #expect(try grouping("host,user,paths") == [.host, .user, .paths])
    #expect(try grouping("series") == [.series])
    for wrong in ["", "hosts", "host,", "none,host", "host none"] {
      #expect(throws: (any Error).self) { try KeepOptions.parse(["--group-by", wrong]) }
    }
  }

  @Test func `find their groups in what archives say of themselves`() throws {
    let moment = Timestamp(seconds: 1)
    var one = ArchiveManifest(name: "a", start: moment, end: moment)
    one.hostname = "web"
    one.username = "root"
    one.roots = ["/etc", "/home"].map { .init(path: Array($0.utf8), settledBefore: moment) }
    var other = one
    other.roots.reverse()
    other.username = ""
    let grouping = try ArchiveGrouping("host,user,paths")
    #expect(grouping.group(of: one) != grouping.group(of: other))
    #expect(
      grouping.group(of: one).heading == "Host web, user root, paths /etc /home")
    #expect(
      grouping.group(of: other).description == "host web, user (none), paths /etc /home")
    #expect(
      try ArchiveGrouping("paths").group(of: one) == ArchiveGrouping("paths").group(of: other))
    #expect(try ArchiveGrouping("none").group(of: one) == ArchiveGroup())
  }

  @Test(arguments: [
    [], ["--keep-daily", "0"], ["--keep-last", "0"], ["--keep-daily", "x"], ["--keep-within", "3"],
    ["--keep-13weekly", "1", "--keep-3monthly", "1"],
  ])
  func `are refused when they say nothing, or something twice`(arguments: [String]) {
    #expect(throws: (any Error).self) { try Prune.parse(arguments + ["repo"]) }
    #expect(throws: Never.self) { try Prune.parse(["--keep-daily", "1", "repo"]) }
  }
}

/// An answer of borg's to `prune --dry-run --list`.
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

  @Test(arguments: [
    (KeepReason.Rule.last, false, "last #2"), (.within, false, "within #2"),
    (.period(.quarterly13Weekly), false, "13weekly #2"),
    (.period(.quarterly3Monthly), true, "3monthly #2, oldest"),
    (.period(.daily), true, "daily #2, oldest"), (.newest, false, "newest #2"),
  ])
  func `a reason is named by its option`(rule: KeepReason.Rule, isOldest: Bool, text: String) {
    #expect(KeepReason(rule: rule, isOldest: isOldest, number: 2).text == text)
  }
}
