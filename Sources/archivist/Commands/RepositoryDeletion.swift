import ChunkStore
import Glibc
import LinuxSystem
import StoreCrypto

/// The deletion of a repository as a whole.
struct RepositoryDeletion {
  let session: Session
  /// Where the repository is.
  let path: String
  let isDryRun: Bool
  /// Whether this client goes on to remember that the repository was there.
  let keepsMemory: Bool
  /// Whether the command line agrees to it, so that nobody is asked.
  let isForced: Bool

  /// Of so many files that are not the repository's each one is named.
  private static let namedFiles = 20

  /// Deletes the repository, after asking.
  ///
  /// - Parameter repository: The repository.
  /// - Throws: `CommandFailure` if that is not wanted, or cannot be done from here; what keeps a part of it
  ///   from being deleted, before anything is.
  func run(_ repository: Repository) throws {
    guard let storage = try session.storage(at: path) as? LocalStorage else {
      throw Self.remote(path)
    }
    let removal = storage.removal()
    let survey = try removal.survey()
    let archives = try session.archives(in: repository).filter { $0.manifest.kind == .archive }
    guard !isDryRun else {
      return try tell(
        archives.map { "Would delete archive: \(ArchiveText.entry($0))" }, of: "the repository",
        survey)
    }
    try demandNobodyElse(repository)
    try demandAgreement(
      "The repository \(place) with its \(HumanText.count(archives.count, "archive"))",
      survey)
    // While somebody thinks it over, another disk may be mounted in its place, and a backup begin.
    guard try LocalStorage(path: path).identity() == storage.identity() else {
      throw CommandFailure(
        "\(name: Array(path.utf8)): another repository is here now: nothing was deleted",
        status: .failure(.cancelled))
    }
    try demandNobodyElse(repository)
    try removal.begin()
    if !keepsMemory { forget(repository) }
    do {
      try deleteCache(of: repository)
    } catch let error as StorageError {
      session.report.caution("\(Exit.describe(error).0)")
    }
    try finish(removal, survey)
  }

  /// Deletes what an interrupted deletion has left, which no key opens any more.
  ///
  /// - Throws: As `run`.
  func runAgain() throws {
    guard !path.hasPrefix("ssh://") else { throw Self.remote(path) }
    let removal = try RepositoryRemoval(continuedAt: path)
    let survey = try removal.survey()
    guard !isDryRun else { return try tell([], of: "the rest of the repository", survey) }
    try demandAgreement("The rest of the repository \(place), which was deleted in part,", survey)
    try finish(removal, survey)
  }

  private func demandNobodyElse(_ repository: Repository) throws {
    let others = try repository.operationsOfOthers()
    guard others.isEmpty else {
      throw CommandFailure(
        "others work with this repository: \(line: others.joined(separator: "; ")). If they do not run any "
          + "more, `archivist break-lock` ends what they have left")
    }
  }

  private var place: Message { "\(name: AbsolutePath.of(Array(path.utf8)))" }

  private static func remote(_ path: String) -> CommandFailure {
    let address = RemoteAddress(path)
    return CommandFailure(
      "a repository is deleted as a whole on the machine that stores it, and not through a server: log in at "
        + "\(line: address?.host ?? "it") and run there: archivist delete \(line: address?.path ?? path) (where "
        + "it has no key to open it, rm -r does it). From here archives can be deleted")
  }

  private func tell(
    _ lines: [Message], of what: String, _ survey: RepositoryRemoval.Survey
  ) throws {
    try session.print(
      lines + ["Would delete \(what) \(name: Array(path.utf8)): \(figures(survey))."],
      about: .list)
    if let others = stays(survey) { session.report.notice("Would stay: \(others)") }
  }

  private func figures(_ survey: RepositoryRemoval.Survey) -> Message {
    "\(HumanText.count(survey.files, "file")), \(HumanText.size(Int64(clamping: survey.bytes)))"
  }

  /// The files that are not the repository's, as the end of a sentence; `nil` if there are none.
  private func stays(_ survey: RepositoryRemoval.Survey) -> Message? {
    guard !survey.others.isEmpty else { return nil }
    var text: Message = ""
    for (number, other) in survey.others.prefix(Self.namedFiles).enumerated() {
      text = text + (number == 0 ? "" : ", ") + "\(name: other)"
    }
    let more = survey.others.count - Self.namedFiles
    return more > 0 ? text + ", and \(more) more" : text
  }

  private func finish(_ removal: RepositoryRemoval, _ survey: RepositoryRemoval.Survey) throws {
    let obstacle: StorageError?
    do throws(StorageError) {
      obstacle = try removal.finish(at: path)
    } catch {
      let (reason, status) = Exit.describe(error)
      throw CommandFailure(
        "\(reason). The repository is deleted in part, and nothing in it can be read any more: "
          + "`archivist delete \(line: path)` deletes the rest", status: status)
    }
    guard let obstacle else { return session.conclude(.deletedRepository(path: path)) }
    let why: Message =
      stays(survey).map { "these are not the repository's: \($0)" } ?? Self.reason(obstacle)
    session.report.warning(
      .various,
      "\(name: Array(path.utf8)): the repository is deleted, and its directory stays: \(why)")
  }

  private static func reason(_ error: StorageError) -> Message {
    guard case .system(_, _, let code) = error else { return "it is not in its place any more" }
    return code == ENOTEMPTY || code == EEXIST
      ? "there are other files in it" : "\(line: SystemError.reason(code))"
  }

  private func forget(_ repository: Repository) {
    do {
      try ClientMemory(session).forget(repository)
    } catch {
      session.report.caution(
        "\(Exit.describe(error).0): this client goes on to remember that the repository was here")
    }
  }

  /// Deletes what this client keeps of a repository to be quick.
  func deleteCache(of repository: Repository) throws {
    guard !isDryRun else { return }
    try LocalTree.remove("\(session.directories.cache)/\(repository.id.hex)")
  }

  private func demandAgreement(
    _ what: Message, _ survey: RepositoryRemoval.Survey
  ) throws(CommandFailure) {
    guard !isForced else { return }
    let variable = "DELETE_I_KNOW_WHAT_I_AM_DOING"
    var lines: [Message] = [
      "\(what) (\(figures(survey))) is to be deleted, and nothing brings it back."
    ]
    if let others = stays(survey) { lines.append("What is not the repository's stays: \(others)") }
    try Question(
      lines: lines + ["Type YES to go on:"], variable: variable, refusal: Self.refusal,
      unanswerable: CommandFailure(
        "the whole repository is to be deleted, and there is no terminal to ask on: name an archive, or "
          + "agree: --force, or ARCHIVIST_\(variable)=YES", status: .failure(.cancelled))
    ).demandAgreement(session)
  }

  private static let refusal = CommandFailure(
    "nothing was deleted: that was not YES", status: .failure(.cancelled))
}
