/// The test of one character in a regular expression: a literal, a class such as `[a-z\d]`, a dot.
struct CharacterTest: Hashable, Sendable {
  /// A part of a class; a character that is in one of the parts is in the class.
  enum Part: Hashable {
    case range(ClosedRange<UInt32>)
    case category(CharacterCategory, isNegated: Bool, isASCII: Bool)
  }

  /// How letters of either case are compared.
  enum CaseRule {
    case exact
    /// `(?i)`
    case folded
    /// `(?ai)`: only the letters of ASCII have two cases.
    case foldedASCII
  }

  var parts: [Part]
  var isNegated = false
  var caseRule = CaseRule.exact

  /// Exactly one character.
  init(_ character: UInt32, _ caseRule: CaseRule) {
    parts = [.range(character...character)]
    self.caseRule = caseRule
  }

  init(_ parts: [Part], isNegated: Bool = false, _ caseRule: CaseRule = .exact) {
    self.parts = parts
    self.isNegated = isNegated
    self.caseRule = caseRule
  }

  /// The dot, which leaves out the line feed unless `(?s)` says otherwise.
  static func any(includingNewline: Bool) -> CharacterTest {
    CharacterTest(includingNewline ? [] : [.range(0x0A...0x0A)], isNegated: true)
  }

  /// The only character that passes, if there is just one.
  var literal: UInt32? {
    guard parts.count == 1, !isNegated, caseRule == .exact, case .range(let range) = parts[0],
      range.count == 1
    else { return nil }
    return range.lowerBound
  }

  func matches(_ character: UInt32) -> Bool {
    switch caseRule {
    case .exact: contains(character) != isNegated
    case .folded: CaseFolding.variants(of: character).contains(where: contains) != isNegated
    case .foldedASCII:
      CaseFolding.asciiVariants(of: character).contains(where: contains) != isNegated
    }
  }

  private func contains(_ character: UInt32) -> Bool {
    parts.contains { part in
      switch part {
      case .range(let range): range.contains(character)
      case .category(let category, let isNegated, let isASCII):
        category.contains(character, isASCII: isASCII) != isNegated
      }
    }
  }
}

/// `\d`, `\s` and `\w`, as Python understands them.
enum CharacterCategory: Hashable, Sendable {
  case digit
  case space
  case word

  /// Whether a character is in it; with `isASCII`, no character beyond ASCII is.
  ///
  /// A byte that belongs to no character is in none.
  func contains(_ character: UInt32, isASCII: Bool) -> Bool {
    if character < 0x80 {
      switch self {
      case .digit: return (0x30...0x39).contains(character)
      case .space:
        let isControl = (0x09...0x0D).contains(character) || character == 0x20
        return isControl || !isASCII && (0x1C...0x1F).contains(character)
      case .word:
        return (0x30...0x39).contains(character) || (0x41...0x5A).contains(character & ~0x20)
          || character == 0x5F
      }
    }
    guard !isASCII, let properties = Unicode.Scalar(character)?.properties else { return false }
    switch self {
    case .digit: return properties.numericType == .decimal
    case .space: return CharacterUnit.isWhitespace(character)
    case .word:
      switch properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
        return true
      default: return properties.numericType != nil
      }
    }
  }
}
