import Testing

@testable import archivist

@Suite struct `Patterns` {
  @Test func `match what borg's patterns match`() throws {
    var pattern: Pattern?
    var before = ""
    var compared = 0
    for (kind, text) in try vectors() {
      let bytes = unescaped(text)
      switch kind {
      case "pattern":
        pattern = try? Pattern(bytes, defaultStyle: .fnmatch)
        before = text
      case "invalid", "unsupported": #expect(pattern == nil, "\(before)")
      case "y", "n":
        guard let pattern else { continue }
        compared += 1
        #expect(
          PatternTest(pattern).matches(SelectionPath(bytes)) == (kind == "y"),
          "\(String(decoding: pattern.source, as: UTF8.self)) and \(text)")
      default: pattern = nil
      }
    }
    #expect(compared > 10_000)
  }

  @Test func `that borg accepts are accepted`() throws {
    let all = try vectors()
    for (i, (kind, text)) in all.enumerated() where kind == "pattern" {
      if ["invalid", "unsupported"].contains(all[i + 1].kind) { continue }
      #expect(throws: Never.self) { try Pattern(unescaped(text), defaultStyle: .fnmatch) }
    }
  }

  @Test func `in a list decide as borg's matcher does`() throws {
    var list = PatternList()
    var matcher = PatternMatcher(list)
    var compared = 0
    for (kind, text) in try vectors() {
      switch kind {
      case "list": list = PatternList()
      case "exclude":
        list.append(try Pattern(unescaped(text), defaultStyle: .fnmatch), .excludeNoRecurse)
      case "only": list.includeOnly([try Pattern(unescaped(text), defaultStyle: .prefix)])
      case "verdict":
        let words = text.split(separator: " ")
        compared += 1
        matcher = PatternMatcher(list)
        #expect("\(matcher.verdict(for: SelectionPath(unescaped(words[1]))))" == words[0])
      default: break
      }
    }
    #expect(compared > 1_000)
  }

  @Test func `of archive names match what borg's match`() throws {
    var glob: Glob?
    var compared = 0
    for (kind, text) in try vectors() {
      switch kind {
      case "glob": glob = try Glob(unescaped(text), style: .shell)
      case "y", "n":
        guard let glob else { continue }
        compared += 1
        #expect(glob.matches(unescaped(text)) == (kind == "y"))
      default: glob = nil
      }
    }
    #expect(compared > 1_000)
  }

  @Test func `lose the white space that borg strips`() throws {
    let all = try vectors()
    for (i, (kind, text)) in all.enumerated() where kind == "trim" {
      let line = Array(unescaped(text).dropFirst().dropLast())
      let expected = Array(unescaped(all[i + 1].text).dropFirst().dropLast())
      #expect(line.trimmed == expected)
    }
  }

  @Test func `name a style that exists`() {
    #expect(throws: PatternError.unknownStyle("xy")) {
      try Pattern(Array("xy:a".utf8), defaultStyle: .fnmatch)
    }
  }

  @Test func `are matched in no more than pattern times text`() throws {
    let text = [UInt8](repeating: UInt8(ascii: "a"), count: 4_000)
    let path = Array(text.map { [$0, UInt8(ascii: "/")] }.joined())
    let stars = String(repeating: "*a", count: 100) + "*b"
    let directories = String(repeating: "**/*a/", count: 50) + "b"
    for source in ["fm:\(stars)", "sh:\(stars)", "sh:[!b]\(stars)", "sh:\(directories)"] {
      let pattern = try Pattern(Array(source.utf8), defaultStyle: .fnmatch)
      let time = ContinuousClock().measure {
        #expect(!PatternTest(pattern).matches(SelectionPath(text)))
        #expect(!PatternTest(pattern).matches(SelectionPath(path)))
      }
      #expect(time < .seconds(5))
    }
  }

  @Test func `are read in a time that grows with their length`() throws {
    let brackets = [UInt8](repeating: UInt8(ascii: "["), count: 200_000)
    for style in [Glob.Style.fnmatch, .shell] {
      let time = ContinuousClock().measure {
        #expect(throws: Never.self) { _ = try Glob(brackets, style: style).matches(brackets) }
      }
      #expect(time < .seconds(5))
    }
    let glob = try Glob(Array("[]a[!x][".utf8), style: .fnmatch)
    #expect(glob.matches(Array("[x][".utf8)) == false && glob.matches(Array("[[".utf8)))
  }

  private func vectors() throws -> [(kind: String, text: String)] {
    try VectorFile.lines("patterns-borg-1.4.5.txt").map { line in
      let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
      return (parts[0], parts.count > 1 ? parts[1] : "")
    }
  }
}

@Suite struct `Pattern list` {
  func pattern(_ text: String) throws -> Pattern {
    try Pattern(Array(text.utf8), defaultStyle: .fnmatch)
  }

  func match(_ list: PatternList, _ path: String) -> PatternMatcher.Match {
    var matcher = PatternMatcher(list)
    return matcher.match(SelectionPath(Array(path.utf8)))
  }

  @Test func `says which pattern decided`() throws {
    var list = PatternList()
    list.append(try pattern("a/keep"), .include)
    list.append(try pattern("a"), .exclude)
    list.append(try pattern("pf:b/c"), .excludeNoRecurse)
    #expect(match(list, "a/keep/x") == .init(verdict: .include, pattern: 0))
    #expect(match(list, "a/other") == .init(verdict: .exclude, pattern: 1))
    #expect(match(list, "b/c") == .init(verdict: .excludeNoRecurse, pattern: 2))
    #expect(match(list, "b/c/d") == .init(verdict: .include, pattern: nil))
  }

  @Test func `takes the later of two full paths`() throws {
    var list = PatternList()
    list.append(try pattern("pf:/a/b"), .exclude)
    list.append(try pattern("pf:a//b/"), .include)
    #expect(match(list, "a/b").verdict == .include)
  }

  @Test func `with named paths leaves out the rest`() throws {
    var list = PatternList()
    list.append(try pattern("*.o"), .excludeNoRecurse)
    let named = list.includeOnly([try Pattern(Array("home/u".utf8), defaultStyle: .prefix)])
    #expect(named == 1..<2)
    #expect(match(list, "home/u/x").verdict == .include)
    #expect(match(list, "home/u/x.o").verdict == .excludeNoRecurse)
    #expect(match(list, "home/ux").verdict == .exclude)
  }

  @Test func `of thousands decides as one after the other would`() throws {
    var generator = SystemRandomNumberGenerator()
    let names = ["a", "ab", "b", "ba", "c", "abc"]
    func random(_ choices: [String]) -> String { choices.randomElement(using: &generator) ?? "" }
    func path() -> String {
      (0...Int.random(in: 0...3)).map { _ in random(names) }.joined(separator: "/")
    }
    for _ in 0..<30 {
      var list = PatternList()
      for _ in 0..<Int.random(in: 1...60) {
        let text = path()
        let wild = text.map { random(["\($0)", "\($0)", "\($0)", "*", "?", "[ab]", "**/"]) }
          .joined()
        let chosen = random([
          "pp:\(text)", "pf:\(text)", "fm:\(wild)", "sh:\(wild)", "re:\(text)$", "re:^\(text)",
          "re:[ac]\(text)+", "re:(\(text)|bab)",
        ])
        list.append(
          try pattern(chosen), [.include, .exclude, .excludeNoRecurse].randomElement() ?? .include)
      }
      let tests = list.rules.map { PatternTest($0.pattern) }
      var matcher = PatternMatcher(list)
      for _ in 0..<100 {
        let path = SelectionPath(Array(path().utf8))
        let full = list.rules.indices.last {
          list.rules[$0].pattern.style == .full && tests[$0].matches(path)
        }
        let expected = full ?? tests.firstIndex { $0.matches(path) }
        #expect(matcher.match(path).pattern == expected)
      }
    }
  }
}
