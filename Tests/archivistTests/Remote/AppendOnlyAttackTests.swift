import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore
@testable import archivist

/// A client that has the keys, and whose forced command lets it add archives only, wants the others
/// to lose their history: it forges what it likes through the server, and then the owner prunes and
/// compacts with all rights.
@Suite struct AppendOnlyAttackTests {
  private let history: AppendedHistory
  private let client: HostileClient
  private let before: Set<Digest256>

  /// By these rules, and of what the history has.
  private static let rules = KeepRules(counts: [.daily: 4])
  private static let kept: Set = ["day-3", "day-4", "day-5", "day-6"]
  private static let gone: Set = ["day-7", "day-8"]

  init() throws {
    history = try AppendedHistory()
    client = try HostileClient(history)
    before = Set(try history.local.list(.segment).map(\.id))
  }

  // MARK: The owner

  /// The actions of an owner lose nothing of what is kept.
  ///
  /// It is done at once, when a week has passed and leases are those of nobody, and with all leases
  /// broken. Where `mayStop` says so, pruning and compaction may refuse to go on.
  private func expectNothingLost(
    _ comment: Comment, mayStop: Bool = false, location: SourceLocation = #_sourceLocation
  ) throws {
    for step in 0..<3 {
      if step == 1 { try history.age() }
      if step == 2 { _ = try history.open("owner").breakLeases(all: true) }
      for action in [prune, compact] {
        do {
          try action()
        } catch let error where error is RepositoryError || error is Corruption {
          #expect(mayStop, "\(comment): \(error)", sourceLocation: location)
        }
      }
      try history.expectWhole(Self.kept, comment, location: location)
    }
  }

  private func prune() throws {
    let repository = try history.open("owner")
    let archives = try repository.archives().filter { $0.manifest.kind == .archive }
    let plan = try history.kept(Self.rules, among: archives, in: repository)
    let names = Set(plan.kept.map(\.id.name))
    #expect(names.isSuperset(of: Self.kept))
    try repository.delete(plan.removed.map(\.id))
  }

  private func compact() throws { _ = try history.open("owner").compact(threshold: 0) }

  @Test func `without an attack, what is not kept goes, and its space`() throws {
    try history.expectWhole(Self.kept.union(Self.gone), "all of it")
    try expectNothingLost("no attack")
    #expect(try Set(history.open().archives().map(\.name)) == Self.kept)
    #expect(try !before.isSubset(of: history.local.list(.segment).map(\.id)))
  }

  // MARK: The attacker

  private func entries() throws -> [IndexEntry] {
    let repository = try history.open()
    return try history.local.list(.index).flatMap { try repository.indexEntries($0.id) }
  }

  private func forgeIndex(_ entries: [IndexEntry]) throws {
    let isTaken = try client.forge(
      IndexObject(entries: entries).encoded(), as: .index, in: .index)
    #expect(isTaken)
  }

  /// Segments of garbage whose directories say that they hold what others' do.
  private func lyingSegments() throws -> [IndexEntry] {
    let path = text(history.directory("scratch-\(try Digest256.random().hex)"))
    let scratch = try LocalStorage.create(path: path)
    return try entries().map { entry in
      let type = entry.directory.type
      let first = [UInt8](repeating: 1, count: 8)
      let sealer = try BlockSealer(type, first: first.span, keys: client.keys)
      let writer = try SegmentWriter(sealer, storage: scratch, keys: client.keys)
      var compressor = try Compressor()
      for chunk in entry.directory.chunks {
        let garbage = [UInt8](repeating: 0x5a, count: Int(chunk.length))
        let (bytes, number) = try sealer.seal(try compressor.pack(garbage, with: .default))
        try writer.append(
          SealedBlock(
            bytes: bytes, header: sealer.header, number: number, rawLength: chunk.length,
            chunks: [chunk]))
      }
      let entry = try writer.finish().publish()
      let name = ObjectName.object(.segment, entry.segment)
      #expect(try client.upload(try scratch.get(name, range: nil), as: name))
      return entry
    }
  }

  @Test func `segments of its own that claim to hold what others hold`() throws {
    // Names decide in which order places are tried: so several orders are.
    for _ in 0..<4 { try forgeIndex(try lyingSegments()) }
    try expectNothingLost("lying segments")
  }

  @Test func `the same, and an index object of segments that are not there`() throws {
    let lies = try lyingSegments()
    try forgeIndex(
      lies.map { entry in
        var entry = entry
        entry.segment = Digest256(bigEndianWords: 1, 2, 3, 4)
        return entry
      })
    try expectNothingLost("segments without an index")
  }

  @Test(arguments: 0..<4)
  func `an index object that says other things of the same segments`(change: Int) throws {
    let honest = try entries()
    var forged = honest
    for index in forged.indices {
      switch change {
      case 0: forged[index].size += 4096
      case 1:
        forged[index].directory.chunks = forged[index].directory.chunks.map {
          ChunkReference(id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), length: $0.length)
        }
      case 2: forged[index].directory = honest[(index + 1) % honest.count].directory
      default: forged[index].directory.chunks.reverse()
      }
    }
    try forgeIndex(forged)
    // A contradiction between two index objects may be noticed.
    try expectNothingLost("change \(change)", mayStop: true)
  }

  @Test func `archives of every time, under every name`() throws {
    let day: Int64 = 24 * 3600
    let now = SystemClock.now.seconds
    var starts: [Int64] = [.min, 0, .max, now + 400 * day]
    for age in 2...9 { starts += [now - Int64(age) * day + 3600, now + Int64(age) * day] }
    for name in Self.kept.sorted() + ["forged"] {
      for start in starts {
        var manifest = ArchiveManifest(
          name: name, start: Timestamp(seconds: start), end: Timestamp(seconds: .max))
        manifest.series = "day"
        #expect(try client.forge(try manifest.encoded(), as: .archive, in: .archive))
        manifest.becomeCheckpoint()
        #expect(try client.forge(try manifest.encoded(), as: .archive, in: .archive))
      }
    }
    try expectNothingLost("false times")
  }

  @Test func `an archive whose tree is missing`() throws {
    let start = SystemClock.now.earlier(bySeconds: 5 * 24 * 3600)
    var manifest = ArchiveManifest(name: "forged", start: start, end: start)
    manifest.tree = ItemTreeRoot(
      id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), itemCount: 1)
    #expect(try client.forge(try manifest.encoded(), as: .archive, in: .archive))
    try expectNothingLost("a tree that is missing", mayStop: true)
    // Nothing was freed, of what anybody may need.
    #expect(try before.isSubset(of: history.local.list(.segment).map(\.id)))
  }

  @Test func `leases and heartbeats by the hundred`() throws {
    for number in 0..<100 {
      var lease = Lease.current("create")
      lease.hostname = "elsewhere\(number)"
      lease.started = Timestamp(seconds: number % 2 == 0 ? .max : .min)
      let bytes = try SealedObject.seal(lease.encoded(), as: .lease, keys: client.keys)
      let id = try Digest256.random()
      #expect(try client.isDone(.put(.object(.lease, id), bytes)))
      #expect(
        try client.forge(LeaseObject.heartbeat(of: id).encoded(), as: .lease, in: .lease))
      #expect(
        try client.forge(
          LeaseObject.heartbeat(of: try Digest256.random()).encoded(), as: .lease, in: .lease))
    }
    try expectNothingLost("leases")
    // They are broken by now, and then space is freed.
    #expect(try !before.isSubset(of: history.local.list(.segment).map(\.id)))
  }

  @Test(arguments: [ObjectName.Kind.segment, .index, .archive, .lease])
  func `garbage under names that match it`(kind: ObjectName.Kind) throws {
    var random = SystemRandomNumberGenerator()
    for size in [0, 1, 79, 80, 5000, 300_000] {
      let bytes = AppendedHistory.bytes(size, &random)
      #expect(try !client.upload(bytes, as: try HostileClient.name(of: bytes, kind)))
    }
    // An object that is like most of them in one thing, and not in the rest.
    let other = try client.sealed([1, 2, 3], as: .lease)
    var honest = kind == .lease ? [other] : []
    if kind != .lease {
      for object in try history.local.list(kind) {
        honest.append(try history.local.get(.object(kind, object.id), range: nil))
      }
    }
    for whole in honest {
      let header = whole.prefix(ObjectHeader.fixedSize)
      for bytes in [header + AppendedHistory.bytes(5000, &random), whole + [0]] {
        #expect(try client.upload(Array(bytes), as: try HostileClient.name(of: Array(bytes), kind)))
      }
      for bytes in [[whole[0] ^ 1] + whole.dropFirst(), Array(header)] {
        #expect(try !client.upload(bytes, as: try HostileClient.name(of: bytes, kind)))
      }
    }
    try expectNothingLost("garbage in \(kind.rawValue)", mayStop: true)
  }

  @Test func `what would make somebody delete something is not taken`() throws {
    let segments = try history.local.list(.segment)
    let archives = try history.local.list(.archive)
    for object in segments + archives {
      for (type, kind) in [
        (ObjectType.doomed, ObjectName.Kind.doomed), (.removal, .removal), (.removal, .quarantine),
        (.label, .label), (.label, .key),
      ] {
        var body = ByteWriter()
        body.digest(object.id)
        #expect(try !client.forge(body.bytes, as: type, in: kind))
        let name = ObjectName.object(kind, object.id)
        #expect(try !client.isDone(.put(name, [1, 2, 3])))
        #expect(try !client.upload([1, 2, 3], as: name))
      }
    }
    let config = try history.local.get(.config(1), range: nil)
    for generation: UInt32 in [0, 1, 2, .max] {
      #expect(try !client.isDone(.put(.config(generation), config)))
      #expect(try !client.upload(config, as: .config(generation)))
      #expect(try !client.isDone(.delete(.config(generation))))
    }
    for kind in ObjectName.Kind.allCases {
      for object in try history.local.list(kind) {
        #expect(try !client.isDone(.delete(.object(kind, object.id))))
        // Nor is there a way to cut something short.
        #expect(try !client.upload([1], as: .object(kind, object.id)))
        #expect(try !client.isDone(.put(.object(kind, object.id), [])))
      }
    }
    for request in [Request.removeAbandonedUploads, .releaseReserve, .restoreReserve] {
      #expect(try !client.isDone(request))
    }
    #expect(try history.local.generations() == [1])
    #expect(try Set(history.local.list(.segment)) == Set(segments))
    #expect(try Set(history.local.list(.archive)) == Set(archives))
    for kind in [ObjectName.Kind.doomed, .removal, .quarantine, .label] {
      #expect(try history.local.list(kind).isEmpty)
    }
    try expectNothingLost("refused objects")
  }

  @Test func `everything at once`() throws {
    try forgeIndex(try lyingSegments())
    let honest = try entries()
    var forged = honest
    for index in forged.indices {
      forged[index].directory = honest[(index + 1) % honest.count].directory
    }
    try forgeIndex(forged)
    for start: Int64 in [.min, 0, .max] {
      let manifest = ArchiveManifest(
        name: "day-3", start: Timestamp(seconds: start), end: Timestamp(seconds: .max))
      #expect(try client.forge(try manifest.encoded(), as: .archive, in: .archive))
    }
    for kind in [ObjectName.Kind.segment, .index, .archive] {
      let type: ObjectType = kind == .segment ? .treeSegment : kind == .index ? .index : .archive
      let bytes = try client.sealed([1, 2, 3, 4], as: type)
      #expect(try client.upload(bytes, as: try HostileClient.name(of: bytes, kind)))
    }
    try expectNothingLost("everything at once", mayStop: true)
  }
}
