/// A shell-style pattern, compiled.
///
/// Matching takes time in proportion to pattern times text at worst, whatever the pattern.
struct Glob: Sendable {
  /// The meaning of the wildcards.
  enum Style {
    /// `*` and `?` match `/` as well, as in borg's `fm:`.
    case fnmatch
    /// `*` and `?` stay within a component and `**/` stands for any number of directories, as in
    /// borg's `sh:` and in its patterns of archive names.
    case shell
  }

  /// The text that may follow the part that the pattern matches.
  enum Tail {
    case nothing
    case something
    case anything
  }

  private enum Token {
    case literal(UInt32)
    case any
    case anyButSlash
    case set(CharacterSet)
    /// Any number of any characters.
    case star
    /// Any number of characters other than `/`.
    case starWithinComponent
    /// Any number of directories, each with the `/` behind it.
    case directories
  }

  private let style: Style
  private let tail: Tail
  /// The bytes that every match begins with: most texts are refused here.
  private let prefix: [UInt8]
  private let tokens: [Token]
  /// Whether going back to the last wildcard is enough.
  private let isGreedy: Bool

  /// Compiles `pattern`.
  ///
  /// - Throws: `PatternError.invalidRange` for `[z-a]` in shell style; `fnmatch` leaves out such
  ///   a range.
  init(_ pattern: [UInt8], style: Style, tail: Tail = .nothing) throws(PatternError) {
    self.style = style
    self.tail = tail
    let units = CharacterUnit.units(of: pattern)
    var tokens: [Token] = []
    var i = 0
    // Where one `[` has no end, none behind it has one.
    var mayBeSet = true
    while i < units.count {
      let unit = units[i].value
      i += 1
      switch unit {
      case "*":
        let isDirectories =
          style == .shell && i + 1 < units.count && units[i].value == "*"
          && units[i + 1].value == "/"
        if isDirectories { i += 2 }
        tokens.append(
          isDirectories ? .directories : style == .shell ? .starWithinComponent : .star)
      case "?":
        tokens.append(style == .shell ? .anyButSlash : .any)
      case "[":
        if mayBeSet, let end = Self.endOfSet(units, from: i) {
          tokens.append(
            .set(try CharacterSet(units[i..<end], skipsEmptyRanges: style == .fnmatch)))
          i = end + 1
        } else {
          mayBeSet = false
          tokens.append(.literal(unit))
        }
      default: tokens.append(.literal(unit))
      }
    }
    var prefix: [UInt8] = []
    var literals = 0
    for (token, unit) in zip(tokens, units) {
      guard case .literal = token else { break }
      prefix += pattern[prefix.count..<(prefix.count + unit.length)]
      literals += 1
    }
    self.prefix = prefix
    self.tokens = Array(tokens.dropFirst(literals))
    isGreedy = style == .fnmatch || Self.keepsToComponents(tokens)
  }

  /// Bytes that every text has that matches, with a NUL in front of what only its start can have.
  var requiredLiteral: [UInt8] {
    var literal = RequiredLiteral()
    literal.add(bytes: [0] + prefix)
    for token in tokens {
      if case .literal(let unit) = token { literal.add(unit) } else { literal.end() }
    }
    literal.end()
    // A lone NUL is in front of every text.
    return literal.best.count > 1 ? literal.best : []
  }

  /// Whether the pattern matches `text` from its start up to what the tail allows.
  func matches(_ text: [UInt8]) -> Bool {
    guard text.starts(with: prefix) else { return false }
    return isGreedy
      ? matchesGreedily(text.span, from: prefix.count)
      : matchesInParallel(text.span, from: prefix.count)
  }

  /// The `]` that ends the set which starts at `start`; right after `[` or `[!` it is a member.
  private static func endOfSet(_ units: [CharacterUnit], from start: Int) -> Int? {
    var i = start
    if i < units.count, units[i].value == "!" { i += 1 }
    if i < units.count, units[i].value == "]" { i += 1 }
    return units[min(i, units.count)...].firstIndex { $0.value == "]" }
  }

  /// Whether nothing but a literal matches `/`, and each `**/` stands at the start of a component.
  private static func keepsToComponents(_ tokens: [Token]) -> Bool {
    let slash = UInt32(UInt8(ascii: "/"))
    for (i, token) in tokens.enumerated() {
      switch token {
      case .set(let set) where set.contains(slash): return false
      case .directories where i > 0:
        switch tokens[i - 1] {
        case .literal(slash), .directories: continue
        default: return false
        }
      default: continue
      }
    }
    return true
  }

  private func accepts(_ position: Int, of count: Int) -> Bool {
    switch tail {
    case .nothing: position == count
    case .something: position < count
    case .anything: true
    }
  }

  /// Matches by making the last wildcard longer until what follows it fits.
  ///
  /// Going back further is never needed. Where a star is first reached it can stand for all that it
  /// could stand for had an earlier one taken more; the same holds for `**/`, which is reached at
  /// the start of a component. A star of the shell style must not leave its component: then the
  /// last `**/` takes one directory more.
  private func matchesGreedily(_ text: Span<UInt8>, from start: Int) -> Bool {
    var token = 0
    var position = start
    var star: (token: Int, position: Int)?
    var directories: (token: Int, position: Int)?
    while true {
      if token < tokens.count {
        switch tokens[token] {
        case .star, .starWithinComponent:
          token += 1
          star = (token, position)
          continue
        case .directories:
          token += 1
          directories = (token, position)
          star = nil
          continue
        case let other where position < text.count:
          let unit = CharacterUnit(text, at: position)
          if Self.matches(other, unit.value) {
            token += 1
            position += unit.length
            continue
          }
        default: break
        }
      } else if accepts(position, of: text.count) {
        return true
      }
      if let last = star, let next = longerStar(text, from: last.position, before: last.token) {
        (token, position) = (last.token, next)
        star = (token, position)
      } else if let last = directories, let slash = firstSlash(text, from: last.position) {
        (token, position) = (last.token, slash + 1)
        directories = (token, position)
        star = nil
      } else {
        return false
      }
    }
  }

  /// The next position after `position` where a star may end and `token` may begin.
  private func longerStar(_ text: Span<UInt8>, from position: Int, before token: Int) -> Int? {
    let slash = UInt8(ascii: "/")
    guard position < text.count, style == .fnmatch || text[position] != slash else { return nil }
    var next = position + CharacterUnit(text, at: position).length
    // Most patterns go on with an ASCII character, which is no part of any other character.
    guard token < tokens.count, case .literal(let value) = tokens[token], value < 0x80 else {
      return next
    }
    while next < text.count, text[next] != value {
      if style == .shell, text[next] == slash { return nil }
      next += 1
    }
    return next < text.count ? next : nil
  }

  private func firstSlash(_ text: Span<UInt8>, from position: Int) -> Int? {
    var position = position
    while position < text.count, text[position] != UInt8(ascii: "/") { position += 1 }
    return position < text.count ? position : nil
  }

  /// Matches any tokens of the shell style, following all possibilities at once.
  ///
  /// State 2t is "before token t"; state 2t + 1 is "inside a directory's name of token t".
  private func matchesInParallel(_ text: Span<UInt8>, from start: Int) -> Bool {
    let end = 2 * tokens.count
    var states = [Bool](repeating: false, count: end + 1)
    var next = states
    states[0] = true
    var position = start
    while true {
      // Stars may stand for nothing: what follows them is possible as well.
      for token in tokens.indices where states[2 * token] {
        switch tokens[token] {
        case .starWithinComponent, .directories: states[2 * token + 2] = true
        default: break
        }
      }
      if states[end], accepts(position, of: text.count) { return true }
      guard position < text.count else { return false }
      let unit = CharacterUnit(text, at: position)
      position += unit.length
      let isSlash = unit.value == "/"
      var isAlive = false
      for state in next.indices { next[state] = false }
      for token in tokens.indices where states[2 * token] || states[2 * token + 1] {
        switch tokens[token] {
        case .directories: next[isSlash ? 2 * token : 2 * token + 1] = true
        case .starWithinComponent where !isSlash: next[2 * token] = true
        case .starWithinComponent: continue
        case let other where Self.matches(other, unit.value): next[2 * token + 2] = true
        default: continue
        }
        isAlive = true
      }
      if !isAlive { return false }
      swap(&states, &next)
    }
  }

  private static func matches(_ token: Token, _ unit: UInt32) -> Bool {
    switch token {
    case .literal(let expected): unit == expected
    case .any: true
    case .anyButSlash: unit != "/"
    case .set(let set): set.contains(unit)
    case .star, .starWithinComponent, .directories: false
    }
  }
}

/// The characters between `[` and `]`.
private struct CharacterSet {
  private let isNegated: Bool
  private let ranges: [ClosedRange<UInt32>]

  init(_ units: ArraySlice<CharacterUnit>, skipsEmptyRanges: Bool) throws(PatternError) {
    isNegated = units.first?.value == "!"
    var rest = units.map(\.value)[...]
    if isNegated { rest = rest.dropFirst() }
    var ranges: [ClosedRange<UInt32>] = []
    while let first = rest.popFirst() {
      // A `-` at the end is a member like any other.
      guard rest.count >= 2, rest.first == "-" else {
        ranges.append(first...first)
        continue
      }
      let last = rest[rest.startIndex + 1]
      rest = rest.dropFirst(2)
      if first <= last {
        ranges.append(first...last)
      } else if !skipsEmptyRanges {
        throw .invalidRange
      }
    }
    self.ranges = ranges
  }

  func contains(_ unit: UInt32) -> Bool { ranges.contains { $0.contains(unit) } != isNegated }
}
