import ArgumentParser
import Testing

@testable import archivist

@Suite struct `Selection rules` {
  private func sources(_ rules: SelectionRules) -> [String] {
    rules.patterns.rules.map {
      "\($0.verdict) \($0.pattern.style.rawValue) \(String(decoding: $0.pattern.source, as: UTF8.self))"
    }
  }

  private func rules(_ file: String) throws -> SelectionRules {
    var rules = SelectionRules()
    try rules.add(rulesOf: Array(file.utf8))
    return rules
  }

  @Test func `of an exclude file skip comments and empty lines`() throws {
    var rules = SelectionRules()
    try rules.exclude(
      linesOf: Array("# a comment\n\n  *.o  \r\nsh:a/**/b\r  # another\n\tc d".utf8))
    #expect(
      sources(rules) == [
        "excludeNoRecurse fm *.o", "excludeNoRecurse sh sh:a/**/b", "excludeNoRecurse fm c d",
      ])
  }

  @Test func `of a pattern file have styles, roots and three verdicts`() throws {
    let rules = try rules(
      """
      # shell style at first
      + a/**/b
      - fm:*.o
      !c
      R /home/user
      P fm
      - *.p
      p re
      +\t\\.q$
      r srv
      """)
    #expect(
      sources(rules) == [
        "include sh a/**/b", "exclude fm fm:*.o", "excludeNoRecurse sh c", "exclude fm *.p",
        "include re \\.q$",
      ])
    #expect(rules.roots == ["/home/user", "srv"].map { Array($0.utf8) })
  }

  @Test func `begin each file, and each argument, in shell style`() throws {
    var rules = try rules("P fm\n- a")
    try rules.add(rulesOf: Array("- b".utf8))
    try rules.add(rule: Array("P pf".utf8))
    try rules.add(rule: Array("-c".utf8))
    #expect(sources(rules) == ["exclude fm a", "exclude sh b", "exclude sh c"])
  }

  @Test(arguments: ["", "+", "- ", "x a", "*.o", "P", "P xx", "P fm:", "+ zz:a", "! re:("])
  func `that are none are refused`(_ text: String) {
    var rules = SelectionRules()
    #expect(throws: PatternError.self) { try rules.add(rule: Array(text.utf8)) }
  }

  @Test func `of a file that are wrong are named by their line`() {
    var rules = SelectionRules()
    #expect(throws: PatternFile.LineError(line: 3, cause: .unknownStyle("zz"))) {
      try rules.exclude(linesOf: Array("a\n\nzz:b\n".utf8))
    }
    #expect(throws: PatternFile.LineError(line: 2, cause: .notARule(Array("a".utf8)))) {
      try rules.add(rulesOf: Array("+ a\na\n".utf8))
    }
  }

  @Test func `come in the order of the command line`() throws {
    let options = try SelectionOptions.parse([
      "-e", "a", "--pattern=+b", "--exclude", "c", "--pattern", "-d", "-ee",
    ])
    #expect(
      sources(try options.rules()) == [
        "excludeNoRecurse fm a", "include sh b", "excludeNoRecurse fm c", "exclude sh d",
        "excludeNoRecurse fm e",
      ])
  }

  @Test func `never trap, whatever the bytes`() {
    let pieces = [
      "(", ")", "[", "]", "{", "}", "\\", "?", "*", "+", "|", "^", "$", ".", "-", ":", "P", "re:",
      "sh:",
      "fm:", "pf:", "pp:", "a", "1", "9", ",", "(?", "i", "#", "/", "!", "\u{e4}", "x", "u", "\n",
    ]
    for _ in 0..<20_000 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 0...12) {
        if Bool.random() {
          bytes += Array((pieces.randomElement() ?? "").utf8)
        } else {
          bytes.append(UInt8.random(in: 0...255))
        }
      }
      var rules = SelectionRules()
      try? rules.exclude(bytes)
      try? rules.add(rule: bytes)
      try? rules.exclude(Array("re:".utf8) + bytes)
      try? rules.add(rulesOf: bytes)
      var matcher = PatternMatcher(rules.patterns)
      _ = matcher.match(SelectionPath(bytes))
    }
  }
}
