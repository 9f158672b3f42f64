import ArgumentParser
import ChunkStore

/// Archives chosen by their names.
struct ArchiveNameOptions: ParsableArguments {
  @Option(
    name: [.long, .customShort("a")],
    help: ArgumentHelp(
      "Only archives whose name matches this shell pattern, {hostname}-* say.",
      valueName: "pattern"))
  var globArchives: BytesArgument?

  @Option(
    name: [.long, .customShort("P")],
    help: ArgumentHelp("Only archives whose name begins so.", valueName: "text"))
  var prefix: BytesArgument?

  func validate() throws {
    if globArchives != nil, prefix != nil {
      throw ValidationError("--glob-archives and --prefix cannot be used together")
    }
  }

  /// Those archives that are meant; placeholders in the options are replaced.
  func select(_ archives: [Archive], _ session: Session) throws -> [Archive] {
    var chosen = archives
    let placeholders = session.placeholders(now: Clock.now)
    if let globArchives {
      let glob = try Glob(try placeholders.expand(globArchives.bytes), style: .shell)
      chosen = chosen.filter { glob.matches(Array($0.name.utf8)) }
    }
    if let prefix {
      let prefix = try placeholders.expand(prefix.bytes)
      chosen = chosen.filter { Array($0.name.utf8).starts(with: prefix) }
    }
    return chosen
  }
}

/// Archives chosen by their names and their order.
struct ArchiveSelectionOptions: ParsableArguments {
  @OptionGroup var names: ArchiveNameOptions

  @Option(
    help: ArgumentHelp(
      "In this order, by one or more of timestamp, name and id, with commas between.",
      valueName: "keys"),
    transform: { try ArchiveOrder($0) })
  var sortBy = ArchiveOrder.byTime

  @Option(help: ArgumentHelp("Only the first N of them.", valueName: "n"))
  var first: Int?

  @Option(help: ArgumentHelp("Only the last N of them.", valueName: "n"))
  var last: Int?

  func validate() throws {
    if (first ?? 1) < 1 || (last ?? 1) < 1 || (first != nil && last != nil) {
      throw ValidationError("--first and --last take a number from 1 on, and one of them only")
    }
  }

  /// Whether anything was said about which ones.
  var isGiven: Bool {
    names.globArchives != nil || names.prefix != nil || first != nil || last != nil
  }

  /// Those archives that are meant, in the order that is wanted.
  func select(_ archives: [Archive], _ session: Session) throws -> [Archive] {
    var chosen = sortBy.sorted(try names.select(archives, session))
    if let first { chosen = Array(chosen.prefix(first)) }
    if let last { chosen = Array(chosen.suffix(last)) }
    return chosen
  }
}
