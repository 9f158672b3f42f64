/// Reads `[…]`, whose `[` has been read.
enum RegexClassParser {
  static func parse(
    _ source: inout RegexSource, _ flags: RegexFlags
  ) throws(RegexError) -> CharacterTest {
    let isNegated = source.take("^")
    var parts: [CharacterTest.Part] = []
    while true {
      guard let character = source.next() else { throw noEnd(source) }
      // Right at the start it is a member.
      if character == "]", !parts.isEmpty { break }
      let first = try part(character, &source, flags)
      guard source.take("-") else {
        parts.append(first)
        continue
      }
      guard let behind = source.next() else { throw noEnd(source) }
      // At the end, a `-` is a member.
      if behind == "]" {
        parts += [first, .range(0x2D...0x2D)]
        break
      }
      let last = try part(behind, &source, flags)
      guard case .range(let low) = first, case .range(let high) = last else {
        throw source.error("a range that begins or ends with a class")
      }
      guard low.lowerBound <= high.lowerBound else {
        throw source.error("a range in [...] ends before it starts")
      }
      parts.append(.range(low.lowerBound...high.lowerBound))
    }
    return CharacterTest(parts, isNegated: isNegated, flags.caseRule)
  }

  private static func part(
    _ character: UInt32, _ source: inout RegexSource, _ flags: RegexFlags
  ) throws(RegexError) -> CharacterTest.Part {
    guard character == "\\" else { return .range(character...character) }
    guard let escaped = source.next() else { throw noEnd(source) }
    if let category = RegexEscape.category(escaped, flags) { return category }
    let value = try RegexEscape.character(escaped, &source, isInClass: true)
    return .range(value...value)
  }

  private static func noEnd(_ source: RegexSource) -> RegexError {
    source.error("a [ without its ]")
  }
}
