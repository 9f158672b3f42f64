import ArgumentParser

/// A page of `archivist help` that is about no command.
struct HelpTopic {
  /// The word that it is asked for by.
  let name: String
  /// The subject, in a line.
  let abstract: String
  /// The page.
  let text: String

  /// All of them.
  static let all = [
    HelpTopic(
      name: "passphrase", abstract: "Before and after a passphrase or a key is lost.",
      text: PassphraseHelp.text),
    HelpTopic(
      name: "retention", abstract: "Keeping some backups, and deleting the others.",
      text: RetentionHelp.text),
    HelpTopic(
      name: "borg", abstract: "For those who know borg: what is the same, and what is not.",
      text: BorgHelp.text),
    HelpTopic(
      name: "restic", abstract: "For those who know restic: which command does what.",
      text: ResticHelp.text),
    HelpTopic(
      name: "archives", abstract: "Naming archives, also by time.", text: ArchivesHelp.text),
    HelpTopic(
      name: "patterns", abstract: "Choosing files by patterns.", text: PatternsHelp.text),
    HelpTopic(
      name: "placeholders", abstract: "What {now} and the like stand for.",
      text: PlaceholdersHelp.text),
    HelpTopic(
      name: "compression", abstract: "Choosing how data is compressed.",
      text: CompressionHelp.text),
    HelpTopic(
      name: "format", abstract: "The fields of `list --format`.", text: FormatHelp.text),
    HelpTopic(
      name: "environment", abstract: "Variables, files and directories.",
      text: EnvironmentHelp.text),
    HelpTopic(
      name: "exit-codes", abstract: "What the shell is told at the end.",
      text: ExitCodesHelp.text),
  ]

  /// The topics by words under which somebody may look for them.
  private static let otherNames: [String: String] = [
    "password": "passphrase", "passwd": "passphrase", "passphrases": "passphrase",
    "lost": "passphrase", "forgot": "passphrase", "forgotten": "passphrase",
    "recovery": "passphrase", "keep": "retention", "rotation": "retention", "space": "retention",
    "latest": "archives", "archive": "archives", "names": "archives", "time": "archives",
    "exclude": "patterns", "excludes": "patterns", "include": "patterns", "globs": "patterns",
    "variables": "environment", "env": "environment", "files": "environment",
    "status": "exit-codes", "errors": "exit-codes", "exit": "exit-codes",
  ]

  /// The page that arguments ask for; `nil` if it is not a topic that they ask for.
  ///
  /// - Parameter arguments: Those of the program.
  /// - Returns: The text of the page, or the list of topics.
  /// - Throws: `CommandFailure` if there is neither a topic nor a command of that name.
  static func page(for arguments: [String]) throws(CommandFailure) -> String? {
    guard arguments.first == "help" else { return nil }
    guard arguments.count > 1 else { return nil }
    let name = arguments[1]
    if let topic = all.first(where: { $0.name == name }) { return topic.text }
    if name == "topics" { return list }
    if name.hasPrefix("-") || name == "help" { return nil }
    let words = Array(arguments.dropFirst())
    let (type, known) = CommandWords.command(words)
    guard !known.isEmpty else {
      if let topic = otherNames[name.lowercased()] {
        throw CommandFailure(
          "there is no topic \(name: ArgumentBytes.decode(name)); did you mean '\(topic)'?")
      }
      if OtherWords.command(name.lowercased()) != nil {
        throw CommandWords.unknown(name, after: [], of: Archivist.self)
      }
      let words = all.map(\.name) + Archivist.configuration.subcommands.map { $0._commandName }
      let hint: Message =
        Suggestion.nearest(to: name, among: words).map { "did you mean '\($0)'?" }
        ?? "topics are \(all.map(\.name).joined(separator: ", "))"
      throw CommandFailure(
        "there is no command and no topic \(name: ArgumentBytes.decode(name)); \(hint)")
    }
    if !type.configuration.subcommands.isEmpty, words.count > known.count {
      try CommandWords.demandCommand(words)
    }
    return nil
  }

  /// The topics with what they are about.
  static var list: String {
    let width = all.map(\.name.utf8.count).max() ?? 0
    return all.map { topic in
      "  " + topic.name + String(repeating: " ", count: width + 2 - topic.name.utf8.count)
        + topic.abstract
    }.joined(separator: "\n")
  }
}
