/// Names of files as text.
///
/// A name is any bytes. On a terminal some of them would move the cursor, change colours or
/// pretend to be another name; where a program reads, they must arrive as they are.
enum NameText {
  /// A name for people.
  ///
  /// It is shown as it is, or, if anything in it could deceive or is not UTF-8, as the `$'…'` of
  /// a shell, with escapes. No two names look the same because of it.
  static func display(_ name: [UInt8]) -> [UInt8] { quoted(name) { isUnsafe($0) } }

  /// A name for a program that reads lines, or for a file that somebody may look at later.
  ///
  /// Bytes that are not UTF-8 stay as they are, since programs can handle them. Characters that act
  /// on a terminal or end a line are escaped as in `display`.
  static func piped(_ name: [UInt8]) -> [UInt8] { quoted(name) { isUnsafe($0) && !$0.isInvalid } }

  /// The form of names in a listing, which depends on who reads it.
  enum Form {
    /// For people at a terminal: `display`.
    case terminal
    /// For a pipe or a file, line by line: `piped`.
    case lines
    /// For a format that escapes by itself, such as JSON: as they are.
    case exact
  }

  /// A name in a listing.
  static func shown(_ name: [UInt8], _ form: Form) -> [UInt8] {
    switch form {
    case .terminal: display(name)
    case .lines: piped(name)
    case .exact: name
    }
  }

  /// Text with names of others in it: control characters are escaped, lines stay lines.
  static func withoutControls(_ text: [UInt8]) -> [UInt8] {
    escaped(text) { $0.value == 0x09 || $0.value == 0x0A }
  }

  /// Text with names of others in it, as a part of one line: control characters are escaped.
  static func onOneLine(_ text: [UInt8]) -> [UInt8] { escaped(text) { _ in false } }

  /// Text whose unsafe characters are escaped where they stand, without quotes around it.
  private static func escaped(
    _ text: [UInt8], except isAllowed: (CharacterUnit) -> Bool
  ) -> [UInt8] {
    if isPlain(text) { return text }
    var result: [UInt8] = []
    var position = 0
    for unit in CharacterUnit.units(of: text) {
      let bytes = text[position..<(position + unit.length)]
      position += unit.length
      if isUnsafe(unit), !isAllowed(unit) {
        for byte in bytes { result += octal(byte) }
      } else {
        result += bytes
      }
    }
    return result
  }

  /// Whether there are only printable ASCII characters: most names are such, and need no more.
  private static func isPlain(_ text: [UInt8]) -> Bool {
    // To the end in any case, so that the compiler takes many bytes at once.
    var others: UInt8 = 0
    for byte in text { others |= byte &- 0x20 < 0x5F ? 0 : 1 }
    return others == 0
  }

  private static func quoted(
    _ name: [UInt8], where isUnsafe: (CharacterUnit) -> Bool
  ) -> [UInt8] {
    let isMarked = name.first == UInt8(ascii: "$") && name.starts(with: Self.mark)
    if !isMarked, isPlain(name) { return name }
    let units = CharacterUnit.units(of: name)
    if !isMarked, !units.contains(where: isUnsafe) { return name }
    var result = Self.mark
    var position = 0
    for unit in units {
      let bytes = name[position..<(position + unit.length)]
      position += unit.length
      switch unit.value {
      case 0x27, 0x5C: result += [UInt8(ascii: "\\")] + bytes
      case 0x09: result += Array("\\t".utf8)
      case 0x0A: result += Array("\\n".utf8)
      case 0x0D: result += Array("\\r".utf8)
      // Octal, since a shell ends it after three digits; hexadecimal goes on as far as it can.
      case _ where isUnsafe(unit): for byte in bytes { result += octal(byte) }
      default: result += bytes
      }
    }
    return result + [UInt8(ascii: "'")]
  }

  /// A word for a shell: as it is where that is safe, else in single quotes.
  static func shellQuoted(_ word: [UInt8]) -> [UInt8] {
    let safe = Array("@%+=:,./-_".utf8)
    let isSafe = word.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
      default: safe.contains(byte)
      }
    }
    if isSafe, !word.isEmpty { return word }
    let quote = UInt8(ascii: "'")
    return [quote] + word.flatMap { $0 == quote ? Array("'\"'\"'".utf8) : [$0] } + [quote]
  }

  /// A whole command line for people, each word quoted where a shell would want it.
  static func commandLine(_ words: [[UInt8]]) -> [UInt8] {
    Array(
      words.map { word in
        let shown = display(word)
        return shown == word ? shellQuoted(word) : shown
      }.joined(separator: [UInt8(ascii: " ")]))
  }

  /// The bytes as text with `?` for each one that is not UTF-8, as borg's JSON has it.
  static func replacingInvalid(_ name: [UInt8]) -> String {
    var result: [UInt8] = []
    var position = 0
    for unit in CharacterUnit.units(of: name) {
      result +=
        unit.isInvalid ? [UInt8(ascii: "?")] : Array(name[position..<(position + unit.length)])
      position += unit.length
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Whether the bytes are valid UTF-8.
  static func isText(_ name: [UInt8]) -> Bool {
    !CharacterUnit.units(of: name).contains(where: \.isInvalid)
  }

  /// The beginning of a name that is quoted.
  private static let mark = Array("$'".utf8)

  private static func isUnsafe(_ unit: CharacterUnit) -> Bool {
    switch unit.value {
    case 0..<0x20, 0x7F..<0xA0: true  // controls of ASCII and of Latin 1
    // Invisible or reordering; the joiners 0x200C and 0x200D belong to Persian and to emoji.
    case 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
    case 0xE0000...0xE007F: true  // tags, invisible
    default: unit.isInvalid
    }
  }

  private static func octal(_ byte: UInt8) -> [UInt8] {
    let zero = UInt8(ascii: "0")
    return [UInt8(ascii: "\\"), zero + byte >> 6, zero + byte >> 3 & 7, zero + byte & 7]
  }
}
