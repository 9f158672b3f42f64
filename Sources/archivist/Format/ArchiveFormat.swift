import ChunkStore
import StoreCrypto

/// Archives as `list REPOSITORY` prints them: by a format, or as borg's JSON.
struct ArchiveFormat {
  /// borg's format for people.
  static let standard = "{archive:<36} {time} [{id}]{NL}"
  /// Only the names.
  static let short = "{archive}{NL}"

  /// The fields, in groups of what belongs together.
  static let keys: [[String]] = [
    ["archive", "name", "barchive", "comment", "bcomment", "id", "tam"],
    ["start", "time", "end", "command_line"],
    ["hostname", "username"],
  ]

  private let template: FormatTemplate
  /// The form of names.
  private let names: NameText.Form

  /// Understands a format.
  ///
  /// - Parameters:
  ///   - format: With fields in braces.
  ///   - names: The form of names.
  /// - Throws: `FormatTemplateError`.
  init(_ format: [UInt8], names: NameText.Form) throws(FormatTemplateError) {
    template = try FormatTemplate(format, keys: Array(Self.keys.joined()))
    self.names = names
  }

  /// An archive as the format has it.
  func text(_ archive: Archive) throws -> [UInt8] {
    try template.filled { value($0, archive) }
  }

  /// An archive as borg's JSON has it, with what the format asks for in addition.
  func json(_ archive: Archive) -> JSON {
    let always = ["archive", "barchive", "id", "name", "start", "time"]
    var members: [(String, JSON)] = []
    for key in Set(always + template.keys).sorted() {
      switch key {
      case "command_line":
        members.append((key, ArchiveJSON.commandLine(archive.manifest)))
      default: members += value(key, archive).json(key)
      }
    }
    return .object(members)
  }

  private func value(_ key: String, _ archive: Archive) -> FormatValue {
    let manifest = archive.manifest
    func shown(_ text: String) -> FormatValue {
      .text(NameText.shown(Array(text.utf8), names))
    }
    switch key {
    case "archive", "name": return shown(archive.name)
    case "barchive": return .text(Array(archive.name.utf8))
    case "comment": return shown(manifest.comment)
    case "bcomment": return .text(Array(manifest.comment.utf8))
    case "start", "time": return .time(archive.start)
    case "end": return .time(manifest.end)
    case "command_line": return .text(NameText.commandLine(manifest.commandLine))
    case "hostname": return shown(manifest.hostname)
    case "username": return shown(manifest.username)
    // One that is not authenticated would not have been opened.
    case "tam": return .text(Array("verified".utf8))
    default: return .text(Array(archive.id.hex.utf8))
    }
  }
}
