import ChunkStore

/// A pattern that a path is compared with, in one of borg's styles.
///
/// Pattern and path are taken without a leading `/`. A pattern that matches a directory matches
/// all that is in it.
struct Pattern: Sendable {
  /// How a pattern is written, and the two letters that say so.
  enum Style: String, CaseIterable {
    /// Wildcards that cross `/`; a `/` at the end means only what is in the directory.
    case fnmatch = "fm"
    /// Wildcards that stay within a component, and `**/`.
    case shell = "sh"
    /// Regular expressions, found anywhere in a path.
    case regex = "re"
    /// A file, or a directory with all that is in it; no wildcards.
    case prefix = "pp"
    /// Exactly one path; no wildcards.
    case full = "pf"
  }

  /// The pattern as its author wrote it, with the style if it was given.
  let source: [UInt8]
  /// The style in force.
  let style: Style

  /// The part of a pattern that is compared.
  enum Content {
    case glob(Glob)
    /// A path with a slash behind it; empty for everything.
    case prefix([UInt8])
    case full([UInt8])
    case regex(RegexProgram)
  }

  let content: Content

  /// Reads a pattern, which may begin with a style: `sh:home/*/.cache`.
  ///
  /// - Throws: `PatternError` for an unknown style or a malformed pattern.
  init(_ source: [UInt8], defaultStyle: Style) throws(PatternError) {
    self.source = source
    var text = source
    if let (style, rest) = try Self.style(of: source) {
      self.style = style
      text = rest
    } else {
      style = defaultStyle
    }
    let path = Self.normalized(text)
    switch style {
    case .fnmatch, .shell:
      let meansContents = text.last == slash
      // `/` alone, in all its spellings, is everything.
      content = .glob(
        try Glob(
          path.isEmpty ? [] : path + [slash], style: style == .shell ? .shell : .fnmatch,
          tail: meansContents && !path.isEmpty ? .something : .anything))
    case .prefix: content = .prefix(path.isEmpty ? [] : path + [slash])
    case .full: content = .full(path)
    case .regex:
      do throws(RegexError) {
        // As it stands: nothing in it is a path that could be made normal.
        content = .regex(try RegexProgram(text))
      } catch {
        throw .regex(error)
      }
    }
  }

  /// Takes two letters or digits and a colon off the front.
  private static func style(of source: [UInt8]) throws(PatternError) -> (Style, [UInt8])? {
    guard source.count > 2, source[2] == UInt8(ascii: ":"),
      source[..<2].allSatisfy(isLetterOrDigit)
    else { return nil }
    let name = String(decoding: source[..<2], as: UTF8.self)
    guard let style = Style(rawValue: name) else { throw .unknownStyle(name) }
    return (style, Array(source[3...]))
  }

  /// Resolves `.`, `..` and repeated slashes as text, and removes leading slashes.
  static func normalized(_ path: [UInt8]) -> [UInt8] {
    let isAbsolute = path.first == slash
    let up = Array("..".utf8)[...]
    var components: [ArraySlice<UInt8>] = []
    for component in path.split(separator: slash) where component != [UInt8(ascii: ".")] {
      if component != up {
        components.append(component)
      } else if let last = components.last, last != up {
        components.removeLast()
      } else if !isAbsolute {
        components.append(component)
      }
    }
    if components.isEmpty { return isAbsolute ? [] : [UInt8(ascii: ".")] }
    return Array(components.joined(separator: [slash]))
  }
}

/// A path, prepared for being compared with many patterns.
struct SelectionPath {
  /// The path without leading slashes.
  let bytes: [UInt8]
  /// The path with a slash behind it: what ends a component ends the path.
  let withSlash: [UInt8]

  /// Takes a path as it was walked to: `/home/user`, `../src`, `.`; the root `/` becomes empty.
  init(_ path: [UInt8]) {
    bytes = path.first == slash ? Array(path.drop { $0 == slash }) : path
    withSlash = bytes + [slash]
  }

  /// Takes the path of an archived item; the root of the archive is `.`.
  init(_ path: ArchivePath) { self.init(path.bytes.isEmpty ? [UInt8(ascii: ".")] : path.bytes) }
}

/// A pattern that cannot be used.
enum PatternError: Error, Equatable, CustomStringConvertible {
  /// Two letters and a colon that name no style.
  case unknownStyle(String)
  /// A style that is not known, where only a style can stand.
  case noStyle([UInt8])
  /// A line that begins with none of `R P + - !`, or has nothing behind it.
  case notARule([UInt8])
  /// A regular expression that is malformed or not supported.
  case regex(RegexError)
  /// A range in `[…]` whose end comes before its start.
  case invalidRange

  var description: String {
    switch self {
    case .unknownStyle(let name):
      "unknown pattern style \"\(name):\" (known are fm: sh: re: pp: pf:; write fm:… in front of a "
        + "pattern that begins like a style)"
    case .noStyle(let name):
      "unknown pattern style \"\(NameText.replacingInvalid(NameText.display(name)))\" "
        + "(known are fm sh re pp pf)"
    case .notARule(let text):
      "\"\(NameText.replacingInvalid(NameText.display(text)))\" is no rule: it takes one of "
        + "R P + - ! and a value (archivist help patterns)"
    case .regex(let error): "\(error)"
    case .invalidRange: "a range in [...] ends before it starts"
    }
  }
}

private let slash = UInt8(ascii: "/")

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "a")...UInt8(ascii: "z"):
    true
  default: false
  }
}
