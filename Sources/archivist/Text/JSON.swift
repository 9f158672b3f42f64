import Synchronization

/// A JSON value, whose objects keep the order of their members.
enum JSON: Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case unsigned(UInt64)
  /// Infinities and NaN, which JSON has not, are written as null.
  case number(Double)
  case string(String)
  case array([JSON])
  case object([(String, JSON)])

  /// Spaces for each level where nothing else is said; set once, at the start.
  static let indentation = Atomic(4)

  /// The members that describe `bytes` under `key`.
  ///
  /// JSON holds text only. Bytes that are UTF-8 are one member. For others there is the text with
  /// `?` for each invalid byte, as borg has it, and the bytes themselves under `key_b64`, in
  /// Base64, so that nothing is lost.
  static func members(_ key: String, _ bytes: [UInt8]) -> [(String, JSON)] {
    let text = (key, JSON.string(NameText.replacingInvalid(bytes)))
    return NameText.isText(bytes) ? [text] : [text, ("\(key)_b64", .string(base64(bytes)))]
  }

  /// The value on one line.
  var line: [UInt8] {
    var output: [UInt8] = []
    write(to: &output, indent: nil, depth: 0)
    return output
  }

  /// The value on many lines, each level `indent` spaces further in.
  ///
  /// - Parameter indent: How many; `nil` for what is set for all.
  /// - Returns: Its bytes.
  func lines(indent: Int? = nil) -> [UInt8] {
    let indent = indent ?? Self.indentation.load(ordering: .relaxed)
    var output: [UInt8] = []
    write(to: &output, indent: indent, depth: 0)
    return output
  }

  private func write(to output: inout [UInt8], indent: Int?, depth: Int) {
    switch self {
    case .null: output += "null".utf8
    case .bool(let value): output += (value ? "true" : "false").utf8
    case .integer(let value): output += String(value).utf8
    case .unsigned(let value): output += String(value).utf8
    case .number(let value): output += (value.isFinite ? "\(value)" : "null").utf8
    case .string(let text): Self.write(text, to: &output)
    case .array(let elements):
      Self.write("[", "]", elements, to: &output, indent, depth) { element, output in
        element.write(to: &output, indent: indent, depth: depth + 1)
      }
    case .object(let members):
      Self.write("{", "}", members, to: &output, indent, depth) { member, output in
        Self.write(member.0, to: &output)
        output += ": ".utf8
        member.1.write(to: &output, indent: indent, depth: depth + 1)
      }
    }
  }

  private static func write<Element>(
    _ open: String, _ close: String, _ elements: [Element], to output: inout [UInt8],
    _ indent: Int?, _ depth: Int, _ writeElement: (Element, inout [UInt8]) -> Void
  ) {
    func startLine(_ depth: Int, to output: inout [UInt8]) {
      guard let indent, !elements.isEmpty else { return }
      output.append(UInt8(ascii: "\n"))
      output += repeatElement(UInt8(ascii: " "), count: indent * depth)
    }
    output += open.utf8
    for (i, element) in elements.enumerated() {
      if i > 0 { output += (indent == nil ? ", " : ",").utf8 }
      startLine(depth + 1, to: &output)
      writeElement(element, &output)
    }
    startLine(depth, to: &output)
    output += close.utf8
  }

  private static func write(_ text: String, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\"".utf8
      case "\\": output += "\\\\".utf8
      case "\n": output += "\\n".utf8
      case "\r": output += "\\r".utf8
      case "\t": output += "\\t".utf8
      // JSON allows these as they are. On a terminal they would act, or reorder what is shown.
      case "\0"..<" ", "\u{7F}"..<"\u{A0}", "\u{200B}", "\u{200E}", "\u{200F}",
        "\u{2028}"..."\u{202E}", "\u{2060}"..."\u{206F}", "\u{FEFF}",
        "\u{E0000}"..."\u{E007F}":
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          output += ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8
        }
      default: output += UTF8.encode(scalar).map { Array($0) } ?? []
      }
    }
    output.append(UInt8(ascii: "\""))
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var result: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = Array(bytes[start..<min(start + 3, bytes.count)])
      let value = (0..<3).reduce(0) { $0 << 8 | ($1 < group.count ? Int(group[$1]) : 0) }
      for i in 0..<4 {
        result.append(
          i <= group.count ? alphabet[value >> (18 - 6 * i) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
