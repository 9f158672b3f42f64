public import LinuxSystem
import ObjectStorage
public import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

extension Repository {
  /// An obstacle to a full view of the repository.
  struct Problem: Sendable {
    let object: ObjectName
    let error: any Error
  }

  /// Reads the index anew: doomed objects first, then segments, then index objects.
  ///
  /// That order is what makes it safe to deduplicate against what is found: a segment that is
  /// doomed after our look at the doomed objects waits for our lease.
  ///
  /// - Parameters:
  ///   - isVerified: Whether every byte of what is cached has to be looked at: for whoever deletes
  ///     anything, and for whoever says what is damaged.
  ///   - knowsSizes: Whether all segments are asked for their sizes at once: for whoever judges all
  ///     of them, and has to hear of an error.
  /// - Returns: Objects that could not be read. Whoever deletes anything has to stop at one.
  /// - Throws: What keeps the repository from being listed.
  @discardableResult
  func refresh(isVerified: Bool = false, knowsSizes: Bool = false) throws -> [Problem] {
    try viewing.withLock { _ in
      try look(isVerified: isVerified, knowsSizes: knowsSizes || isVerified)
    }
  }

  private func look(isVerified: Bool, knowsSizes: Bool) throws -> [Problem] {
    var problems: [Problem] = []
    let version = index.version
    let doomed = try self.doomed { problems.append(Problem(object: $0, error: $1)) }
    // Otherwise whoever relies on a segment asks for its size.
    let segments =
      knowsSizes
      ? try storage.list(.segment).map { ($0.id, .some($0.size)) } : try storage.names(.segment)
    let present = Dictionary(segments) { first, _ in first }
    let indexes = try storage.list(.index).sorted { ($0.date, $0.id) < ($1.date, $1.id) }
    let view = ChunkIndex.View(
      version: version, present: present,
      doomed: Set(doomed.flatMap { $0.doom.segments }),
      quarantined: Set(
        try quarantines { problems.append(Problem(object: $0, error: $1)) }
          .flatMap { $0.quarantine.segments }),
      indexes: indexes.map(\.id)
    ) { [storage] segment throws(StorageError) in
      try storage.size(.object(.segment, segment))
    }
    var upcoming = UpcomingReads(.index, indexes, in: storage)
    let positions = Dictionary(
      indexes.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    let unindexed = try index.update(to: view, isVerified: isVerified) { name in
      if let position = positions[name] { upcoming.reach(position) }
      do {
        return try self.indexEntries(name)
      } catch StorageError.notFound {
        return nil  // Merged since it was listed; its facts are in another one.
      }
    } problem: { name, error in
      problems.append(Problem(object: .object(.index, name), error: error))
    }
    let adopted = try adopt(unindexed) { problems.append(Problem(object: $0, error: $1)) }
    try index.add(adopted, sources: [], view: view)
    return problems
  }

  /// Reads the index anew in order to refer to what is there.
  ///
  /// A doomed object that is damaged dooms nothing: nobody can read it, and whoever deletes stops
  /// at it.
  ///
  /// - Parameter problem: Told of objects that cannot be had, and are made do without.
  /// - Throws: `Corruption` for a doomed object that others may be able to read: they may free what
  ///   it names at any time.
  func refreshForWriting(problem: (Corruption) -> Void = { _ in }) throws {
    for found in try refresh() {
      let corruption = Corruption(object: found.object, cause: found.error)
      if case .object(.doomed, _) = found.object, corruption.mayBeReadByOthers {
        throw corruption
      }
      problem(corruption)
    }
  }

  /// The doomed objects, and the records of what they wait for.
  func doomed(
    problem: (ObjectName, any Error) -> Void
  ) throws -> [(id: Digest256, doom: Doom)] {
    try smallObjects(.doomed, .doomed, problem: problem) { try Doom(decoding: $0) }
      .map { ($0.object.id, $0.value) }
  }

  /// The records of what is damaged.
  func quarantines(
    problem: (ObjectName, any Error) -> Void
  ) throws -> [(id: Digest256, quarantine: Quarantine)] {
    try smallObjects(.quarantine, .removal, problem: problem) { reader in
      var reader = reader
      return try Quarantine(decoding: &reader, authority: authority)
    }.map { ($0.object.id, $0.value) }
  }

  /// The leases that are there.
  func leases(problem: (ObjectName, any Error) -> Void) throws -> Leases {
    let own = ownLeases.withLock { $0 }
    var unreadable: [StoredObject] = []
    let found = try smallObjects(
      .lease, .lease, problem: problem, unreadable: { unreadable.append($0) }
    ) { try LeaseObject(decoding: $0) }
    return Leases(found, own: own, unreadable: unreadable)
  }

  /// The labels for one purpose: the newest one for each target.
  func labels(
    _ purpose: Label.Purpose, problem: (ObjectName, any Error) -> Void
  ) throws -> [Digest256: (id: Digest256, label: Label)] {
    var newest: [Digest256: (id: Digest256, label: Label)] = [:]
    for (object, label) in try smallObjects(
      .label, .label, problem: problem, decode: { try Label(decoding: $0) })
    where label.purpose == purpose {
      let id = object.id
      if let known = newest[label.target],
        (known.label.time, known.id) > (label.time, id)
      {
        continue
      }
      newest[label.target] = (id, label)
    }
    return newest
  }

  /// All objects of one kind that are small and whole.
  private func smallObjects<Value>(
    _ kind: ObjectName.Kind, _ type: ObjectType,
    problem: (ObjectName, any Error) -> Void,
    unreadable: (StoredObject) -> Void = { _ in }, decode: (ByteReader) throws -> Value
  ) throws -> [(object: StoredObject, value: Value)] {
    var found: [(object: StoredObject, value: Value)] = []
    let objects = try storage.list(kind)
    var upcoming = UpcomingReads(kind, objects, in: storage)
    for (position, object) in objects.enumerated() {
      upcoming.reach(position)
      let name = ObjectName.object(kind, object.id)
      do {
        let value = try Corruption.locate(name) { try decode(try body(name, type)) }
        found.append((object, value))
      } catch StorageError.notFound {
        continue  // Deleted since it was listed.
      } catch let error as Corruption {
        unreadable(object)
        problem(name, error.cause)
      }
    }
    return found
  }

  func indexEntries(_ name: Digest256) throws -> [IndexEntry] {
    try Corruption.locate(.object(.index, name)) {
      var reader = try body(.object(.index, name), .index)
      return try IndexObject(decoding: &reader).entries
    }
  }

  /// Reads the directories of segments that are in no index object: uploaded, and never published.
  ///
  /// They may not be durable yet: whoever publishes what relies on them calls `settleAdopted` first.
  func adopt(
    _ segments: [Digest256: Int], problem: (ObjectName, any Error) -> Void
  ) throws -> [IndexEntry] {
    var entries: [IndexEntry] = []
    for (segment, size) in segments {
      do {
        let directory = try Corruption.locate(.object(.segment, segment)) {
          try SegmentReader.directory(of: segment, size: size, storage: storage, keys: keys)
        }
        entries.append(
          IndexEntry(segment: segment, size: UInt64(size), directory: directory))
      } catch StorageError.notFound {
        continue
      } catch let error as Corruption {
        problem(error.object, error.cause)
      }
    }
    if !entries.isEmpty { hasAdopted.store(true, ordering: .relaxed) }
    return entries
  }

  /// Calls `body` with what stands in a segment, by its own account; for a damaged one whose
  /// directory cannot be read, with every account that the index has of it.
  ///
  /// Not at all for a segment that is gone, or of which nothing is known.
  func forEachDirectory(
    of segment: StoredObject, isDamaged: Bool, _ body: (SegmentDirectory) throws -> Void
  ) throws {
    let own: SegmentDirectory
    do {
      own = try Corruption.locate(.object(.segment, segment.id)) {
        try SegmentReader.directory(
          of: segment.id, size: segment.size, storage: storage, keys: keys)
      }
    } catch StorageError.notFound {
      return
    } catch let error where isDamaged && Corruption.isOfOnePlace(error) {
      return try forEachAccount(of: segment.id, body)
    }
    try body(own)
  }

  /// Calls `body` with each different directory that index objects have of a segment.
  private func forEachAccount(
    of segment: Digest256, _ body: (SegmentDirectory) throws -> Void
  ) throws {
    var seen: Set<Digest256> = []
    for object in try storage.list(.index) {
      let entries: [IndexEntry]
      do {
        entries = try indexEntries(object.id)
      } catch let error where Corruption.isOfOnePlace(error) {
        continue  // Gone, or said elsewhere to be damaged.
      }
      for entry in entries where entry.segment == segment {
        var writer = ByteWriter()
        entry.directory.encode(to: &writer)
        guard seen.insert(try SHA256.digest(of: writer.bytes.span)).inserted else { continue }
        try body(entry.directory)
      }
    }
  }

  // MARK: Archives

  /// All archives, checkpoints among them, in the order of their start.
  ///
  /// For whoever decides by it what to remove: nothing is left out, and no name is a guess.
  ///
  /// - Throws: `RepositoryError.unsafeToDelete` if an archive, or the name of one, cannot be read.
  public func archives() throws -> [Archive] {
    var unreadable: [Corruption] = []
    let all = try archives { unreadable.append(Corruption(object: $0, cause: $1)) }
    guard unreadable.isEmpty else {
      throw RepositoryError.unsafeToDelete(unreadable.map(\.description))
    }
    return all
  }

  /// All archives that can be read, checkpoints among them, in the order of their start.
  ///
  /// Those that an owner has removed, and that are back, are none: see `returnedArchives`.
  ///
  /// - Parameter problem: Hears of those that cannot, and of names that cannot: such an archive
  ///   comes with the name it was made with.
  /// - Returns: The archives.
  /// - Throws: What `problem` throws, or what keeps the repository from being listed.
  public func archives(problem: (ObjectName, any Error) throws -> Void) throws -> [Archive] {
    var unreadable: [(ObjectName, any Error)] = []
    let names = try labels(.archiveName) { unreadable.append(($0, $1)) }
    for (name, error) in unreadable { try problem(name, error) }
    var archives: [Archive] = []
    var objects = try storage.list(.archive)
    // In this order: a removal is recorded before the archive goes.
    let removed = objects.isEmpty ? [] : try removedArchives()
    objects.removeAll { removed.contains($0.id) }
    var upcoming = UpcomingReads(.archive, objects, in: storage)
    for (position, object) in objects.enumerated() {
      upcoming.reach(position)
      do {
        let manifest = try manifest(object.id)
        archives.append(
          Archive(
            id: object.id, name: names[object.id]?.label.text ?? manifest.name,
            manifest: manifest))
      } catch StorageError.notFound {
        continue
      } catch let error as Corruption {
        try problem(error.object, error.cause)
      }
    }
    return archives.sorted { ($0.start, $0.id) < ($1.start, $1.id) }
  }

  /// When the storage got each archive, by its own clock.
  public func archiveDates() throws(StorageError) -> [Digest256: Timestamp] {
    let objects = try storage.list(.archive)
    return Dictionary(objects.map { ($0.id, $0.date) }) { first, _ in first }
  }

  /// Removes an archive that cannot be read any more, after recording that.
  ///
  /// - Throws: `RepositoryError.archiveMissing` if there is no archive of this id that is damaged.
  public func giveUp(_ id: Digest256) throws {
    try demand(.delete)
    do {
      _ = try manifest(id)
      throw RepositoryError.archiveMissing("id:\(id.hex) that is damaged")
    } catch is Corruption {
      let removal = Removal(archives: [id], time: machine.now())
      try publish(try removal.signed(by: keys.authority), as: .removal, in: .removal)
      try storage.delete(.object(.archive, id))
    }
  }

  /// Removes checkpoints that a later archive has made useless.
  ///
  /// Without a record, since nobody misses them.
  public func removeCheckpoints(_ checkpoints: [Archive]) throws(StorageError) {
    for archive in checkpoints where archive.manifest.kind == .checkpoint {
      try storage.deleteIfPermitted(.object(.archive, archive.id))
    }
  }

  private func manifest(_ id: Digest256) throws -> ArchiveManifest {
    let name = ObjectName.object(.archive, id)
    return try Corruption.locate(name) {
      try ArchiveManifest(decoding: try body(name, .archive))
    }
  }

  /// The finished archive that `name` stands for: a name, or `id:` and the beginning of an id.
  ///
  /// Others that cannot be read do not matter, as long as this one is found.
  ///
  /// - Parameters:
  ///   - name: The name, or `id:` and the beginning of the id.
  ///   - problem: Told of archives, and of names of archives, that cannot be read.
  /// - Returns: The archive.
  /// - Throws: `RepositoryError.archiveMissing`, `RepositoryError.archiveAmbiguous`,
  ///   `RepositoryError.archiveUnreadable` if it may be one that cannot be read; what `problem`
  ///   throws.
  public func archive(
    named name: String, problem: (Corruption) throws -> Void = { _ in }
  ) throws -> Archive {
    var unreadable: [Corruption] = []
    let readable = try archives { unreadable.append(Corruption(object: $0, cause: $1)) }
    let finished = readable.filter { $0.manifest.kind == .archive }
    let found =
      name.hasPrefix("id:")
      ? finished.filter { $0.id.hex.hasPrefix(name.dropFirst(3)) && name.utf8.count > 3 }
      : finished.filter { Array($0.name.utf8) == Array(name.utf8) }
    guard let archive = found.first else {
      if name.hasPrefix("id:") {
        // A label is no part of what is asked for.
        unreadable = unreadable.filter {
          guard case .object(.archive, let id) = $0.object else { return false }
          return id.hex.hasPrefix(name.dropFirst(3))
        }
      }
      throw unreadable.isEmpty
        ? RepositoryError.archiveMissing(name) : .archiveUnreadable(name, unreadable)
    }
    guard found.count == 1 else {
      throw RepositoryError.archiveAmbiguous(name, found.map(\.id))
    }
    for other in unreadable { try problem(other) }
    return archive
  }

  /// The items of an archive, in path order.
  public func items(of archive: Archive) throws -> ItemCursor {
    ItemCursor(archive.manifest.tree, source: try TreeReader(self))
  }

  /// The chunks of a content, in order.
  public func chunks(of content: Item.Content) throws -> ChunkCursor {
    try ChunkCursor(content.chunks, source: try TreeReader(self))
  }

  /// Gives an archive another name.
  ///
  /// - Parameters:
  ///   - archive: The archive.
  ///   - name: Its new name.
  ///   - problem: Told of archives that cannot be read: one of them may have that name.
  /// - Throws: `RepositoryError.archiveExists`, `RepositoryError.invalidArchiveName`.
  public func rename(
    _ archive: Archive, to name: String, problem: (Corruption) throws -> Void = { _ in }
  ) throws {
    try demand(.write)
    try Self.checkArchiveName(name)
    let others = try archives { try problem(Corruption(object: $0, cause: $1)) }
    if others.contains(where: { Array($0.name.utf8) == Array(name.utf8) }) {
      throw RepositoryError.archiveExists(name)
    }
    try setLabel(.archiveName, of: archive.id, to: name)
  }

  /// Publishes a label, and removes those that it makes obsolete.
  func setLabel(_ purpose: Label.Purpose, of target: Digest256, to text: String) throws {
    let older = try labels(purpose) { _, _ in }[target]
    var now = machine.now()
    // A clock that was set back must not make the new label the older one.
    if let last = older?.label.time, now <= last { now = last.earlier(bySeconds: -1) }
    try publish(
      Label(purpose: purpose, target: target, text: text, time: now).encoded(), as: .label,
      in: .label)
    if let older { try storage.delete(.object(.label, older.id)) }
  }

  /// Whether a text can be the name of an archive.
  ///
  /// - Throws: `RepositoryError.invalidArchiveName`.
  public static func checkArchiveName(_ name: String) throws(RepositoryError) {
    let forbidden = name.unicodeScalars.contains {
      $0.value < 0x20 || $0 == "/" || $0.value == 0x7f
    }
    guard !name.isEmpty, name.utf8.count <= 1024, !forbidden, !name.hasPrefix("@"),
      !name.hasPrefix("id:"), name.first != " ", name.last != " "
    else { throw .invalidArchiveName(name) }
  }

  /// Removes archives; the space they took is freed by `compact`.
  ///
  /// A signed record of the removal comes first, so that an archive that is merely gone is noticed.
  ///
  /// - Parameters:
  ///   - archives: Which ones.
  ///   - meter: Shows how far it is.
  /// - Throws: Errors of the storage.
  public func delete(_ archives: [Archive], meter: Meter = Meter()) throws {
    try demand(.delete)
    guard !archives.isEmpty else { return }
    meter.begin(.deletingArchives, total: UInt64(archives.count))
    let names = try labels(.archiveName, problem: { _, _ in })
    // Each may stand for another one.
    let most = Removal.most / 2
    for start in stride(from: 0, to: archives.count, by: most) {
      let part = archives[start..<min(start + most, archives.count)]
      let recorded = try part.map(\.id) + originals(of: part)
      let removal = Removal(archives: recorded, time: machine.now())
      do {
        try publish(try removal.signed(by: keys.authority), as: .removal, in: .removal)
      } catch StorageError.noSpace {
        // The reserve is there for this.
        try storage.releaseReserve()
        try publish(try removal.signed(by: keys.authority), as: .removal, in: .removal)
      }
      // Names first: whoever is interrupted leaves none without an archive.
      let gone = Set(part.map(\.id))
      for (target, entry) in names where gone.contains(target) {
        try storage.delete(.object(.label, entry.id))
      }
      for archive in part {
        try storage.delete(.object(.archive, archive.id))
        meter.advance()
      }
    }
    // Reported as deleted, they must not come back after a power cut.
    try storage.settle([.archive])
  }

  /// The archives of this repository, in another copy of it, that some stand for here: who has made
  /// those must not miss them any more.
  private func originals(of archives: some Sequence<Archive>) throws -> [Digest256] {
    let originals = archives.compactMap(\.manifest.origin).filter { $0.repository == id }
    guard !originals.isEmpty else { return [] }
    // One that is here as well is deleted by itself, or stays.
    return Set(originals.map(\.archive)).subtracting(try storage.list(.archive).map(\.id)).sorted()
  }
}

/// Reads nodes of trees.
///
/// Confined to one thread.
final class TreeReader: NodeSource {
  private let repository: Repository
  private var reader: ChunkReader

  init(_ repository: Repository) throws {
    self.repository = repository
    reader = try ChunkReader(keys: repository.keys)
  }

  func announce(_ id: ChunkID) { repository.announce(id) }

  func node(_ id: ChunkID) throws -> TreeNode {
    let bytes = try reader.read(id, namespace: .tree, repository: repository)
    do throws(FormatError) {
      return try TreeNode(decoding: bytes)
    } catch {
      throw damage(id, error)
    }
  }

  func encoded(_ id: ChunkID) throws -> [UInt8]? {
    try reader.read(id, namespace: .tree, repository: repository)
  }

  func damage(_ id: ChunkID, _ error: FormatError) -> any Error {
    RepositoryError.damagedChunk(id, error)
  }
}
