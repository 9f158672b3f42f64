import ArgumentParser
import ChunkStore
import Glibc
import LinuxSystem
import StoreCrypto

struct Copy: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy archives to another repository.",
    discussion: """
      archivist init --like /backup/repo /mnt/usb/repo
      archivist copy /backup/repo /mnt/usb/repo
      archivist copy --keep-daily 7 --keep-monthly 12 /backup/repo /mnt/usb/repo
      archivist copy -C zstd,12 /backup/repo /mnt/usb/repo 2026-11-21

      What is there already is neither copied nor sent again, under whatever name it is there: the \
      same command goes on with a copy that was interrupted. The passphrase of the source comes \
      from ARCHIVIST_OTHER_PASSPHRASE, ARCHIVIST_OTHER_PASSCOMMAND or ARCHIVIST_OTHER_PASSPHRASE_FD, \
      or is the same. Repositories that are related (`init --like`) have the same chunks: only \
      between them is nothing cut and compressed anew.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions
  @OptionGroup var selection: ArchiveSelectionOptions
  @OptionGroup(title: "Of Those, Only What Rules Keep") var keep: KeepOptions

  @Argument(
    help: ArgumentHelp("The repository to copy from.", valueName: "source"))
  var source: BytesArgument

  @Argument(help: ArgumentHelp("The repository to copy to.", valueName: "destination"))
  var destination: BytesArgument

  @Argument(
    help: ArgumentHelp(
      "Archives of the source; without any, and none selected: all.",
      valueName: "archive"))
  var archives: [BytesArgument] = []

  @Option(
    name: [.long, .customShort("C")],
    help: "Recompress with none, lz4, zstd[,LEVEL], auto,lz4 or auto,zstd[,LEVEL].",
    transform: { try Compression(parsing: $0) })
  var compression: Compression?

  @Option(
    help: "Rechunk with buzhash,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW or fixed,SIZE.",
    transform: { try ChunkerParameters(parsing: $0) })
  var chunkerParams: ChunkerParameters?

  @Flag(name: [.long, .customShort("n")], help: "Say what would be copied, and copy nothing.")
  var dryRun = false

  @Flag(help: "Print each archive, and whether it is copied.")
  var list = false

  @Flag(name: [.long, .customShort("s")], help: "Print figures at the end.")
  var stats = false

  func run() throws {
    let session = Session(global)
    let from = try session.repositoryLocation(source).path
    let to = try session.repositoryLocation(destination).path
    guard AbsolutePath.of(Array(from.utf8)) != AbsolutePath.of(Array(to.utf8)) else {
      throw CopyError.sameRepository
    }
    let source = try session.open(from, as: .other)
    let destination = try session.open(to)
    // The copies may be taken for all that there was.
    if let vanished = try session.vanished(from: source) {
      // Two copies of one repository may be merged just because of that.
      if source.id == destination.id {
        session.report.caution("\(vanished)")
      } else {
        session.report.warning(.various, "\(vanished)")
      }
    }
    let signals = SignalWatch.process
    try source.reading("copy", problem: session.note) {
      let chosen = try choose(source, session)
      var options = ArchiveCopier.Options()
      options.compression = compression
      options.chunker = chunkerParams
      let meter = Meter()
      let copier = try ArchiveCopier(
        from: source, to: destination, options: options, meter: meter
      ) { object, error in
        session.warn(Corruption(object: object, cause: error))
      }
      defer { copier.finish() }
      signals.handle(copier.interruption)
      var run = CopyRun(copier: copier, session: session, isDry: dryRun, isListed: list || dryRun)
      let progress = Progress.begin(session, meter)
      defer { progress?.finish() }
      do {
        for archive in chosen { try run.copy(archive) }
      } catch RepositoryError.interrupted {
        throw CommandFailure(
          "interrupted by a signal, with \(HumanText.count(run.copied, "archive")) copied: the "
            + "same command goes on from there", status: .signal(signals.signal ?? SIGTERM))
      }
      progress?.finish()
      if stats {
        try session.output.write(run.figures + "\n")
      } else {
        session.conclude(.copied(run.figures))
      }
    }
    try session.output.finish()
  }

  /// The archives that are meant, the oldest first unless another order is asked for.
  private func choose(_ source: Repository, _ session: Session) throws -> [Archive] {
    var chosen = try archives.map { try session.archive($0.bytes, in: source) }
    if selection.isGiven || chosen.isEmpty {
      let known = Set(chosen.map(\.id))
      let readable = try source.archives { _, _ in }  // The copier tells of those that are not.
      chosen += try selection.select(
        readable.filter { $0.manifest.kind == .archive }, session
      ).filter { !known.contains($0.id) }
    }
    guard !keep.rules.isEmpty else { return chosen }
    let kept = Set(try keep.plan(for: chosen, in: source, keepsNewest: true).kept.map(\.id.id))
    return chosen.filter { kept.contains($0.id) }
  }
}

/// Copies one archive after the other; one that cannot be copied keeps nobody from the next.
private struct CopyRun {
  let copier: ArchiveCopier
  let session: Session
  let isDry: Bool
  let isListed: Bool
  private(set) var copied = 0
  private var present = 0
  private var failed = 0
  private var stored = ArchiveManifest.Statistics()

  init(copier: ArchiveCopier, session: Session, isDry: Bool, isListed: Bool) {
    self.copier = copier
    self.session = session
    self.isDry = isDry
    self.isListed = isListed
  }

  mutating func copy(_ archive: Archive) throws {
    let name = Array(archive.name.utf8)
    if let there = copier.copy(of: archive) {
      present += 1
      let other = Array(there.name.utf8)
      try tell(
        other == name
          ? "Is there already: \(name: name)"
          : "Is there already: \(name: name), as \(name: other)")
      return
    }
    if isDry {
      copied += 1
      return try tell("Would copy: \(name: name)")
    }
    do {
      let copy = try copier.copy(archive)
      copied += 1
      stored.newSize += copy.manifest.statistics.newSize
      stored.storedSize += copy.manifest.statistics.storedSize
      try tell("Copied: \(name: name)")
    } catch CopyError.unreadable(let path, let cause) {
      failed += 1
      let (message, _) = Exit.describe(CopyError.unreadable(path, cause))
      session.report.warning(
        .damage, "archive \(name: name) was not copied: \(message)")
    } catch let error where isOfThisArchive(error) {
      failed += 1
      let (message, status) = Exit.describe(error)
      session.report.error(
        "archive \(name: name) was not copied: \(message)", messageID: status.messageID)
    }
  }

  /// Whether the next archive may still be copied.
  private func isOfThisArchive(_ error: any Error) -> Bool {
    switch error {
    case RepositoryError.archiveExists: true
    default: false
    }
  }

  private func tell(_ message: Message) throws {
    if isListed { try session.output.write(message + "\n") }
  }

  var figures: Message {
    var text: Message =
      "\(isDry ? "Would copy" : "Copied") \(HumanText.count(copied, "archive")), \(present) there already"
    if failed > 0 { text = text + ", \(failed) failed" }
    if !isDry {
      text =
        text
        + "; new are \(HumanText.size(stored.newSize)), stored as \(HumanText.size(stored.storedSize))"
    }
    return text + "."
  }
}
