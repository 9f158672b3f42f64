import ChunkStore
import Glibc
import LinuxSystem
import Synchronization

/// One `extract`: walks an archive's items in order, and restores their contents on all
/// processors.
///
///     items ─► directories, links, files made in order (one thread)
///       └────► batches of small files, chunks of large ones ─► workers: read, verify, write
final class RestoreRun: Sendable {
  private let repository: Repository
  private let disk: RestoreDisk
  /// Brings what is restored to the disk from time to time, where that is of use.
  private let marks: RestoreMarks?
  private let said: RestoreReport
  private let restoresLostAsZeros: Bool
  /// Counts the bytes that are restored.
  private let meter: Meter
  private let group = ThreadGroup()
  /// Work costs what is restored by it; the bytes themselves are not in the queue.
  private let work = BoundedQueue<Work>(capacity: RestoreRun.capacity)

  /// Files up to this size are restored whole by one worker.
  private static let smallFile: UInt64 = 512 << 10
  private static let batchCount = 64
  private static let capacity = 32 << 20
  /// Files wait open for their content, and their directories with them.
  private let openFiles = Allowance(OpenFiles.share(4))

  fileprivate enum Work: Sendable {
    case batch([File])
    /// Chunks that are in one block.
    case run([ChunkReference], file: File, writes: [[Placement]])
    case existing(Item, ExistingFile, Allowance.Permit)
  }

  init(
    _ repository: Repository, onto disk: RestoreDisk, marks: RestoreMarks? = nil, report: Report,
    meter: Meter = Meter(), restoresLostAsZeros: Bool = false
  ) {
    self.restoresLostAsZeros = restoresLostAsZeros
    self.repository = repository
    self.disk = disk
    self.marks = marks
    said = RestoreReport(report, repository)
    self.meter = meter
    group.onFailure { [work, openFiles] in
      work.cancel()
      openFiles.cancel()
    }
  }

  /// Restores items.
  ///
  /// - Parameters:
  ///   - archive: What they are in.
  ///   - places: Where those that are meant may be; what is elsewhere is not even read.
  ///   - target: Where they go.
  ///   - paths: The paths that they get there.
  ///   - select: Whether an item is meant.
  ///   - lost: Told of items that cannot be read and may be meant; the rest is restored.
  ///   - visit: Told of each item that is restored.
  /// - Returns: How many items were to be restored, and how many of them were not.
  /// - Throws: What keeps the run from going on: `TargetFailure`, if it is where things go; what
  ///   concerns one item is reported. Where the archive cannot be read any further, what comes
  ///   before that is restored all the same.
  @discardableResult func run(
    _ archive: Archive, in places: [ArchivePath]? = nil, to target: RestoreTarget,
    under paths: StrippedPaths = StrippedPaths(), select: (Item) throws -> Bool,
    lost: (LostItems) -> Void,
    visit: (Item) throws -> Void
  ) throws -> (chosen: Int, failed: Int) {
    for number in 0..<ThreadGroup.processorCount {
      group.start("restore \(number)") { [self] in
        let reader = try ContentReader(repository)
        while let work = work.pop() { restore(work, reader) }
      }
    }
    let marking = ThreadGroup()
    if let marks { marking.start("mark") { [self] in keepMarks(marks) } }
    var unreadable: (any Error)?
    var chosen = 0
    do {
      let items = SelectedItems(
        try repository.items(of: archive), in: places, withParents: true)
      unreadable = try walk(
        items, target, paths, select, lost,
        visit: { item in
          chosen += 1
          try visit(item)
        })
      work.close()
    } catch {
      group.fail(error)
    }
    var failure: (any Error)?
    do {
      try group.join()
      failure = unreadable
    } catch {
      failure = error
    }
    marks?.end()
    // Its errors were told to `group`, or come too late to matter.
    try? marking.join()
    // The failure that ends the run is told for all that is missing.
    let isTold = !(failure is TargetFailure)
    removeLostLinks(archive, places, target, paths, select, isTold: isTold)
    if failure == nil || unreadable != nil {
      do {
        try makeWaitingLinks(archive, places, target, paths, select)
      } catch {
        failure = failure ?? error
      }
    } else {
      // Users of these directories have them back, whatever is not in them yet.
      target.finish { _ in }
    }
    target.finishLinks(report: said.problem)
    said.finish()
    if let failure { throw failure }
    return (chosen, said.failures)
  }

  private func keepMarks(_ marks: RestoreMarks) {
    do throws(SystemError) {
      try marks.run()
    } catch {
      // Nobody knows what of all that was restored the disk has not.
      group.fail(TargetFailure(path: nil, cause: error))
    }
  }

  /// Gives up the run, from any thread: what is not complete is removed.
  func interrupt() { group.fail(RepositoryError.interrupted) }

  /// Removes the other names of files whose content could not be restored.
  ///
  /// They were made while the content was still on its way. Which they are is not kept in memory:
  /// the items are read once more.
  private func removeLostLinks(
    _ archive: Archive, _ places: [ArchivePath]?, _ target: RestoreTarget,
    _ paths: StrippedPaths, _ select: (Item) throws -> Bool, isTold: Bool
  ) {
    let groups = target.lostGroups
    guard !groups.isEmpty else { return }
    do {
      var items = SelectedItems(try repository.items(of: archive), in: places)
      while var item = try items.next(passing: { _ in }) {
        guard let group = item.hardLinkGroup, groups.contains(group),
          try select(item), let path = try paths.stripped(item.path)
        else { continue }
        item.path = path
        do {
          let first = try target.removeLost(item, report: said.problem)
          if let first, isTold { said.lostLink(item, to: first) }
        } catch {
          said.problem(RestoreProblem(path: path, aspect: .remains, error: error))
        }
      }
    } catch {
      for group in groups.sorted() { said.lostLinks(group, error) }
    }
  }

  /// Makes the names that waited for the content of their files, because other files had them.
  ///
  /// Which they are is not kept in memory: the items are read once more.
  private func makeWaitingLinks(
    _ archive: Archive, _ places: [ArchivePath]?, _ target: RestoreTarget,
    _ paths: StrippedPaths, _ select: (Item) throws -> Bool
  ) throws {
    guard !target.links.waiting.isEmpty else { return }
    let reader = try ContentReader(repository)
    var items = SelectedItems(try repository.items(of: archive), in: places, withParents: true)
    var paths = paths
    var trail = ItemTrail()
    while var item = try items.next(passing: { _ in }) {
      if let failure = group.failure { throw failure }
      let isChosen = try select(item)
      trail.pass(item, isChosen: isChosen)
      // Those that something of the archive is in the way of were told of.
      guard isChosen, let path = try paths.stripped(item.path),
        try obstacle(to: item, trail, &paths) == nil,
        let link = item.hardLinkGroup, target.links.waiting.contains(link)
      else { continue }
      item.path = path
      do {
        let outcome = try target.makeWaiting(item, report: said.problem) {
          restoreAlone(item, $0, reader)
        }
        switch outcome {
        case .lost(let first): said.lostLink(item, to: first)
        case .done: meter.advance(by: item.content?.size ?? 0)
        case .existing, .file, .skipped, .waiting, nil: break
        }
      } catch let error as RestoreObstacle {
        said.obstructed(path, by: error)
      } catch let error as SystemError {
        if let failure = disk.failure(path, error) { throw failure }
        said.failed(item, error)
      }
    }
  }

  /// Restores the content of an item on this thread.
  private func restoreAlone(_ item: Item, _ outcome: RestoreOutcome, _ reader: ContentReader) {
    switch outcome {
    case .existing(let file): restore(item, over: file, reader)
    case .file(let file): restore(File(item, file, nil), reader)
    case .done, .lost, .skipped, .waiting: break
    }
  }

  /// Makes what the items are, and hands out the work on their contents.
  ///
  /// - Returns: Why the items cannot be read to their end; everything before is on its way then.
  private func walk(
    _ selected: SelectedItems, _ target: RestoreTarget, _ paths: StrippedPaths,
    _ select: (Item) throws -> Bool, _ lost: (LostItems) -> Void, visit: (Item) throws -> Void
  ) throws -> (any Error)? {
    var items = selected
    var paths = paths
    var trail = ItemTrail()
    var unreadable: (any Error)?
    func next() -> Item? {
      do { return try items.next(passing: lost) } catch {
        unreadable = error
        return nil
      }
    }
    var batch: [File] = []
    var size: UInt64 = 0
    // The bytes that the items themselves take.
    var held = 0
    func dispatch() throws {
      guard !batch.isEmpty else { return }
      try work.push(.batch(batch), cost: Int(size) + held)
      batch = []
      size = 0
      held = 0
    }
    while var item = next() {
      let isChosen = try select(item)
      trail.pass(item, isChosen: isChosen)
      guard isChosen, let path = try paths.stripped(item.path) else { continue }
      try visit(item)
      if let obstacle = try obstacle(to: item, trail, &paths) {
        said.obstructed(path, by: obstacle)
        continue
      }
      let parents = try trail.unchosen.compactMap { parent in
        try paths.stripped(parent.path).map { parent.at($0) }
      }
      item.path = path
      // Those that are ready make room, if there is none.
      let free = openFiles.takeIfPossible()
      if free == nil { try dispatch() }
      let permit = try free ?? openFiles.take()
      do {
        switch try target.restore(item, beneath: parents, report: said.problem) {
        case .done: meter.advance(by: item.content?.size ?? 0)
        case .lost(let first):
          meter.advance(by: item.content?.size ?? 0)
          said.lostLink(item, to: first)
        case .skipped: said.skipped(path)
        case .waiting: break
        case .existing(let file):
          let cost = min(item.content?.size ?? 0, Self.smallFile)
          try work.push(.existing(item, file, permit), cost: Int(cost) + item.memorySize)
        case .file(let file):
          let made = File(item, file, permit)
          do {
            guard let content = item.content else { throw FormatError.missingField("content") }
            if content.size < Self.smallFile {
              announce(content)
              batch.append(made)
              size += content.size
              held += item.memorySize
              if size + UInt64(held) >= Self.smallFile || batch.count >= Self.batchCount {
                try dispatch()
              }
            } else {
              try dispatchChunks(of: content, made)
            }
          } catch {
            if error is Cancelled { throw error }
            fail(made, error)
            end(made)
          }
        }
      } catch let error as RestoreObstacle {
        if case .parentFailed(_, let cause) = error, let failure = disk.failure(path, cause) {
          throw failure
        }
        said.obstructed(path, by: error)
      } catch let error as SystemError {
        if let failure = disk.failure(path, error) { throw failure }
        said.failed(item, error)
      }
    }
    try dispatch()
    target.finish(report: said.problem)
    return unreadable
  }

  /// The obstacle in the archive itself to an item.
  private func obstacle(
    to item: Item, _ trail: ItemTrail, _ paths: inout StrippedPaths
  ) throws -> RestoreObstacle? {
    if let above = trail.nonDirectory(above: item) { return .parentIsNoDirectory(above) }
    return try paths.winner(over: item.path).map { .samePath($0) }
  }

  /// Announces chunks that a worker will read, so that they may be on their way meanwhile.
  private func announce(_ content: Item.Content) {
    guard case .inline(let chunks) = content.chunks else { return }
    for chunk in chunks { repository.announce(chunk) }
  }

  private func dispatchChunks(of content: Item.Content, _ file: File) throws {
    var runs = ChunkRuns(try repository.chunks(of: content), in: repository)
    var place = PlacementCursor(content.holes)
    while let run = try runs.next() {
      file.begin()
      if let first = run.first { repository.announce(first) }
      let sizes = run.map { Int($0.length) }
      try work.push(
        .run(run, file: file, writes: sizes.map { place.next($0) }), cost: sizes.reduce(0, +))
    }
    end(file)
  }

  // MARK: On the workers

  private func restore(_ work: Work, _ reader: ContentReader) {
    switch work {
    case .run(let chunks, let file, let writes):
      for (chunk, writes) in zip(chunks, writes) { write(chunk, file, writes, reader) }
      end(file)
    case .existing(let item, let file, _): restore(item, over: file, reader)
    case .batch(let files):
      for file in files where group.failure == nil { restore(file, reader) }
    }
  }

  /// Restores all of a file.
  private func restore(_ file: File, _ reader: ContentReader) {
    guard let content = file.item.content else { return }
    var place = PlacementCursor(content.holes)
    do {
      var chunks = try repository.chunks(of: content)
      while let chunk = try chunks.next() {
        write(chunk, file, place.next(Int(chunk.length)), reader)
      }
    } catch {
      fail(file, error)
    }
    end(file)
  }

  private func write(
    _ chunk: ChunkReference, _ file: File, _ writes: [Placement], _ reader: ContentReader
  ) {
    defer { meter.advance(by: UInt64(chunk.length)) }
    guard !file.hasFailed else { return }
    do {
      let stored = try reader.chunk(chunk)
      let bytes = stored.whole.span.extracting(stored.range)
      for write in writes {
        try file.output.write(bytes.extracting(write.range), at: write.offset)
      }
    } catch let error where restoresLostAsZeros && LostContent.isLoss(error) {
      // Bytes that nobody writes read as zeros.
      file.lose()
    } catch {
      fail(file, error)
    }
  }

  /// One part of a file is done; the last part finishes it.
  private func end(_ file: File) {
    guard file.end() else { return }
    guard !file.hasFailed else {
      // An incomplete file is not left behind under its name.
      file.output.discard(file.item).forEach(said.problem)
      return
    }
    do throws(SystemError) {
      let size = file.item.content?.size ?? 0
      for hole in file.item.content?.holes ?? [] {
        try file.output.writeHole(hole)
        meter.advance(by: hole.length)
      }
      try file.output.finish(finished(file.item, hasLoss: file.hasLoss), size: size)
        .forEach(said.problem)
      if file.hasLoss { said.restoredAsZeros(file.item) }
    } catch {
      fail(file, error)
      file.output.discard(file.item).forEach(said.problem)
    }
  }

  /// An item as its file is to be left: with the time of the restore if something of it is lost, so that
  /// nobody takes it for what was backed up, neither a later restore that goes on with this one.
  private func finished(_ item: Item, hasLoss: Bool) -> Item {
    guard hasLoss else { return item }
    var item = item
    item.mtime = SystemClock.now
    return item
  }

  private func fail(_ file: File, _ error: any Error) {
    if file.fail() { failed(file.item, error) }
  }

  private func failed(_ item: Item, _ error: any Error) {
    if let error = error as? SystemError, let failure = disk.failure(item.path, error) {
      group.fail(failure)
    } else {
      said.failed(item, error)
    }
  }

  // MARK: Where there is a file already

  /// Keeps a file that is what the item says, and replaces any other.
  private func restore(_ item: Item, over existing: ExistingFile, _ reader: ContentReader) {
    guard let content = item.content else { return }
    defer { meter.advance(by: content.size) }
    let old = existing.content()
    do {
      if let old, existing.mayBeKept(old.file, as: item),
        try existing.isFinished(old.file, item) || old.holds(content, repository, reader)
      {
        existing.keep(old.file, item).forEach(said.problem)
        return
      }
      let output = try existing.replacement(item)
      var hasLoss = false
      do {
        var place = PlacementCursor(content.holes)
        var chunks = try repository.chunks(of: content)
        while let chunk = try chunks.next() {
          let writes = place.next(Int(chunk.length))
          // Bytes in the old file need not be fetched.
          do {
            let bytes = try old?.bytes(of: chunk, writes, reader) ?? reader.read(chunk)
            for write in writes {
              try output.write(bytes.span.extracting(write.range), at: write.offset)
            }
          } catch let error where restoresLostAsZeros && LostContent.isLoss(error) {
            hasLoss = true
          }
        }
        for hole in content.holes { try output.writeHole(hole) }
        try output.finish(finished(item, hasLoss: hasLoss), size: content.size)
          .forEach(said.problem)
        if hasLoss { said.restoredAsZeros(item) }
      } catch {
        failed(item, error)
        output.discard(item).forEach(said.problem)
      }
    } catch {
      failed(item, error)
      existing.done().forEach(said.problem)
    }
  }
}

/// A file that several workers write.
private final class File: Sendable {
  let item: Item
  let output: RestoredFile
  private let permit: Allowance.Permit?
  /// Parts that are not done yet, and one for whoever hands them out.
  private let open = Atomic(1)
  private let failed = Atomic(false)
  private let lost = Atomic(false)

  init(_ item: Item, _ output: RestoredFile, _ permit: Allowance.Permit?) {
    self.item = item
    self.output = output
    self.permit = permit
  }

  var hasFailed: Bool { failed.load(ordering: .acquiring) }

  /// Whether something of it could not be had, and is zeros.
  var hasLoss: Bool { lost.load(ordering: .acquiring) }

  func lose() { lost.store(true, ordering: .releasing) }

  func begin() { open.add(1, ordering: .relaxed) }

  /// Says that one part is done; `true` for the last one.
  func end() -> Bool { open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }

  /// Records that the file cannot be restored; `true` for the first to say so.
  func fail() -> Bool { !failed.exchange(true, ordering: .acquiringAndReleasing) }
}
