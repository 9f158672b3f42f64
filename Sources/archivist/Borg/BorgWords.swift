/// Messages in the words of somebody who calls the program as borg.
///
/// Where a message names a command that borg has too, it is named as the program was called; where it names a
/// variable that borg has too, by borg's name. What is archivist's alone keeps its name.
struct BorgWords {
  /// The name that the program was called by.
  let program: String

  /// Beginnings of commands, and their names in borg's place; the longer ones first.
  private static let commands: [(own: String, borgs: String?)] =
    [
      ("init --like", nil), ("init", "init --encryption=repokey"),
      ("check --storage-only", "check --repository-only"), ("key import --keyfile", nil),
      ("key import", "key import"), ("key export", "key export"),
      ("key change-passphrase", "key change-passphrase"), ("benchmark crud", "benchmark crud"),
    ]
    + [
      "break-lock", "check", "compact", "create", "delete", "diff", "extract", "help", "info",
      "list", "prune", "rename", "serve", "with-lock",
    ].map { ($0, $0) }

  /// The variables that count under borg's names as well.
  private static let variables: Set<String> = [
    "BASE_DIR", "CACHE_DIR", "CHECK_I_KNOW_WHAT_I_AM_DOING", "CONFIG_DIR",
    "DELETE_I_KNOW_WHAT_I_AM_DOING", "DISPLAY_PASSPHRASE", "EXIT_CODES", "HOSTNAME", "JSON_INDENT",
    "NEW_PASSPHRASE", "PASSCOMMAND", "PASSPHRASE", "PASSPHRASE_FD", "REPO", "RSH",
    "UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "USERNAME",
  ]

  /// A message in these words.
  func translate(_ text: [UInt8]) -> [UInt8] {
    let (name, prefix) = (Array("archivist ".utf8), Array("ARCHIVIST_".utf8))
    var result: [UInt8] = []
    var rest = text[...]
    while let byte = rest.first {
      if byte == name[0], rest.starts(with: name), Self.quotes(result),
        let (own, borgs) = Self.command(rest.dropFirst(name.count))
      {
        result += Array("\(program) \(borgs)".utf8)
        rest = rest.dropFirst(name.count + own)
      } else if byte == prefix[0], rest.starts(with: prefix),
        let variable = Self.variable(rest.dropFirst(prefix.count))
      {
        result += Array("BORG_\(variable)".utf8)
        rest = rest.dropFirst(prefix.count + variable.utf8.count)
      } else {
        result.append(byte)
        rest = rest.dropFirst()
      }
    }
    return result
  }

  /// Whether what follows a text is the beginning of a command.
  private static func quotes(_ text: [UInt8]) -> Bool {
    switch text.last {
    case UInt8(ascii: "`"), UInt8(ascii: "'"): true
    default: text.suffix(7).elementsEqual("Usage: ".utf8)
    }
  }

  /// The length of a command at the beginning of a text, and what it is called; `nil` if borg has none.
  private static func command(_ text: ArraySlice<UInt8>) -> (own: Int, borgs: String)? {
    for (own, borgs) in commands where text.starts(with: own.utf8) {
      let next = text.dropFirst(own.utf8.count).first
      guard
        next.map({ !("a"..."z").contains(Unicode.Scalar($0)) && $0 != UInt8(ascii: "-") }) ?? true
      else { continue }
      return borgs.map { (own.utf8.count, $0) }
    }
    return nil
  }

  /// The rest of a variable's name at the beginning of a text; `nil` if it is not borg's.
  private static func variable(_ text: ArraySlice<UInt8>) -> String? {
    let name = text.prefix { byte in
      ("A"..."Z").contains(Unicode.Scalar(byte)) || byte == UInt8(ascii: "_")
    }
    let word = String(decoding: name, as: UTF8.self)
    return variables.contains(word) ? word : nil
  }
}
