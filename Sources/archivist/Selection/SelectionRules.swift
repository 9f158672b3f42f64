/// The rules of the options that choose paths together: patterns, and roots to start from.
struct SelectionRules: Sendable {
  /// The patterns, in the order of their authority.
  private(set) var patterns = PatternList()
  /// Paths named by `R`, as they stand there.
  private(set) var roots: [[UInt8]] = []

  /// Adds a pattern of `--exclude`.
  mutating func exclude(_ text: [UInt8]) throws(PatternError) {
    patterns.append(try Pattern(text, defaultStyle: .fnmatch), .excludeNoRecurse)
  }

  /// Adds a rule of `--pattern`.
  ///
  /// As with borg, a `P` is understood, and concerns nothing but the argument that it stands in.
  mutating func add(rule: [UInt8]) throws(PatternError) {
    var style = Pattern.Style.shell
    try add(rule, &style)
  }

  /// Adds the patterns of a file for `--exclude-from`, of style `fm:` where they do not say
  /// otherwise.
  mutating func exclude(linesOf file: [UInt8]) throws(PatternFile.LineError) {
    try PatternFile.read(file) { line throws(PatternError) in try exclude(line) }
  }

  /// Adds the rules of a file for `--patterns-from`, of style `sh:` until a `P` says otherwise.
  mutating func add(rulesOf file: [UInt8]) throws(PatternFile.LineError) {
    var style = Pattern.Style.shell
    try PatternFile.read(file) { line throws(PatternError) in try add(line, &style) }
  }

  private mutating func add(
    _ rule: [UInt8], _ style: inout Pattern.Style
  ) throws(PatternError) {
    let value = rule.dropFirst().isEmpty ? [] : Array(rule.dropFirst()).withoutLeadingSpace
    guard let first = rule.first, !value.isEmpty else { throw .notARule(rule) }
    switch Unicode.Scalar(first) {
    case "R", "r": roots.append(value)
    case "P", "p":
      let name = String(decoding: value, as: UTF8.self)
      guard let new = Pattern.Style(rawValue: name) else { throw .noStyle(value) }
      style = new
    case "+": patterns.append(try Pattern(value, defaultStyle: style), .include)
    case "-": patterns.append(try Pattern(value, defaultStyle: style), .exclude)
    case "!": patterns.append(try Pattern(value, defaultStyle: style), .excludeNoRecurse)
    default: throw .notARule(rule)
    }
  }
}
