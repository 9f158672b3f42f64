import Crypto

extension Compaction {
  /// Removes doomed segments that nobody can refer to any more.
  mutating func removeDoomedSegments() throws {
    (report.waitingSegments, report.waitsFor) = (0, [])
    var unreadable: [String] = []
    let found = try repository.doomed { unreadable.append("\($0.path): \($1)") }
    guard unreadable.isEmpty else { throw RepositoryError.unsafeToDelete(unreadable) }
    // Several compactions may have recorded the same at the same time.
    let records = Dictionary(
      grouping: found.compactMap { id, doom in
        doom.about.map { (about: $0, id: id, leases: doom.leases) }
      }, by: \.about)

    var recorded: [(doomed: Doomed, leases: [Digest256])] = []
    for (id, doom) in found where doom.about == nil {
      if let known = records[id], let first = known.first {
        recorded.append((Doomed(id, known.map(\.id), doom.segments), first.leases))
      } else {
        let record = try recordLeases(about: id)
        recorded.append((Doomed(id, [record.id], doom.segments), record.leases))
      }
    }
    let running = try running(Set(recorded.flatMap(\.leases)))
    var ready: [Doomed] = []
    for (doomed, leases) in recorded {
      let alive = leases.compactMap { running[$0] }
      if alive.isEmpty {
        ready.append(doomed)
      } else {
        report.waitingSegments += doomed.segments.count
        report.waitsFor += alive
      }
    }
    // Records whose doomed object is gone are left over from a crash.
    let known = Set(found.map(\.id))
    for (id, doom) in found {
      guard let about = doom.about, !known.contains(about) else { continue }
      try repository.storage.delete(.object(.doomed, id))
    }
    guard !ready.isEmpty else { return }

    // Whoever is not waited for began after the doom, and has seen it; whatever archives there
    // are now are all that can refer to these segments.
    let hasRescued = try rescueWhatIsNeeded(of: Set(ready.flatMap(\.segments)))
    if repository.config.grace > 0 {
      if hasRescued {
        // Those copies are young: the time begins anew for what they were copied from.
        try doomAgain(ready)
        return
      }
      if try isTooYoung(ready.map(\.id)) { return }
    }
    // Nothing that was decided by may be different after a power cut: archives that are gone stay
    // gone, and the other places of a chunk stay.
    try repository.storage.settle([.archive, .segment, .index])
    let sizes = Dictionary(
      try repository.storage.list(.segment).map { ($0.id, $0.size) }
    ) { first, _ in first }
    meter.begin(
      .removingSegments, total: ready.reduce(0) { $0 + UInt64($1.segments.count) })
    for doomed in ready {
      for segment in doomed.segments {
        defer { meter.advance() }
        guard let size = sizes[segment] else { continue }
        try repository.storage.delete(.object(.segment, segment))
        report.removedSegments += 1
        report.removedBytes += size
      }
      try remove(doomed)
    }
  }

  /// A doomed object, and those that say who has to end before its segments may go.
  private struct Doomed {
    let id: Digest256
    let records: [Digest256]
    let segments: [Digest256]

    init(_ id: Digest256, _ records: [Digest256], _ segments: [Digest256]) {
      self.id = id
      self.records = records
      self.segments = segments
    }
  }

  /// The records first: without them, the doomed object would only be waited for once more.
  private func remove(_ doomed: Doomed) throws(StorageError) {
    for record in doomed.records { try repository.storage.delete(.object(.doomed, record)) }
    try repository.storage.delete(.object(.doomed, doomed.id))
  }

  /// Replaces doomed objects by new ones.
  private func doomAgain(_ all: [Doomed]) throws {
    for doomed in all {
      try repository.publish(Doom(segments: doomed.segments).encoded(), as: .doomed, in: .doomed)
      try remove(doomed)
    }
  }

  /// Records which operations run now, after the doom was published.
  private func recordLeases(about id: Digest256) throws -> (id: Digest256, leases: [Digest256]) {
    let leases = try repository.storage.list(.lease).map(\.id).filter { $0 != lease.name }
    let record = try repository.publish(
      Doom(about: id, waitsFor: leases).encoded(), as: .doomed, in: .doomed)
    return (record, leases)
  }

  /// Those of the leases whose owners still run, with what they do; the others are ended.
  ///
  /// To be asked when all records are made: a lease that has ended by then is waited for by nobody.
  private func running(_ waited: Set<Digest256>) throws -> [Digest256: String] {
    guard !waited.isEmpty else { return [:] }
    var running: [Digest256: String] = [:]
    let leases = try repository.leases { name, error in
      // One that cannot be read is taken as alive.
      if case .object(_, let id) = name, waited.contains(id) {
        running[id] = "\(name.path) (\(error))"
      }
    }
    for entry in leases.ordered where waited.contains(entry.id) {
      if leases.isAbandoned(entry, seenFrom: repository.machine) {
        try repository.end(entry)
      } else {
        running[entry.id] = entry.lease.description
      }
    }
    return running
  }

  /// The referenced chunks of doomed segments that are nowhere else, with what they are part of.
  ///
  /// By the segments' own directories: an index object may say that a chunk is somewhere else as
  /// well, and may have been forged by a client that is allowed to add things. What it says is
  /// believed when the chunk was read there.
  private func chunksOnlyIn(
    _ doomed: Set<Digest256>, _ marks: Marks
  ) throws -> [ChunkID: ObjectType] {
    var needed: [ChunkID: ObjectType] = [:]
    var elsewhere: Set<ChunkID> = []
    var reader = try ChunkReader(keys: repository.keys)
    for object in try repository.storage.list(.segment) where doomed.contains(object.id) {
      if marks.quarantined.contains(object.id) { continue }
      let directory: SegmentDirectory
      do {
        directory = try Corruption.locate(.object(.segment, object.id)) {
          try SegmentReader.directory(
            of: object.id, size: object.size, storage: repository.storage, keys: repository.keys)
        }
      } catch StorageError.notFound {
        // Another compaction has removed it, and has seen to it that nothing was lost.
        continue
      }
      for chunk in directory.chunks where !elsewhere.contains(chunk.id) {
        if marks.toRescue.contains(chunk.id) {
          needed[chunk.id] = directory.type
        } else if let place = marks.place(of: chunk.id) {
          var isThere = written.contains(place.segment)
          if !isThere {
            isThere = try reader.isReadable(
              chunk.id, at: place, type: directory.type, repository: repository)
          }
          if isThere { elsewhere.insert(chunk.id) } else { needed[chunk.id] = directory.type }
        }
      }
    }
    return needed
  }

  /// Copies out of doomed segments what archives need that are there now.
  ///
  /// - Returns: Whether there was anything.
  private mutating func rescueWhatIsNeeded(of segments: Set<Digest256>) throws -> Bool {
    var looks = 1
    while true {
      let marker = try mark()
      let needed = try chunksOnlyIn(segments, marker.marks)
      do {
        try rescue(needed)
        return !needed.isEmpty
      } catch RepositoryError.missingChunk where looks < Self.mostLooks {
        // The archive that needed it may have been deleted since we looked, and another compaction
        // may have freed it. A new look tells; then only what is needed still is missed.
        looks += 1
      }
    }
  }

  /// Others would have to be that much faster than we are each time.
  private static let mostLooks = 4

  /// Copies chunks out of doomed segments that archives refer to.
  private mutating func rescue(_ chunks: [ChunkID: ObjectType]) throws {
    guard !chunks.isEmpty else { return }
    let group = ThreadGroup()
    let writer = ChunkWriter(repository, group: group)
    do {
      var packer = try BlockPacker()
      var reader = try ChunkReader(keys: repository.keys)
      for (id, type) in chunks.sorted(by: { $0.key < $1.key }) {
        let bytes = try reader.read(
          id, namespace: type == .treeSegment ? .tree : .content, repository: repository)
        try writer.write(
          bytes,
          chunks: [ChunkReference(id: id, length: UInt32(truncatingIfNeeded: bytes.count))],
          type: type, compression: Compression(.zstd(level: 3), isAutomatic: true),
          packer: &packer)
      }
      writer.close()
    } catch {
      group.fail(error)
    }
    try group.join()
    report.movedBytes += Int(clamping: writer.statistics.storedSize)
    written.formUnion(writer.published)
  }

  private func isTooYoung(_ doomed: [Digest256]) throws -> Bool {
    let limit = repository.machine.now()
      .earlier(bySeconds: Int64(clamping: repository.config.grace))
    let dates = Dictionary(
      try repository.storage.list(.doomed).map { ($0.id, $0.date) }
    ) { first, _ in first }
    return doomed.contains { (dates[$0] ?? repository.machine.now()) > limit }
  }
}
