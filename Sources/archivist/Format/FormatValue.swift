import ChunkStore

/// The value of a field of a format.
enum FormatValue: Equatable {
  /// Bytes, mostly text.
  case text([UInt8])
  /// A number.
  case number(UInt64)
  /// A moment, shown in local time.
  case time(Timestamp)

  /// Appends the value as a field wants it.
  ///
  /// - Throws: `FormatTemplateError` if the field's specification does not fit.
  func append(to result: inout [UInt8], _ field: FormatField) throws(FormatTemplateError) {
    switch self {
    case .time(let moment):
      if field.spec.isEmpty {
        TimeText.append(list: CivilTime(moment, in: .local, isNamed: false), to: &result)
        return
      }
      do throws(TimeText.FormatTooLong) {
        result += try TimeText.format(field.spec, CivilTime(moment, in: .local))
      } catch {
        throw .invalidSpec(field.spec, key: field.name)
      }
    case .text(let bytes):
      guard field.layout?.append(text: bytes, to: &result) == true else {
        throw .invalidSpec(field.spec, key: field.name)
      }
    case .number(let value):
      guard field.layout?.append(number: value, to: &result) == true else {
        throw .invalidSpec(field.spec, key: field.name)
      }
    }
  }

  /// The value in JSON: times in ISO 8601.
  func json(_ key: String) -> [(String, JSON)] {
    switch self {
    case .text(let bytes): JSON.members(key, bytes)
    case .number(let value): [(key, .unsigned(value))]
    case .time(let moment): [(key, .string(TimeText.json(CivilTime(moment, in: .local))))]
    }
  }
}

/// How much room a value gets, and where it stands in it.
///
/// Without references, because it is handed around for every field of a listing.
struct FormatLayout: Sendable, BitwiseCopyable {
  private var fill = Fill(bytes: 0x20, count: 1)
  private var align: UInt8?
  private var width = 0
  private var groups: UInt8?
  private var precision: Int?
  private var type: UInt8?

  /// The bytes of one character, the first one lowest.
  private struct Fill: Sendable, BitwiseCopyable {
    var bytes: UInt32
    var count: Int
  }

  /// Wider than this is a mistake, and would fill the memory.
  private static let mostColumns = 4096

  /// Understands a specification; `nil` if it is none.
  init?(_ spec: [UInt8]) {
    let units = CharacterUnit.units(of: spec)
    var position = 0
    func byte(_ offset: Int = 0) -> UInt8? {
      position + offset < spec.count ? spec[position + offset] : nil
    }
    let aligns = Array("<>^=".utf8)
    if let first = units.first, first.length < spec.count, aligns.contains(spec[first.length]) {
      let bytes = spec[..<first.length].reversed().reduce(0) { $0 << 8 | UInt32($1) }
      fill = Fill(bytes: bytes, count: first.length)
      align = spec[first.length]
      position = first.length + 1
    } else if let first = byte(), aligns.contains(first) {
      align = first
      position = 1
    }
    if byte() == UInt8(ascii: "0") {
      if align == nil { (fill, align) = (Fill(bytes: 0x30, count: 1), UInt8(ascii: "0")) }
      position += 1
    }
    func digits() -> Int? {
      let start = position
      while let digit = byte(), (0x30...0x39).contains(digit) { position += 1 }
      return start == position ? nil : Int(String(decoding: spec[start..<position], as: UTF8.self))
    }
    if let first = byte(), (0x30...0x39).contains(first) {
      guard let number = digits(), number <= Self.mostColumns else { return nil }
      width = number
    }
    if let mark = byte(), Array(",_".utf8).contains(mark) {
      groups = mark
      position += 1
    }
    if byte() == UInt8(ascii: ".") {
      position += 1
      guard let number = digits() else { return nil }
      precision = number
    }
    type = byte()
    guard position + (type == nil ? 0 : 1) == spec.count else { return nil }
  }

  /// Appends text, to the left; `false` if the specification is for something else.
  func append(text bytes: [UInt8], to result: inout [UInt8]) -> Bool {
    guard groups == nil, align != UInt8(ascii: "="), type == nil || type == UInt8(ascii: "s") else {
      return false
    }
    let forced = align == UInt8(ascii: "0") ? UInt8(ascii: "<") : nil
    if let precision {
      let length = CharacterUnit.units(of: bytes).prefix(precision).reduce(0) { $0 + $1.length }
      pad(Array(bytes.prefix(length)), forced, &result)
    } else {
      pad(bytes, forced, &result)
    }
    return true
  }

  /// Appends a number, to the right; `false` if the specification is for something else.
  func append(number value: UInt64, to result: inout [UInt8]) -> Bool {
    guard precision == nil else { return false }
    if type == nil, groups == nil {
      appendDecimal(value, to: &result)
      return true
    }
    var digits: [UInt8]
    switch type {
    case nil, UInt8(ascii: "d"): digits = Array(String(value).utf8)
    case UInt8(ascii: "x"): digits = Array(String(value, radix: 16).utf8)
    case UInt8(ascii: "X"): digits = Array(String(value, radix: 16, uppercase: true).utf8)
    case UInt8(ascii: "o"): digits = Array(String(value, radix: 8).utf8)
    case UInt8(ascii: "b"): digits = Array(String(value, radix: 2).utf8)
    default: return false
    }
    if let groups {
      guard type == nil || type == UInt8(ascii: "d") else { return false }
      // Zeros in front would have to be grouped as well.
      guard align != UInt8(ascii: "0") else { return false }
      for place in stride(from: digits.count - 3, to: 0, by: -3) {
        digits.insert(groups, at: place)
      }
    }
    pad(digits, forcedForNumbers, &result)
    return true
  }

  /// Where numbers stand, if that is not said.
  private var forcedForNumbers: UInt8? {
    // There is no sign that zeros could come behind.
    let isFilled = align == nil || align == UInt8(ascii: "=") || align == UInt8(ascii: "0")
    return isFilled ? UInt8(ascii: ">") : nil
  }

  /// The usual way, without a text in between.
  private func appendDecimal(_ value: UInt64, to result: inout [UInt8]) {
    var unit: UInt64 = 1
    var count = 1
    while value / unit >= 10 {
      unit *= 10
      count += 1
    }
    let (front, back) = padding(count, forcedForNumbers)
    appendFill(front, to: &result)
    while unit > 0 {
      result.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / unit % 10))
      unit /= 10
    }
    appendFill(back, to: &result)
  }

  private func pad(_ bytes: [UInt8], _ forced: UInt8?, _ result: inout [UInt8]) {
    if width == 0 {
      result += bytes
      return
    }
    let (front, back) = padding(CharacterUnit.count(of: bytes), forced)
    appendFill(front, to: &result)
    result += bytes
    appendFill(back, to: &result)
  }

  /// How many characters are missing in front of so many, and behind them.
  private func padding(_ count: Int, _ forced: UInt8?) -> (front: Int, back: Int) {
    let missing = max(0, width - count)
    let front =
      switch forced ?? align {
      case UInt8(ascii: ">"): missing
      case UInt8(ascii: "^"): missing / 2
      default: 0
      }
    return (front, missing - front)
  }

  private func appendFill(_ count: Int, to result: inout [UInt8]) {
    for _ in 0..<count {
      for place in 0..<fill.count {
        result.append(UInt8(truncatingIfNeeded: fill.bytes >> UInt32(8 * place)))
      }
    }
  }
}
