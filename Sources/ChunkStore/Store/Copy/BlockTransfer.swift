import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

/// Brings what archives refer to into a related repository, block by block.
///
/// Chunks and nodes have the same ids there, so a tree is the same tree, and a block is opened,
/// compared with the ids of its chunks, and sealed under other keys; it is compressed anew only if
/// that is asked for, or if the other repository has a part of it already.
///
///     tree ─► what is missing there ─► segments of it ─► blocks, on all processors ─► ChunkWriter
///                                         damaged? ─► each chunk from wherever else it is
///
/// Memory is a bit for each chunk of the source. Confined to one thread, which starts others.
final class BlockTransfer {
  private let source: Repository
  private let destination: Repository
  private let compression: Compression?
  private let meter: Meter
  private let interruption: Event
  private let walk: TreeWalk
  /// The chunks that earlier archives have in common with the next one; they need not be looked at
  /// again.
  private var seen: Marks

  init(
    from source: Repository, to destination: Repository, compression: Compression?,
    meter: Meter, interruption: Event
  ) throws {
    self.source = source
    self.destination = destination
    self.compression = compression
    self.meter = meter
    self.interruption = interruption
    walk = try TreeWalk(source)
    seen = Marks(source.index)
  }

  /// Relies no longer on what was seen of the destination.
  func forget() { seen = Marks(source.index) }

  /// Stores everything that an archive refers to, and the destination does not have.
  ///
  /// - Returns: What was stored.
  /// - Throws: `CopyError.unreadable` if it is not whole in the source; what could be read is stored
  ///   all the same.
  func run(_ archive: Archive) throws -> ArchiveManifest.Statistics {
    do {
      let wanted = try missing(archive.manifest.tree)
      return try store(wanted, of: archive)
    } catch {
      // A chunk that was seen is not known to be stored.
      forget()
      throw error
    }
  }

  /// Marks what the destination does not have.
  private func missing(_ tree: ItemTreeRoot?) throws -> Marks {
    let wanted = Marks(source.index)
    func look(at id: ChunkID) throws -> Bool {
      if interruption.isSet { throw RepositoryError.interrupted }
      guard seen.mark(id) != .known else { return false }
      if !destination.index.contains(id) { _ = wanted.mark(id) }
      return true
    }
    try walk.run(tree) { id, _ in
      try look(at: id)
    } chunk: { chunk, _ in
      _ = try look(at: chunk.id)
    } unreadable: { _, path, error in
      throw CopyError.unreadable(path, error)
    } willRead: { id in
      seen.place(of: id) == nil
    }
    return wanted
  }

  private func store(_ wanted: Marks, of archive: Archive) throws -> ArchiveManifest.Statistics {
    let usage = wanted.usage()
    let segments = try source.storage.list(.segment)
      .filter { usage[$0.id].map { $0.marked > 0 } ?? false }
      .sorted { ($0.date, $0.id) < ($1.date, $1.id) }
    meter.begin(
      .copyingArchives,
      total: usage.values.reduce(0) { $0 + UInt64(clamping: $1.markedSize) }, unit: .bytes)

    let writing = ThreadGroup()
    let writer = ChunkWriter(destination, group: writing)
    do {
      let stored = try sweep(segments, wanted, compression(of: archive), into: writer)
      let count = usage.values.reduce(0) { $0 + $1.marked }
      // Whatever was in none of these places, or damaged there, may be whole in another one.
      if stored < count || !wanted.toRescue.isEmpty || !wanted.lost.isEmpty {
        try complete(archive, into: writer)
      }
    } catch {
      // The next run finds what is stored by now, if it is published.
      writer.close()
      try writing.join()
      throw error
    }
    writer.close()
    try writing.join()
    return writer.statistics
  }

  /// How a block is compressed that cannot stay as it is.
  private func compression(of archive: Archive) -> Compression {
    compression ?? Compression(recorded: archive.manifest.compression)
  }

  /// Stores the wanted chunks of segments.
  ///
  /// - Returns: How many of them were there, and whole.
  private func sweep(
    _ segments: [StoredObject], _ wanted: Marks, _ compression: Compression,
    into writer: ChunkWriter
  ) throws -> Int {
    let queue = BoundedQueue<StoredObject>(capacity: 8)
    let workers = ThreadGroup()
    workers.onFailure { queue.cancel() }
    writer.group.onFailure { queue.cancel() }
    let stored = Mutex(0)
    let marks = FinishedMarks(wanted)
    let repacksContents = self.compression != nil
    for number in 0..<ThreadGroup.processorCount {
      workers.start("copy \(number)") { [source, interruption, meter] in
        var lane = try BlockLane(
          source: source, marks: marks, compression: compression,
          repacksContents: repacksContents, writer: writer)
        while let segment = queue.pop() {
          let count = try lane.move(segment, meter: meter, interruption: interruption)
          stored.withLock { $0 += count }
        }
      }
    }
    do throws(Cancelled) {
      for segment in segments {
        SegmentReader.announceDirectory(of: segment, in: source.storage)
        try queue.push(segment)
      }
    } catch {
      // One of the groups has failed, and knows more about it.
    }
    queue.close()
    do {
      try workers.join()
    } catch {
      throw writer.group.failure ?? error
    }
    if let failure = writer.group.failure { throw failure }
    return stored.withLock { $0 }
  }

  /// Stores one by one what the destination still does not have, from wherever it can be read.
  private func complete(_ archive: Archive, into writer: ChunkWriter) throws {
    var reader = try ChunkReader(keys: source.keys)
    var packer = try BlockPacker()
    let compression = compression(of: archive)
    let known = Marks(source.index)
    func fetch(_ id: ChunkID, _ namespace: KeyRing.Namespace, _ path: ArchivePath) throws {
      if interruption.isSet { throw RepositoryError.interrupted }
      guard writer.claims.claim(id) else { return }
      let bytes = try CopyError.locate(path) {
        try reader.read(id, namespace: namespace, repository: source)
      }
      try writer.write(
        bytes,
        chunks: [ChunkReference(id: id, length: UInt32(truncatingIfNeeded: bytes.count))],
        type: namespace == .tree ? .treeSegment : .contentSegment, compression: compression,
        packer: &packer)
    }
    try walk.run(archive.manifest.tree) { id, path in
      guard known.mark(id) != .known else { return false }
      try fetch(id, .tree, path)
      return true
    } chunk: { chunk, path in
      if known.mark(chunk.id) != .known { try fetch(chunk.id, .content, path) }
    } unreadable: { _, path, error in
      throw CopyError.unreadable(path, error)
    }
  }
}

/// Marks that nobody changes any more, so that threads may share them.
///
/// Sendable: `Marks` is changed by `mark` alone, which is not to be reached from here.
struct FinishedMarks: @unchecked Sendable {
  private let marks: Marks

  init(_ marks: Marks) { self.marks = marks }

  func isMarked(_ id: ChunkID, in segment: Digest256, blockOffset: Int) -> Bool {
    marks.isMarked(id, in: segment, blockOffset: blockOffset)
  }
}
