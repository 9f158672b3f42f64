import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreFormat
import Synchronization

extension ArchiveBuilder {
  /// An item in the order.
  enum Entry: Sendable {
    /// All of it is known.
    case ready(Item, tag: UInt8)
    /// Its content is still to be read.
    case waiting(Slot)
  }

  /// The place in the order of an item whose content has to be read, filled when that is known.
  final class Slot: Sendable {
    enum State: Sendable {
      case waiting
      case done(Item)
      case failed(any Error)
    }

    let item: Item
    let tag: UInt8
    private let current: Mutex<State>

    init(_ item: Item, tag: UInt8) {
      self.item = item
      self.tag = tag
      current = Mutex(.waiting)
    }

    var state: State { current.withLock { $0 } }

    var isWaiting: Bool {
      if case .waiting = state { true } else { false }
    }

    func fill(_ state: State) { current.withLock { $0 = state } }

    /// The state of a slot whose content is stored.
    func state(_ chunks: Item.ChunkList, _ summary: ContentSummary) -> State {
      var item = summary.item ?? item
      item.content = Item.Content(size: summary.size, chunks: chunks, holes: summary.holes)
      item.changedWhileRead = summary.changedWhileRead
      return .done(item)
    }
  }

  struct Job: Sendable {
    let slot: Slot
    let source: any ContentSource
  }

  enum Work: Sendable {
    case batch([Job])
    case piece(ContentPiece, number: Int, of: Assembly)
  }

  /// The state of the tree when it is ended, or a checkpoint is made.
  struct TreeState: Sendable {
    var root: ItemTreeRoot?
    var figures = ArchiveManifest.Statistics()
  }

  struct Shared: Sendable {
    let repository: Repository
    let options: Options
    let writer: ChunkWriter
    let progress: Monitor
    let work: BoundedQueue<Work>
    let group: ThreadGroup
    /// Somebody wants the work to end early.
    let interruption: Event
    let lease: HeldLease
    /// The newest checkpoint of this run.
    let checkpoint = SharedValue<Digest256?>(nil)

    func wake() { progress.withLock { progress.broadcast() } }

    /// The manifest, with what the builder knows.
    func manifest(of tree: TreeState) -> ArchiveManifest {
      let now = repository.machine.now()
      var manifest = ArchiveManifest(name: "", start: now, end: now)
      manifest.chunker = options.chunker.description
      manifest.compression = options.compression.description
      manifest.tree = tree.root
      manifest.statistics = writer.statistics
      manifest.statistics.files = tree.figures.files
      manifest.statistics.items = tree.figures.items
      manifest.statistics.originalSize = tree.figures.originalSize
      return manifest
    }

    /// Publishes an archive of what there is so far.
    func makeCheckpoint(_ checkpoints: Checkpoints, of tree: TreeState) throws {
      try writer.publishClaimed()
      var manifest = manifest(of: tree)
      try checkpoints.describe(&manifest)
      manifest.becomeCheckpoint()
      // Without a lease, some of it may be gone: `finish` finds that out, and what can be done.
      guard try lease.isHeld() else { return }
      let id = try repository.publish(try manifest.encoded(), as: .archive, in: .archive)
      guard try lease.isHeld() else {
        try repository.storage.delete(.object(.archive, id))
        return
      }
      try checkpoints.made(Archive(id: id, name: manifest.name, manifest: manifest))
      try replaceCheckpoint(by: id)
    }

    /// Removes the checkpoint before.
    func replaceCheckpoint(by id: Digest256?) throws(StorageError) {
      guard let old = checkpoint.exchange(id) else { return }
      try repository.storage.deleteIfPermitted(.object(.archive, old))
    }
  }

  /// A value that several threads may change.
  final class SharedValue<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func exchange(_ new: Value) -> Value {
      value.withLock { value in
        let old = value
        value = new
        return old
      }
    }
  }

  /// Runs something when the last of several threads is done.
  final class Countdown: Sendable {
    private let count: Mutex<Int>

    init(_ count: Int) { self.count = Mutex(count) }

    func countDown(last: () -> Void) {
      let isLast = count.withLock { count in
        count -= 1
        return count == 0
      }
      if isLast { last() }
    }
  }
}
