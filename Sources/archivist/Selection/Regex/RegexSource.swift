/// The text of a regular expression, read from its start to its end.
struct RegexSource {
  private let units: [UInt32]
  private var position = 0

  init(_ bytes: [UInt8]) { units = CharacterUnit.units(of: bytes).map(\.value) }

  var peek: UInt32? { position < units.count ? units[position] : nil }

  mutating func next() -> UInt32? {
    guard position < units.count else { return nil }
    position += 1
    return units[position - 1]
  }

  /// Takes the next character if it is this one.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek == character.value else { return false }
    position += 1
    return true
  }

  /// Takes decimal digits of ASCII.
  mutating func digits() -> [UInt32] { take { (0x30...0x39).contains($0) } }

  mutating func take(atMost limit: Int = .max, while isWanted: (UInt32) -> Bool) -> [UInt32] {
    var taken: [UInt32] = []
    while taken.count < limit, let next = peek, isWanted(next) {
      taken.append(next)
      position += 1
    }
    return taken
  }

  /// An error at the character that was read last.
  func error(_ reason: String) -> RegexError { RegexError(reason: reason, position: position) }
}
