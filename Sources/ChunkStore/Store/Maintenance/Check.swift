internal import Glibc
public import LinuxSystem
import ObjectStorage
public import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

/// The parts of a repository that a check looks at.
public struct CheckOptions: Sendable {
  /// Segments and index objects, against each other.
  public var repository = true
  /// Archives, their trees, and whether every chunk they refer to is there.
  public var archives = true
  /// Every byte: each block against its tag, each chunk against its id.
  public var verifyData = false
  /// How much of the data, if not all of it.
  public var part = DataPart()
  /// Which archives, if not all.
  public var selection: (@Sendable (Archive) -> Bool)?

  /// A part of the data: for a repository that takes too long to be read at once.
  public struct DataPart: Sendable {
    /// Begins behind the segment of this name, where the last check has ended, and goes round.
    public var after: Digest256?
    /// Ends when this share of all bytes has been read: 0 to 1.
    public var share = 1.0
    /// Ends after so many seconds.
    public var seconds = Double.infinity

    /// All of it.
    public init() {}
  }

  /// Everything but the data itself.
  public init() {}
}

/// The result of a check.
public struct CheckReport: Sendable {
  /// The damaged or missing objects, in words.
  public var problems: [String] = []
  /// Problems that are counted in one of these, because there are too many to tell each.
  public var untold = 0
  /// Objects that are damaged: segments by their own bytes, and index objects also by an entry that
  /// is false.
  public var damaged: Set<ObjectName> = []
  /// Objects that cannot be read: nothing is known of them, and a repair leaves them alone.
  public var unread: [ObjectName: Corruption] = [:]
  /// Segments that were looked at.
  public var segments = 0
  /// Segments that an earlier repair has found damaged, and set aside.
  public var quarantined = 0
  /// Archives that were looked at.
  public var archives = 0
  /// Chunks whose bytes were verified.
  public var verifiedChunks = 0
  /// Bytes that were read for that.
  public var verifiedBytes = 0
  /// Where the verification of data ended, if that was before its end.
  public var verifiedUpTo: Digest256?

  /// Whether nothing was found.
  public var isClean: Bool { problems.isEmpty }
  /// How many problems there are.
  public var problemCount: Int { problems.count + untold }

  /// Notes an object that is damaged, or cannot be read; once.
  ///
  /// - Parameters:
  ///   - object: The object.
  ///   - error: What is wrong with it.
  ///   - extent: How much of it is damaged, to be told behind that.
  fileprivate mutating func found(_ object: ObjectName, _ error: any Error, extent: String = "") {
    let corruption = Corruption(object: object, cause: error)
    guard corruption.isUnread, !Self.isBadSector(corruption) else {
      return found(object, Corruption.text(of: error) + extent)
    }
    guard !damaged.contains(object), unread.updateValue(corruption, forKey: object) == nil else {
      return
    }
    problems.append("\(corruption)")
  }

  private mutating func found(_ object: ObjectName, _ what: String) {
    guard damaged.insert(object).inserted else { return }
    problems.append("\(object.path): \(what)")
  }

  /// Notes what is wrong with an archive.
  fileprivate mutating func found(_ archive: Archive, _ findings: ArchiveCheck.Findings) {
    let isTold = problems.count < Self.mostTold
    if isTold { problems += findings.texts.map { "archive \(archive.name): \($0)" } }
    let rest = findings.count - (isTold ? findings.texts.count : 0)
    guard rest > 0 else { return }
    problems.append("archive \(archive.name): \(rest)\(isTold ? " more" : "") problems")
    untold += rest - 1
  }

  /// When there are more, those of further archives are only counted.
  private static let mostTold = 10_000

  /// Notes an index object that says of segments what their own directories do not.
  fileprivate mutating func foundFalseEntries(of segments: [Digest256], in index: Digest256) {
    let named = segments.prefix(3).map { ObjectName.object(.segment, $0).path }
    let rest = segments.count - named.count
    found(
      .object(.index, index),
      "contradicts the directory of \(named.joined(separator: ", "))"
        + (rest > 0 ? " and \(rest) more" : ""))
  }

  /// A segment with a bad sector counts as damaged: what is whole of it is copied while it can be,
  /// and it is kept.
  private static func isBadSector(_ corruption: Corruption) -> Bool {
    guard case .object(.segment, _) = corruption.object,
      case StorageError.system(_, _, EIO) = corruption.cause
    else { return false }
    return true
  }
}

/// Says whether a repository is whole.
struct Check {
  private let repository: Repository
  private let options: CheckOptions
  private let meter: Meter
  private let progress: @Sendable (String) -> Void
  private var report = CheckReport()
  /// Segments that are known to be damaged, and set aside.
  private var quarantined: Set<Digest256> = []
  /// Segments that are what an index object says of them.
  private var confirmed: Set<Digest256> = []

  static func run(
    _ repository: Repository, options: CheckOptions, meter: Meter,
    progress: @escaping @Sendable (String) -> Void
  ) throws -> CheckReport {
    // Nothing that is looked at is freed meanwhile. A full disk can be checked as well.
    let lease = try repository.leaseIfPossible("check")
    defer { lease?.release() }
    var check = Check(
      repository: repository, options: options, meter: meter, progress: progress)
    try check.smallObjects()
    if options.repository { try check.segments() }
    if options.verifyData {
      try check.data()
    } else if options.archives {
      check.add(try check.archives(meter))
    }
    lease?.tellIfLost(hasFailed: !check.report.isClean)
    return check.report
  }

  private init(
    repository: Repository, options: CheckOptions, meter: Meter,
    progress: @escaping @Sendable (String) -> Void
  ) {
    self.repository = repository
    self.options = options
    self.meter = meter
    self.progress = progress
  }

  /// Adds what was found in the archives.
  private mutating func add(_ part: CheckReport) {
    report.damaged.formUnion(part.damaged)
    report.unread.merge(part.unread) { first, _ in first }
    report.problems += part.problems
    report.untold += part.untold
    report.archives += part.archives
  }

  // MARK: Objects

  private mutating func smallObjects() throws {
    progress("Checking keys, index and other small objects")
    meter.begin(.checkingSmallObjects, total: 0)
    report.problems += try repository.missingDirectories().map {
      "\($0)/: the directory is missing"
    }
    // The configuration and the key slots were looked at when the repository was opened.
    var problems: [(ObjectName, any Error)] = repository.passedOverSlots
      .filter { !$0.isWithClient }.map { ($0.name, $0.error) }
    for problem in try repository.refresh(isVerified: true) {
      problems.append((problem.object, problem.error))
    }
    _ = try repository.leases { problems.append(($0, $1)) }
    // Not told by the index alone: that a segment is set aside.
    for (_, quarantine) in try repository.quarantines(problem: { _, _ in }) {
      quarantined.formUnion(quarantine.segments)
    }
    report.quarantined = quarantined.count
    for purpose in [Label.Purpose.archiveName, .keySlotNote] {
      _ = try repository.labels(purpose) { name, error in
        if !problems.contains(where: { $0.0 == name }) { problems.append((name, error)) }
      }
    }
    _ = try repository.removedArchives { problems.append(($0, $1)) }
    for (name, error) in problems { report.found(name, error) }
  }

  /// Compares each segment's own directory with everything that index objects say of it.
  private mutating func segments() throws {
    let sizes = Dictionary(
      try repository.storage.list(.segment).map { ($0.id, $0.size) }
    ) { first, _ in first }
    progress("Checking \(sizes.count) segments")
    meter.begin(.checkingSegments, total: UInt64(sizes.count))
    // The faults of segments in quarantine are known.
    var directories = DirectoryCheck(
      repository, sizes: sizes.filter { !quarantined.contains($0.key) })
    for object in try repository.storage.list(.index) {
      let entries: [IndexEntry]
      do {
        entries = try repository.indexEntries(object.id)
      } catch let error as Corruption {
        // One that the local table already covers was not read with the small objects.
        report.found(error.object, error.cause)
        continue
      } catch StorageError.notFound {
        continue
      }
      var contradicted: [Digest256] = []
      for entry in entries {
        let judged = directories.judged
        defer { meter.advance(by: UInt64(directories.judged - judged)) }
        switch try directories.judge(entry) {
        case .right: confirmed.insert(entry.segment)
        case .wrong: contradicted.append(entry.segment)
        case .damaged(let error): report.found(.object(.segment, entry.segment), error)
        case .unknown: break
        }
      }
      if !contradicted.isEmpty { report.foundFalseEntries(of: contradicted, in: object.id) }
    }
    for segment in directories.unjudged {
      defer { meter.advance() }
      let name = ObjectName.object(.segment, segment)
      // Their directories were read with the index, unless they came meanwhile.
      guard !report.damaged.contains(name),
        let error = try directories.read(unindexed: segment)
      else { continue }
      report.found(name, error)
    }
    report.segments = sizes.count
  }

  /// Checks the references of archives, and whether a reader finds them there.
  private func archives(
    _ meter: Meter, damaged: DamagedBlocks = DamagedBlocks()
  ) throws -> CheckReport {
    var report = CheckReport()
    var unreadable: [(ObjectName, any Error)] = []
    var archives = try repository.archives { name, error in
      // Names are small objects, and were looked at with them.
      if case .object(.label, _) = name { return }
      unreadable.append((name, error))
    }
    for (name, error) in unreadable { report.found(name, error) }
    if let selection = options.selection { archives = archives.filter(selection) }
    // The index after the archives: then it has what each of them refers to, also if it was made
    // just now.
    try repository.refresh(knowsSizes: true)
    var check = try ArchiveCheck(repository, damaged: damaged)
    meter.begin(.checkingArchives, total: UInt64(archives.count))
    for archive in archives {
      defer { meter.advance() }
      progress("Checking archive \(archive.name)")
      let findings = try check.check(archive.manifest.tree)
      // One that was deleted meanwhile may have lost its chunks meanwhile.
      guard findings.count > 0,
        try repository.storage.list(.archive).contains(where: { $0.id == archive.id })
      else { continue }
      report.found(archive, findings)
    }
    report.archives = archives.count
    return report
  }

  // MARK: Data

  /// Reads every segment to its end, on all processors; meanwhile, looks at the archives.
  private mutating func data() throws {
    var segments = partOf(
      try repository.storage.list(.segment).filter { !quarantined.contains($0.id) })
    if options.part.seconds == .infinity {
      report.verifiedUpTo = segments.last?.id
      // All of these are read, in whatever order: the largest first, so that none of the
      // processors is left with a large one when the others are done.
      segments.sort { ($0.size, $0.id) > ($1.size, $1.id) }
    }
    let end = SystemClock.monotonicSeconds + options.part.seconds
    progress("Verifying the data of \(segments.count) segments")
    meter.begin(
      .verifyingData, total: segments.reduce(0) { $0 + UInt64(clamping: $1.size) }, unit: .bytes)
    let queue = BoundedQueue<StoredObject>(capacity: 4)
    let group = ThreadGroup()
    group.onFailure { queue.cancel() }
    let repository = self.repository
    let meter = self.meter
    let confirmed = self.confirmed
    let shared = SharedFindings()
    let ofArchives = Mutex<CheckReport?>(nil)
    if options.archives {
      group.start("archives") { [check = self] in
        // There is one bar, and it is the data's.
        let found = try check.archives(Meter())
        ofArchives.withLock { $0 = found }
      }
    }
    for number in 0..<ThreadGroup.processorCount {
      group.start("verify \(number)") {
        var verifier = try SegmentVerifier(repository)
        while let segment = queue.pop() {
          defer { meter.advance(by: UInt64(clamping: segment.size)) }
          do {
            let found = try verifier.verify(
              segment, hashesName: !confirmed.contains(segment.id))
            shared.add(found, segment.id)
          } catch StorageError.notFound {
            continue
          } catch let error where Corruption.isOfOnePlace(error) {
            shared.add(unopened: segment, error)
          }
        }
      }
    }
    do {
      for segment in segments {
        try queue.push(segment)
        if options.part.seconds < .infinity { report.verifiedUpTo = segment.id }
        if SystemClock.monotonicSeconds >= end { break }
      }
      queue.close()
    } catch {
      group.fail(error)
    }
    try group.join()
    let data = shared.findings
    for problem in data.problems {
      report.found(.object(.segment, problem.segment), problem.error, extent: problem.extent)
    }
    report.verifiedChunks = data.chunks
    report.verifiedBytes = data.bytes
    var found = ofArchives.withLock { $0 }
    let damaged = try verifyByIndex(data.unopened, data.damaged)
    if options.archives, !damaged.isEmpty {
      // Now it is known which of the chunks that are there are damaged.
      progress("Looking for what is damaged of the archives")
      found = try archives(Meter(), damaged: damaged)
    }
    if let found { add(found) }
  }

  /// Reads what index objects say of segments whose own directories cannot be read: other blocks
  /// of them may be whole.
  private func verifyByIndex(
    _ segments: [StoredObject], _ known: DamagedBlocks
  ) throws -> DamagedBlocks {
    var damaged = known
    var rest = Dictionary(segments.map { ($0.id, $0.size) }) { first, _ in first }
    guard !rest.isEmpty else { return damaged }
    var verifier = try SegmentVerifier(repository)
    for object in try repository.storage.list(.index) where !rest.isEmpty {
      let entries: [IndexEntry]
      do {
        entries = try repository.indexEntries(object.id)
      } catch let error where Corruption.isOfOnePlace(error) {
        continue  // Told before, or gone since.
      }
      for entry in entries {
        guard let size = rest.removeValue(forKey: entry.segment) else { continue }
        do {
          let found = try verifier.verify(entry.directory, of: entry.segment, size)
          damaged.insert(found.damaged, of: entry.segment)
        } catch StorageError.notFound {
          continue
        }
      }
    }
    return damaged
  }

  /// The segments that are to be read this time, in the order of their names from where the last
  /// check ended.
  private func partOf(_ all: [StoredObject]) -> [StoredObject] {
    let part = options.part
    let sorted = all.sorted { $0.id < $1.id }
    let start = part.after.flatMap { after in sorted.firstIndex { $0.id > after } } ?? 0
    let round = Array(sorted[start...] + sorted[..<start])
    guard part.share < 1 else { return round }
    let wanted = Double(all.reduce(0) { $0 + $1.size }) * part.share
    var size = 0.0
    return Array(
      round.prefix { segment in
        defer { size += Double(segment.size) }
        return size < wanted
      })
  }

  /// The findings of several threads in segments.
  private final class SharedFindings: Sendable {
    struct Findings {
      var problems: [(segment: Digest256, error: any Error, extent: String)] = []
      var damaged = DamagedBlocks()
      /// Segments whose directories cannot be read.
      var unopened: [StoredObject] = []
      var chunks = 0
      var bytes = 0
    }

    private let state = Mutex(Findings())

    var findings: Findings { state.withLock { $0 } }

    func add(_ found: SegmentVerifier.Findings, _ segment: Digest256) {
      state.withLock { state in
        state.chunks += found.chunks
        state.bytes += found.bytes
        guard let error = found.error else { return }
        if !found.damaged.isEmpty { state.damaged.insert(found.damaged, of: segment) }
        let blocks =
          found.damaged.isEmpty ? "" : " (\(found.damaged.count) of \(found.blocks) blocks)"
        state.problems.append((segment, error, blocks))
      }
    }

    func add(unopened segment: StoredObject, _ error: any Error) {
      state.withLock { state in
        state.unopened.append(segment)
        state.problems.append((segment.id, error, ""))
      }
    }
  }
}

extension Repository {
  /// Says whether the repository is whole.
  ///
  /// - Parameters:
  ///   - options: What is looked at.
  ///   - meter: Shows how far it is.
  ///   - progress: Told what is being looked at.
  /// - Returns: What was found.
  /// - Throws: What keeps the check from going on; damage is in the report.
  public func check(
    _ options: CheckOptions, meter: Meter = Meter(),
    progress: @escaping @Sendable (String) -> Void
  ) throws -> CheckReport {
    try Check.run(self, options: options, meter: meter, progress: progress)
  }
}
