public import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// The actions that a repair would take, or has taken.
public struct RepairReport: Sendable {
  /// The findings before anything was done.
  public var check = CheckReport()
  /// The actions in words, one sentence each.
  public var actions: [String] = []
  /// Damage that cannot be repaired, and what its owner can do.
  public var remaining: [String] = []
  /// Blocks of damaged segments that were whole, and copied.
  public var salvagedBlocks = 0
  /// Files of which something is lost, in words.
  public var lost: [String] = []
}

/// Makes a damaged repository usable again, without removing the last copy of anything.
///
/// 1. What was never an object of this repository, though its name says so, is set aside.
/// 2. Index objects that cannot be read, or that say of a segment what it does not say itself, are
///    made anew from the segments' own directories, and set aside.
/// 3. Of a damaged segment, every block that is whole is copied to a new one, unless all its chunks
///    were read elsewhere; then the segment is put in quarantine, so that nothing refers to it any
///    more: the next backup that comes across a lost chunk stores it again, and all archives that
///    miss it are whole again.
/// 4. Archives are left as they are. What is lost of them is known, and reported.
///
/// The order makes a crash between any two steps harmless.
struct Repair {
  private let repository: Repository
  private var report: RepairReport
  /// Segments and archives that nobody with the keys has made: their bytes are those that their
  /// names stand for, and make no sense.
  private var foreign: Set<ObjectName> = []
  private let lease: HeldLease

  static func run(
    _ repository: Repository, options: CheckOptions, isDryRun: Bool, meter: Meter,
    confirm: (RepairReport) throws -> Bool, progress: @escaping @Sendable (String) -> Void
  ) throws -> RepairReport {
    let missing = try repository.storage.missingDirectories()
    if !missing.isEmpty {
      var report = RepairReport()
      report.check.problems = try repository.missingDirectories().map {
        "\($0)/: the directory is missing"
      }
      report.actions = [
        "make the missing directories anew, empty: \(missing.joined(separator: ", "))"
      ]
      guard !isDryRun, try confirm(report) else { return report }
      try repository.storage.makeMissingDirectories()
    }
    try repository.demand(.write)
    try repository.demand(.delete)
    let found = try repository.check(options, meter: meter, progress: progress)
    var repair = Repair(
      repository: repository, report: RepairReport(check: found),
      lease: try HeldLease(repository, operation: "repair"))
    defer { repair.lease.release() }
    try repair.plan()
    guard !isDryRun, !repair.report.actions.isEmpty else {
      // Where nothing can be done, what was found is what is lost.
      if !isDryRun { repair.report.lost = found.problems }
      return repair.report
    }
    guard try confirm(repair.report) else { return repair.report }
    for name in repair.foreign.sorted(by: { $0.path < $1.path }) {
      try repository.storage.setAside(name)
    }
    try repair.rebuildIndex()
    try repair.salvageSegments()
    try repair.setAsideSmallObjects()
    try repair.findLost(progress)
    return repair.report
  }

  private init(repository: Repository, report: RepairReport, lease: HeldLease) {
    self.repository = repository
    self.report = report
    self.lease = lease
  }

  // MARK: What is to be done

  private var indexes: [Digest256] { damaged(.index) }
  private var segments: [Digest256] { damaged(.segment) }

  private func damaged(_ kind: ObjectName.Kind) -> [Digest256] {
    report.check.damaged.subtracting(foreign).compactMap { name in
      if case .object(kind, let id) = name { id } else { nil }
    }.sorted()
  }

  /// Finds what was put as it is: no damage, for the name is the hash of just these bytes.
  ///
  /// An upload of something else, by a client that may only add objects say. One that cannot be read
  /// now is not among them, nor is a segment that says what it holds, even if that is not true.
  private mutating func findForeign() throws {
    for name in report.check.damaged {
      guard case .object(let kind, let id) = name, kind == .segment || kind == .archive else {
        continue
      }
      do {
        var size = 0
        guard try StorageCheck.isWhole(name, repository.storage, Meter(), size: &size),
          try !makesSense(kind, id, size: size)
        else { continue }
      } catch let error as StorageError where error.isOfOneObject {
        continue
      }
      foreign.insert(name)
    }
  }

  /// Whether an object is one: a segment that says what it holds, an archive, or one of a later
  /// version of the format, sealed with the repository's keys.
  private func makesSense(_ kind: ObjectName.Kind, _ id: Digest256, size: Int) throws -> Bool {
    do {
      if kind == .segment {
        _ = try SegmentReader.directory(
          of: id, size: size, storage: repository.storage, keys: repository.keys)
        return true
      }
      return Self.isManifest(try repository.body(.object(kind, id), .archive))
    } catch let error as Corruption {
      return error.isUnread
    } catch let error where error is FormatError || error is CryptoError {
      return false
    }
  }

  private static func isManifest(_ body: ByteReader) -> Bool {
    do throws(FormatError) {
      _ = try ArchiveManifest(decoding: body)
      return true
    } catch {
      switch error {
      case .unknownCriticalField, .unknownAlgorithm: return true
      default: return false
      }
    }
  }

  private mutating func plan() throws {
    try findForeign()
    if !foreign.isEmpty {
      report.actions.append(
        "set aside what is no object of this repository (\(foreign.count)), in aside/: "
          + foreign.map(\.path).sorted().joined(separator: ", "))
    }
    if !indexes.isEmpty {
      report.actions.append(
        "make the damaged index objects (\(indexes.count)) anew from the segments' directories")
    }
    if !segments.isEmpty {
      report.actions.append(
        "copy what is whole of the damaged segments (\(segments.count)), and put those in quarantine"
      )
    }
    for id in damaged(.label) {
      report.actions.append(
        "set aside \(ObjectName.object(.label, id)): an archive goes back to the name it was made with"
      )
    }
    if !damaged(.doomed).isEmpty {
      if try isAlone() {
        report.actions.append(
          "set aside the damaged records of what is to be freed (\(damaged(.doomed).count)); `compact` "
            + "makes new ones")
      } else {
        report.remaining.append(
          "doomed/: damaged records can be set aside only while nothing else runs: try again later")
      }
    }
    for name in report.check.damaged.subtracting(foreign).sorted(by: { $0.path < $1.path }) {
      if let advice = Self.advice(name) { report.remaining.append("\(name): \(advice)") }
    }
    // It may be whole, and be read the next time, or by another user.
    for name in report.check.unread.keys.sorted(by: { $0.path < $1.path }) {
      if let found = report.check.unread[name] {
        report.remaining.append("left as it is, because it cannot be read: \(found)")
      }
    }
  }

  /// The action that an owner can take for an object that a repair does not touch.
  private static func advice(_ name: ObjectName) -> String? {
    switch name {
    case .config: "bring it back from a copy of the repository"
    case .object(.archive, let id):
      "bring it back from a copy of the repository, or give the archive up with "
        + "`archivist delete --damaged REPOSITORY::id:\(id.hex)`"
    case .object(.key, _):
      "bring it back from a copy or an exported key; `archivist key add` makes another one"
    case .object(.removal, _), .object(.quarantine, _):
      "bring it back from a copy of the repository"
    case .object(.lease, _): "`archivist break-lock` removes it, if nothing runs"
    case .object: nil
    }
  }

  private func isAlone() throws -> Bool {
    let leases = try repository.leases { _, _ in }
    guard leases.unreadable.isEmpty else { return false }
    return leases.entries.values.allSatisfy { entry in
      entry.id == lease.name || leases.isAbandoned(entry, seenFrom: repository.machine)
    }
  }

  // MARK: Doing it

  /// Enters every segment that no readable index object knows, and sets aside those that cannot be
  /// read.
  private mutating func rebuildIndex() throws {
    guard !indexes.isEmpty else { return }
    var unindexed: [Digest256: Int] = [:]
    for object in try repository.storage.list(.segment) { unindexed[object.id] = object.size }
    let damaged = Set(indexes)
    for object in try repository.storage.list(.index) where !damaged.contains(object.id) {
      let entries: [IndexEntry]
      do {
        entries = try repository.indexEntries(object.id)
      } catch let error as Corruption where error.isUnread {
        continue
      }
      for entry in entries { unindexed[entry.segment] = nil }
    }
    // One that cannot be read is among the damaged segments, and in no index from now on.
    let entries = try repository.adopt(unindexed) { _, _ in }
    try repository.settleAdopted()
    var batch = IndexBatch()
    func publish() throws {
      guard !batch.entries.isEmpty else { return }
      try repository.publish(IndexObject(entries: batch.entries).encoded(), as: .index, in: .index)
      batch = IndexBatch()
    }
    for entry in entries where IndexBatch.canHold(entry) {
      if !batch.hasRoom(for: entry) || batch.chunks >= IndexObject.chunkTarget { try publish() }
      batch.add(entry)
    }
    try publish()
    for id in indexes { try repository.storage.setAside(.object(.index, id)) }
    try repository.refresh(isVerified: true)
  }

  /// Copies what is whole of the damaged segments, and records that they are damaged.
  private mutating func salvageSegments() throws {
    guard !segments.isEmpty else { return }
    repository.index.distrust(Set(segments))
    let group = ThreadGroup()
    let writer = ChunkWriter(repository, group: group)
    do {
      let damaged = Set(segments)
      for segment in try repository.storage.list(.segment) where damaged.contains(segment.id) {
        try salvage(segment, writer)
      }
      writer.close()
    } catch {
      group.fail(error)
    }
    try group.join()
    for start in stride(from: 0, to: segments.count, by: Quarantine.most) {
      let part = Array(segments[start..<min(start + Quarantine.most, segments.count)])
      let record = Quarantine(segments: part, time: repository.machine.now())
      try repository.publish(
        try record.signed(by: repository.keys.authority), as: .removal, in: .quarantine)
    }
    try repository.refresh(knowsSizes: true)
  }

  private mutating func salvage(_ segment: StoredObject, _ writer: ChunkWriter) throws {
    var verifier = try SegmentVerifier(repository)
    try repository.forEachDirectory(of: segment, isDamaged: true) { directory in
      try directory.forEachBlock(of: segment.id) { location, held in
        do {
          if try verifier.hasOtherPlaces(held, type: directory.type) { return }
          let sealed = try SegmentReader.sealedBlock(at: location, storage: repository.storage)
          try verifier.verify(sealed, at: location, chunks: held)
          try writer.write(
            SealedBlock(
              bytes: sealed.bytes, header: location.header, number: location.number,
              rawLength: UInt32(truncatingIfNeeded: location.rawLength), chunks: held))
          report.salvagedBlocks += 1
        } catch let error where Corruption.isOfOnePlace(error) {
          // This one is lost.
        }
      }
    }
  }

  private func setAsideSmallObjects() throws {
    for id in damaged(.label) { try repository.storage.setAside(.object(.label, id)) }
    guard try isAlone() else { return }
    for id in damaged(.doomed) { try repository.storage.setAside(.object(.doomed, id)) }
  }

  /// Says what is lost for now.
  private mutating func findLost(_ progress: @escaping @Sendable (String) -> Void) throws {
    var options = CheckOptions()
    options.repository = false
    report.lost = try repository.check(options, progress: progress).problems
  }
}

extension Repository {
  /// Makes a damaged repository usable again, without removing the last copy of anything.
  ///
  /// - Parameters:
  ///   - options: What is looked at: damage that is not looked for is not repaired.
  ///   - isDryRun: Only says what would be done.
  ///   - meter: Shows how far it is.
  ///   - confirm: Decides, by what would be done, whether to go on.
  ///   - progress: Told what is being looked at.
  /// - Returns: What was found and done.
  /// - Throws: Errors of the storage.
  public func repair(
    _ options: CheckOptions, isDryRun: Bool, meter: Meter = Meter(),
    confirm: (RepairReport) throws -> Bool, progress: @escaping @Sendable (String) -> Void
  ) throws -> RepairReport {
    try Repair.run(
      self, options: options, isDryRun: isDryRun, meter: meter, confirm: confirm,
      progress: progress)
  }

  /// The parts of a content that cannot be had, as offsets in the file.
  ///
  /// - Parameter content: The content of a file.
  /// - Returns: The ranges, ascending; all of it if the list of its chunks is lost.
  /// - Throws: Errors of the storage.
  public func lostRanges(of content: Item.Content) throws -> [Range<UInt64>] {
    var lost: [Range<UInt64>] = []
    var position: UInt64 = 0
    var holes = content.holes[...]
    do {
      var chunks = try self.chunks(of: content)
      while let chunk = try chunks.next() {
        let isLost = index.isLost(chunk.id)
        var rest = UInt64(chunk.length)
        while rest > 0 {
          if let hole = holes.first, hole.offset <= position {
            position = max(position, hole.end)
            holes.removeFirst()
            continue
          }
          let length = min(rest, (holes.first?.offset ?? .max) - position)
          // A content that claims to reach beyond all numbers is no content.
          guard length > 0 else { return [0..<max(1, content.size)] }
          if isLost { lost.append(position..<(position + length)) }
          position += length
          rest -= length
        }
      }
    } catch is RepositoryError {
      return content.size > 0 ? [0..<content.size] : []
    }
    return lost.reduce(into: []) { ranges, range in
      if let last = ranges.last, last.upperBound == range.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
      } else {
        ranges.append(range)
      }
    }
  }

  /// Whether anything is known to be damaged or missing, so that `lostRanges` is worth asking.
  public var hasKnownDamage: Bool { index.hasDamage }
}
