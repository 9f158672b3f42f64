/// A regular expression, compiled: what to compare, one instruction after the other.
///
/// There are no captures and no preferences: the only question is whether it is found in a text.
/// So greedy and lazy repetition are the same.
struct RegexProgram: Sendable {
  /// Distances count from the instruction itself.
  enum Instruction: Sendable {
    /// Takes one character that passes `tests[number]`.
    case take(Int)
    /// Goes on at the next instruction, and as well at a distance.
    case split(Int)
    case jump(Int)
    /// Goes on only where this holds.
    case require(Assertion)
    case found
  }

  /// An assertion about a place between two characters.
  enum Assertion: Sendable {
    /// `\A`, or `^` without `(?m)`
    case textStart
    /// `\Z`
    case textEnd
    /// `$` without `(?m)`: the end, or before a line feed that is the last character
    case end
    /// `^` with `(?m)`
    case lineStart
    /// `$` with `(?m)`
    case lineEnd
    /// `\b`, and `\B`
    case wordBoundary(isNegated: Bool, isASCII: Bool)
  }

  /// Repetition is written out, so its size is what a pattern can make grow.
  static let maximumSize = 10_000

  let instructions: [Instruction]
  let tests: [CharacterTest]
  /// Bytes that every text has in which it is found; empty if nothing is known.
  let requiredLiteral: [UInt8]

  /// Compiles a regular expression of Python's syntax.
  ///
  /// - Throws: `RegexError` for one that is malformed, too large, or needs more than linear time.
  init(_ source: [UInt8]) throws(RegexError) {
    var parser = RegexParser(source)
    self = try parser.program()
  }

  init(instructions: [Instruction], tests: [CharacterTest], requiredLiteral: [UInt8]) {
    self.instructions = instructions
    self.tests = tests
    self.requiredLiteral = requiredLiteral
  }
}

/// A regular expression that cannot be used.
struct RegexError: Error, Equatable, CustomStringConvertible {
  var reason: String
  /// The character at which it was noticed, counted from 1.
  var position: Int

  var description: String { "regular expression, at character \(position): \(reason)" }
}
