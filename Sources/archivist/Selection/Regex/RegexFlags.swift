/// The effects of inline flags such as `(?i)`.
struct RegexFlags: OptionSet {
  let rawValue: UInt8

  static let ascii = RegexFlags(rawValue: 1)
  static let ignoresCase = RegexFlags(rawValue: 2)
  static let multiline = RegexFlags(rawValue: 4)
  static let dotAll = RegexFlags(rawValue: 8)
  static let verbose = RegexFlags(rawValue: 16)

  var caseRule: CharacterTest.CaseRule {
    guard contains(.ignoresCase) else { return .exact }
    return contains(.ascii) ? .foldedASCII : .folded
  }
}

/// The parser of the text behind `(?`.
enum RegexGroupParser {
  enum Kind {
    /// `(?#…)`
    case comment
    /// `(?i)`: flags for the whole expression.
    case flags(RegexFlags)
    /// A group, and the flags in it.
    case group(RegexFlags)
  }

  static func kind(
    _ source: inout RegexSource, _ flags: RegexFlags, isAtStart: Bool
  ) throws(RegexError) -> Kind {
    guard let first = source.next() else { throw source.error("nothing behind (?") }
    switch first {
    case ":": return .group(flags)
    case "#":
      _ = source.take { $0 != ")" }
      guard source.take(")") else { throw source.error("a comment without end") }
      return .comment
    case "P":
      guard source.take("<") else {
        throw source.error(
          source.peek == "="
            ? "references to groups are not supported: they need more than linear time"
            : "an unknown extension (?P")
      }
      let name = source.take { $0 != ">" }
      guard !name.isEmpty, source.take(">") else { throw source.error("a group without a name") }
      return .group(flags)
    case "=", "!", "<":
      throw source.error("looking ahead or behind is not supported: it needs more than linear time")
    case ">": throw source.error("atomic groups are not supported: they need more than linear time")
    case "(":
      throw source.error("conditions are not supported: they need more than linear time")
    default: return try flagGroup(first, &source, flags, isAtStart: isAtStart)
    }
  }

  private static func flagGroup(
    _ first: UInt32, _ source: inout RegexSource, _ flags: RegexFlags, isAtStart: Bool
  ) throws(RegexError) -> Kind {
    var flags = flags
    var isOff = false
    var seen: Set<UInt32> = []
    var count = 0
    var next: UInt32? = first
    while let letter = next {
      switch letter {
      case ")":
        guard !isOff else { throw source.error("flags are switched off for a group only") }
        guard isAtStart else {
          throw source.error("flags for all of the expression stand at its start")
        }
        return .flags(flags)
      case ":":
        guard !isOff || count > 0 else { throw source.error("a flag is missing") }
        return .group(flags)
      case "-" where !isOff:
        isOff = true
        count = 0
      default:
        count += 1
        let opposite: UInt32 = letter == "a" ? 0x75 : letter == "u" ? 0x61 : isOff ? letter : 0
        if seen.contains(opposite) { throw source.error("flags that exclude each other") }
        if !isOff { seen.insert(letter) }
        switch (letter, isOff) {
        case ("i", _): flags.set(.ignoresCase, !isOff)
        case ("m", _): flags.set(.multiline, !isOff)
        case ("s", _): flags.set(.dotAll, !isOff)
        case ("x", _): flags.set(.verbose, !isOff)
        case ("a", false): flags.insert(.ascii)
        case ("u", false): flags.remove(.ascii)
        default: throw source.error("an unknown flag")
        }
      }
      next = source.next()
    }
    throw source.error("flags without end")
  }
}

extension RegexFlags {
  fileprivate mutating func set(_ flag: RegexFlags, _ isOn: Bool) {
    if isOn { insert(flag) } else { remove(flag) }
  }
}

private func ~= (pattern: (Unicode.Scalar, Bool), value: (UInt32, Bool)) -> Bool {
  pattern.0.value == value.0 && pattern.1 == value.1
}
