extension [UInt8] {
  /// These bytes without white space at either end.
  ///
  /// White space is what Python strips, so that a list written for borg reads the same here:
  /// the spaces of Unicode and the separators of ASCII as well.
  var trimmed: [UInt8] {
    var start: Int?
    var end = 0
    var position = 0
    for unit in CharacterUnit.units(of: self) {
      if !unit.isWhitespace {
        start = start ?? position
        end = position + unit.length
      }
      position += unit.length
    }
    return start.map { Array(self[$0..<end]) } ?? []
  }

  /// These bytes without white space at their start.
  var withoutLeadingSpace: [UInt8] {
    var position = 0
    for unit in CharacterUnit.units(of: self) {
      guard unit.isWhitespace else { break }
      position += unit.length
    }
    return Array(self[position...])
  }

  /// The lines, whether they end in a line feed, a carriage return or both.
  var lines: [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var start = 0
    var i = 0
    while i < count {
      guard self[i] == UInt8(ascii: "\n") || self[i] == UInt8(ascii: "\r") else {
        i += 1
        continue
      }
      lines.append(self[start..<i])
      let isPair =
        self[i] == UInt8(ascii: "\r") && i + 1 < count && self[i + 1] == UInt8(ascii: "\n")
      i += isPair ? 2 : 1
      start = i
    }
    if start < count { lines.append(self[start...]) }
    return lines
  }
}

extension CharacterUnit {
  fileprivate var isWhitespace: Bool { Self.isWhitespace(value) }

  /// Whether the character with this number is white space to Python.
  static func isWhitespace(_ value: UInt32) -> Bool {
    switch value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F,
      0x205F, 0x3000:
      true
    default: false
    }
  }
}
