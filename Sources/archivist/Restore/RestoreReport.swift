import ChunkStore
import Glibc
import LinuxSystem
import Synchronization

/// Says what of a restore did not come out as it should, and counts it.
///
/// Any number of threads may report.
final class RestoreReport: Sendable {
  private let report: Report
  private let repository: Repository
  private let state = Mutex(State())

  private struct State {
    var failed = 0
    /// The last obstacle in the way of an item, and the number of further items that it was in the
    /// way of.
    var obstacle: RestoreObstacle?
    var obstructed = 0
    /// Names that could not be given to a file, behind the first, by the reason.
    var unlinked: [Int32: Int] = [:]
  }

  init(_ report: Report, _ repository: Repository) {
    self.report = report
    self.repository = repository
  }

  /// How many items were not restored.
  var failures: Int { state.withLock { $0.failed } }

  private func countFailure() { state.withLock { $0.failed += 1 } }

  /// An item was not restored because of what is in the way: told once for all beneath one place.
  func obstructed(_ path: ArchivePath, by obstacle: RestoreObstacle) {
    let isNew = state.withLock { state in
      state.failed += 1
      guard state.obstacle == obstacle else { return true }
      state.obstructed += 1
      return false
    }
    guard isNew else { return }
    tellObstructed()
    state.withLock { $0.obstacle = obstacle }
    report.warning(.fileFailed, "\(name: path.bytes): not restored: \(obstacle.reason)")
  }

  /// Tells how many items the last obstacle was in the way of.
  private func tellObstructed() {
    let more = state.withLock { state in
      defer { (state.obstacle, state.obstructed) = (nil, 0) }
      return state.obstructed
    }
    guard more > 0 else { return }
    report.warning(
      .fileFailed, "\(HumanText.count(more, "more item")) not restored for the same reason")
  }

  /// An item was not restored.
  func failed(_ item: Item, _ error: any Error) {
    countFailure()
    if let error = error as? SystemError {
      report.warning(
        BackupRun.warning(error), "\(name: item.path.bytes): \(Self.reason(error))")
    } else if let lost = lost(item) {
      report.warning(
        .damage,
        "\(name: item.path.bytes): not restored: \(lost). --lost-as-zeros restores the rest")
    } else {
      report.warning(
        .damage, "\(name: item.path.bytes): not restored: \(Exit.describe(error).0)")
    }
  }

  /// Why an item was not restored, and what to do about it where that does not follow.
  private static func reason(_ error: SystemError) -> String {
    switch error.code {
    case ENOTEMPTY, EEXIST, EISDIR:
      "not restored: there is a directory in its place, which is not empty: move it away, or restore "
        + "elsewhere"
    case EBUSY:
      "not restored: a file system is mounted in its place: unmount it, or restore elsewhere"
    case ESTALE:
      "not restored: somebody else has changed what is in its place meanwhile: restore it again"
    default: error.reason
    }
  }

  /// A name was not made, or is gone again, because there is no content for it.
  func lostLink(_ item: Item, to first: ArchivePath) {
    countFailure()
    report.warning(
      .fileFailed,
      "\(name: item.path.bytes): not restored: it is a hard link to \(name: first.bytes), whose "
        + "content could not be restored")
  }

  /// Names of a group of hard links may be there that should not be.
  func lostLinks(_ group: ArchivePath, _ error: any Error) {
    report.warning(
      .fileFailed,
      "\(name: group.bytes): not restored, and other names of it may be there, with a content "
        + "that is not whole: \(Exit.describe(error).0)")
  }

  /// An item cannot be restored by anybody.
  func skipped(_ path: ArchivePath) {
    report.warning(
      .fileSkipped, "\(name: path.bytes): a socket, which only its server can make: skipped")
  }

  /// An item was restored, with zeros for what is lost.
  func restoredAsZeros(_ item: Item) {
    let lost = lost(item) ?? "some of it is damaged"
    report.warning(.damage, "\(name: item.path.bytes): \(lost): restored as zeros")
  }

  private func lost(_ item: Item) -> String? {
    do {
      return try LostContent.description(item.content, in: repository)
    } catch {
      // Then the error that we were asked about says more.
      return nil
    }
  }

  /// An item was restored, and something about it the system did not take.
  func problem(_ problem: RestoreProblem) {
    let what: Message =
      switch problem.aspect {
      case .owner: "the owner could not be restored"
      case .permissions: "the permissions could not be restored"
      case .attribute(let name): "attribute \(name: name) could not be restored"
      case .times: "the times could not be restored"
      case .flags: "the flags could not be restored"
      case .directory: "the directory's metadata could not be restored"
      case .hardLink(let path):
        "restored as a file of its own, because it could not be linked to \(name: path.bytes)"
      case .otherFile(let path):
        "restored as a file of its own: it is listed as a hard link to \(name: path.bytes), and is "
          + "another file in the archive"
      case .surplus: "there may be attributes that do not belong to it"
      case .remains: "is not whole, and could not be removed"
      }
    if case .otherFile = problem.aspect {
      return report.warning(.fileFailed, "\(name: problem.path.bytes): \(what)")
    }
    let message: Message = "\(name: problem.path.bytes): \(what): \(problem.error.reason)"
    if case .hardLink = problem.aspect, !isFirst(problem) {
      report.info(message)
    } else {
      report.warning(BackupRun.warning(problem.error), message)
    }
  }

  /// Whether this is the first name that could not be given for this reason: a file system that does
  /// not know of hard links takes none of them.
  private func isFirst(_ problem: RestoreProblem) -> Bool {
    state.withLock { state in
      defer { state.unlinked[problem.error.code, default: -1] += 1 }
      return state.unlinked[problem.error.code] == nil
    }
  }

  /// Tells what was only counted: call it when everything else is told.
  func finish() {
    tellObstructed()
    for (code, count) in state.withLock({ $0.unlinked }).sorted(by: { $0.key < $1.key })
    where count > 0 {
      let error = SystemError("linkat", code: code, path: [])
      report.warning(
        BackupRun.warning(error),
        "\(HumanText.count(count, "more item")) restored as files of their own, because they could "
          + "not be linked, with a copy of the content each: \(error.reason). --info names them")
    }
  }
}
