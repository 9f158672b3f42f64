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

  /// The parser's message, with a better word about an option that is not known, and about an archive
  /// that stands behind its repository.
  ///
  /// What is wrong with the other options matters less than that one is not understood at all: it may be
  /// the one that was missed.
  ///
  /// - Parameters:
  ///   - message: All that the parser says.
  ///   - arguments: Those of the program.
  /// - Returns: The message.
  static func improved(_ message: String, for arguments: [String]) -> String {
    guard message.hasPrefix("Error: ") else { return message }
    let opening = "Error: Unknown option '"
    let rest = message.drop { $0 != "\n" }
    let (type, words) = command(arguments)
    if message.hasPrefix(opening) {
      let option = message.dropFirst(opening.count).prefix { $0 != "'" }
      return "Error: " + unknownOption(String(option), of: type, words) + rest
    }
    if let option = unknownOption(in: arguments.dropFirst(words.count), of: type) {
      let usage = message.firstRange(of: "\nUsage: ").map { message[$0.lowerBound...] } ?? ""
      return "Error: " + unknownOption(option, of: type, words) + usage
    }
    if let line = archiveMeant(message, arguments, words.count) {
      let text = message.prefix { $0 != "\n" }
      return "\(text): an archive is named behind two colons; did you mean `\(line)`?" + rest
    }
    return message
  }

  private static func unknownOption(
    _ option: String, of type: any ParsableCommand.Type, _ words: [String]
  ) -> String {
    let text = "unknown option '\(option)'"
    guard !words.isEmpty else {
      if case .way(let way) = OtherWords.option(option) {
        return "\(text): \(way), as in `archivist list /backup/repo`"
      }
      return text + ": options follow the command, as in `archivist list --short REPOSITORY`"
    }
    let known = options(of: type).keys.sorted()
    switch OtherWords.option(option) {
    case .command(let other) where known.contains(other): return text + "; did you mean '\(other)'?"
    case .way(let way): return "\(text): \(way)"
    default:
      let long = known.filter { $0.hasPrefix("--") }
      let nearest = Suggestion.nearest(to: option, among: long)
      return text + (nearest.map { "; did you mean '\($0)'?" } ?? "")
    }
  }

  /// The first option that a command does not have.
  ///
  /// - Parameters:
  ///   - arguments: What follows the command.
  ///   - type: The command.
  /// - Returns: The option as it was written, without a value; `nil` if all are known.
  static func unknownOption(
    in arguments: ArraySlice<String>, of type: any ParsableCommand.Type
  ) -> String? {
    // The options behind its repository are another program's.
    if type == WithLock.self { return nil }
    let known = options(of: type, includeHidden: true)
    var rest = arguments
    while let argument = rest.popFirst(), argument != "--" {
      guard argument.hasPrefix("-"), argument.count > 1 else { continue }
      guard argument.hasPrefix("--") else {
        // `-d14`, `-nq`, `-d 14`.
        let option = String(argument.prefix(2))
        guard let takesValue = known[option] else { return option }
        if takesValue, argument.count == 2 { _ = rest.popFirst() }
        continue
      }
      let option = String(argument.prefix { $0 != "=" })
      guard let takesValue = known[option] else { return option }
      if takesValue, option == argument { _ = rest.popFirst() }
    }
    return nil
  }

  /// The command line with `REPOSITORY::ARCHIVE` where the two stand apart.
  private static func archiveMeant(
    _ message: String, _ arguments: [String], _ commandWords: Int
  ) -> String? {
    let opening = "Error: Unexpected argument '"
    guard message.hasPrefix(opening), let command = arguments.first,
      let index = arguments.lastIndex(
        of: String(message.dropFirst(opening.count).prefix { $0 != "'" }))
    else { return nil }
    // Behind the archive, `rename` has one more.
    let archive = command == "rename" ? index - 1 : index
    guard ["info", "check", "rename"].contains(command), archive - 1 >= commandWords,
      [arguments[archive], arguments[archive - 1]].allSatisfy({
        !$0.hasPrefix("-") && !$0.contains("::") && !$0.isEmpty
      })
    else { return nil }
    var line = arguments
    let name = Moment.meant(by: arguments[archive]) ?? arguments[archive]
    line[archive - 1] += "::" + name
    line.remove(at: archive)
    let words = (["archivist"] + line).map { ArgumentBytes.decode($0) }
    return ArgumentBytes.encode(NameText.commandLine(words))
  }

  /// The options of a command, out of its help, and whether they take a value.
  static func options(
    of type: any ParsableCommand.Type, includeHidden: Bool = false
  ) -> [String: Bool] {
    var found: [String: Bool] = [:]
    let help = Archivist.helpMessage(for: type, includeHidden: includeHidden, columns: 80)
    for line in help.split(separator: "\n") where line.hasPrefix("  -") {
      let words = line.split { " ,/".contains($0) }.prefix { "-<".contains($0.first ?? " ") }
      let takesValue = words.contains { $0.hasPrefix("<") }
      for word in words where word.hasPrefix("-") { found[String(word)] = takesValue }
    }
    return found
  }
}
