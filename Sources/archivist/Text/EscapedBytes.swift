/// Text in which a backslash makes other bytes of what follows it, as Python reads strings.
enum EscapedBytes {
  /// The bytes meant; `nil` if `\x` lacks its two digits.
  ///
  /// `\0` and up to two more octal digits, `\a \b \f \n \r \t \v`, `\xNN`, and `\\ \' \"`; a
  /// backslash in front of anything else stands for itself.
  static func unescaped(_ text: [UInt8]) -> [UInt8]? {
    var result: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let kind = rest.popFirst() else {
        result.append(byte)
        continue
      }
      switch Unicode.Scalar(kind) {
      case "a": result.append(0x07)
      case "b": result.append(0x08)
      case "f": result.append(0x0C)
      case "n": result.append(0x0A)
      case "r": result.append(0x0D)
      case "t": result.append(0x09)
      case "v": result.append(0x0B)
      case "\\", "'", "\"": result.append(kind)
      case "x":
        let digits = String(decoding: rest.prefix(2), as: UTF8.self)
        guard digits.allSatisfy(\.isHexDigit), digits.count == 2,
          let value = UInt8(digits, radix: 16)
        else { return nil }
        result.append(value)
        rest = rest.dropFirst(2)
      case "0"..."7":
        var value = UInt16(kind & 7)
        for _ in 0..<2 {
          guard let next = rest.first, (0x30...0x37).contains(next) else { break }
          value = value << 3 | UInt16(next & 7)
          rest = rest.dropFirst()
        }
        result.append(UInt8(truncatingIfNeeded: value))
      default: result += [byte, kind]
      }
    }
    return result
  }
}
