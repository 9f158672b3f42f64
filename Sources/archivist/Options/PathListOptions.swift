import ArgumentParser
import ChunkStore
import Glibc

/// Paths that come from elsewhere than the command line.
struct PathListOptions: ParsableArguments {
  @Flag(help: "Back up exactly the paths on standard input, and nothing beneath them.")
  var pathsFromStdin = false

  @Flag(help: "Back up exactly the paths that a command prints; it takes the place of PATH.")
  var pathsFromCommand = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      #"What stands between two of these paths: \n by default, \0 for find -print0."#,
      valueName: "delimiter"))
  var pathsDelimiter: BytesArgument?

  /// Whether paths come from elsewhere.
  var isGiven: Bool { pathsFromStdin || pathsFromCommand }

  func validate() throws {
    if pathsFromStdin, pathsFromCommand {
      throw ValidationError("--paths-from-stdin and --paths-from-command exclude each other")
    }
    if pathsDelimiter != nil, !isGiven {
      throw ValidationError(
        "--paths-delimiter belongs to --paths-from-stdin or --paths-from-command")
    }
  }

  /// Reads the list; `nil` if there is none.
  ///
  /// Patterns do not concern it, and roots cannot be named beside it. In place of paths, the
  /// command line has the words of the command.
  func read(_ words: [[UInt8]], _ rules: SelectionRules, _ session: Session) throws -> SortedPaths?
  {
    guard isGiven else { return nil }
    if pathsFromStdin, !words.isEmpty {
      throw ValidationError("--paths-from-stdin leaves no room for PATH")
    }
    if pathsFromCommand, words.isEmpty {
      throw ValidationError("--paths-from-command: which command? Put it behind --")
    }
    guard rules.roots.isEmpty else {
      throw ValidationError("a list of paths leaves no room for roots (R) among the patterns")
    }
    if !rules.patterns.rules.isEmpty {
      session.report.info("Patterns do not concern a list of paths")
    }
    var delimiter = Array("\n".utf8)
    if let given = pathsDelimiter?.bytes, !given.isEmpty {
      guard let unescaped = EscapedBytes.unescaped(given) else {
        throw ValidationError("--paths-delimiter: a \\x without two hexadecimal digits")
      }
      delimiter = unescaped
    }
    var list = PathList(delimiter: delimiter, directory: session.temporaryDirectory)
    if pathsFromStdin {
      try session.claimStandardInput(for: "the paths")
      try read(&list, STDIN_FILENO, session.report)
    } else {
      try read(&list, words, session.report)
    }
    return try list.sorted()
  }

  /// Reads what a command prints, which has to end well.
  private func read(_ list: inout PathList, _ words: [[UInt8]], _ report: Report) throws {
    var failure: (any Error)?
    do throws(ChildProcess.Failure) {
      let child = try ChildProcess(words)
      do {
        try read(&list, child.output, report)
      } catch {
        failure = error
      }
      // Before waiting: a command that still writes gets a broken pipe instead of blocking.
      close(child.output)
      try child.wait()
    } catch {
      if failure == nil {
        failure = CommandFailure(
          "the command \(name: words[0]) \(error.description); no archive was made")
      }
    }
    if let failure { throw failure }
  }

  private func read(_ list: inout PathList, _ descriptor: Int32, _ report: Report) throws {
    do {
      try list.read(descriptor) { error in
        if case .unusable(let path) = error {
          report.warning(.fileFailed, "\(name: path): a path that no archive can hold")
        }
      }
    } catch PathList.Malformed.endlessPath {
      throw CommandFailure("a path of more than a megabyte: is --paths-delimiter right?")
    }
  }
}
