import ArgumentParser

import CLinux
import Glibc

/// Help as the argument parser writes it, rearranged.
enum HelpText {
  /// The columns of help: those of the terminal, up to as many as can be read with ease.
  static var columns: Int {
    let width = Int(linux_terminal_width(STDOUT_FILENO))
    return width > 0 ? min(width, 90) : 80
  }

  /// Puts the options that all commands have behind those of the command, and adds the topics to
  /// the overview of everything.
  static func arranged(_ text: String) -> String {
    var sections = text.split(separator: "\n\n", omittingEmptySubsequences: false)
    if text.hasPrefix("OVERVIEW: \(Archivist.configuration.abstract)\n") {
      let topics = "TOPICS (archivist help TOPIC):\n\(HelpTopic.list)"
      sections.insert(topics[...], at: max(0, sections.count - 1))
      // The groups have names of their own: the parser's word behind each is noise.
      return sections.map { section in
        let lines = section.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, first.hasSuffix(" SUBCOMMANDS:") else { return section }
        let title = first.dropLast(" SUBCOMMANDS:".count) + ":"
        return ([title] + lines.dropFirst()).joined(separator: "\n")[...]
      }.joined(separator: "\n\n")
    }
    guard let common = sections.firstIndex(where: { $0.hasPrefix("COMMON OPTIONS:") }),
      let last = sections.lastIndex(where: { $0.hasPrefix("OPTIONS:") }), common < last
    else { return text }
    let section = sections.remove(at: common)
    // The text ends with an empty line, which stays at the end.
    if sections[last - 1].hasSuffix("\n") { sections[last - 1].removeLast() }
    sections.insert(section, at: last)
    return sections.joined(separator: "\n\n")
  }
}
