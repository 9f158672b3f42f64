import LinuxSystem
import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

extension ArchiveBuilder {
  /// Takes the items in order, each as soon as its content is known, and makes the tree of them.
  final class ItemSequence: Sendable {
    /// Several at a time: to hand one over may wake a thread, which costs more than its item.
    ///
    /// Each is taken out of its batch, which leaves `nil`: a copy would count references for each
    /// part of the item.
    let order: BoundedQueue<[Entry?]>
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
      var tree = try GrowingTree(shared, report: report)
      var batch: [Entry?] = []
      var next = 0
      loop: while true {
        guard next < batch.count else {
          guard let more = order.pop() else { break }
          (batch, next) = (more, 0)
          try tree.makeCheckpointIfDue()
          continue
        }
        defer { next += 1 }
        switch batch[next].take() {
        case nil: continue
        case .ready(let item, let tag): try tree.add(item, tag: tag)
        case .waiting(let slot):
          try tree.makeCheckpointIfDue()
          try wait(for: slot, &tree)
          switch slot.state {
          case .waiting: return  // Another thread has failed.
          case .failed(RepositoryError.interrupted): break loop
          case .failed(let error): report(.failed(slot.item.path, error), slot.tag)
          case .done(let item): try tree.add(item, tag: slot.tag)
          }
        }
      }
      let end = try tree.finish()
      state.withLock { $0 = end }
      // Every content that is wanted is known by now.
      shared.work.close()
    }

    /// Waits for a content to be known, or for another thread to fail; makes checkpoints meanwhile.
    private func wait(for slot: Slot, _ tree: inout GrowingTree) throws {
      while slot.isWaiting {
        try tree.makeCheckpointIfDue()
        let end = max(tree.due, SystemClock.monotonicSeconds + Self.leastWait)
        guard isWaiting(for: slot, until: end) else { return }
      }
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
        if SystemClock.monotonicSeconds >= end { return true }
        shared.progress.wait(until: end)
      }
      return false
    }

    /// The tree of the items so far.
    private struct GrowingTree: ~Copyable {
      private let shared: Shared
      private let report: @Sendable (Outcome, UInt8) -> Void
      private let nodes: NodeWriter
      private var items: ItemTreeWriter
      private var state = TreeState()
      private var inCheckpoint: UInt64 = 0
      /// When the next checkpoint is.
      private(set) var due: Double

      init(_ shared: Shared, report: @escaping @Sendable (Outcome, UInt8) -> Void) throws {
        let nodes = try NodeWriter(shared.writer)
        let items = try ItemTreeWriter(keys: shared.repository.keys, store: nodes)
        self.shared = shared
        self.nodes = nodes
        self.report = report
        self.items = items
        due = SystemClock.monotonicSeconds + (shared.options.checkpoints?.interval ?? .infinity)
      }

      mutating func add(_ item: consuming Item, tag: UInt8) throws {
        do {
          try items.add(item)
        } catch let error as FormatError {
          report(.failed(item.path, error), tag)
          return
        }
        state.figures.items += 1
        if let size = item.content?.size {
          state.figures.files += 1
          state.figures.originalSize += size
        }
        report(.archived(item), tag)
      }

      mutating func makeCheckpointIfDue() throws {
        guard let checkpoints = shared.options.checkpoints, state.figures.items > inCheckpoint,
          SystemClock.monotonicSeconds >= due
        else { return }
        state.root = try items.snapshot()
        try nodes.endBlock()
        try shared.makeCheckpoint(checkpoints, of: state)
        inCheckpoint = state.figures.items
        due = SystemClock.monotonicSeconds + checkpoints.interval
      }

      consuming func finish() throws -> TreeState {
        var end = state
        end.root = try items.finish()
        try nodes.endBlock()
        return end
      }
    }
  }
}
