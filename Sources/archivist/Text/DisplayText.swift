/// How much room a text takes on a terminal.
enum DisplayText {
  /// The columns of a text that is safe for a terminal.
  ///
  /// Never too few: what is drawn over itself must not reach the next line.
  static func width(_ text: [UInt8]) -> Int {
    CharacterUnit.units(of: text).reduce(0) { $0 + columns($1) }
  }

  /// The text itself, or its beginning and its end with dots between, in at most `width` columns.
  static func shortened(_ text: [UInt8], to width: Int) -> [UInt8] {
    let units = CharacterUnit.units(of: text)
    guard units.reduce(0, { $0 + columns($1) }) > width else { return text }
    let dots = Array("...".utf8)
    guard width > dots.count else { return Array(dots.prefix(max(0, width))) }
    // The end of a path says more than its beginning.
    let front = (width - dots.count) / 3
    let frontBytes = bytes(of: units, within: front)
    let backBytes = bytes(of: units.reversed(), within: width - dots.count - front)
    return text.prefix(frontBytes) + dots + text.suffix(backBytes)
  }

  /// The bytes of the units, from the first on, that have room in `width` columns.
  private static func bytes(of units: some Sequence<CharacterUnit>, within width: Int) -> Int {
    var (room, length) = (width, 0)
    for unit in units {
      room -= columns(unit)
      if room < 0 { break }
      length += unit.length
    }
    return length
  }

  /// Combining marks count as one, though most take none: a line that is a little too short.
  private static func columns(_ unit: CharacterUnit) -> Int {
    switch unit.value {
    case 0x1100...0x115F, 0x231A...0x231B, 0x2329...0x232A, 0x23E9...0x23F3, 0x25FD...0x27BF,
      0x2B1B...0x2B55, 0x2E80...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE10...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x1B2FF, 0x1F000...0x1FAFF,
      0x20000...0x3FFFD:
      2
    default: 1
    }
  }
}
