/// Compiles the syntax of Python's `re`, as far as it can be matched in linear time.
///
/// Groups nest on a stack of our own, so the depth of a pattern is limited by its length only.
struct RegexParser {
  /// A group that is open.
  private struct Group {
    /// The flags that are in force again behind the group.
    let flagsBehind: RegexFlags
    var alternatives: [RegexCode] = []
    var code = RegexCode()
    var last = Last.nothing

    init(flagsBehind: RegexFlags) { self.flagsBehind = flagsBehind }
  }

  /// The element that a `*` would repeat.
  private enum Last {
    case nothing
    /// The code from here on.
    case item(start: Int)
    case repeated
  }

  private var source: RegexSource
  private var flags = RegexFlags()
  private var groups: [Group] = []
  private var tests: [CharacterTest] = []
  private var numbers: [CharacterTest: Int] = [:]
  private var literal = RequiredLiteral()
  /// Instructions of all groups together.
  private var size = 0

  init(_ bytes: [UInt8]) { source = RegexSource(bytes) }

  /// Reads all of it.
  mutating func program() throws(RegexError) -> RegexProgram {
    groups = [Group(flagsBehind: flags)]
    while let character = source.next() {
      if flags.contains(.verbose), skipsVerbose(character) { continue }
      switch character {
      case "|": try endAlternative()
      case "(": try openGroup()
      case ")":
        guard groups.count > 1 else { throw source.error("unbalanced parenthesis") }
        try closeGroup()
      case "*", "+", "?", "{":
        if let (minimum, maximum) = try repetition(character) {
          try `repeat`(minimum, maximum)
        } else {
          try take(literal: character)
        }
      case "[":
        try take(try RegexClassParser.parse(&source, flags))
      case ".": try take(.any(includingNewline: flags.contains(.dotAll)))
      case "^": try require(flags.contains(.multiline) ? .lineStart : .textStart)
      case "$": try require(flags.contains(.multiline) ? .lineEnd : .end)
      case "\\": try escape()
      default: try take(literal: character)
      }
    }
    guard groups.count == 1, let last = groups.popLast() else {
      throw source.error("a ) is missing")
    }
    var code = Self.code(of: last)
    code.append(.found)
    literal.end()
    return RegexProgram(
      instructions: code.instructions, tests: tests, requiredLiteral: literal.best)
  }

  // MARK: Items

  private mutating func take(literal character: UInt32) throws(RegexError) {
    try take(CharacterTest(character, flags.caseRule))
  }

  private mutating func take(_ test: CharacterTest) throws(RegexError) {
    let number = numbers[test] ?? tests.count
    if number == tests.count {
      tests.append(test)
      numbers[test] = number
    }
    var code = RegexCode()
    code.append(.take(number))
    try grow(by: 1)
    add(code)
    if groups.count == 1, let character = test.literal {
      literal.add(character)
    } else {
      literal.end()
    }
  }

  private mutating func require(_ assertion: RegexProgram.Assertion) throws(RegexError) {
    try grow(by: 1)
    groups[groups.count - 1].code.append(.require(assertion))
    groups[groups.count - 1].last = .nothing
    literal.end()
  }

  /// Adds what can be repeated.
  private mutating func add(_ code: RegexCode) {
    let top = groups.count - 1
    groups[top].last = .item(start: groups[top].code.count)
    groups[top].code.append(code)
  }

  private mutating func grow(by count: Int) throws(RegexError) {
    size += count
    guard size <= RegexProgram.maximumSize else {
      throw source.error(
        "too large: with its repetitions written out it has more than "
          + "\(RegexProgram.maximumSize) parts")
    }
  }

  // MARK: Alternatives and groups

  private mutating func endAlternative() throws(RegexError) {
    try grow(by: 2)
    let top = groups.count - 1
    groups[top].alternatives.append(groups[top].code)
    groups[top].code = RegexCode()
    groups[top].last = .nothing
    if top == 0 { literal.giveUp() }
  }

  private static func code(of group: Group) -> RegexCode {
    group.alternatives.isEmpty
      ? group.code : .alternatives(group.alternatives + [group.code])
  }

  private mutating func openGroup() throws(RegexError) {
    let behind = flags
    if source.take("?") {
      switch try RegexGroupParser.kind(&source, flags, isAtStart: isAtStart) {
      case .comment: return
      case .flags(let new):
        flags = new
        return
      case .group(let new): flags = new
      }
    }
    literal.end()
    groups.append(Group(flagsBehind: behind))
  }

  /// Whether nothing of the expression has been read but flags and comments.
  private var isAtStart: Bool {
    guard groups.count == 1, groups[0].alternatives.isEmpty, case .nothing = groups[0].last else {
      return false
    }
    return groups[0].code.count == 0
  }

  private mutating func closeGroup() throws(RegexError) {
    guard let group = groups.popLast() else { return }
    flags = group.flagsBehind
    add(Self.code(of: group))
    literal.end()
  }

  // MARK: Repetition

  /// Reads the rest of a quantifier; `nil` if a `{` begins none and is an ordinary character.
  private mutating func repetition(
    _ character: UInt32
  ) throws(RegexError) -> (minimum: Int, maximum: Int?)? {
    switch character {
    case "*": return (0, nil)
    case "+": return (1, nil)
    case "?": return (0, 1)
    default: break
    }
    let start = source
    if source.peek == "}" { return nil }
    let low = source.digits()
    let high = source.take(",") ? source.digits() : low
    guard source.take("}") else {
      source = start
      return nil
    }
    let minimum = low.isEmpty ? 0 : number(low)
    let maximum = high.isEmpty ? nil : number(high)
    if let maximum, maximum < minimum {
      throw source.error("the least number of repetitions is greater than the greatest")
    }
    return (minimum, maximum)
  }

  /// A number that is too large for the program in any case stays too large.
  private func number(_ digits: [UInt32]) -> Int {
    digits.reduce(0) { value, digit in min(value * 10 + Int(digit & 0xF), 1 << 40) }
  }

  private mutating func `repeat`(_ minimum: Int, _ maximum: Int?) throws(RegexError) {
    let top = groups.count - 1
    let start: Int
    switch groups[top].last {
    case .item(let itemStart): start = itemStart
    case .repeated: throw source.error("one repetition behind another")
    case .nothing: throw source.error("nothing to repeat")
    }
    if source.take("+") {
      throw source.error("possessive repetition is not supported: it needs more than linear time")
    }
    // Greedy or lazy makes no difference to whether something is found.
    _ = source.take("?")
    let item = groups[top].code.split(from: start)
    guard let count = item.repeatedCount(minimum, maximum) else {
      throw source.error("too many repetitions")
    }
    try grow(by: count - item.count)
    groups[top].code.append(item.repeated(minimum, maximum))
    groups[top].last = .repeated
    literal.repeatLast(atLeastOnce: minimum > 0)
  }

  // MARK: Escapes and the verbose syntax

  private mutating func escape() throws(RegexError) {
    guard let character = source.next() else { throw source.error("a \\ at the end") }
    let isASCII = flags.contains(.ascii)
    switch character {
    case "A": try require(.textStart)
    case "Z": try require(.textEnd)
    case "b": try require(.wordBoundary(isNegated: false, isASCII: isASCII))
    case "B": try require(.wordBoundary(isNegated: true, isASCII: isASCII))
    default:
      if let part = RegexEscape.category(character, flags) {
        try take(CharacterTest([part]))
      } else {
        try take(literal: try RegexEscape.character(character, &source, isInClass: false))
      }
    }
  }

  /// Whether the verbose syntax ignores a character; a comment is read to its end.
  private mutating func skipsVerbose(_ character: UInt32) -> Bool {
    if character == "#" {
      while let next = source.next(), next != "\n" {}
      return true
    }
    return character == 0x20 || (0x09...0x0D).contains(character)
  }
}
