import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreFormat

extension Compaction {
  /// Removes doomed segments that nobody can refer to any more.
  mutating func removeDoomedSegments() throws {
    (report.waitingSegments, report.waitsFor) = (0, [])
    var unreadable: [String] = []
    let found = try repository.doomed {
      unreadable.append(Corruption(object: $0, cause: $1).description)
    }
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

    // Operations that are not waited for began after the doom, and have seen it; whatever archives
    // there are now are all that can refer to these segments.
    let rescued = try rescueWhatIsNeeded(of: Set(ready.flatMap(\.segments)))
    if repository.config.grace > 0 {
      if rescued.hasCopied {
        // Those copies are young: the time begins anew for what they were copied from.
        try doomAgain(ready)
        return
      }
      if try isTooYoung(ready.map(\.id)) { return }
    }
    // Nothing that was decided by may be different after a power cut: archives that are gone, or
    // recorded as removed, stay so, and the other places of a chunk stay.
    try repository.storage.settle([.removal, .archive, .segment, .index])
    let sizes = Dictionary(
      try repository.storage.list(.segment).map { ($0.id, $0.size) }
    ) { first, _ in first }
    meter.begin(
      .removingSegments, total: ready.reduce(0) { $0 + UInt64($1.segments.count) })
    for doomed in ready {
      for segment in doomed.segments {
        defer { meter.advance() }
        guard let size = sizes[segment], !rescued.kept.contains(segment) else { continue }
        try repository.storage.delete(.object(.segment, segment))
        report.removedSegments += 1
        report.removedBytes += size
      }
      // One that stays is looked at again by the next compaction.
      if rescued.kept.isDisjoint(with: doomed.segments) { try remove(doomed) }
    }
    report.keptSegments = rescued.kept.count
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
    // A record that is larger than readers accept would be none.
    guard leases.count <= Doom.mostLeases else {
      throw RepositoryError.unsafeToDelete([
        "locks/: \(leases.count) operations seem to run, and at most \(Doom.mostLeases) can be "
          + "waited for. `archivist break-lock` ends those that are gone"
      ])
    }
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
        running[id] = "\(name.path) (\(Corruption.text(of: error)))"
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

  /// By the storage's dates alone: its present is the youngest of those among the leases, of which
  /// one is our own.
  private func isTooYoung(_ doomed: [Digest256]) throws -> Bool {
    let dates = Dictionary(
      try repository.storage.list(.doomed).map { ($0.id, $0.date) }
    ) { first, _ in first }
    let limit = try repository.leases { _, _ in }.present
      .earlier(bySeconds: Int64(clamping: repository.config.grace))
    return doomed.contains { id in dates[id].map { $0 > limit } ?? true }
  }
}
