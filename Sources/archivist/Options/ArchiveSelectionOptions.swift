import ArgumentParser
import ChunkStore
import LinuxSystem

/// Archives chosen by their names.
struct ArchiveNameOptions: ParsableArguments {
  @Option(
    name: [.long, .customShort("a")],
    help: ArgumentHelp(
      "Only archives whose name matches this shell pattern, e.g. web-*.",
      valueName: "pattern"))
  var globArchives: BytesArgument?

  @Option(
    name: [.long, .customShort("P")],
    help: ArgumentHelp("Only archives whose name begins with this.", valueName: "text"))
  var prefix: BytesArgument?

  func validate() throws {
    if globArchives != nil, prefix != nil {
      throw ValidationError("--glob-archives and --prefix cannot be used together")
    }
  }

  /// The consequence if no archive has such a name.
  enum Unmatched {
    /// Nothing can be done: a deletion would free nothing, a check would vouch for nothing.
    case failure
    /// Nothing is shown, and that is said.
    case warning
  }

  /// Whose archives are meant.
  enum Machines {
    /// Those of every machine.
    case all
    /// Where the pattern has `{hostname}` in it, those that this machine has made: the pattern
    /// `{hostname}-*` matches the names of `web-db` on the machine `web` as well.
    case asNamed
  }

  /// Whether the pattern leaves nothing out, as one does of which a variable is not set.
  var matchesEverything: Bool {
    globArchives.map { $0.bytes.allSatisfy { $0 == UInt8(ascii: "*") } } ?? false
  }

  /// Those archives that are meant; placeholders in the options are replaced.
  ///
  /// - Parameters:
  ///   - archives: All that there are.
  ///   - session: Who asks.
  ///   - machines: Whose archives are meant.
  ///   - unmatched: What to do if there are none.
  /// - Returns: The archives, in the order in which they were given.
  /// - Throws: `CommandFailure` for an empty pattern, and for one that matches nothing.
  func select(
    _ archives: [Archive], _ session: Session, of machines: Machines = .all,
    unmatched: Unmatched = .failure
  ) throws -> [Archive] {
    guard let template = globArchives ?? prefix else { return archives }
    let placeholders = session.placeholders(now: SystemClock.now)
    let pattern = try placeholders.expand(template.bytes)
    let option: Message = prefix == nil ? "--glob-archives" : "--prefix"
    guard !pattern.isEmpty else {
      throw CommandFailure("\(option) is empty: is a variable not set?")
    }
    var chosen: [Archive]
    if prefix == nil {
      let glob = try Glob(pattern, style: .shell)
      chosen = archives.filter { glob.matches(Array($0.name.utf8)) }
    } else {
      chosen = archives.filter { Array($0.name.utf8).starts(with: pattern) }
    }
    var others: [Archive] = []
    if machines == .asNamed, Placeholders.isUsed("hostname", in: template.bytes) {
      let own = placeholders.hostname
      others = chosen.filter { Array($0.manifest.hostname.utf8) != own }
      chosen.removeAll { Array($0.manifest.hostname.utf8) != own }
    }
    guard chosen.isEmpty else {
      if !others.isEmpty {
        session.report.info(
          "Left alone: \(HumanText.count(others.count, "archive")) with such names of other machines "
            + "(\(Self.hosts(of: others)))")
      }
      return chosen
    }
    let what: Message =
      others.isEmpty
      ? "no archive has a name that \(prefix == nil ? "matches" : "begins with") \(name: pattern)"
      : "no archive of this machine, \(name: placeholders.hostname), has a name that matches "
        + "\(name: pattern); of others there are some (\(Self.hosts(of: others)))"
    let hint = "\(what) (\(option)): `archivist list --short` shows all names" as Message
    switch unmatched {
    // borg goes on with none.
    case .failure where session.style == .borg: session.report.info(hint)
    case .failure: throw CommandFailure(hint, status: .failure(.archiveMissing))
    case .warning where session.style == .borg: session.report.info(hint)
    case .warning: session.report.warning(.patternNeverMatched, hint)
    }
    return []
  }

  /// The names of the machines that archives are of, for people.
  static func hosts(of archives: [Archive]) -> Message {
    let hosts = Set(archives.map { Array($0.manifest.hostname.utf8) })
      .sorted { $0.lexicographicallyPrecedes($1) }
    var text: Message = ""
    for (number, host) in hosts.prefix(5).enumerated() {
      text = text + (number == 0 ? "" : ", ") + (host.isEmpty ? "(no name)" : "\(name: host)")
    }
    return hosts.count > 5 ? text + ", …" : text
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
  ///
  /// - Parameters:
  ///   - archives: All that there are.
  ///   - session: Who asks.
  ///   - machines: Whose archives are meant.
  ///   - unmatched: What to do if no archive has such a name.
  ///   - isMeant: What else is asked of those that have.
  /// - Returns: The archives.
  /// - Throws: `CommandFailure` for an empty pattern, and for one that matches nothing.
  func select(
    _ archives: [Archive], _ session: Session,
    of machines: ArchiveNameOptions.Machines = .all,
    unmatched: ArchiveNameOptions.Unmatched = .failure,
    where isMeant: (Archive) -> Bool = { _ in true }
  ) throws -> [Archive] {
    var chosen = sortBy.sorted(
      try names.select(archives, session, of: machines, unmatched: unmatched).filter(isMeant))
    if let first { chosen = Array(chosen.prefix(first)) }
    if let last { chosen = Array(chosen.suffix(last)) }
    return chosen
  }
}
