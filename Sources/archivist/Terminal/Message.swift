/// A text for people, with names in it that are bytes.
///
///     "\(name: path): file changed while it was read"
struct Message: ExpressibleByStringInterpolation, Equatable, Sendable {
  /// The text; names in it are in the form that is safe for a terminal.
  private(set) var bytes: [UInt8]

  init(_ text: String) { bytes = Array(text.utf8) }

  /// A text that was a message before.
  init(text: [UInt8]) { bytes = text }

  init(stringLiteral text: String) { self.init(text) }

  init(stringInterpolation parts: StringInterpolation) { bytes = parts.bytes }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var bytes: [UInt8] = []

    init(literalCapacity: Int, interpolationCount: Int) { bytes.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ text: String) { bytes += text.utf8 }

    /// Appends a text; control characters that names of others have brought into it are escaped.
    mutating func appendInterpolation(_ value: some CustomStringConvertible) {
      bytes += NameText.withoutControls(Array(value.description.utf8))
    }

    /// Appends a text of somebody else, such as a server, that must not look like several lines.
    mutating func appendInterpolation(line text: String) {
      bytes += NameText.onOneLine(Array(text.utf8))
    }

    mutating func appendInterpolation(_ message: Message) { bytes += message.bytes }

    @available(*, unavailable, message: "bytes are a name: write \\(name: ...)")
    mutating func appendInterpolation(_ bytes: [UInt8]) {}

    mutating func appendInterpolation(name: [UInt8]) { bytes += NameText.display(name) }

    /// Appends words of a command line, each quoted where a shell would want it.
    mutating func appendInterpolation(shell words: [[UInt8]]) {
      bytes += NameText.commandLine(words)
    }
  }
}

extension Message {
  /// One text behind the other, for those that are longer than a line of source.
  static func + (a: Message, b: Message) -> Message { "\(a)\(b)" }
}
