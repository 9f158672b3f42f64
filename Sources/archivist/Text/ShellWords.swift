/// Takes a command line apart without a shell, as borg does (Python's `shlex.split`).
///
/// Spaces, tabs and line ends separate words. `'…'` is literal. In `"…"` a backslash protects `"`
/// and itself; elsewhere it protects any character. Nothing is expanded.
enum ShellWords {
  /// A command line that ends too early.
  enum Malformed: Error, Equatable, CustomStringConvertible {
    case noClosingQuote
    case nothingAfterBackslash

    var description: String {
      switch self {
      case .noClosingQuote: "a quote is not closed"
      case .nothingAfterBackslash: "it ends in a backslash"
      }
    }
  }

  /// The words of `line`.
  static func split(_ line: [UInt8]) throws(Malformed) -> [[UInt8]] {
    var words: [[UInt8]] = []
    var word: [UInt8]?
    var quote: UInt8?
    var rest = line[...]
    while let byte = rest.popFirst() {
      switch (byte, quote) {
      case (backslash, nil):
        guard let next = rest.popFirst() else { throw .nothingAfterBackslash }
        word = (word ?? []) + [next]
      case (backslash, doubleQuote):
        guard let next = rest.popFirst() else { throw .nothingAfterBackslash }
        word = (word ?? []) + (next == doubleQuote || next == backslash ? [next] : [byte, next])
      case (_, .some(byte)): quote = nil
      case (doubleQuote, nil), (singleQuote, nil):
        quote = byte
        word = word ?? []
      case (UInt8(ascii: " "), nil), (UInt8(ascii: "\t"), nil), (UInt8(ascii: "\r"), nil),
        (UInt8(ascii: "\n"), nil):
        if let complete = word { words.append(complete) }
        word = nil
      default: word = (word ?? []) + [byte]
      }
    }
    guard quote == nil else { throw .noClosingQuote }
    if let word { words.append(word) }
    return words
  }

  private static let backslash = UInt8(ascii: "\\")
  private static let singleQuote = UInt8(ascii: "'")
  private static let doubleQuote = UInt8(ascii: "\"")
}
