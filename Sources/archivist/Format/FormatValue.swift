import ChunkStore

/// What a field of a format stands for.
enum FormatValue: Equatable {
  /// Bytes, mostly text.
  case text([UInt8])
  /// A number.
  case number(UInt64)
  /// A moment, shown in local time.
  case time(Timestamp)

  /// The value as a specification in the form of Python's wants it.
  ///
  /// - Parameters:
  ///   - spec: `[[fill]align][0][width][,][.precision][type]`; for a time what `strftime(3)` takes.
  ///   - key: The field, for errors.
  /// - Returns: The text.
  /// - Throws: `FormatTemplateError` if the specification does not fit.
  func formatted(_ spec: [UInt8], key: String) throws(FormatTemplateError) -> [UInt8] {
    switch self {
    case .time(let moment):
      let time = CivilTime(moment, in: .local)
      if spec.isEmpty { return Array(TimeText.list(time).utf8) }
      do throws(TimeText.FormatTooLong) {
        return try TimeText.format(spec, time)
      } catch {
        throw .invalidSpec(spec, key: key)
      }
    case .text(let bytes):
      guard let layout = FormatLayout(spec), let text = layout.text(bytes) else {
        throw .invalidSpec(spec, key: key)
      }
      return text
    case .number(let value):
      guard let layout = FormatLayout(spec), let text = layout.number(value) else {
        throw .invalidSpec(spec, key: key)
      }
      return text
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
private struct FormatLayout {
  private var fill: [UInt8] = [0x20]
  private var align: UInt8?
  private var width = 0
  private var groups: UInt8?
  private var precision: Int?
  private var type: UInt8?

  /// Wider than this is a mistake, and would fill the memory.
  private static let mostColumns = 4096

  init?(_ spec: [UInt8]) {
    let units = CharacterUnit.units(of: spec)
    var position = 0
    func byte(_ offset: Int = 0) -> UInt8? {
      position + offset < spec.count ? spec[position + offset] : nil
    }
    let aligns = Array("<>^=".utf8)
    if let first = units.first, first.length < spec.count, aligns.contains(spec[first.length]) {
      fill = Array(spec[..<first.length])
      align = spec[first.length]
      position = first.length + 1
    } else if let first = byte(), aligns.contains(first) {
      align = first
      position = 1
    }
    if byte() == UInt8(ascii: "0") {
      if align == nil { (fill, align) = ([UInt8(ascii: "0")], UInt8(ascii: "0")) }
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

  /// Text, to the left.
  func text(_ bytes: [UInt8]) -> [UInt8]? {
    guard groups == nil, align != UInt8(ascii: "="), type == nil || type == UInt8(ascii: "s") else {
      return nil
    }
    var shown = bytes
    if let precision {
      let length = CharacterUnit.units(of: bytes).prefix(precision).reduce(0) { $0 + $1.length }
      shown = Array(bytes.prefix(length))
    }
    return padded(shown, align == UInt8(ascii: "0") ? UInt8(ascii: "<") : nil)
  }

  /// A number, to the right.
  func number(_ value: UInt64) -> [UInt8]? {
    guard precision == nil else { return nil }
    var digits: [UInt8]
    switch type {
    case nil, UInt8(ascii: "d"): digits = Array(String(value).utf8)
    case UInt8(ascii: "x"): digits = Array(String(value, radix: 16).utf8)
    case UInt8(ascii: "X"): digits = Array(String(value, radix: 16, uppercase: true).utf8)
    case UInt8(ascii: "o"): digits = Array(String(value, radix: 8).utf8)
    case UInt8(ascii: "b"): digits = Array(String(value, radix: 2).utf8)
    default: return nil
    }
    if let groups {
      guard type == nil || type == UInt8(ascii: "d") else { return nil }
      // Zeros in front would have to be grouped as well.
      guard align != UInt8(ascii: "0") else { return nil }
      for place in stride(from: digits.count - 3, to: 0, by: -3) {
        digits.insert(groups, at: place)
      }
    }
    let right = UInt8(ascii: ">")
    // There is no sign that zeros could come behind.
    let isFilled = align == nil || align == UInt8(ascii: "=") || align == UInt8(ascii: "0")
    return padded(digits, isFilled ? right : nil)
  }

  private func padded(_ bytes: [UInt8], _ forced: UInt8?) -> [UInt8] {
    let missing = max(0, width - CharacterUnit.units(of: bytes).count)
    let front =
      switch forced ?? align {
      case UInt8(ascii: ">"): missing
      case UInt8(ascii: "^"): missing / 2
      default: 0
      }
    func filling(_ count: Int) -> [UInt8] {
      Array(repeatElement(fill, count: count).joined())
    }
    return filling(front) + bytes + filling(missing - front)
  }
}
