import ChunkStore

/// Which items of an archive are meant: those that the patterns include, and of these, if paths
/// were named, only what is beneath them.
struct Selection {
  private let given: [[UInt8]]
  private let named: Range<Int>
  private let patterns: PatternList
  private var matcher: PatternMatcher
  private var matched: Set<Int> = []
  /// Those that may have decided about items that cannot be read.
  private var uncertain: Set<Int> = []

  /// Takes the rules, and the paths that the command line names, of style `pp:` where they do not
  /// say otherwise; the roots of the rules are such paths as well.
  init(paths: [[UInt8]], rules: SelectionRules) throws {
    var patterns = rules.patterns
    given = rules.roots + paths
    var named: [Pattern] = []
    for path in given {
      guard !path.isEmpty else { throw CommandFailure.emptyPath }
      do throws(PatternError) {
        named.append(try Pattern(path, defaultStyle: .prefix))
      } catch {
        throw CommandFailure("\(name: path): \(error)")
      }
    }
    self.named = patterns.includeOnly(named)
    self.patterns = patterns
    matcher = PatternMatcher(patterns)
  }

  /// Whether nothing was said about what is meant.
  var isEverything: Bool { patterns.rules.isEmpty }

  /// Whether an item is meant.
  mutating func contains(_ path: ArchivePath) -> Bool {
    if isEverything { return patterns.fallback == .include }
    let match = matcher.match(SelectionPath(path))
    if let place = match.pattern, named.contains(place) { matched.insert(place) }
    return match.verdict == .include
  }

  /// Takes note of items that nobody can be asked about.
  mutating func pass(_ lost: LostItems) {
    for place in named where mayMatch(patterns.rules[place].pattern, lost) {
      uncertain.insert(place)
    }
  }

  private func mayMatch(_ pattern: Pattern, _ lost: LostItems) -> Bool {
    let path: [UInt8]
    switch pattern.content {
    case .prefix(let prefix): path = Array(prefix.dropLast())
    case .full(let full): path = full
    case .glob, .regex: return true
    }
    do throws(FormatError) {
      return lost.mayHold(try ArchivePath(path))
    } catch {
      return false  // No archive can have such an item.
    }
  }

  /// Where everything lies that is meant, in order, none within another; `nil` if that may be
  /// anywhere.
  var places: [ArchivePath]? {
    guard patterns.fallback == .exclude else { return nil }
    var places: [ArchivePath] = []
    for rule in patterns.rules where rule.verdict == .include {
      switch rule.pattern.content {
      case .prefix(let path) where !path.isEmpty:
        guard let path = try? ArchivePath(Array(path.dropLast())) else { return nil }
        places.append(path)
      case .full(let path):
        guard let path = try? ArchivePath(path) else { return nil }
        places.append(path)
      case .prefix, .glob, .regex: return nil
      }
    }
    return places.sorted().reduce(into: []) { kept, path in
      if let last = kept.last, path.isWithin(last) { return }
      kept.append(path)
    }
  }

  /// The paths that were named and that decided about no item, as borg counts them: patterns and
  /// paths that come before may have taken all that they would match, and `pf:` is not counted.
  var neverMatched: [[UInt8]] {
    named.filter {
      !matched.contains($0) && !uncertain.contains($0) && patterns.rules[$0].pattern.style != .full
    }.map { given[$0 - named.lowerBound] }
  }

  /// The paths that were named, that decided about no item, and that may have decided about some
  /// that cannot be read.
  var perhapsLost: [[UInt8]] {
    named.filter { uncertain.contains($0) && !matched.contains($0) }
      .map { given[$0 - named.lowerBound] }
  }
}
