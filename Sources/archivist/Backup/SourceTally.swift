import ChunkStore
import Synchronization

/// The paths that a `create` was asked for and could not back up.
///
/// An archive that has nothing of what is wanted must not take the place of one that has: the disk may
/// not be mounted, the command that lists paths may have failed, a variable in an exclude may not be
/// set. Written by the thread that walks, read after that has ended.
final class SourceTally: Sendable {
  private struct State {
    /// Those that could not be backed up, the first of them.
    var missing: [[UInt8]] = []
    var missingCount = 0
    var firstWarning: ExitStatus.Warning?
  }

  private let state = Mutex(State())
  /// How many paths were asked for; `nil` if they come from a list.
  private let count: Int?
  /// The content read from standard input, if any is.
  private let input: InputContent?
  /// Something comes from a command.
  private let hasCommand: Bool

  /// The number of paths that are named at the end.
  private static let mostNames = 10

  /// Counts anew.
  ///
  /// - Parameters:
  ///   - count: How many paths are walked through; `nil` if they are listed.
  ///   - input: What is read from standard input.
  ///   - hasCommand: Whether a command delivers a content.
  init(count: Int?, input: InputContent?, hasCommand: Bool) {
    self.count = count
    self.input = input
    self.hasCommand = hasCommand
  }

  /// Forgets what an earlier attempt has found.
  func begin() { state.withLock { $0 = State() } }

  /// Takes down that one of the paths could not be backed up.
  func addMissing(_ path: [UInt8], _ warning: ExitStatus.Warning) {
    state.withLock { state in
      state.missingCount += 1
      if state.missing.count < Self.mostNames { state.missing.append(path) }
      if state.firstWarning == nil { state.firstWarning = warning }
    }
  }

  /// Why there must be no archive; `nil` if there may be one.
  ///
  /// - Parameters:
  ///   - items: How many items it would have.
  ///   - isComplete: Whether everything was looked at.
  /// - Returns: The error that ends the run.
  func failure(items: UInt64, isComplete: Bool) -> CommandFailure? {
    let (missing, names) = state.withLock { ($0.missingCount, Self.names($0)) }
    let hasOther = hasCommand || input.map { !$0.wasEmpty } ?? false
    if let input, count == 0, isComplete, input.wasEmpty {
      return Self.failure(
        "nothing came from standard input: did the command in front of the pipe fail? "
          + "--content-from-command notices that, and takes an empty content for what it is")
    }
    if isComplete, missing > 0, !hasOther, count.map({ $0 == missing }) ?? (items == 0) {
      return Self.failure("nothing of what is to be backed up could be read: \(names)")
    }
    guard items == 0 else { return nil }
    if input != nil, count == 0 {
      return Self.failure("standard input could not be read: give it something, or leave - out")
    }
    guard count == nil else {
      return Self.failure(
        "nothing is left to be backed up: patterns or options leave out everything. Is a variable "
          + "not set?")
    }
    return Self.failure(
      "the list of paths is empty, or has nothing that can be backed up: did the command that makes "
        + "it fail?")
  }

  private static func failure(_ message: Message) -> CommandFailure {
    CommandFailure("no archive was made: \(message)", status: .failure(.other))
  }

  /// Says at the end what of that which was asked for is not in the archive.
  func say(_ report: Report) {
    let (missing, names, warning) = state.withLock {
      ($0.missingCount, Self.names($0), $0.firstWarning)
    }
    if missing > 0 {
      let what =
        count.map { "\(missing) of \(HumanText.count($0, "path"))" }
        ?? HumanText.count(missing, "path")
      report.warning(
        warning ?? .fileMissing,
        "The archive is incomplete: \(what) could not be backed up: \(names)")
    }
    if let input, input.wasEmpty {
      report.warning(
        .fileMissing,
        "Nothing came from standard input: did the command in front of the pipe fail?")
    }
  }

  private static func names(_ state: State) -> Message {
    var text: Message = ""
    for (number, path) in state.missing.enumerated() {
      text = text + (number == 0 ? "" : ", ") + "\(name: path)"
    }
    return state.missingCount > state.missing.count ? text + ", …" : text
  }
}
