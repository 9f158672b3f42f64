import ArgumentParser
import Testing

@testable import archivist

@Suite struct SuggestionTests {
  private static let commands = Archivist.configuration.subcommands.map { $0._commandName }

  @Test(arguments: [
    ("creat", "create"), ("crate", "create"), ("cretae", "create"), ("Create", "create"),
    ("extrat", "extract"), ("lsit", "list"), ("lst", "list"), ("ini", "init"), ("comp", "compact"),
    ("prunne", "prune"), ("breaklock", "break-lock"), ("with-lok", "with-lock"), ("infos", "info"),
  ])
  func `a slip of the keyboard is seen through`(word: String, command: String) {
    #expect(Suggestion.nearest(to: word, among: Self.commands) == command)
  }

  @Test(arguments: ["", "x", "co", "foo", "xyz", "banana", "restart", "print", "kex9", "in"])
  func `nothing is guessed`(word: String) {
    #expect(Suggestion.nearest(to: word, among: Self.commands) == nil)
  }

  @Test(arguments: [
    ("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("create", "creat", 1),
  ])
  func `the distance counts slips`(a: String, b: String, distance: Int) {
    #expect(Suggestion.distance(a, b) == distance)
    #expect(Suggestion.distance(b, a) == distance)
  }

  @Test(arguments: ["restore", "snapshots", "forget", "backup", "ls", "dump", "passwd", "unlock"])
  func `words of other programs lead to a command that is there`(word: String) throws {
    guard case .command(let line) = OtherWords.command(word) else {
      Issue.record("\(word) leads to no command")
      return
    }
    let (_, words) = CommandWords.command(line.split(separator: " ").map(String.init))
    #expect(!words.isEmpty || line == "help")
  }

  @Test(arguments: ["mount", "umount", "recreate", "export-tar"])
  func `what is not there yet is said to be so`(word: String) {
    guard case .notYet = OtherWords.command(word) else {
      Issue.record("\(word) is something else")
      return
    }
  }

  @Test(arguments: [
    (["restore", "r"], "did you mean 'extract'?"), (["creat"], "did you mean 'create'?"),
    (["key", "lst"], "did you mean 'key list'?"),
    (["key", "passwd"], "did you mean 'key change-passphrase'?"),
    (["key", "rm", "r", "3f"], "did you mean 'key remove'?"), (["foo"], "`archivist help` lists"),
    (["nonsense", "--help"], "unknown command 'nonsense'"), (["x\u{1B}[2J"], "$'x\\033[2J'"),
  ])
  func `an unknown command is refused with a way on`(arguments: [String], text: String) {
    do throws(CommandFailure) {
      try CommandWords.demandCommand(arguments)
      Issue.record("accepted")
    } catch {
      #expect(String(decoding: error.message.bytes, as: UTF8.self).contains(text))
      #expect(error.status == .failure(.commandLine))
    }
  }

  @Test(arguments: [
    ["create", "nonsense"], ["key"], ["key", "list"], ["--version"], ["help", "create"], [],
    ["key", "--help"],
  ])
  func `known commands are left to the parser`(arguments: [String]) throws {
    try CommandWords.demandCommand(arguments)
  }

  @Test(arguments: [
    ("list", "--shrt", "did you mean '--short'?"), ("list", "--latest", "did you mean '--last'?"),
    ("create", "--exclude-file", "did you mean '--exclude-from'?"),
    ("list", "--repo", "the repository is the first argument of each command"),
    ("list", "--zzzzz", "unknown option '--zzzzz'\n"),
    // An option of another command is none of this one.
    ("rename", "--exclude-file", "unknown option '--exclude-file'\n"),
  ])
  func `an unknown option is refused with a way on`(
    command: String, option: String, text: String
  ) {
    let message = "Error: Unknown option '\(option)'. Did you mean '--silly'?\nUsage: …"
    let improved = CommandWords.improved(message, for: [command, option])
    #expect(improved.contains(text))
    #expect(!improved.contains("silly"))
    #expect(improved.hasSuffix("\nUsage: …"))
  }

  @Test(arguments: [
    (["prune", "--keep-dayly", "7"], "'--keep-dayly'; did you mean '--keep-daily'?"),
    (["prune", "--keep-daily", "0", "--lst", "r"], "'--lst'; did you mean '--list'?"),
    (["prune", "--keep-last", "-1", "--lst"], "'--lst'"), (["prune", "-d14", "-z"], "'-z'"),
    (["key", "add", "--nte=x"], "'--nte'; did you mean '--note'?"),
  ])
  func `an option that nobody knows comes before what is wrong with others`(
    arguments: [String], text: String
  ) {
    let message = "Error: say what to keep\nHelp: …\nUsage: …"
    let improved = CommandWords.improved(message, for: arguments)
    #expect(improved.hasPrefix("Error: unknown option \(text)"))
    #expect(improved.hasSuffix("\nUsage: …"))
  }

  @Test(arguments: [
    ["prune", "-nd", "7", "--keep-weekly=4", "repo"], ["list", "--", "--shrt"],
    ["list", "--format", "--shrt", "repo"], ["with-lock", "repo", "ls", "--color"],
    ["create", "--no-verify-blocks", "-C", "lz4"], ["delete", "--consider-checkpoints"],
  ])
  func `known options, and words that are none, are left alone`(arguments: [String]) {
    let message = "Error: something else\nUsage: …"
    #expect(CommandWords.improved(message, for: arguments) == message)
  }

  @Test(arguments: [
    (["info", "repo", "@now"], "@now", "`archivist info repo::@now`"),
    (["rename", "repo", "a", "b"], "b", "`archivist rename repo::a b`"),
  ])
  func `an archive that stands apart is joined to its repository`(
    arguments: [String], word: String, line: String
  ) {
    let message = "Error: Unexpected argument '\(word)'\nUsage: …"
    #expect(CommandWords.improved(message, for: arguments).contains("did you mean \(line)?"))
  }

  @Test(arguments: [
    ("mondey", "monday"), ("Monday", "monday"), ("web-2026-11-1", "web-2026-11-21"),
  ])
  func `the name of an archive is found`(word: String, name: String) {
    #expect(
      Suggestion.nearestName(to: word, among: ["monday", "web-2026-11-21", "db"]) == name)
  }

  @Test(arguments: ["friday", "x", "", "a"])
  func `no other archive is near`(word: String) {
    #expect(Suggestion.nearestName(to: word, among: ["monday", "tuesday"]) == nil)
  }
}
