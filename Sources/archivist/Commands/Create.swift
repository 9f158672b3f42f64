import ArgumentParser
import ChunkStore
import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization

struct Create: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Back up files and directories into a new archive.",
    discussion: """
      archivist create /backup/repo::{hostname}-{now} /etc /home
      archivist create -e '*.cache' -C zstd,6 --stats repo::{now:%Y-%m-%d} ~
      pass show backup | ARCHIVIST_PASSPHRASE_FD=0 archivist create repo::{now} /etc
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions
  @OptionGroup var patterns: SelectionOptions
  @OptionGroup var output: CreateOutputOptions
  @OptionGroup var walk: WalkSelectionOptions
  @OptionGroup var pathList: PathListOptions
  @OptionGroup var content: ContentOptions
  @OptionGroup var metadata: MetadataOptions

  @Argument(
    help: ArgumentHelp(
      "The repository, and the new archive's name, which may hold placeholders such as {now}.",
      valueName: "repository::archive"))
  var location: BytesArgument

  @Argument(help: ArgumentHelp("What to back up; `R` rules name more.", valueName: "path"))
  var paths: [BytesArgument] = []

  @Option(
    name: [.long, .customShort("C")],
    help: "none, lz4, zstd[,LEVEL], auto,lz4 or auto,zstd[,LEVEL].")
  var compression: String = Compression.default.description

  @Option(help: "buzhash,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW or fixed,SIZE.")
  var chunkerParams: String = ChunkerParameters.default.description

  @Option(
    help: "Seconds between checkpoints, which keep what is done should the backup be interrupted.")
  var checkpointInterval = 1800

  @Flag(
    inversion: .prefixedNo,
    help: "Open each block again and compare it before it is stored: finds faulty memory.")
  var verifyBlocks = true

  @Option(help: "Compare with this archive, instead of the newest one of the series.")
  var parent: String?

  @Option(help: "What archives this one belongs with; normally found by name, user and paths.")
  var series: String?

  @Option(help: "A comment to keep with the archive; may hold placeholders.")
  var comment: String = ""

  @Option(help: "The archive's time (yyyy-mm-ddThh:mm:ss, UTC), or a file whose time it is.")
  var timestamp: BytesArgument?

  @Flag(name: [.long, .customShort("n")], help: "Walk, and store nothing.")
  var dryRun = false

  func validate() throws {
    if content.contentFromCommand, paths.isEmpty {
      throw ValidationError("--content-from-command: which command? Put it behind --")
    }
    if pathList.isGiven, content.contentFromCommand {
      throw ValidationError("--content-from-command leaves no room for a list of paths")
    }
    if checkpointInterval < 1 { throw ValidationError("--checkpoint-interval: at least a second") }
  }

  func run() throws {
    let session = Session(global)
    let start = SystemClock.now
    let (path, template) = try session.archiveLocation(location, isNew: true)
    let placeholders = session.placeholders(now: start)
    let expanded = try placeholders.expand(template)
    guard let name = String(validating: expanded, as: UTF8.self) else {
      throw CommandFailure("\(name: expanded): the name of an archive has to be UTF-8")
    }
    if name.hasPrefix("@") {
      throw CommandFailure(
        "\(name: expanded): the name of a new archive does not begin with an @, which chooses one that is "
          + "there by its time. {now} in a name stands for the time of the backup")
    }
    try Repository.checkArchiveName(name)

    var options = ArchiveBuilder.Options()
    options.compression = try Compression(parsing: compression)
    options.chunker = try ChunkerParameters(
      parsing: chunkerParams == "default" ? ChunkerParameters.default.description : chunkerParams)
    options.verifiesBlocks = verifyBlocks
    options.itemsInFlight = OpenFiles.share(4, most: 2048)

    let expandedComment = String(
      decoding: try placeholders.expand(Array(comment.utf8)), as: UTF8.self)
    let rules = try patterns.rules()
    let listed = try pathList.read(paths.map(\.bytes), rules, session)
    let roots = try WalkRoot.roots(
      listed == nil ? rules.roots + content.walked(paths) : [])
    let command = content.contentFromCommand ? CommandContent(paths.map(\.bytes)) : nil
    let readsInput = listed == nil && content.readsInput(paths)
    let standardInput = readsInput ? InputContent() : nil
    let input: (any ContentSource)? = standardInput ?? command
    let sources = SourceTally(
      count: listed == nil ? roots.count : nil, input: standardInput, hasCommand: command != nil)
    if listed == nil, input == nil, roots.isEmpty {
      let line = ["archivist", "create"].map { Array($0.utf8) } + [location.bytes]
      throw CommandFailure(
        "nothing to back up: name at least one path, as in `\(shell: line) /home`")
    }
    // One of another machine is not met on the walk.
    let identity = try (session.storage(at: path) as? LocalStorage)?.identity()
    let listing = Listing(
      session.report, isOn: output.list, filter: output.filter,
      sources: session.style == .borg && listed == nil ? SourcePaths(roots) : nil)
    let counters = Progress.isShown(session) && !dryRun ? BackupCounters() : nil
    var run = runOptions(
      rules, skip: identity.map { FileIdentity(device: $0.device, inode: $0.inode) }, start,
      session.style)
    run.streamed =
      try input.map {
        [try content.file($0, now: start, numericIDs: metadata.numericIds)]
      } ?? []
    let backup = BackupRun(
      report: session.report, roots: roots, options: run, paths: listed, sources: sources,
      counters: counters,
      list: { listing.add($0, $1) })
    if dryRun {
      try backup.dryRun()
      return
    }

    if readsInput { try session.claimStandardInput(for: "the path -") }
    let repository = try session.open(path, remembers: true)
    let signals = SignalWatch.process
    let user = String(decoding: placeholders.user, as: UTF8.self)
    let new = NewArchive(
      name: name, start: start, time: try archiveTime(start), isTimeGiven: timestamp != nil,
      hostname: String(decoding: placeholders.hostname, as: UTF8.self), user: user,
      comment: expandedComment, commandLine: try CommandLineBytes.all(),
      workingDirectory: WalkRoot.workingDirectory() ?? [],
      series: try series ?? Parent.series(template: template, user: user, roots: roots),
      roots: (listed == nil ? roots.map(\.given) : [Array("/".utf8)]).map {
        ArchiveManifest.Root(path: $0, settledBefore: FileClocks.settledBefore(start))
      })
    let maker = ArchiveMaker(
      session: session, repository: repository, backup: backup, options: options, new: new,
      checkpointInterval: checkpointInterval, signals: signals, listing: listing,
      failure: {
        command?.failure.map {
          CommandFailure(
            "the command \(name: paths[0].bytes) \($0.description); no archive was made")
        }
      })
    let archive = try maker.run { archives, memory in
      try parents(archives, repository, series: new.series, memory, now: start)
    }
    if output.json || output.stats {
      try printFigures(archive, repository, session)
    } else {
      session.conclude(.created(archive, warnings: session.report.warningCount))
    }
    try session.output.finish()
  }

  private func runOptions(
    _ rules: SelectionRules, skip repository: FileIdentity?, _ start: Timestamp,
    _ style: CommandStyle
  ) -> BackupRun.Options {
    var options = BackupRun.Options()
    options.start = start
    content.apply(to: &options)
    metadata.apply(to: &options)
    options.recordsAllChangeTimes = style == .borg
    options.walk.skip = repository.map { [$0] } ?? []
    walk.apply(to: &options.walk)
    options.patterns = rules.patterns
    return options
  }

  /// The archives that unchanged files are taken from: the first one that has a file counts.
  private func parents(
    _ archives: [Archive], _ repository: Repository, series: String, _ memory: MadeArchives,
    now: Timestamp
  ) throws -> [Archive] {
    guard content.filesCache.time != nil, !content.filesCache.rechunks else { return [] }
    if let parent { return [try repository.archive(named: parent)] }
    return Parent.choose(
      from: archives, series: series, made: memory, hostname: Machine.current.name, now: now)
  }

  private func archiveTime(_ start: Timestamp) throws -> Timestamp {
    guard let timestamp else { return start }
    guard let time = TimestampArgument.read(timestamp.bytes) else {
      throw CommandFailure(
        "--timestamp \(name: timestamp.bytes): neither a file nor a time as yyyy-mm-ddThh:mm:ss")
    }
    return time
  }

  private func printFigures(
    _ archive: Archive, _ repository: Repository, _ session: Session
  ) throws {
    let figures = try repository.figures(of: archive, problem: session.warn(about:))
    if output.json {
      var members = [("archive", ArchiveJSON.archive(archive, figures, long: false))]
      if !BorgRun.showsOwnFigures.load(ordering: .relaxed) {
        members.append(
          ArchiveJSON.cache(
            session.directories, repository, try repository.totals(problem: session.warn(about:))))
      }
      members += [
        ArchiveJSON.encryption(repository, session), try ArchiveJSON.repository(repository),
      ]
      let document = JSON.object(members)
      try session.output.write(document.lines() + [0x0a])
    } else {
      guard session.style == .native else {
        let totals =
          BorgRun.showsOwnFigures.load(ordering: .relaxed)
          ? nil : try repository.totals(problem: session.warn(about:))
        return try session.print(
          BorgFigures.created(archive, figures, totals, in: repository), about: .stats)
      }
      let rule = Array(ArchiveText.rule.utf8)
      try session.output.write(rule + ArchiveText.figures(archive, figures) + rule)
    }
  }
}
