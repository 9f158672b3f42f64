/// Patterns in the order of their authority: the first one that matches a path decides.
///
/// Patterns of style `pf:` come before all others, whatever their order, and of two for the same
/// path the later one counts.
struct PatternList: Sendable {
  /// The verdict on a path.
  enum Verdict {
    /// It is taken.
    case include
    /// It is left out; what is in it may still be taken.
    case exclude
    /// It is left out with all that is in it.
    case excludeNoRecurse
  }

  /// The patterns and what each one says, in the order in which they were added.
  private(set) var rules: [(pattern: Pattern, verdict: Verdict)] = []
  /// The verdict on a path that no pattern matches.
  private(set) var fallback = Verdict.include

  /// Adds a pattern behind those that are there.
  mutating func append(_ pattern: Pattern, _ verdict: Verdict) { rules.append((pattern, verdict)) }

  /// Adds the paths that a command line names; with at least one, nothing else is taken.
  ///
  /// - Returns: The places of these patterns, for saying afterwards which ones never matched.
  @discardableResult
  mutating func includeOnly(_ patterns: [Pattern]) -> Range<Int> {
    let first = rules.count
    for pattern in patterns { append(pattern, .include) }
    // An excluded directory is still entered: a named path may lie in it.
    if !patterns.isEmpty { fallback = .exclude }
    return first..<rules.count
  }
}
