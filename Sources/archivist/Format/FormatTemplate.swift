/// A text with fields in braces, as `list --format` takes it: `{size:8} {path}{NL}`.
///
/// The form is that of Python's `str.format`, without attributes, indices and conversions; `{{`
/// and `}}` are braces.
struct FormatTemplate {
  /// A piece of a template.
  enum Part {
    /// Bytes that stay as they are.
    case literal([UInt8])
    /// Something to be filled in.
    case field(FormatField)
  }

  /// The pieces, in order.
  private(set) var parts: [Part] = []

  /// Fields that are the same everywhere: what is hard to write in a shell.
  static let fixed: [(key: String, bytes: [UInt8])] = [
    ("NEWLINE", [0x0a]), ("NL", [0x0a]), ("NUL", [0]), ("SPACE", [0x20]), ("TAB", [0x09]),
    ("CR", [0x0d]), ("LF", [0x0a]),
  ]

  /// Takes a template apart.
  ///
  /// - Parameters:
  ///   - text: The template.
  ///   - keys: The fields that there are, for the one who is to fill them in.
  ///   - passesUnknown: Others are left out, and are no error.
  /// - Throws: What is wrong with it.
  init(
    _ text: [UInt8], keys: [String], passesUnknown: Bool = false
  ) throws(FormatTemplateError) {
    var literal: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
      guard byte == Self.open || byte == Self.close else {
        literal.append(byte)
        continue
      }
      if rest.first == byte {
        literal.append(byte)
        rest = rest.dropFirst()
        continue
      }
      guard byte == Self.open, let end = rest.firstIndex(of: Self.close) else {
        throw .unmatchedBrace
      }
      let field = rest[..<end]
      rest = rest[(end + 1)...]
      let name = field.prefix { $0 != UInt8(ascii: ":") }
      let spec = Array(field.dropFirst(name.count + 1))
      let key = String(decoding: name, as: UTF8.self)
      if let fixed = Self.fixed.first(where: { $0.key == key }) {
        literal += fixed.bytes
        continue
      }
      guard keys.contains(key) else {
        if passesUnknown { continue }
        throw .unknownKey(Array(name), known: keys + Self.fixed.map(\.key))
      }
      if !literal.isEmpty { parts.append(.literal(literal)) }
      literal = []
      parts.append(.field(FormatField(name: key, spec: spec)))
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
  }

  /// The fields that occur, in order of appearance.
  var keys: [String] {
    parts.compactMap { if case .field(let field) = $0 { field.name } else { nil } }
  }

  /// The text with all fields filled in.
  ///
  /// - Parameter value: What a field stands for.
  /// - Returns: The text.
  /// - Throws: What `value` throws, and `FormatTemplateError` where a specification does not fit.
  func filled(_ value: (String) throws -> FormatValue) throws -> [UInt8] {
    var result: [UInt8] = []
    for part in parts {
      switch part {
      case .literal(let bytes): result += bytes
      case .field(let field): try value(field.name).append(to: &result, field)
      }
    }
    return result
  }

  private static let open = UInt8(ascii: "{")
  private static let close = UInt8(ascii: "}")
}

/// A field of a template: what is to be filled in, and how.
///
/// An object, because it is handed around for every item of a listing.
final class FormatField: Sendable {
  let name: String
  /// The text behind the colon; empty where there is none.
  ///
  /// `[[fill]align][0][width][,][.precision][type]`, as Python has it; for a time what `strftime(3)`
  /// takes.
  let spec: [UInt8]
  /// The layout of text and numbers; `nil` if `spec` says nothing for them.
  let layout: FormatLayout?

  init(name: String, spec: [UInt8]) {
    self.name = name
    self.spec = spec
    layout = FormatLayout(spec)
  }
}

/// A template that cannot be filled in.
enum FormatTemplateError: Error, Equatable, CustomStringConvertible {
  /// There is no such field.
  case unknownKey([UInt8], known: [String])
  /// The text behind the colon does not fit the field.
  case invalidSpec([UInt8], key: String)
  /// A brace that opens nothing or closes nothing.
  case unmatchedBrace

  var description: String {
    func shown(_ bytes: [UInt8]) -> String { NameText.replacingInvalid(NameText.display(bytes)) }
    return switch self {
    case .unknownKey(let key, let known):
      "--format: there is no \"{\(shown(key))}\" here; there are \(known.joined(separator: ", "))"
    case .invalidSpec(let spec, let key):
      "--format: \"\(shown(spec))\" does not say how to write {\(key)}"
    case .unmatchedBrace: "--format: unmatched brace; write {{ and }} for braces"
    }
  }
}
