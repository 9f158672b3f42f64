import ObjectStorage
import StoreCrypto
import StoreFormat

extension Compaction {
  /// More index objects than this are put together.
  private static let indexLimit = 64

  /// Drops what the index says of segments that are gone, and puts small index objects together.
  func mergeIndex() throws {
    let storage = repository.storage
    // In this order: a segment is published before its index object, so one that is named here
    // and not listed afterwards is gone for good.
    let names = try storage.list(.index).sorted { ($0.date, $0.id) < ($1.date, $1.id) }.map(\.id)
    let present = Dictionary(
      try storage.list(.segment).map { ($0.id, $0.size) }
    ) { first, _ in first }
    var unindexed = present
    var unreadable: [String] = []
    var merged = IndexBatch()
    var sources: [Digest256] = []
    func publish() throws {
      if !merged.entries.isEmpty {
        try repository.settleAdopted()
        let name = try repository.publish(
          IndexObject(entries: merged.entries).encoded(), as: .index, in: .index)
        // Equal facts give another object, for its salt is new; but never delete what we put.
        sources.removeAll { $0 == name }
      }
      for source in sources { try storage.delete(.object(.index, source)) }
      (merged, sources) = (IndexBatch(), [])
    }
    for name in names {
      let entries: [IndexEntry]
      do {
        entries = try repository.indexEntries(name)
      } catch StorageError.notFound {
        continue  // Another compaction has merged it.
      } catch let error as Corruption {
        // Until now its facts were known from the cache.
        unreadable.append(text(error.object, error))
        continue
      }
      for entry in entries { unindexed[entry.segment] = nil }
      let living = entries.filter { present[$0.segment] != nil }
      let size = living.reduce(0) { $0 + $1.directory.chunks.count }
      guard
        living.isEmpty || living.count < entries.count
          || (names.count > Self.indexLimit && size < IndexObject.chunkTarget)
      else { continue }
      // One that cannot be put together with others stays as it is.
      guard living.allSatisfy({ IndexBatch.canHold($0) }) else { continue }
      for entry in living {
        // A part of an index object may be put before the rest: only then may it go.
        if !merged.hasRoom(for: entry) { try publish() }
        merged.add(entry)
      }
      sources.append(name)
      if merged.chunks >= IndexObject.chunkTarget { try publish() }
    }
    // Segments that a writer left without an index object, unless it is still at work: everybody
    // would have to read their directories each time. What cannot be read is for `check` to tell.
    if others.isEmpty, unreadableLeases.isEmpty {
      for entry in try repository.adopt(unindexed, problem: { _, _ in }) {
        guard IndexBatch.canHold(entry) else { continue }
        if !merged.hasRoom(for: entry) { try publish() }
        merged.add(entry)
        if merged.chunks >= IndexObject.chunkTarget { try publish() }
      }
    }
    try publish()
    guard unreadable.isEmpty else { throw RepositoryError.unsafeToDelete(unreadable) }
  }

  /// Removes the records of damaged segments that are gone.
  func removeQuarantines() throws {
    let quarantines = try repository.quarantines { _, _ in }
    guard !quarantines.isEmpty else { return }
    let present = Set(try repository.storage.list(.segment).map(\.id))
    for (id, quarantine) in quarantines where present.isDisjoint(with: quarantine.segments) {
      try repository.storage.delete(.object(.quarantine, id))
    }
  }
}
