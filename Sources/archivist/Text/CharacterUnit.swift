/// One character of a name: a Unicode scalar, or a byte that belongs to none.
///
/// Names on Linux are bytes, mostly UTF-8. Where a pattern counts characters, an invalid byte
/// counts as one, under a number that no scalar has: 0xDC00 plus the byte, as Python has it.
struct CharacterUnit: Equatable {
  /// The number of the scalar, or 0xDC80 to 0xDCFF.
  let value: UInt32
  /// Bytes that it takes.
  let length: Int

  /// Whether this is a byte that is not part of valid UTF-8.
  var isInvalid: Bool { (0xDC80...0xDCFF).contains(value) }

  /// Reads the unit that starts at `position`.
  init(_ text: Span<UInt8>, at position: Int) {
    let first = text[position]
    if first < 0x80 {
      value = UInt32(first)
      length = 1
      return
    }
    let (wanted, low, high): (Int, UInt8, UInt8) =
      switch first {
      case 0xC2...0xDF: (2, 0x80, 0xBF)
      case 0xE0: (3, 0xA0, 0xBF)  // below lie overlong forms
      case 0xED: (3, 0x80, 0x9F)  // above lie surrogates
      case 0xE1...0xEF: (3, 0x80, 0xBF)
      case 0xF0: (4, 0x90, 0xBF)
      case 0xF4: (4, 0x80, 0x8F)
      case 0xF1...0xF3: (4, 0x80, 0xBF)
      default: (0, 0, 0)
      }
    guard wanted > 0, text.count - position >= wanted,
      (low...high).contains(text[position + 1]),
      wanted < 3 || text[position + 2] & 0xC0 == 0x80,
      wanted < 4 || text[position + 3] & 0xC0 == 0x80
    else {
      value = 0xDC00 + UInt32(first)
      length = 1
      return
    }
    var scalar = UInt32(first) & (0xFF >> UInt32(wanted + 1))
    for i in 1..<wanted { scalar = scalar << 6 | UInt32(text[position + i] & 0x3F) }
    value = scalar
    length = wanted
  }

  /// All units of `text`, in order.
  static func units(of text: [UInt8]) -> [CharacterUnit] {
    let span = text.span
    var units: [CharacterUnit] = []
    var position = 0
    while position < text.count {
      let unit = CharacterUnit(span, at: position)
      units.append(unit)
      position += unit.length
    }
    return units
  }

  /// How many units there are in `text`.
  static func count(of text: [UInt8]) -> Int {
    let span = text.span
    var count = 0
    var position = 0
    while position < text.count {
      position += span[position] < 0x80 ? 1 : CharacterUnit(span, at: position).length
      count += 1
    }
    return count
  }

  /// The bytes of the unit with this number; `nil` if no text has such a unit.
  static func bytes(of value: UInt32) -> [UInt8]? {
    if (0xDC80...0xDCFF).contains(value) { return [UInt8(truncatingIfNeeded: value)] }
    return Unicode.Scalar(value).flatMap(UTF8.encode).map { Array($0) }
  }
}

/// Whether `unit` is the character `character`.
func == (unit: UInt32, character: Unicode.Scalar) -> Bool { unit == character.value }
/// Whether there is a unit, and it is the character `character`.
func == (unit: UInt32?, character: Unicode.Scalar) -> Bool { unit == character.value }
/// Whether `unit` is another character than `character`.
func != (unit: UInt32, character: Unicode.Scalar) -> Bool { unit != character.value }
/// Whether there is no unit, or it is another character than `character`.
func != (unit: UInt32?, character: Unicode.Scalar) -> Bool { unit != character.value }
/// Lets a `switch` over units name characters.
func ~= (character: Unicode.Scalar, unit: UInt32) -> Bool { unit == character.value }
