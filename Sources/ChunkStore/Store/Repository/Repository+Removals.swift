import ObjectStorage
public import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

/// The records under `removed/` by their names: a record never changes, and is read once.
///
/// Safe to use from any thread.
final class RemovalRecords: Sendable {
  private let records = Mutex<[Digest256: [Digest256]]>([:])

  subscript(_ name: Digest256) -> [Digest256]? {
    get { records.withLock { $0[name] } }
    set { records.withLock { $0[name] = newValue } }
  }
}

extension Repository {
  /// The archives that an owner has recorded as removed, whether they are there or not.
  ///
  /// - Parameter problem: Hears of records that cannot be read: those record nothing.
  /// - Returns: Their ids.
  /// - Throws: Errors of the storage.
  func removedArchives(
    problem: (ObjectName, any Error) -> Void = { _, _ in }
  ) throws -> Set<Digest256> {
    var removed: Set<Digest256> = []
    let objects = try storage.list(.removal)
    var upcoming = UpcomingReads(.removal, objects, in: storage)
    for (position, object) in objects.enumerated() {
      upcoming.reach(position)
      if let known = removalRecords[object.id] {
        removed.formUnion(known)
        continue
      }
      do {
        let archives = try removal(object.id).archives
        removalRecords[object.id] = archives
        removed.formUnion(archives)
      } catch StorageError.notFound {
        continue  // Merged with others since it was listed.
      } catch let error where Corruption.isOfOnePlace(error) {
        problem(.object(.removal, object.id), error)
      }
    }
    return removed
  }

  private func removal(_ id: Digest256) throws -> Removal {
    let name = ObjectName.object(.removal, id)
    return try Corruption.locate(name) {
      var reader = try body(name, .removal)
      return try Removal(decoding: &reader, authority: authority)
    }
  }

  /// Archives that an owner has removed, and that are there again: a copy that was made before has
  /// been put in the place of the repository, or onto it.
  ///
  /// They do not count as archives; the next compaction removes them.
  ///
  /// - Parameter problem: Told of records of removals that cannot be read.
  /// - Returns: Their ids.
  /// - Throws: Errors of the storage.
  public func returnedArchives(
    problem: (Corruption) -> Void = { _ in }
  ) throws -> [Digest256] {
    let listed = try storage.list(.archive).map(\.id)
    let removed = try removedArchives { problem(Corruption(object: $0, cause: $1)) }
    return listed.filter { removed.contains($0) }.sorted()
  }

  /// Deletes archives that are recorded as removed, with their names.
  func removeReturnedArchives() throws {
    let removed = try removedArchives()
    guard !removed.isEmpty else { return }
    // Or a power cut could bring the archive back without the record, or take it without one.
    try storage.settle([.removal])
    for object in try storage.list(.archive) where removed.contains(object.id) {
      try storage.delete(.object(.archive, object.id))
    }
    for (target, entry) in try labels(.archiveName, problem: { _, _ in })
    where removed.contains(target) {
      try storage.delete(.object(.label, entry.id))
    }
  }

  /// Puts small records of removals together, when there are many: everybody reads all of them.
  func mergeRemovals() throws {
    let objects = try storage.list(.removal)
    guard objects.count > Removal.mostRecords else { return }
    var sources: [Digest256] = []
    var archives: Set<Digest256> = []
    func flush() throws {
      guard sources.count > 1 else { return }
      let removal = Removal(archives: archives.sorted(), time: machine.now())
      try publish(try removal.signed(by: keys.authority), as: .removal, in: .removal)
      for source in sources { try storage.delete(.object(.removal, source)) }
      (sources, archives) = ([], [])
    }
    for object in objects {
      let recorded: [Digest256]
      do {
        recorded = try removal(object.id).archives
      } catch let error where Corruption.isOfOnePlace(error) {
        continue  // It stays; `check` tells of it.
      }
      guard recorded.count < Removal.most / 2 else { continue }
      if archives.count + recorded.count > Removal.most { try flush() }
      sources.append(object.id)
      archives.formUnion(recorded)
    }
    try flush()
  }

  /// Which of these archives are neither in the repository nor recorded as removed by an owner.
  ///
  /// - Parameters:
  ///   - known: Ids of archives that have been in the repository, as hexadecimal digits.
  ///   - problem: Told of records of removals that cannot be read.
  /// - Returns: Those of them that were taken away, or that a storage withholds.
  /// - Throws: Errors of the storage.
  public func vanished(
    _ known: some Sequence<String>, problem: (Corruption) -> Void = { _ in }
  ) throws -> Set<String> {
    try absent(known, problem: problem).vanished
  }

  /// Archives that have been in the repository, and are not there.
  public struct AbsentArchives: Sendable {
    /// Those that were taken away, or that a storage withholds.
    public var vanished: Set<String> = []
    /// Those that an owner has removed.
    public var removed: Set<String> = []

    /// All are there.
    public init() {}
  }

  /// The fate of these archives, where they are not in the repository.
  ///
  /// One that was brought back from another copy of the repository, by `ArchiveCopier`, is there.
  ///
  /// - Parameters:
  ///   - known: Ids of archives that have been in the repository, as hexadecimal digits.
  ///   - problem: Told of records of removals that cannot be read.
  /// - Returns: Those that are not there.
  /// - Throws: Errors of the storage.
  public func absent(
    _ known: some Sequence<String>, problem: (Corruption) -> Void = { _ in }
  ) throws -> AbsentArchives {
    var absent = AbsentArchives()
    // In this order: a removal is recorded before the archive goes.
    let missing = Set(known).subtracting(try storage.list(.archive).map(\.id.hex))
    guard !missing.isEmpty else { return absent }
    let removed = try removedArchives { problem(Corruption(object: $0, cause: $1)) }
    absent.removed = missing.intersection(removed.map(\.hex))
    absent.vanished = missing.subtracting(absent.removed)
    guard !absent.vanished.isEmpty else { return absent }
    for archive in try archives(problem: { _, _ in }) {
      guard let origin = archive.manifest.origin, origin.repository == id else { continue }
      absent.vanished.remove(origin.archive.hex)
    }
    return absent
  }
}
