import ArgumentParser
import ChunkStore
import LinuxSystem
import StoreCrypto

struct Compact: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Free the space of data that no archive needs any more.",
    discussion: """
      archivist compact /backup/repo

      Backups may go on meanwhile. What a running operation may still need is freed by the next \
      compact; --lock-wait SECONDS lets it wait for that.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: .repository)
  var location: BytesArgument?

  @Flag(name: [.long, .customShort("n")], help: "Say how much could be freed, and free nothing.")
  var dryRun = false

  @Option(help: "Rewrite a segment if at least this many percent of it are unused.")
  var threshold = 10

  @Flag(help: "Print what was done as one JSON document, instead of all other output.")
  var json = false

  func validate() throws {
    if dryRun, json { throw ValidationError("--dry-run prints no JSON document") }
    if !(0...99).contains(threshold) { throw ValidationError("--threshold: 0 to 99 percent") }
  }

  func run() throws {
    let session = Session(global)
    let repository = try session.open(try session.repositoryLocation(location).path)
    // Missing archives may be what the rest of the decision depends on.
    if let vanished = try ClientMemory(session).vanished(from: repository) { throw vanished }
    if dryRun {
      let estimate = try repository.compactEstimate(threshold: Double(threshold) / 100)
      if !global.quiet, session.style == .native || global.info || global.debug {
        try session.output.write(
          estimate.removedSegments == 0
            ? "There is nothing to free.\n"
            : "Up to \(HumanText.size(estimate.freedBytes)) can be freed, of "
              + "\(HumanText.count(estimate.removedSegments, "segment")).\n")
        try say(unfinished: estimate.unfinishedBytes, session)
      }
      return try session.output.finish()
    }
    let meter = Meter()
    let progress = Progress.begin(session, meter)
    defer { progress?.finish() }
    let report = try compact(repository, meter)
    progress?.finish()
    for segment in report.damagedSegments.sorted() {
      session.report.warning(
        .damage,
        "segments/\(segment.hex): does not hold what it should; nothing was removed on its word. "
          + "`archivist check --verify-data --repair` sets it aside")
    }
    if report.keptSegments > 0 {
      session.report.warning(
        .damage,
        "\(HumanText.count(report.keptSegments, "segment")) stay, because archives need a chunk of "
          + "them that cannot be read anywhere: `archivist check --verify-data` says what is affected"
      )
    }
    for lease in report.unreadableLeases.prefix(20) {
      session.report.warning(
        .various,
        "\(lease). Until then it counts as a running operation, and what that may need is kept")
    }
    if json {
      try session.output.write(
        CommandJSON.compaction(report, of: try ArchiveJSON.repository(repository)).lines() + [0x0a])
    } else if !global.quiet, session.style == .native || global.info || global.debug {
      var text =
        report.waitingSegments > 0 ? "Nothing can be freed yet" : "There is nothing to free"
      if report.removedSegments > 0 {
        text =
          "Freed \(HumanText.size(report.freedBytes)): removed "
          + HumanText.count(report.removedSegments, "segment")
        if report.movedBytes > 0 {
          text += " and kept \(HumanText.size(report.movedBytes)) of them that is still in use"
        }
      }
      try session.output.write(text + ".\n")
      if report.waitingSegments > 0 {
        try session.output.write(
          "\(HumanText.count(report.waitingSegments, "segment")) can go with the next compact, "
            + "when these have ended: "
            + "\(report.waitsFor.joined(separator: "; ")).\n")
      }
      try say(unfinished: report.unfinishedBytes, session)
    }
    try session.output.finish()
  }

  /// Says what an interrupted backup has stored, and why that stays.
  private func say(unfinished bytes: Int, _ session: Session) throws {
    guard bytes > 0, session.style == .native else { return }
    try session.output.write(
      "\(HumanText.size(bytes)) of interrupted backups stays for 7 days: the same backup, run again, "
        + "reuses it.\n")
  }

  /// Compacts, again and again while something has to wait, and there is time left.
  private func compact(_ repository: Repository, _ meter: Meter) throws -> CompactionReport {
    let end = SystemClock.monotonicSeconds + (global.lockWait ?? 0)
    let threshold = Double(threshold) / 100
    var report = try repository.compact(threshold: threshold, meter: meter)
    var pause = 1.0
    while report.waitingSegments > 0, SystemClock.monotonicSeconds < end {
      SystemClock.pause(min(pause, end - SystemClock.monotonicSeconds))
      pause = min(2 * pause, 30)
      report += try repository.compact(threshold: threshold, meter: meter)
    }
    return report
  }
}
