import ChunkStore

/// What a field of a format stands for.
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
struct FormatLayout: Sendable {
  private var fill: [UInt8] = [0x20]
  private var align: UInt8?
  private var width = 0
  private var groups: UInt8?
  private var precision: Int?
  private var type: UInt8?

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

  /// Appends text, to the left; `false` if the specification is for something else.
  func append(text bytes: [UInt8], to result: inout [UInt8]) -> Bool {
    guard groups == nil, align != UInt8(ascii: "="), type == nil || type == UInt8(ascii: "s") else {
      return false
    }
    var shown = bytes
    if let precision {
      let length = CharacterUnit.units(of: bytes).prefix(precision).reduce(0) { $0 + $1.length }
      shown = Array(bytes.prefix(length))
    }
    pad(shown, align == UInt8(ascii: "0") ? UInt8(ascii: "<") : nil, &result)
    return true
  }

  /// Appends a number, to the right; `false` if the specification is for something else.
  func append(number value: UInt64, to result: inout [UInt8]) -> Bool {
    guard precision == nil else { return false }
    var digits: [UInt8]
    switch type {
    case nil, UInt8(ascii: "d"): digits = Self.decimal(value)
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
    let right = UInt8(ascii: ">")
    // There is no sign that zeros could come behind.
    let isFilled = align == nil || align == UInt8(ascii: "=") || align == UInt8(ascii: "0")
    pad(digits, isFilled ? right : nil, &result)
    return true
  }

  private static func decimal(_ value: UInt64) -> [UInt8] {
    var digits: [UInt8] = []
    digits.reserveCapacity(20)
    var rest = value
    repeat {
      digits.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    digits.reverse()
    return digits
  }

  private func pad(_ bytes: [UInt8], _ forced: UInt8?, _ result: inout [UInt8]) {
    if width == 0 {
      result += bytes
      return
    }
    let missing = max(0, width - CharacterUnit.count(of: bytes))
    let front =
      switch forced ?? align {
      case UInt8(ascii: ">"): missing
      case UInt8(ascii: "^"): missing / 2
      default: 0
      }
    for _ in 0..<front { result += fill }
    result += bytes
    for _ in 0..<(missing - front) { result += fill }
  }
}
