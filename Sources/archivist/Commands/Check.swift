import ArgumentParser
import ChunkStore
import LinuxSystem
import StoreCrypto

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check that a repository is whole, and repair it.",
    discussion: """
      archivist check /backup/repo
      archivist check --verify-data /backup/repo
      archivist check --verify-data --max-duration 3600 /backup/repo
      archivist check --storage-only /backup/repo
      archivist check --repair --dry-run /backup/repo

      Exit code 1 if anything is damaged or missing, or 90 with --exit-codes modern. Without \
      --verify-data the contents of files are not read: what faulty disks do to them stays \
      unnoticed. --storage-only finds that as well, and needs no passphrase: the machine that \
      stores the repository can run it. --repair never removes the last copy of \
      anything: what is whole of a damaged segment is copied, and what is lost comes back with the \
      next backup that has it.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions
  @OptionGroup var selection: ArchiveSelectionOptions

  @Argument(
    help: ArgumentHelp(
      "The repository's directory, if left out ARCHIVIST_REPO; and perhaps the only archive to check.",
      valueName: "repository[::archive]"))
  var location: BytesArgument?

  @Flag(help: "Read everything, and verify every byte. Takes as long as reading the repository.")
  var verifyData = false

  @Option(
    help: ArgumentHelp(
      "Stop verifying after this many seconds; the next such check goes on from there.",
      valueName: "seconds"))
  var maxDuration: Double?

  @Option(
    help: ArgumentHelp(
      "Verify this share of the data; the next such check goes on from there.",
      valueName: "percent"))
  var sample: Double?

  @Flag(help: "Compare stored objects with their names, without a passphrase.")
  var storageOnly = false

  @Flag(help: "Check the stored objects only.")
  var repositoryOnly = false

  @Flag(help: "Check the archives only.")
  var archivesOnly = false

  @Flag(help: "Repair what can be repaired, after asking.")
  var repair = false

  @Flag(name: [.long, .customShort("n")], help: "With --repair: say what would be done.")
  var dryRun = false

  @Flag(help: "Print what was found as one JSON document, instead of all other output.")
  var json = false

  func validate() throws {
    if repositoryOnly, archivesOnly || selection.isGiven {
      throw ValidationError("--repository-only leaves no archives to be checked")
    }
    if archivesOnly, verifiesData {
      throw ValidationError("--verify-data reads the stored objects: not with --archives-only")
    }
    if storageOnly, repair || archivesOnly || verifiesData || selection.isGiven {
      throw ValidationError("--storage-only compares every object with its name, and does no more")
    }
    if repair, archivesOnly || repositoryOnly || selection.isGiven || isPart {
      throw ValidationError("--repair looks at the whole repository")
    }
    if dryRun, !repair { throw ValidationError("--dry-run goes with --repair") }
    if let sample, !(sample > 0 && sample <= 100) {
      throw ValidationError("--sample: more than 0, and at most 100 percent")
    }
    if let maxDuration, !(maxDuration > 0) {
      throw ValidationError("--max-duration: more than 0 seconds")
    }
  }

  private var isPart: Bool { sample != nil || maxDuration != nil }
  private var verifiesData: Bool { verifyData || isPart }

  func run() throws {
    let session = Session(global)
    let location = try session.location(self.location)
    let path = location.path
    let name = location.archive.flatMap { $0.isEmpty ? nil : $0 }
    if name != nil, repair || repositoryOnly || storageOnly || selection.isGiven || isPart {
      throw CommandFailure(
        "the check of one archive is that of the repository and of this archive alone: without "
          + "--repair, --repository-only, --storage-only, and what selects archives")
    }
    let meter = Meter()
    if storageOnly {
      try checkStorage(path, session, meter)
    } else {
      // A check names key slots that cannot be used among all that is wrong.
      let repository = try session.open(path, namesSlots: false)
      if repair {
        try RepairCommand(session: session, repository: repository, isDryRun: dryRun, isJSON: json)
          .run(try checkOptions(repository, session), meter)
      } else {
        try check(repository, name, session, meter)
      }
    }
    try session.output.finish()
  }

  private func checkOptions(
    _ repository: Repository, _ session: Session
  ) throws -> CheckOptions {
    var options = CheckOptions()
    options.repository = !archivesOnly
    options.archives = !repositoryOnly
    options.verifyData = verifiesData
    if let sample { options.part.share = sample / 100 }
    if let maxDuration { options.part.seconds = maxDuration }
    if selection.isGiven {
      // The check itself tells of those that cannot be read.
      let readable = try repository.archives { _, _ in }
      let chosen = Set(try selection.select(readable, session).map(\.id))
      options.selection = { chosen.contains($0.id) }
    }
    return options
  }

  private func check(
    _ repository: Repository, _ name: [UInt8]?, _ session: Session, _ meter: Meter
  ) throws {
    let report = session.report
    var options = try checkOptions(repository, session)
    if let name {
      let id = try session.archive(name, in: repository).id
      options.selection = { $0.id == id }
    }
    let place = isPart ? CheckPlace(session, repository) : nil
    options.part.after = try place?.load()
    let progress = Progress.begin(session, meter)
    defer { progress?.finish() }
    let found = try repository.check(options, meter: meter) { step in report.info("\(step)") }
    progress?.finish()
    if let place, let end = found.verifiedUpTo { save(end, place, report) }
    var count = found.problemCount
    var problems = found.problems
    for problem in problems { report.warning(.damage, "\(line: problem)") }
    if !repositoryOnly, let vanished = try session.vanished(from: repository) {
      count += 1
      problems.append("\(vanished)")
      report.warning(.various, "\(vanished)")
    }
    if !repositoryOnly { try session.noteReturnedArchives(in: repository) }
    if json {
      return try session.output.write(
        CommandJSON.check(
          found, problems: problems, readsContents: verifiesData,
          of: try ArchiveJSON.repository(repository)
        ).lines() + [0x0a])
    }
    guard session.style == .native || global.info || global.debug else { return }
    guard !global.quiet else { return }
    var text =
      "Checked \(HumanText.count(found.segments, "segment")) and "
      + HumanText.count(found.archives, "archive")
    if verifiesData {
      text +=
        ", verified \(HumanText.count(found.verifiedChunks, "chunk")) in "
        + HumanText.size(found.verifiedBytes)
    }
    text += ": \(Self.result(count)).\n"
    if !verifiesData { text += Self.contentsNotRead }
    if found.quarantined > 0 {
      text +=
        "In quarantine since an earlier repair: "
        + "\(HumanText.count(found.quarantined, "segment")).\n"
    }
    try session.output.write(text)
  }

  private func save(_ end: Digest256, _ place: CheckPlace, _ report: Report) {
    do throws(SystemError) { try place.save(end) } catch {
      report.caution(
        "\(name: error.path): \(error.reason) (\(error.operation)): the next check of a part begins "
          + "where this one did")
    }
  }

  private func checkStorage(_ path: String, _ session: Session, _ meter: Meter) throws {
    let progress = Progress.begin(session, meter)
    defer { progress?.finish() }
    let storage = try session.storage(at: path)
    let found = try session.sayingWhatIsMissing(at: path) {
      try StorageCheck.run(storage, meter: meter)
    }
    progress?.finish()
    for problem in found.problems { session.report.warning(.damage, "\(line: problem)") }
    if json {
      return try session.output.write(CommandJSON.storageCheck(found).lines() + [0x0a])
    }
    guard session.style == .native || global.info || global.debug else { return }
    guard !global.quiet else { return }
    try session.output.write(
      "Read \(HumanText.count(found.objects, "object")), \(HumanText.size(found.bytes)): "
        + "\(Self.result(found.problems.count)).\n")
  }

  /// The omission of a check without `--verify-data`, so that nobody believes it was done.
  static let contentsNotRead = "Contents were not read: `--verify-data` does that.\n"

  private static func result(_ problems: Int) -> String {
    problems == 0 ? "no problems found" : "\(HumanText.count(problems, "problem")) found"
  }
}

/// Where a check of a part of the data has ended: the next one goes on from there.
private struct CheckPlace {
  private let file: [UInt8]

  init(_ session: Session, _ repository: Repository) {
    // Of two copies each is verified as a whole.
    let copy = (try? ClientMemory(session).recognize(repository).copy).flatMap { $0 > 0 ? $0 : nil }
    let name = "verified" + (copy.map { "-\($0)" } ?? "")
    file = Array("\(session.directories.cache)/\(repository.id.hex)/\(name)".utf8)
  }

  func load() throws -> Digest256? {
    try PrivateFile.read(file).flatMap { Digest256(hex: $0.filter { $0 > 0x20 }) }
  }

  func save(_ id: Digest256) throws(SystemError) {
    try PrivateFile.write(Array("\(id.hex)\n".utf8), to: file)
  }
}
