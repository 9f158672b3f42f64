import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreFormat
import Synchronization

/// Makes an archive: takes items in path order, and reads, cuts, compresses, seals and stores
/// their contents on all processors at once.
///
///     caller ─► order ───────────────────────────────────► item tree ─► nodes ─┐
///        ├────► batches of small files ─► workers ─► blocks ─────────────────► segments ─► index
///        └────► large files ─► readers ─► pieces ─► workers ─► blocks ─┘
///
/// All queues are bounded, so memory is, whatever comes in. The archive object is written by
/// `finish`, when everything it refers to is published: before that, nothing has happened.
public final class ArchiveBuilder {
  let repository: Repository
  /// Items that could not be archived, where nobody else is told of them.
  var failures: FailedItems?
  private let options: Options
  private let lease: HeldLease
  private let group = ThreadGroup()
  private let writer: ChunkWriter
  private let shared: Shared
  private let sequence: ItemSequence
  private let work: BoundedQueue<Work>
  private let large = BoundedQueue<Job>(capacity: 64)

  /// Items that are not in the order yet.
  private var entries: [Entry?] = []
  private var batch: [Job] = []
  private var batchSize: UInt64 = 0
  private var sinceBatch = 0

  /// Bytes that may wait for a worker; half of that where all of them wait for a link.
  private static let workSize = 16 << 20
  private static let readerCount = 2
  /// Files up to this size are read by the worker that stores them.
  private static let smallFile: UInt64 = 512 << 10
  private static let batchCount = 256

  /// Starts an archive.
  ///
  /// - Parameters:
  ///   - repository: Where it will be.
  ///   - options: How contents are cut and compressed.
  ///   - problem: Told of objects that cannot be had: what they tell of may be stored again.
  ///   - report: Told of every item, with the tag that `add` was given.
  /// - Throws: What keeps us from writing to the repository.
  public init(
    _ repository: Repository, options: Options, problem: (Corruption) -> Void = { _ in },
    report: @escaping @Sendable (Outcome, UInt8) -> Void
  ) throws {
    try repository.demand(.write)
    self.repository = repository
    self.options = options
    // The lease first: whoever deletes segments then waits for us.
    lease = try HeldLease(repository, operation: "create")
    do {
      try repository.refreshForWriting(problem: problem)
    } catch {
      lease.release()
      throw error
    }
    let isFar = repository.storage.announcedSize > 0
    work = BoundedQueue(capacity: isFar ? Self.workSize / 2 : Self.workSize)
    writer = ChunkWriter(repository, group: group, isVerifying: options.verifiesBlocks)
    shared = Shared(
      repository: repository, options: options, writer: writer, progress: Monitor(), work: work,
      group: group, interruption: Event(), lease: lease)
    sequence = ItemSequence(shared, report: report)
    group.onFailure { [sequence, work, large] in
      sequence.cancel()
      work.cancel()
      large.cancel()
    }
    let workers = ThreadGroup.processorCount
    let running = Countdown(workers)
    for number in 0..<workers {
      group.start("store \(number)") { [shared, work, writer] in
        // The tree has ended before the workers do: the last one ends the writer's input.
        defer { running.countDown { writer.close() } }
        let worker = try Worker(shared)
        while let task = work.pop() { try worker.run(task) }
      }
    }
    for number in 0..<Self.readerCount {
      group.start("read \(number)") { [shared, large] in
        let reader = try LargeFileReader(shared)
        while let job = large.pop() { try reader.run(job) }
      }
    }
    group.start("tree") { [sequence] in try sequence.run() }
  }

  deinit { cancel() }

  // MARK: Input

  /// Adds an item that has no content, or whose content is in the repository already.
  public func add(_ item: consuming Item, tag: UInt8 = 0) throws {
    try enqueue(.ready(consume item, tag: tag))
  }

  /// Adds a regular file whose content has to be read.
  public func add(_ item: Item, content: any ContentSource, tag: UInt8 = 0) throws {
    let slot = Slot(item, tag: tag)
    try enqueue(.waiting(slot))
    let job = Job(slot: slot, source: content)
    guard content.expectedSize < Self.smallFile else {
      try push { () throws(Cancelled) in try large.push(job) }
      return
    }
    // Chunks of one owner's files share a block, and no other's.
    if let last = batch.last,
      batchSize + content.expectedSize > Self.smallFile || batch.count >= Self.batchCount
        || last.slot.item.uid != item.uid
    {
      try dispatchBatch()
    }
    batch.append(job)
    batchSize += content.expectedSize
  }

  private func enqueue(_ entry: consuming Entry) throws {
    sinceBatch += 1
    // The tree must never wait for a batch that is still being collected.
    if sinceBatch > options.itemsInFlight / 2 { try dispatchBatch() }
    entries.append(consume entry)
    if entries.count >= options.itemsTogether { try dispatchEntries() }
    if shared.interruption.isSet { throw RepositoryError.interrupted }
    if let failure = group.failure { throw failure }
  }

  private func dispatchEntries() throws {
    guard !entries.isEmpty else { return }
    var ready: [Entry?] = []
    ready.reserveCapacity(options.itemsTogether)
    swap(&ready, &entries)
    let batch = ready
    try push { () throws(Cancelled) in
      try sequence.order.push(batch, cost: batch.count)
    }
  }

  /// Waits for room in a queue; a queue that was cancelled says less than what cancelled it.
  private func push(_ body: () throws(Cancelled) -> Void) throws {
    do throws(Cancelled) {
      try body()
    } catch {
      throw group.failure ?? (shared.interruption.isSet ? RepositoryError.interrupted : error)
    }
  }

  private func dispatchBatch() throws {
    sinceBatch = 0
    guard !batch.isEmpty else { return }
    let size = Int(clamping: batchSize)
    let jobs = batch
    batch = []
    batchSize = 0
    try push { () throws(Cancelled) in try work.push(.batch(jobs), cost: size + 4096) }
  }

  /// The figures of the data stored so far: call the returned closure, from any thread.
  public var storedSoFar: @Sendable () -> ArchiveManifest.Statistics {
    { [writer] in writer.statistics }
  }

  // MARK: The end

  /// Ends the work early: what is in hand is finished, the rest is left.
  ///
  /// From then on `add` throws `RepositoryError.interrupted`, and `finish` makes a checkpoint. May
  /// be called from any thread.
  public var interruption: @Sendable () -> Void {
    { [shared, sequence] in
      shared.interruption.set()
      sequence.order.close()
      shared.wake()
    }
  }

  /// Waits for everything that was added, and publishes the archive.
  ///
  /// - Parameter complete: Gets the manifest with what the builder knows, and adds the rest.
  /// - Returns: The archive, which is durable now; a checkpoint of what there was if the work was
  ///   interrupted.
  /// - Throws: The first error of any thread; then there is no archive.
  public func finish(
    _ complete: (inout ArchiveManifest) throws -> Void
  ) throws -> Archive {
    do {
      do {
        try dispatchEntries()
        try dispatchBatch()
      } catch RepositoryError.interrupted {
        // Nobody needs it any more.
      }
      large.close()
      sequence.order.close()
      try group.join()
      var manifest = shared.manifest(of: sequence.result)
      try complete(&manifest)
      if shared.interruption.isSet { manifest.becomeCheckpoint() }
      let archive = try repository.publish(manifest, under: lease)
      do throws(StorageError) {
        try shared.replaceCheckpoint(by: nil)
      } catch {
        // The archive is made. A checkpoint too many does no harm, and `prune` removes it.
      }
      lease.release()
      return archive
    } catch {
      cancel()
      throw error
    }
  }

  /// Gives up.
  ///
  /// What is stored already is found again by the next archive.
  public func cancel() {
    group.fail(RepositoryError.cancelled)
    do { try group.join() } catch { /* Known: it is why we are here, or our own. */  }
    lease.release()
  }
}
