import ChunkStore
import Crypto
import Glibc

/// The deletion of a repository as a whole.
struct RepositoryDeletion {
  let session: Session
  let repository: Repository
  let isDryRun: Bool
  /// Whether this client goes on to remember that the repository was there.
  let keepsMemory: Bool
  /// Whether the command line agrees to it, so that nobody is asked.
  let isForced: Bool

  /// The variable that answers what is asked.
  private static let variable = "ARCHIVIST_DELETE_I_KNOW_WHAT_I_AM_DOING"

  /// Deletes the repository, after asking.
  ///
  /// - Parameter isNamed: Whether the command line names it, and not a variable alone.
  /// - Throws: `CommandFailure` if that is not wanted, or cannot be done from here.
  func run(isNamed: Bool) throws {
    guard isNamed else {
      throw CommandFailure(
        "what is to be deleted? Name an archive, select some with --glob-archives, or name the repository "
          + "itself, to delete all of it")
    }
    guard let storage = try session.storage(at: repository.location) as? LocalStorage else {
      throw CommandFailure(
        "a repository is deleted as a whole on the machine that stores it; from here, archives can be "
          + "deleted")
    }
    let archives = try session.archives(in: repository).filter { $0.manifest.kind == .archive }
    guard !isDryRun else {
      return try session.print(
        archives.map { "Would delete archive: \(ArchiveText.entry($0))" }
          + ["Would delete the repository \(name: Array(repository.location.utf8))."], about: .list)
    }
    let others = try repository.operationsOfOthers()
    guard others.isEmpty else {
      throw CommandFailure(
        "others work with this repository: \(line: others.joined(separator: "; ")). If they do not run any "
          + "more, `archivist break-lock` ends what they have left")
    }
    if !isForced { try demandAgreement(archives.count) }
    // While somebody thinks it over, another disk may be mounted in its place.
    guard try LocalStorage(path: repository.location).identity() == storage.identity() else {
      throw CommandFailure(
        "\(name: Array(repository.location.utf8)): another repository is here now: nothing was deleted",
        status: .failure(.cancelled))
    }
    // Where it was, to be found when it is not there any more.
    let memory = ClientMemory(session)
    let remains = try storage.removeRepository()
    if !keepsMemory { try memory.forget(repository) }
    try deleteCache()
    if let remains {
      session.report.warning(
        .various,
        "\(name: Array(repository.location.utf8)): the repository is deleted, and its directory stays: "
          + "\(Self.reason(remains))")
    } else {
      session.conclude(.deletedRepository(path: repository.location))
    }
  }

  private static func reason(_ error: StorageError) -> Message {
    guard case .system(_, _, let code) = error else { return "it cannot be removed" }
    return code == ENOTEMPTY || code == EEXIST
      ? "there are other files in it" : "\(line: StorageError.reason(code))"
  }

  /// Deletes what this client keeps of the repository to be quick.
  func deleteCache() throws {
    guard !isDryRun else { return }
    try LocalTree.remove("\(session.directories.cache)/\(repository.id.hex)")
  }

  private func demandAgreement(_ count: Int) throws {
    if let answer = session.environment.text(
      Self.variable, "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING")
    {
      guard answer == "YES" else { throw Self.refusal }
      return
    }
    guard isatty(STDIN_FILENO) != 0 else {
      throw CommandFailure(
        "the whole repository is to be deleted, and there is no terminal to ask on: name an archive, or "
          + "agree: --force, or \(Self.variable)=YES", status: .failure(.cancelled))
    }
    session.report.output(
      [
        "The repository \(name: AbsolutePath.of(Array(repository.location.utf8))) with all of its "
          + "\(HumanText.count(count, "archive")) is to be deleted, and nothing brings it back.",
        "Type YES to go on:",
      ], about: .list)
    guard readLine() == "YES" else { throw Self.refusal }
  }

  private static let refusal = CommandFailure(
    "nothing was deleted: that was not YES", status: .failure(.cancelled))
}
