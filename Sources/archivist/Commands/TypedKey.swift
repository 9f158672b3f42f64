import Glibc

/// A key that is typed in from paper, line by line.
enum TypedKey {
  /// Asks for lines on standard input until one is empty; a mistyped one is asked for again.
  ///
  /// - Returns: The page.
  /// - Throws: `CommandFailure` for a line that is mistyped, where nobody can be asked again.
  static func read() throws -> [UInt8] {
    let isTerminal = isatty(STDIN_FILENO) != 0
    func tell(_ text: Message) { _ = writeAll(text.bytes, to: STDERR_FILENO) }
    if isTerminal {
      tell("Type the lines with numbers, as they are on the page. An empty line ends the key.\n")
    }
    var text = PaperKey.title + "\n"
    var number = 1
    while true {
      if isTerminal { tell("\(number)> ") }
      guard let line = readLine() else { break }
      if line.allSatisfy({ $0 == " " || $0 == "\t" }) {
        // One in front of the first line is none that ends the key.
        if number > 1 { break }
        continue
      }
      // Title and explanations of the page may be typed as well.
      guard line.contains(":"), line.contains("-") else {
        if PaperKey.isWithClient(Array(line.utf8)) { text += line + "\n" }
        continue
      }
      do throws(PaperKey.Invalid) {
        _ = try PaperKey.parse(Array((text + line + "\n").utf8))
        text += line + "\n"
        number += 1
      } catch {
        guard isTerminal else { throw failure(error) }
        tell("\(error): once more\n")
      }
    }
    return Array(text.utf8)
  }

  private static func failure(_ error: PaperKey.Invalid) -> CommandFailure {
    CommandFailure("--paper: \(error)", status: .failure(.notAKeyBackup))
  }
}
