public import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Frees the space of chunks that no archive refers to, without keeping anybody from anything.
///
/// The steps, and why they are in this order, are in docs/format-writing.md, §19.4: what is to go
/// is doomed first, then everybody who may have seen it undoomed is waited for, then all archives
/// are looked at again, and only then is anything deleted. A crash between any two steps is safe.
struct Compaction {
  let repository: Repository
  private let threshold: Double
  let meter: Meter
  let lease: HeldLease
  var report = CompactionReport()
  /// The other operations that have been running since we began.
  private(set) var others: [Digest256: Leases.Entry] = [:]
  /// When the leases were put that cannot be read: they count as those of running operations.
  private(set) var unreadableLeases: [Digest256: Timestamp] = [:]

  /// File systems that keep whole or even seconds only are given this much.
  private static let dateTolerance: Int64 = 2
  /// Chunks that an interrupted backup has stored are left alone for seven days.
  private static let interruptedProtection: Int64 = 7 * 24 * 3600
  /// Segments are not rewritten for less.
  private static let leastFreed = 16 << 10

  private init(_ repository: Repository, threshold: Double, meter: Meter) throws {
    self.repository = repository
    self.threshold = threshold
    self.meter = meter
    lease = try HeldLease(repository, operation: "compact")
  }

  static func run(
    _ repository: Repository, threshold: Double, meter: Meter
  ) throws -> CompactionReport {
    try repository.demand(.delete)
    let storage = repository.storage
    // Room for the lease and for what has to be moved, on a disk that is full.
    try storage.releaseReserve()
    defer {
      do throws(StorageError) { try storage.restoreReserve() } catch {
        // The disk is still full, and the reserve is only a convenience.
      }
    }
    var compaction = try Compaction(repository, threshold: threshold, meter: meter)
    defer { compaction.lease.release() }
    try storage.removeAbandonedUploads()
    try repository.removeReturnedArchives()
    try compaction.noteOthers()
    let isComplete = try compaction.doomSparseSegments(isDiskFullAllowed: true)
    try compaction.removeDoomedSegments()
    if !isComplete {
      // Unneeded segments are gone: there may be room now for chunks that have to be moved.
      _ = try compaction.doomSparseSegments(isDiskFullAllowed: false)
      try compaction.removeDoomedSegments()
    }
    try compaction.mergeIndex()
    try compaction.removeQuarantines()
    try repository.mergeRemovals()
    // Those that are gone were not damaged, or it does not matter any more.
    compaction.report.damagedSegments.formIntersection(try storage.list(.segment).map(\.id))
    return compaction.report
  }

  /// Counts what could go if nobody else were at work, and changes nothing.
  static func estimate(_ repository: Repository, threshold: Double) throws -> CompactionReport {
    let compaction = try Compaction(repository, threshold: threshold, meter: Meter())
    defer { compaction.lease.release() }
    var report = CompactionReport()
    let (marker, unfinished) = try compaction.mark()
    report.unfinishedBytes = unfinished
    let interrupted = try compaction.beginOfInterrupted()
    let dates = Dictionary(
      try repository.storage.list(.segment).map { ($0.id, $0.date) }
    ) { first, _ in first }
    for (segment, usage) in marker.marks.usage() {
      if let interrupted, let date = dates[segment], date >= interrupted {
        report.unfinishedBytes += usage.unusedSize
        continue
      }
      let isSparse =
        Double(usage.unusedSize) >= threshold * Double(usage.size)
        && usage.unusedSize >= leastFreed
      guard usage.marked == 0 || isSparse else { continue }
      report.removedSegments += 1
      report.removedBytes += usage.size
      report.movedBytes += usage.marked == 0 ? 0 : usage.markedSize
    }
    return report
  }

  /// Sees who else is at work, and ends the leases of those who are gone.
  private mutating func noteOthers() throws {
    report.unreadableLeases = []
    let leases = try repository.leases {
      report.unreadableLeases.append(Corruption(object: $0, cause: $1))
    }
    unreadableLeases.merge(leases.unreadable) { first, _ in first }
    for entry in leases.ordered where entry.id != lease.name {
      if leases.isAbandoned(entry, seenFrom: repository.machine) {
        try repository.end(entry)
      } else {
        others[entry.id] = entry
      }
    }
    for name in leases.stale { try repository.storage.delete(.object(.lease, name)) }
  }

  /// The description of an object's fault, and of its place.
  func text(_ object: ObjectName, _ error: any Error) -> String {
    "\(repository.location)/\(object.path): \(Corruption.text(of: error))"
  }

  /// Looks at everything anew: all that archives refer to, and the index.
  ///
  /// In this order: whatever an archive refers to was published before it. An archive that is made
  /// after the look at the archives is of somebody who has seen what is doomed, or who is waited
  /// for.
  ///
  /// - Returns: The marks, and the bytes that only checkpoints refer to.
  func mark() throws -> (marker: Marker, unfinished: Int) {
    var unreadable: [(archive: Digest256?, text: String)] = []
    let archives = try repository.archives { name, error in
      // A name may be lost, and refers to nothing.
      if case .object(.label, _) = name { return }
      unreadable.append((nil, text(name, error)))
    }
    for problem in try repository.refresh(isVerified: true) {
      unreadable.append((nil, text(problem.object, problem.error)))
    }
    let marker = try Marker(repository)
    meter.begin(.markingArchives, total: UInt64(archives.count))
    let checkpoints = archives.filter { $0.manifest.kind == .checkpoint }
    var finished = 0
    for (number, archive) in (archives.filter { $0.manifest.kind != .checkpoint } + checkpoints)
      .enumerated()
    {
      if number == archives.count - checkpoints.count { finished = marker.marks.markedSize() }
      defer { meter.advance() }
      try marker.mark(archive.manifest.tree) { finding in
        // A content that is lost is lost; but below a node that cannot be read there may be
        // references to anything.
        if case .unreadableNode(let id, let error) = finding {
          unreadable.append(
            (
              archive.id,
              "tree node \(id.digest.hex) of archive \(archive.name): \(Corruption.text(of: error))"
            ))
        }
      }
    }
    if !unreadable.isEmpty {
      // Archives that were deleted meanwhile may have lost their chunks meanwhile.
      let left = Set(try repository.storage.list(.archive).map(\.id))
      unreadable.removeAll { $0.archive.map { !left.contains($0) } ?? false }
    }
    guard unreadable.isEmpty else {
      throw RepositoryError.unsafeToDelete(unreadable.map(\.text))
    }
    return (marker, checkpoints.isEmpty ? 0 : marker.marks.markedSize() - finished)
  }

  // MARK: What is to go

  /// - Returns: Whether all of them are; not those whose chunks there is no room for.
  private mutating func doomSparseSegments(isDiskFullAllowed: Bool) throws -> Bool {
    let (marker, unfinished) = try mark()
    report.unfinishedBytes = unfinished
    // Once more: whoever has begun since the first look may have stored what was seen just now.
    try noteOthers()
    // Segments that came after a running operation, or an interrupted one, may be of its making.
    let begun = others.values.map(\.begun) + Array(unreadableLeases.values)
    let interrupted = try beginOfInterrupted()
    let running = begun.min()?.earlier(bySeconds: Self.dateTolerance)
    let begin = [interrupted, running].compactMap(\.self).min()
    let listed = try repository.storage.list(.segment)
    let dates = Dictionary(listed.map { ($0.id, $0.date) }) { first, _ in first }

    // Damaged ones go when all that archives need of them was read somewhere else.
    let quarantined = marker.marks.quarantined
    let stay = try unreplaced(in: quarantined, marker.marks).values.joined()
    let healed = quarantined.subtracting(stay.map(\.location.segment)).filter { dates[$0] != nil }
    var unused: [Digest256] = []
    var sparse: [(segment: Digest256, size: Int)] = []
    for (segment, usage) in marker.marks.usage() {
      if let begin, let date = dates[segment], date >= begin {
        if let interrupted, date >= interrupted { report.unfinishedBytes += usage.unusedSize }
        continue
      }
      if usage.marked == 0 {
        unused.append(segment)
      } else if Double(usage.unusedSize) >= threshold * Double(usage.size),
        usage.unusedSize >= Self.leastFreed
      {
        sparse.append((segment, usage.size))
      }
    }
    // The oldest first: in some order that is the same each time.
    let oldest = Timestamp(seconds: .min)
    func isOlder(_ a: Digest256, _ b: Digest256) -> Bool {
      (dates[a] ?? oldest, a) < (dates[b] ?? oldest, b)
    }
    sparse.sort { isOlder($0.segment, $1.segment) }
    var isComplete = true
    var victims = healed + unused
    do {
      victims += try move(from: sparse, marks: marker.marks)
    } catch StorageError.noSpace where isDiskFullAllowed && !victims.isEmpty {
      isComplete = false
    }
    victims.sort(by: isOlder)
    for start in stride(from: 0, to: victims.count, by: Doom.most) {
      let part = Array(victims[start..<min(start + Doom.most, victims.count)])
      try repository.publish(Doom(segments: part).encoded(), as: .doomed, in: .doomed)
    }
    return isComplete
  }

  /// When the first backup began of those that were interrupted lately, by the storage's clock.
  ///
  /// Their checkpoints refer to the files that were finished. The chunks of a large one that was
  /// not are found again by the next backup, if they are left alone for some days.
  private func beginOfInterrupted() throws -> Timestamp? {
    let dates = Dictionary(
      try repository.storage.list(.archive).map { ($0.id, $0.date) }
    ) { first, _ in first }
    let recent = try repository.leases { _, _ in }.present
      .earlier(bySeconds: Self.interruptedProtection)
    return try repository.archives { _, _ in }.compactMap { archive -> Timestamp? in
      guard archive.manifest.kind == .checkpoint, let date = dates[archive.id], date > recent
      else { return nil }
      let (elapsed, overflow) = archive.manifest.end.seconds
        .subtractingReportingOverflow(archive.manifest.start.seconds)
      return date.earlier(bySeconds: overflow ? 0 : max(0, elapsed))
    }.min()?.earlier(bySeconds: Self.dateTolerance)
  }

  /// Copies the referenced chunks of segments to new ones, and publishes those.
  ///
  /// - Returns: The segments; without those that do not hold what they should, which stay as they
  ///   are.
  private mutating func move(
    from victims: [(segment: Digest256, size: Int)], marks: Marks
  ) throws -> [Digest256] {
    guard !victims.isEmpty else { return [] }
    var moved: [Digest256] = []
    meter.begin(
      .movingChunks, total: victims.reduce(0) { $0 + UInt64(clamping: $1.size) }, unit: .bytes)
    let group = ThreadGroup()
    let writer = ChunkWriter(repository, group: group)
    do {
      var packer = try BlockPacker()
      for (segment, size) in victims {
        defer { meter.advance(by: UInt64(clamping: size)) }
        do {
          try move(segment, size: size, marks: marks, writer, &packer)
          moved.append(segment)
        } catch let error where Corruption.isOfOnePlace(error) {
          report.damagedSegments.insert(segment)
        }
      }
      writer.close()
    } catch {
      group.fail(error)
    }
    try group.join()
    report.movedBytes += Int(clamping: writer.statistics.storedSize)
    return moved
  }

  private func move(
    _ segment: Digest256, size: Int, marks: Marks, _ writer: ChunkWriter,
    _ packer: inout BlockPacker
  ) throws {
    let directory = try SegmentReader.directory(
      of: segment, size: size, storage: repository.storage, keys: repository.keys)
    var reader = try ChunkReader(keys: repository.keys)
    try directory.forEachBlock(of: segment) { location, held in
      let kept = Set(
        held.filter { marks.isMarked($0.id, in: segment, blockOffset: location.blockOffset) })
      guard !kept.isEmpty else { return }
      let sealed = try SegmentReader.sealedBlock(at: location, storage: repository.storage)
      // Opened and compared even where it moves as it is: neither damage nor a false claim must
      // get a new, valid name.
      let raw = try reader.open(sealed, at: location, keys: repository.keys)
      try reader.verify(raw, holds: held, type: directory.type) { kept.contains($0) }
      if held.allSatisfy({ kept.contains($0) }) {
        try writer.write(
          SealedBlock(
            bytes: sealed.bytes, header: location.header, number: location.number,
            rawLength: UInt32(truncatingIfNeeded: location.rawLength), chunks: held))
      } else {
        try writer.write(
          partOf: raw.bytes, holding: held, keeping: kept, type: directory.type,
          compression: Compression(.zstd(level: 3), isAutomatic: true), packer: &packer)
      }
    }
  }
}

extension Repository {
  /// Counts what `compact` would free if nothing else were at work, and changes nothing.
  ///
  /// - Parameter threshold: As for `compact`.
  /// - Returns: How much could go.
  /// - Throws: As `compact`.
  public func compactEstimate(threshold: Double = 0.1) throws -> CompactionReport {
    try Compaction.estimate(self, threshold: threshold)
  }

  /// Frees the space of chunks that no archive refers to.
  ///
  /// - Parameters:
  ///   - threshold: Segments are rewritten if at least this share of them is unreferenced.
  ///   - meter: Shows how far it is.
  /// - Returns: What was freed, and what has to wait.
  /// - Throws: `RepositoryError.unsafeToDelete` if something cannot be read that may hold
  ///   references.
  public func compact(
    threshold: Double = 0.1, meter: Meter = Meter()
  ) throws -> CompactionReport {
    try Compaction.run(self, threshold: threshold, meter: meter)
  }
}
