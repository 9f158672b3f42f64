import ArgumentParser

/// A page of `archivist help` that is about no command.
struct HelpTopic {
  /// What it is asked for by.
  let name: String
  /// What it is about, in a line.
  let abstract: String
  /// The page.
  let text: String

  /// All of them.
  static let all = [
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
    let isCommand = Archivist.configuration.subcommands.contains { $0._commandName == name }
    guard isCommand || name.hasPrefix("-") || name == "help" else {
      throw CommandFailure(
        "there is no command and no topic \(name: ArgumentBytes.decode(name)); topics are "
          + "\(all.map(\.name).joined(separator: ", "))")
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
