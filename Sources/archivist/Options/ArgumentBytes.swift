import ArgumentParser

/// Carries any bytes through the argument parser, which knows only `String`.
///
/// Valid UTF-8 stays as it is. A byte that belongs to no character becomes a scalar of the
/// private use area, U+10FE00 plus the byte; so do the bytes of a character from just that range,
/// so that decoding never has a choice.
///
/// A character right after `=` is carried in the same way unless it is ASCII: a combining mark
/// would make one `Character` of itself and the `=`, and the parser would not see the option end.
enum ArgumentBytes {
  /// All arguments, to hand to the parser.
  ///
  /// `--option=`, which has an empty value, becomes two arguments: the parser would take the next
  /// argument for the value.
  static func encode(all arguments: some Sequence<[UInt8]>) -> [String] {
    var result: [String] = []
    var areOptions = true
    for argument in arguments {
      if argument == Array("--".utf8) { areOptions = false }
      let isEmptyValue =
        areOptions && argument.count > 3 && argument.starts(with: Array("--".utf8))
        && argument.firstIndex(of: UInt8(ascii: "=")) == argument.count - 1
      result += isEmptyValue ? [encode(argument.dropLast()), ""] : [encode(argument)]
    }
    return result
  }

  /// One argument, to hand to the parser.
  static func encode(_ bytes: [UInt8]) -> String {
    var text = ""
    var position = 0
    for unit in CharacterUnit.units(of: bytes) {
      let raw = bytes[position..<(position + unit.length)]
      let followsEquals = position > 0 && bytes[position - 1] == UInt8(ascii: "=")
      position += unit.length
      let isCarried =
        unit.isInvalid || range.contains(unit.value) || (followsEquals && unit.length > 1)
      if !isCarried, let scalar = Unicode.Scalar(unit.value) {
        text.unicodeScalars.append(scalar)
      } else {
        text.unicodeScalars.append(contentsOf: raw.compactMap { Unicode.Scalar(base + UInt32($0)) })
      }
    }
    return text
  }

  /// The bytes that `encode` made `text` of; for any other text its UTF-8.
  ///
  /// Messages of the parser quote arguments: they are to be decoded before they are printed.
  static func decode(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for scalar in text.unicodeScalars {
      if range.contains(scalar.value) {
        bytes.append(UInt8(truncatingIfNeeded: scalar.value - base))
      } else {
        bytes += UTF8.encode(scalar).map { Array($0) } ?? []
      }
    }
    return bytes
  }

  private static let base: UInt32 = 0x10FE00
  private static let range: ClosedRange<UInt32> = 0x10FE80...0x10FEFF
}

/// An argument that is bytes: a path, a name, a pattern.
struct BytesArgument: ExpressibleByArgument, Equatable, Sendable {
  /// The argument as it was given to the program.
  var bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Most are paths.
  static var defaultCompletionKind: CompletionKind { .file() }

  init(argument: String) { bytes = ArgumentBytes.decode(argument) }

  var defaultValueDescription: String { NameText.replacingInvalid(NameText.display(bytes)) }
}
