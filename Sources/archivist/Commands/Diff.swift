import ArgumentParser
import ChunkStore
import StoreCrypto

struct Diff: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what is different between two archives of a repository.",
    discussion: """
      archivist diff /backup/repo::monday tuesday
      archivist diff '/backup/repo::web-*@10d' 'web-*@now' etc
      archivist diff --json-lines /backup/repo::monday tuesday

      What both archives have is not even read: the time it takes grows with the differences. \
      Times of access and of inode changes do not count.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions
  @OptionGroup var patterns: SelectionOptions

  @Argument(help: .archive)
  var location: BytesArgument

  @Argument(help: ArgumentHelp("The other archive of that repository.", valueName: "archive"))
  var other: BytesArgument

  @Argument(help: ArgumentHelp("Which items, if not all: paths as shown.", valueName: "path"))
  var paths: [BytesArgument] = []

  @Flag(help: "Print only what is different in contents, links, and which items there are.")
  var contentOnly = false

  @Flag(help: "Compare owners by number only.")
  var numericIds = false

  @Option(
    help: ArgumentHelp(
      """
      In this order: one or more of path, size_added, size_removed, size_diff, size, user, group, uid, gid, \
      mtime, ctime, mtime_diff, ctime_diff, with commas between; > in front of one: the greatest first.
      """, valueName: "keys"),
    transform: { try DifferenceOrder($0) })
  var sortBy: DifferenceOrder?

  @Flag(help: "The same as --sort-by path, which is the order anyway.")
  var sort = false

  @Flag(help: "Print as JSON, one object per line.")
  var jsonLines = false

  func run() throws {
    let session = Session(global)
    let location = try session.archiveLocation(location, next: other)
    let repository = try session.open(location.path)
    var selection = try Selection(paths: paths.map(\.bytes), rules: patterns.rules())
    try repository.reading("diff", problem: session.note) {
      let old = try session.archive(location.archive, in: repository)
      let new = try session.archive(other.bytes, in: repository)
      let format = try DifferenceFormat(
        repository, contentOnly: contentOnly, numericIDs: numericIds,
        sameChunker: old.manifest.chunker == new.manifest.chunker,
        style: session.style,
        names: jsonLines ? .exact : session.output.names)
      var kept: [DifferenceOrder.Entry] = []
      try repository.differences(
        between: old, and: new, comparingChangeTimes: session.style == .borg,
        lost: { lost, archive in
          session.report.warning(
            .damage,
            "archive \(name: Array(archive.name.utf8)), not compared: \(lost.message)")
        }
      ) { difference in
        guard selection.contains(difference.path) else { return }
        let changes = try format.changes(difference)
        guard !changes.isEmpty || format.isListedAnyway(difference) else { return }
        let line =
          jsonLines
          ? format.json(difference.path, changes).line + [0x0a]
          : format.text(difference.path, changes)
        guard sortBy == nil else {
          return kept.append(DifferenceOrder.Entry(difference, changes, line))
        }
        try session.output.write(line)
      }
      for entry in sortBy?.sorted(kept) ?? [] { try session.output.write(entry.line) }
    }
    try session.output.finish()
  }
}
