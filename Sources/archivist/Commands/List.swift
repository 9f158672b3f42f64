import ArgumentParser
import ChunkStore
import LinuxSystem
import StoreCrypto

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the archives of a repository, or the items of an archive.",
    discussion: """
      archivist list /backup/repo
      archivist list --as-of 2026-11-01 --last 3 /backup/repo
      archivist list /backup/repo::2026-11-21 etc/ssh
      archivist list --format '{sha256} {path}{NL}' '/backup/repo::web-*@10d'
      archivist list --json /backup/repo

      On a terminal, archives are listed in columns that fit it, with ids as short as `id:…` takes \
      them; elsewhere, and with --long, as borg lists them.

      `archivist help format` lists the fields of --format.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions
  @OptionGroup var patterns: SelectionOptions
  @OptionGroup var selection: ArchiveSelectionOptions

  @Argument(help: .repositoryOrArchive)
  var location: BytesArgument?

  @Argument(
    help: ArgumentHelp("Which items, if not all: paths as shown.", valueName: "path"))
  var paths: [BytesArgument] = []

  @Flag(help: "Print names or paths only.")
  var short = false

  @Flag(
    help: "Print whole names and ids of archives on a terminal as well, as wide as they are.")
  var long = false

  @Option(help: "Print each archive or item like this, with fields in braces.")
  var format: BytesArgument?

  @Flag(help: "Print archives as JSON.")
  var json = false

  @Flag(help: "Print items as JSON, one object per line.")
  var jsonLines = false

  @Option(help: ArgumentHelp("Only archives that were begun by this time.", valueName: "time"))
  var asOf: BytesArgument?

  @Flag(help: "List the states of interrupted backups as well.")
  var considerCheckpoints = false

  func run() throws {
    let session = Session(global)
    let location = try session.location(self.location)
    let repository = try session.open(location.path)
    if let name = location.archive, !name.isEmpty {
      try checkItemOptions()
      let archive = try session.archive(name, in: repository)
      try repository.reading("list", problem: session.note) {
        try listItems(archive, repository, session)
      }
    } else {
      guard paths.isEmpty else {
        throw session.archiveMissing(location, self.location, next: paths[0])
      }
      if jsonLines {
        throw CommandFailure("--json-lines is for items of an archive; --json is for archives")
      }
      try listArchives(repository, session)
    }
    try session.output.finish()
  }

  private func checkItemOptions() throws {
    if json { throw CommandFailure("--json is for lists of archives; --json-lines is for items") }
    if selection.isGiven || asOf != nil || considerCheckpoints {
      throw CommandFailure(
        "options that select archives go with REPOSITORY, not with REPOSITORY::ARCHIVE")
    }
  }

  private func listArchives(_ repository: Repository, _ session: Session) throws {
    // People may believe that this list is all there is.
    if let vanished = try session.vanished(from: repository) {
      session.report.warning(.various, "\(vanished)")
    }
    try session.noteReturnedArchives(in: repository)
    let all = try session.archives(in: repository).filter {
      considerCheckpoints || session.isShown($0)
    }
    var bound: Timestamp?
    if let asOf {
      let bytes = asOf.bytes.first == UInt8(ascii: "@") ? Array(asOf.bytes.dropFirst()) : asOf.bytes
      bound = try TimeSelector.bound(bytes, now: SystemClock.now)
    }
    let archives = try selection.select(all, session, unmatched: .warning) { archive in
      bound.map { archive.start <= $0 } ?? true
    }
    let lines = try ArchiveFormat(
      wanted(ArchiveFormat.standard, short: ArchiveFormat.short),
      names: json ? .exact : session.output.names)
    if json {
      let document = JSON.object([
        ("archives", .array(archives.map(lines.json))),
        ArchiveJSON.encryption(repository, session), try ArchiveJSON.repository(repository),
      ])
      try session.output.write(document.lines() + [0x0a])
      return
    }
    if all.isEmpty, session.report.speaksToPeople, session.style == .native {
      session.report.notice("\(line: repository.location): no archives yet")
    }
    if session.output.isTerminal, session.style == .native, !short, !long, format == nil {
      let table = ArchiveTable(archives, ids: all.map(\.id), width: session.output.width)
      if !archives.isEmpty { try session.output.write(table.heading) }
      for archive in archives { try session.output.write(table.line(archive)) }
    } else {
      for archive in archives { try session.output.write(try lines.text(archive)) }
    }
  }

  private func listItems(
    _ archive: Archive, _ repository: Repository, _ session: Session
  ) throws {
    var lines = try ItemFormat(
      wanted(ItemFormat.standard, short: ItemFormat.short), archive: archive,
      repository: repository, names: jsonLines ? .exact : session.output.names,
      passesUnknown: jsonLines && session.style == .borg, problem: session.warn(about:))
    var selection = try Selection(
      paths: paths.map(\.bytes), rules: patterns.rules())
    let mayLack = repository.hasKnownDamage
    var line: [UInt8] = []
    let isJSON = jsonLines
    let items = ItemsAhead(archive, in: selection.places, of: repository)
    func next() throws -> [Item]? {
      while true {
        do { return try items.next() } catch let lost as LostItems {
          session.report.lost(lost)
          selection.pass(lost)
        }
      }
    }
    while let some = try next() {
      for item in some where selection.contains(item.path) {
        if isJSON {
          line = try lines.json(item).line + [0x0a]
        } else {
          line.removeAll(keepingCapacity: true)
          try lines.append(item, to: &line)
        }
        try session.output.write(line)
        if mayLack, let lost = try LostContent.description(item.content, in: repository) {
          session.report.warning(.damage, "\(name: item.path.bytes): \(lost)")
        }
      }
    }
    session.report.perhapsLost(selection)
    // borg says nothing of it.
    if session.style == .native {
      session.report.neverMatched(selection, in: location?.bytes ?? [])
    }
  }

  private func wanted(_ standard: String, short: String) -> [UInt8] {
    format?.bytes ?? Array((self.short ? short : standard).utf8)
  }
}
