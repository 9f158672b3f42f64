/// The meaning of the text behind a backslash, apart from places such as `\b`.
enum RegexEscape {
  /// `\d \s \w` and their opposites.
  static func category(_ letter: UInt32, _ flags: RegexFlags) -> CharacterTest.Part? {
    let (category, isNegated): (CharacterCategory, Bool)
    switch letter {
    case "d": (category, isNegated) = (.digit, false)
    case "D": (category, isNegated) = (.digit, true)
    case "s": (category, isNegated) = (.space, false)
    case "S": (category, isNegated) = (.space, true)
    case "w": (category, isNegated) = (.word, false)
    case "W": (category, isNegated) = (.word, true)
    default: return nil
    }
    return .category(category, isNegated: isNegated, isASCII: flags.contains(.ascii))
  }

  /// The character that an escape means, whose first character has been read.
  static func character(
    _ first: UInt32, _ source: inout RegexSource, isInClass: Bool
  ) throws(RegexError) -> UInt32 {
    switch first {
    case "a": return 0x07
    case "b" where isInClass: return 0x08
    case "f": return 0x0C
    case "n": return 0x0A
    case "r": return 0x0D
    case "t": return 0x09
    case "v": return 0x0B
    case "x": return try hexadecimal(2, &source)
    case "u": return try hexadecimal(4, &source)
    case "U":
      let value = try hexadecimal(8, &source)
      guard value <= 0x10FFFF else { throw source.error("no character has this number") }
      return value
    case "N": throw source.error("\\N{…} is not supported: write the character itself")
    case 0x30...0x39: return try octal(first, &source, isInClass: isInClass)
    case 0x41...0x5A, 0x61...0x7A: throw source.error("an unknown escape")
    default: return first
    }
  }

  private static func hexadecimal(
    _ count: Int, _ source: inout RegexSource
  ) throws(RegexError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      let digit: UInt32
      switch source.next() {
      case .some(let character) where (0x30...0x39).contains(character): digit = character - 0x30
      case .some(let character) where (0x61...0x66).contains(character | 0x20):
        digit = (character | 0x20) - 0x61 + 10
      default: throw source.error("an escape that needs \(count) hexadecimal digits")
      }
      // Eight digits fill the number; what is beyond the last character is refused above.
      value = value << 4 | digit
    }
    return value
  }

  private static func octal(
    _ first: UInt32, _ source: inout RegexSource, isInClass: Bool
  ) throws(RegexError) -> UInt32 {
    let octal: ClosedRange<UInt32> = 0x30...0x37
    var ahead = source
    let more = ahead.take(atMost: 2) { octal.contains($0) }
    let digits = octal.contains(first) ? [first] + more : []
    guard first == "0" || digits.count == 3 || isInClass && !digits.isEmpty else {
      throw source.error(
        isInClass
          ? "an unknown escape"
          : "references to groups are not supported: they need more than linear time")
    }
    source = ahead
    let value = digits.reduce(0) { $0 << 3 | ($1 & 7) }
    guard value <= 0o377 else { throw source.error("an octal escape above 377") }
    return value
  }
}
