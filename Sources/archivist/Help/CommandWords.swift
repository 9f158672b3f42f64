import ArgumentParser

/// The words of a command line that say which command is meant.
enum CommandWords {
  /// The command that arguments name, as far as they do.
  static func command(_ arguments: [String]) -> (type: any ParsableCommand.Type, words: [String]) {
    var type: any ParsableCommand.Type = Archivist.self
    var words: [String] = []
    for argument in arguments {
      guard let inner = type.configuration.subcommands.first(where: { $0._commandName == argument })
      else { break }
      type = inner
      words.append(argument)
    }
    return (type, words)
  }

  /// Stops at a word that is no command where one has to be.
  ///
  /// - Parameter arguments: Those of the program, global options behind the command.
  /// - Throws: `CommandFailure` with the nearest command, or the way that there is instead.
  static func demandCommand(_ arguments: [String]) throws(CommandFailure) {
    let (type, words) = command(arguments)
    let rest = arguments.dropFirst(words.count)
    guard !type.configuration.subcommands.isEmpty, let word = rest.first, !word.hasPrefix("-"),
      words.isEmpty || word != "help"
    else { return }
    if words.isEmpty, word == "help" { return }
    throw unknown(word, after: words, of: type)
  }

  /// The failure of a word that is no command.
  static func unknown(
    _ word: String, after words: [String], of type: any ParsableCommand.Type
  ) -> CommandFailure {
    let line = (words + [word]).joined(separator: " ")
    let what: Message = "unknown command '\(name: ArgumentBytes.decode(line))'"
    if words.isEmpty, let answer = OtherWords.command(word.lowercased()) {
      switch answer {
      case .command(let command):
        return CommandFailure(
          what + "; did you mean '\(command)'? See `archivist help \(firstWord(command))`")
      case .notYet(let text), .way(let text): return CommandFailure(what + ": \(text)")
      }
    }
    let known = type.configuration.subcommands.map { $0._commandName }
    let nearest =
      OtherWords.command(word.lowercased(), of: words) ?? Suggestion.nearest(to: word, among: known)
    if let nearest {
      return CommandFailure(
        what + "; did you mean '\((words + [nearest]).joined(separator: " "))'?")
    }
    let help = (["archivist", "help"] + words).joined(separator: " ")
    return CommandFailure(what + ": `\(help)` lists the commands there are")
  }

  private static func firstWord(_ text: String) -> String {
    String(text.prefix { $0 != " " })
  }

  /// The parser's message, with a better word about an option that is not known.
  ///
  /// - Parameters:
  ///   - message: All that the parser says.
  ///   - arguments: Those of the program.
  /// - Returns: The message.
  static func improved(_ message: String, for arguments: [String]) -> String {
    let opening = "Error: Unknown option '"
    guard message.hasPrefix(opening) else { return message }
    let option = message.dropFirst(opening.count).prefix { $0 != "'" }
    let rest = message.drop { $0 != "\n" }
    let (type, words) = command(arguments)
    let known = options(of: type)
    var text = "Error: unknown option '\(option)'"
    if words.isEmpty {
      text += ": options follow the command, as in `archivist list --short REPOSITORY`"
    } else {
      switch OtherWords.option(String(option)) {
      case .command(let other) where known.contains(other): text += "; did you mean '\(other)'?"
      case .way(let way): text += ": \(way)"
      default:
        if let nearest = Suggestion.nearest(to: String(option), among: known) {
          text += "; did you mean '\(nearest)'?"
        }
      }
    }
    return text + rest
  }

  /// The long options of a command, out of its help.
  static func options(of type: any ParsableCommand.Type) -> [String] {
    var found: Set<String> = []
    for line in Archivist.helpMessage(for: type).split(separator: "\n") {
      guard line.hasPrefix("  -") else { continue }
      for word in line.split(whereSeparator: { " ,/<[]>=".contains($0) }).prefix(6)
      where word.hasPrefix("--") {
        found.insert(String(word))
      }
    }
    return found.sorted()
  }
}
