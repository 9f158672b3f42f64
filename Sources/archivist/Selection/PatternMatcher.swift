import ChunkStore

/// Compares paths with a list of patterns, which may be thousands.
///
/// Full and leading paths are looked up in tables. Of the other patterns those are tried whose
/// longest literal part is in the path, which one pass over the path tells, and those that have
/// no such part.
///
/// Belongs to one thread: it remembers what it learns about regular expressions.
struct PatternMatcher {
  /// The verdict on a path, and which pattern led to it.
  struct Match: Equatable {
    var verdict: PatternList.Verdict
    /// The pattern's place in the list; `nil` where none matched.
    var pattern: Int?
  }

  private let verdicts: [PatternList.Verdict]
  private let fallback: PatternList.Verdict
  private let tests: [PatternTest]
  private var full: [[UInt8]: Int] = [:]
  private var prefixes: PrefixTable
  private var literals: LiteralSet
  /// Patterns without a literal part.
  private let always: [Int]
  private var candidates: [Int] = []

  init(_ list: PatternList) {
    verdicts = list.rules.map(\.verdict)
    fallback = list.fallback
    let expressions = list.rules.count { $0.pattern.style == .regex }
    // All regular expressions together remember as much as one alone would.
    let capacity = max(1 << 11, (1 << 20) / max(1, expressions))
    tests = list.rules.map { PatternTest($0.pattern, capacity: capacity) }
    var prefixes = PrefixTable()
    var literals: [(bytes: [UInt8], number: Int)] = []
    var always: [Int] = []
    for (place, rule) in list.rules.enumerated() {
      switch rule.pattern.content {
      case .full(let path): full[path] = place
      case .prefix(let path):
        if path.isEmpty { always.append(place) } else { prefixes.insert(path, place) }
      case .glob(let glob):
        let literal = glob.requiredLiteral
        if literal.isEmpty { always.append(place) } else { literals.append((literal, place)) }
      case .regex(let program):
        let literal = program.requiredLiteral
        if literal.isEmpty { always.append(place) } else { literals.append((literal, place)) }
      }
    }
    self.prefixes = prefixes
    self.literals = LiteralSet(literals)
    self.always = always
  }

  /// The verdict on a path, and the pattern that decided.
  mutating func match(_ path: SelectionPath) -> Match {
    if verdicts.isEmpty { return Match(verdict: fallback) }
    if !full.isEmpty, let place = full[path.bytes] {
      return Match(verdict: verdicts[place], pattern: place)
    }
    candidates.removeAll(keepingCapacity: true)
    candidates += always
    if !prefixes.isEmpty { prefixes.find(in: path.withSlash.span, &candidates) }
    if !literals.isEmpty {
      // A NUL, which no path has in it, in front of its start.
      let text = [0] + path.withSlash
      literals.find(in: text.span, &candidates)
    }
    candidates.sort()
    for place in candidates where tests[place].matches(path) {
      return Match(verdict: verdicts[place], pattern: place)
    }
    return Match(verdict: fallback)
  }

  /// The verdict on a path.
  mutating func verdict(for path: SelectionPath) -> PatternList.Verdict { match(path).verdict }
}

/// Compares paths with one pattern.
struct PatternTest {
  private enum Method {
    case glob(Glob)
    case prefix([UInt8])
    case full([UInt8])
    case regex(RegexMatcher)
  }

  private let method: Method

  /// Prepares to compare; a regular expression remembers up to `capacity` table entries.
  init(_ pattern: Pattern, capacity: Int = 1 << 18) {
    method =
      switch pattern.content {
      case .glob(let glob): .glob(glob)
      case .prefix(let path): .prefix(path)
      case .full(let path): .full(path)
      case .regex(let program): .regex(RegexMatcher(program, capacity: capacity))
      }
  }

  /// Whether the pattern matches a path.
  func matches(_ path: SelectionPath) -> Bool {
    switch method {
    case .glob(let glob): glob.matches(path.withSlash)
    case .prefix(let prefix): path.withSlash.starts(with: prefix)
    case .full(let full): path.bytes == full
    case .regex(let matcher): matcher.matches(path.bytes.span)
    }
  }
}

/// Finds which of many directories a path is in, by the hashes of its own leading parts.
private struct PrefixTable {
  private var places: [UInt64: [Int]] = [:]

  var isEmpty: Bool { places.isEmpty }

  /// Adds a path that ends in a slash.
  mutating func insert(_ path: [UInt8], _ place: Int) {
    places[path.reduce(Self.start, Self.next), default: []].append(place)
  }

  /// Adds what may be found: that two paths have one hash is possible.
  func find(in path: Span<UInt8>, _ candidates: inout [Int]) {
    var hash = Self.start
    for i in path.indices {
      hash = Self.next(hash, path[i])
      if path[i] == UInt8(ascii: "/"), let found = places[hash] { candidates += found }
    }
  }

  // FNV-1a, which takes one byte after the other.
  private static let start: UInt64 = 0xCBF2_9CE4_8422_2325
  private static func next(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
    (hash ^ UInt64(byte)) &* 0x100_0000_01B3
  }
}
