import Crypto
import Synchronization

extension ArchiveBuilder {
  /// Takes the items in order, each as soon as its content is known, and makes the tree of them.
  final class ItemSequence: Sendable {
    /// Several at a time: to hand one over may wake a thread, which costs more than its item.
    let order: BoundedQueue<[Slot]>
    private let shared: Shared
    private let report: @Sendable (Outcome, UInt8) -> Void
    private let state = Mutex(TreeState())

    init(_ shared: Shared, report: @escaping @Sendable (Outcome, UInt8) -> Void) {
      self.shared = shared
      self.report = report
      // As many again are being collected, and are in the hands of this thread.
      let options = shared.options
      order = BoundedQueue(capacity: max(1, options.itemsInFlight - 2 * options.itemsTogether))
    }

    /// The tree, and what it holds, when all threads have ended.
    var result: TreeState { state.withLock { $0 } }

    func cancel() {
      order.cancel()
      shared.wake()
    }

    func run() throws {
      var items = try ItemTreeWriter(
        keys: shared.repository.keys, store: try NodeWriter(shared.writer))
      var tree = TreeState()
      var waiting: ArraySlice<Slot> = []
      var due = Clock.monotonicSeconds + (shared.options.checkpoints?.interval ?? .infinity)
      var inCheckpoint: UInt64 = 0
      loop: while let slot = next(from: &waiting) {
        while true {
          if let checkpoints = shared.options.checkpoints, tree.figures.items > inCheckpoint,
            Clock.monotonicSeconds >= due
          {
            tree.root = try items.snapshot()
            try shared.makeCheckpoint(checkpoints, of: tree)
            inCheckpoint = tree.figures.items
            due = Clock.monotonicSeconds + checkpoints.interval
          }
          guard slot.isWaiting else { break }
          let end = max(due, Clock.monotonicSeconds + Self.leastWait)
          guard isWaiting(for: slot, until: end) else { break }
        }
        switch slot.state {
        case .waiting: return  // Another thread has failed.
        case .failed(RepositoryError.interrupted): break loop
        case .failed(let error): report(.failed(slot.item.path, error), slot.tag)
        case .done(let item):
          do {
            try items.add(item)
          } catch let error as FormatError {
            report(.failed(item.path, error), slot.tag)
            continue
          }
          tree.figures.items += 1
          if let content = item.content {
            tree.figures.files += 1
            tree.figures.originalSize += content.size
          }
          report(.archived(item), slot.tag)
        }
      }
      tree.root = try items.finish()
      state.withLock { $0 = tree }
      // Every content that is wanted is known by now.
      shared.work.close()
    }

    /// The next item in order; `nil` at the end.
    private func next(from waiting: inout ArraySlice<Slot>) -> Slot? {
      while waiting.isEmpty {
        guard let more = order.pop() else { return nil }
        waiting = more[...]
      }
      return waiting.popFirst()
    }

    /// Seconds after which a checkpoint that is due, and has nothing new, is thought of again.
    private static let leastWait = 1.0

    /// Waits for a content to be known, but not longer than `end`; `true` if it is not.
    private func isWaiting(for slot: Slot, until end: Double) -> Bool {
      shared.progress.withLock {
        StageTimes.waiting(for: .input) { isStillWaiting(for: slot, until: end) }
      }
    }

    private func isStillWaiting(for slot: Slot, until end: Double) -> Bool {
      while slot.isWaiting, shared.group.failure == nil {
        guard end < .infinity else {
          shared.progress.wait()
          continue
        }
        if Clock.monotonicSeconds >= end { return true }
        shared.progress.wait(until: end)
      }
      return false
    }
  }
}
