import ChunkStore
import LinuxSystem

/// The work and the messages of `check --repair`.
struct RepairCommand {
  let session: Session
  let repository: Repository
  let isDryRun: Bool
  /// Whether a document is printed instead of text.
  let isJSON: Bool

  func run(_ options: CheckOptions, _ meter: Meter) throws {
    let report = session.report
    // Archives that were taken away are not damage, and repairing around them would hide it.
    if let vanished = try ClientMemory(session).vanished(from: repository) { throw vanished }
    let progress = Progress.begin(session, meter)
    defer { progress?.finish() }
    var refusal: CommandFailure?
    let found = try repository.repair(options, isDryRun: isDryRun, meter: meter) { plan in
      progress?.finish()
      try show(plan, "To do")
      try session.output.flush()
      do throws(CommandFailure) { try demandAgreement() } catch { refusal = error }
      return refusal == nil
    } progress: { step in
      report.info("\(step)")
    }
    progress?.finish()
    if let refusal { throw refusal }
    if isDryRun { try show(found, "Would do") }
    for text in found.remaining { report.warning(.damage, "\(text)") }
    for text in found.lost { report.warning(.damage, "\(line: text)") }
    if isJSON {
      return try session.output.write(
        CommandJSON.repair(
          found, readsContents: options.verifyData, isDryRun: isDryRun,
          of: try ArchiveJSON.repository(repository)
        ).lines() + [0x0a])
    }
    guard !session.options.quiet else { return }
    if found.check.isClean {
      try session.output.write("No problems found: there is nothing to repair.\n")
    } else if !isDryRun {
      try session.output.write(
        "Repaired: \(HumanText.count(found.salvagedBlocks, "block")) of damaged segments saved, "
          + "\(HumanText.count(found.lost.count, "piece")) of archives lost for now.\n")
    }
    if !options.verifyData { try session.output.write(Check.contentsNotRead) }
  }

  private func show(_ plan: RepairReport, _ title: String) throws {
    for problem in plan.check.problems {
      session.report.warning(.damage, "\(line: problem)")
    }
    guard !plan.actions.isEmpty, !isJSON else { return }
    try session.output.write("\(title):\n" + plan.actions.map { "  \($0)\n" }.joined())
  }

  private func demandAgreement() throws(CommandFailure) {
    let variable = "CHECK_I_KNOW_WHAT_I_AM_DOING"
    let obstacle = isJSON ? "--json leaves no room for that" : "there is no terminal"
    try Question(
      lines: ["Type YES to go on:"], variable: variable, refusal: Self.refusal,
      unanswerable: CommandFailure(
        "--repair asks first, and \(obstacle): set ARCHIVIST_\(variable)=YES to agree",
        status: .failure(.cancelled))
    ).demandAgreement(session, mayAsk: !isJSON)
  }

  private static let refusal = CommandFailure("nothing was changed", status: .failure(.cancelled))
}
