import StoreCrypto

@testable import ChunkStore

/// A client with the keys that may only add objects, and puts some to harm others: anything under
/// segments/, index/, archives/ and locks/.
///
/// The storage dates objects itself, and their content names them: names are chosen by trying.
struct Forger {
  let repository: Repository
  private var random: PseudoRandomBytes

  init(_ repository: Repository, seed: UInt64) {
    self.repository = repository
    random = PseudoRandomBytes(seed: seed)
  }

  /// Puts one object, or a few that belong together.
  ///
  /// - Returns: How many objects were put.
  mutating func putSomething() throws -> Int {
    switch random.int(1...10) {
    case 1...4: return try putLyingSegment()
    case 5, 6: return try putFalseEntries()
    case 7:
      for _ in 0..<3 { try publish(IndexObject(entries: []).encoded(), .index) }
      return 3
    case 8: return try putArchive()
    case 9: return try putLease()
    default: return try putGarbage()
    }
  }

  private func publish(_ body: [UInt8], _ kind: ObjectName.Kind) throws {
    let types: [ObjectName.Kind: ObjectType] = [.index: .index, .archive: .archive, .lease: .lease]
    if let type = types[kind] { try repository.publish(body, as: type, in: kind) }
  }

  /// The entries of index objects about segments, as far as they can be read.
  private func entries() throws -> [IndexEntry] {
    var all: [IndexEntry] = []
    for object in try repository.storage.list(.index) {
      do {
        all += try repository.indexEntries(object.id)
      } catch let error where Corruption.isOfOnePlace(error) {
        continue
      }
    }
    return all
  }

  private mutating func pick<Element>(_ all: [Element]) -> Element? {
    all.isEmpty ? nil : all[random.int(0...(all.count - 1))]
  }

  /// A segment of garbage that claims to hold chunks of another one, and perhaps true ones too.
  private mutating func putLyingSegment() throws -> Int {
    guard let victim = pick(try entries()) else { return 0 }
    let keys = repository.keys
    let type = victim.directory.type
    let sealer = try BlockSealer(type, first: random.bytes(8).span, keys: keys)
    let writer = try SegmentWriter(sealer, storage: repository.storage, keys: keys)
    var compressor = try Compressor()
    var blocks = 0
    func add(_ bytes: [UInt8], as chunks: [ChunkReference]) throws {
      let (sealed, number) = try sealer.seal(try compressor.pack(bytes, with: .default))
      try writer.append(
        SealedBlock(
          bytes: sealed, header: sealer.header, number: number,
          rawLength: UInt32(bytes.count), chunks: chunks))
      blocks += 1
    }
    for chunk in victim.directory.chunks where !random.once(in: 4) {
      try add(random.bytes(Int(chunk.length)), as: [chunk])
    }
    if random.once(in: 2) {
      // Nothing refers to it, so that a compaction wants to move the rest.
      let unused = random.bytes(60_000)
      try add(
        unused,
        as: [
          ChunkReference(
            id: ChunkID(try SHA256.digest(of: unused.span)), length: UInt32(unused.count))
        ])
    }
    guard blocks > 0 else {
      writer.abort()
      return 0
    }
    let entry = try writer.finish().publish()
    guard !random.once(in: 4) else { return 1 }
    try publish(IndexObject(entries: [entry]).encoded(), .index)
    return 2
  }

  /// An index object that says of true segments what their own directories do not.
  private mutating func putFalseEntries() throws -> Int {
    let honest = try entries()
    guard var forged = pick(honest), let other = pick(honest) else { return 0 }
    switch random.int(0...4) {
    case 0: forged.size += 4096
    case 1: forged.directory = other.directory
    case 2: forged.directory.chunks.reverse()
    case 3:
      forged.directory.chunks = forged.directory.chunks.map {
        ChunkReference(id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), length: $0.length)
      }
    default: forged.segment = Digest256(bigEndianWords: 5, 6, 7, UInt64(random.int(0...9)))
    }
    try publish(IndexObject(entries: [forged]).encoded(), .index)
    return 1
  }

  /// An archive of what others have, of nothing, or of what is missing.
  private mutating func putArchive() throws -> Int {
    var manifest = ArchiveManifest(
      name: "forged", start: Timestamp(seconds: Int64(random.int(0...2_000_000))),
      end: Timestamp(seconds: Int64(random.int(0...2_000_000))))
    switch random.int(0...3) {
    case 0: break
    case 1:
      manifest.tree = ItemTreeRoot(
        id: ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4)), itemCount: 1)
    default: manifest.tree = pick(try repository.archives { _, _ in })?.manifest.tree
    }
    if random.once(in: 3) { manifest.becomeCheckpoint() }
    try publish(try manifest.encoded(), .archive)
    return 1
  }

  private mutating func putLease() throws -> Int {
    let lease = Lease.current("create", on: repository.machine)
    let id = try repository.publish(lease.encoded(), as: .lease, in: .lease)
    try publish(LeaseObject.heartbeat(of: id).encoded(), .lease)
    return 2
  }

  /// Bytes that are no object at all, under their right name; or one that ends behind its header.
  private mutating func putGarbage() throws -> Int {
    let kinds: [ObjectName.Kind] = [.segment, .index, .archive]
    guard let kind = pick(kinds) else { return 0 }
    var bytes = random.once(in: 2) ? [] : random.bytes(5000)
    if random.once(in: 3), let object = pick(try repository.storage.list(kind)) {
      // Others may have removed it by now.
      let whole = try repository.storage.get(.object(kind, object.id), range: nil)
      bytes = Array(whole.prefix(ObjectHeader.fixedSize)) + random.bytes(4096)
    }
    try repository.storage.put(.object(kind, try SHA256.digest(of: bytes.span)), bytes)
    return 1
  }
}
