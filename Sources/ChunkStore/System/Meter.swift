import Synchronization

/// How far a long operation has come: written by those who do the work, and read by whoever
/// shows it, on another thread.
///
/// Counting costs one atomic addition, and nobody has to look.
public final class Meter: Sendable {
  /// The stage of an operation.
  public enum Stage: String, Sendable {
    /// Keys, labels, leases and index objects are looked at.
    case checkingSmallObjects = "Checking small objects"
    /// The directories of segments are looked at.
    case checkingSegments = "Checking segments"
    /// The trees of archives are followed.
    case checkingArchives = "Checking archives"
    /// Segments are read to their ends.
    case verifyingData = "Verifying data"
    /// Chunks that archives refer to are marked.
    case markingArchives = "Looking at archives"
    /// Chunks of sparse segments that are still in use are copied.
    case movingChunks = "Rewriting segments"
    /// Segments are removed.
    case removingSegments = "Removing segments"
    /// Archives are removed.
    case deletingArchives = "Deleting archives"
    /// Chunks that archives need are copied to another repository.
    case copyingArchives = "Copying"
    /// Contents are restored.
    case extracting = "Extracting"
  }

  /// The unit of a count.
  public enum Unit: Sendable {
    case bytes
    case pieces
  }

  /// The state of a meter at one moment.
  public struct Reading: Sendable {
    /// The current stage.
    public var stage: Stage
    /// The number of the stage: 1 for the first.
    public var number: Int
    /// The unit of the counts.
    public var unit: Unit
    /// How much is done.
    public var done: UInt64
    /// How much there is to do; 0 if that is not known.
    public var total: UInt64
    /// Seconds since the stage began.
    public var elapsed: Double
  }

  private struct State {
    var stage: Stage?
    var number = 0
    var unit = Unit.pieces
    var total: UInt64 = 0
    var begin = 0.0
  }

  private let state = Mutex(State())
  private let done = Atomic<UInt64>(0)

  /// A meter that nothing was counted with.
  public init() {}

  /// Begins a stage, and ends the one before.
  public func begin(_ stage: Stage, total: UInt64, unit: Unit = .pieces) {
    state.withLock { state in
      state = State(
        stage: stage, number: state.number + 1, unit: unit, total: total,
        begin: SystemClock.monotonicSeconds)
      done.store(0, ordering: .relaxed)
    }
  }

  /// Counts what has been done.
  public func advance(by count: UInt64 = 1) { done.wrappingAdd(count, ordering: .relaxed) }

  /// The current reading; `nil` before the first stage.
  public var reading: Reading? {
    state.withLock { state in
      state.stage.map {
        Reading(
          stage: $0, number: state.number, unit: state.unit, done: done.load(ordering: .relaxed),
          total: state.total, elapsed: SystemClock.monotonicSeconds - state.begin)
      }
    }
  }
}
