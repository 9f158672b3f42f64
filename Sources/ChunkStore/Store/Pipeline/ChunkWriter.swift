import LinuxSystem
import StoreCrypto
import StoreEncoding
import StoreFormat
import Synchronization

/// Stores new chunks: takes them from many threads, and publishes segments and index objects.
///
/// Three threads of its own: one lays sealed blocks down in segments, one hashes them, one makes
/// segments durable and publishes them, each before the index object that speaks of it. Chunks of
/// contents and nodes of trees go to different segments.
final class ChunkWriter: Sendable {
  let repository: Repository
  let group: ThreadGroup
  /// The chunks that have to be stored, and are not being stored already.
  let claims: Claims
  private let isVerifying: Bool
  private let blocks = BoundedQueue<Step<SealedBlock>>(capacity: 4 << 20)
  private let written = BoundedQueue<Step<Written>>(capacity: 8 << 20)
  private let segments = BoundedQueue<Step<FinishedSegment>>(capacity: 2)
  private let contentSealers: SealerSource
  private let treeSealers: SealerSource
  private let figures = Mutex(ArchiveManifest.Statistics())
  private let names = Mutex<[Digest256]>([])

  /// An element that goes through the queues.
  private enum Step<Element: Sendable>: Sendable {
    case element(Element)
    /// Everything before this is to be published at once; then the event happens.
    case flush(Event)
  }

  /// A piece for the hash of a segment's name, and then the segment.
  private enum Written: Sendable {
    case bytes([UInt8], of: SegmentHash)
    case segment(FinishedSegment)
  }

  /// An index object is published at least this often, so that a crash loses little.
  private static let publishInterval = 300.0
  /// Or when this many bytes are new.
  private static let publishSize: UInt64 = 2 << 30

  /// Starts the threads.
  ///
  /// - Parameters:
  ///   - repository: What is written to.
  ///   - group: What the threads belong to.
  ///   - isVerifying: Whether every block is opened again and compared with what it was made of,
  ///     so that neither a bad memory cell nor a compressor's fault becomes part of a backup.
  init(_ repository: Repository, group: ThreadGroup, isVerifying: Bool = true) {
    self.repository = repository
    self.isVerifying = isVerifying
    self.group = group
    claims = Claims(repository.index)
    contentSealers = SealerSource(.contentSegment, keys: repository.keys)
    treeSealers = SealerSource(.treeSegment, keys: repository.keys)
    group.onFailure { [blocks, written, segments] in
      blocks.cancel()
      written.cancel()
      segments.cancel()
    }
    group.start("segments") { [self] in try writeSegments() }
    group.start("hash") { [self] in try hashSegments() }
    group.start("publish") { [self] in try publishSegments() }
  }

  /// The statistics of the chunks stored so far: new ones, and their sizes.
  var statistics: ArchiveManifest.Statistics { figures.withLock { $0 } }

  /// The segments that were published so far.
  var published: [Digest256] { names.withLock { $0 } }

  /// Says that no more chunks come; the group's `join` then waits until all is published.
  func close() { blocks.close() }

  /// Packs, seals and queues a block of new chunks.
  func write(
    _ raw: [UInt8], chunks: [ChunkReference], type: ObjectType, compression: Compression,
    packer: inout BlockPacker
  ) throws {
    guard let first = chunks.first else { return }
    try packer.pack(raw, with: compression)
    let block = try seal(
      packer.packed, rawLength: raw.count, chunks: chunks, first: first, type: type)
    if isVerifying { try verify(block, against: raw, &packer) }
    try write(block)
  }

  /// Writes some of the chunks of a block as a block of their own.
  func write(
    partOf raw: [UInt8], holding held: [ChunkReference], keeping kept: Set<ChunkReference>,
    type: ObjectType, compression: Compression, packer: inout BlockPacker
  ) throws {
    var part: [UInt8] = []
    var start = 0
    for chunk in held {
      let end = start + Int(chunk.length)
      if kept.contains(chunk) { part += raw[start..<end] }
      start = end
    }
    try write(
      part, chunks: held.filter { kept.contains($0) }, type: type, compression: compression,
      packer: &packer)
  }

  /// Seals and queues a block of new chunks that is packed already.
  ///
  /// - Throws: `RepositoryError.blockNotVerified` if it opens as something else.
  func write(
    packed: [UInt8], rawLength: Int, chunks: [ChunkReference], type: ObjectType
  ) throws {
    guard let first = chunks.first else { return }
    let block = try seal(packed, rawLength: rawLength, chunks: chunks, first: first, type: type)
    if isVerifying, try !opens(block, to: packed) { throw RepositoryError.blockNotVerified }
    try write(block)
  }

  private func seal(
    _ packed: [UInt8], rawLength: Int, chunks: [ChunkReference], first: ChunkReference,
    type: ObjectType
  ) throws -> SealedBlock {
    let sealer = try sealers(type).sealer(first: first.id)
    let (bytes, number) = try sealer.seal(packed)
    return SealedBlock(
      bytes: bytes, header: sealer.header, number: number,
      rawLength: UInt32(truncatingIfNeeded: rawLength), chunks: chunks)
  }

  /// Opens a block as a reader does, and compares it with what it was made of.
  ///
  /// - Throws: `RepositoryError.blockNotVerified` if that is something else.
  func verify(_ block: SealedBlock, against raw: [UInt8], _ packer: inout BlockPacker) throws {
    guard try opens(block, to: packer.packed), packer.unpacks(to: raw) else {
      throw RepositoryError.blockNotVerified
    }
  }

  /// Whether a block that was sealed just now opens to `packed`, with keys derived anew.
  private func opens(_ block: SealedBlock, to packed: [UInt8]) throws -> Bool {
    var context = try repository.keys.context(block.header, role: Role(block.header.type))
    do throws(CryptoError) {
      return try context.check(
        block.bytes.span, nonce: Nonce(part: SealedPart.block, number: block.number),
        holds: packed.span)
    } catch {
      return false
    }
  }

  /// Queues a block that is sealed already.
  func write(_ block: SealedBlock) throws {
    figures.withLock { figures in
      figures.storedSize += UInt64(block.bytes.count)
      if block.header.type == .contentSegment {
        figures.newSize += UInt64(block.rawLength)
        figures.newChunks += UInt64(block.chunks.count)
      }
    }
    try blocks.push(.element(block), cost: block.bytes.count)
  }

  /// Publishes every chunk that anybody has been told is stored, and waits for that.
  ///
  /// - Throws: `Cancelled` if the group has failed.
  func publishClaimed() throws {
    var pending = claims.current
    while true {
      let flush = Event()
      group.onFailure { flush.set() }
      try blocks.push(.flush(flush))
      flush.wait()
      if group.failure != nil { throw Cancelled() }
      pending = claims.unsettled(pending)
      if pending.isEmpty { return }
      // Some are in a block that another thread still collects: it soon has ended.
      SystemClock.pause(0.01)
    }
  }

  private func writeSegments() throws {
    func hash(_ hash: SegmentHash, _ bytes: [UInt8]) throws {
      try written.push(.element(.bytes(bytes, of: hash)), cost: bytes.count)
    }
    func finish(_ segment: FinishedSegment) throws {
      try written.push(.element(.segment(segment)))
    }
    var content = OpenSegment(contentSealers, repository, room: Self.waitingSize, hashing: hash)
    var tree = OpenSegment(treeSealers, repository, room: Self.waitingSize / 8, hashing: hash)
    do {
      while let step = blocks.pop() {
        switch step {
        case .element(let block) where block.header.type == .treeSegment:
          try tree.add(block, full: finish)
        case .element(let block): try content.add(block, full: finish)
        case .flush(let flush):
          try content.end(finish)
          try tree.end(finish)
          try written.push(.flush(flush))
        }
      }
      if group.failure == nil {
        try content.end(finish)
        try tree.end(finish)
      }
    } catch {
      content.abort()
      tree.abort()
      throw error
    }
    content.abort()
    tree.abort()
    written.close()
  }

  private func hashSegments() throws {
    while let step = written.pop() {
      switch step {
      case .element(.bytes(let bytes, of: let hash)): try hash.update(bytes)
      case .element(.segment(let segment)): try segments.push(.element(segment))
      case .flush(let flush): try segments.push(.flush(flush))
      }
    }
    segments.close()
  }

  /// Blocks of so many bytes wait for their segment.
  private static let waitingSize = 12 << 20

  /// The segment that is being written, and blocks that wait for a place in it or the next one.
  private struct OpenSegment: ~Copyable {
    private let sealers: SealerSource
    private let repository: Repository
    private let room: Int
    private let hashing: (SegmentHash, [UInt8]) throws -> Void
    private var writer: SegmentWriter?
    private var sealer: BlockSealer?
    private var waiting: [SealedBlock] = []
    private var size = 0

    init(
      _ sealers: SealerSource, _ repository: Repository, room: Int,
      hashing: @escaping (SegmentHash, [UInt8]) throws -> Void
    ) {
      self.sealers = sealers
      self.repository = repository
      self.room = room
      self.hashing = hashing
    }

    mutating func add(_ block: SealedBlock, full: (FinishedSegment) throws -> Void) throws {
      waiting.append(block)
      size += block.bytes.count
      while size > room { try appendOne(full) }
    }

    /// Writes all that waits, and ends the segment.
    mutating func end(_ full: (FinishedSegment) throws -> Void) throws {
      while !waiting.isEmpty { try appendOne(full) }
      try finish(full)
    }

    private mutating func appendOne(_ full: (FinishedSegment) throws -> Void) throws {
      if writer == nil, let first = waiting.first?.chunks.first {
        let sealer = try sealers.head(first: first.id)
        self.sealer = sealer
        writer = try SegmentWriter(
          sealer, storage: repository.storage, keys: repository.keys, hashing: hashing)
      }
      // Every block has a chunk.
      guard let writer else { throw RepositoryError.blockNotVerified }
      try writer.append(oneOf: &waiting)
      size = waiting.reduce(0) { $0 + $1.bytes.count }
      if writer.isFull { try finish(full) }
    }

    private mutating func finish(_ full: (FinishedSegment) throws -> Void) throws {
      guard let writer, let sealer else { return }
      (self.writer, self.sealer) = (nil, nil)
      sealers.retire(sealer)
      try full(try writer.finish())
    }

    mutating func abort() {
      writer?.abort()
      writer = nil
    }
  }

  private func sealers(_ type: ObjectType) -> SealerSource {
    type == .treeSegment ? treeSealers : contentSealers
  }

  private func publishSegments() throws {
    var entries: [IndexEntry] = []
    var chunks = 0
    var bytes: UInt64 = 0
    var last = SystemClock.monotonicSeconds
    func publish() throws {
      guard !entries.isEmpty else { return }
      let name = try repository.publish(
        IndexObject(entries: entries).encoded(), as: .index, in: .index)
      try repository.index.add(entries, sources: [name])
      for entry in entries { claims.settle(entry.directory.chunks.lazy.map(\.id)) }
      (entries, chunks, bytes, last) = ([], 0, 0, SystemClock.monotonicSeconds)
    }
    while let step = segments.pop() {
      guard case .element(let segment) = step else {
        try publish()
        if case .flush(let flush) = step { flush.set() }
        continue
      }
      let entry = try segment.publish()
      names.withLock { $0.append(entry.segment) }
      entries.append(entry)
      chunks += entry.directory.chunks.count
      bytes += entry.size
      if chunks >= IndexObject.chunkTarget || bytes >= Self.publishSize
        || SystemClock.monotonicSeconds - last > Self.publishInterval
      {
        try publish()
      }
    }
    if group.failure == nil { try publish() }
  }
}

/// Per-thread front end of a `ChunkWriter`: gives chunks their ids, and collects small ones that
/// are new into blocks that they share.
final class ChunkLane {
  /// New chunks of one piece of a content have a block of their own from this size on.
  static let sharedBelow = 128 << 10
  /// A block of small files ends at this size.
  static let sharedSize = 512 << 10
  /// A piece of a content is no longer than this, unless a single chunk is: large enough to
  /// compress as well as a file does, small enough to be read for one chunk of it.
  static let pieceSize = Limits.sharedBlockSize

  private let writer: ChunkWriter
  private let compression: Compression
  private var hash: KeyedHash
  private var packer: BlockPacker
  private var shared: [UInt8] = []
  private var sharedChunks: [ChunkReference] = []

  init(_ writer: ChunkWriter, compression: Compression) throws {
    let hash = try writer.repository.keys.idHash(.content)
    let packer = try BlockPacker()
    self.writer = writer
    self.compression = compression
    self.hash = hash
    self.packer = packer
  }

  /// Takes the chunks of a piece: stores those that the repository has not.
  ///
  /// `endBlock` has to follow.
  func add(_ piece: ContentPiece) throws -> [ChunkReference] {
    var chunks: [ChunkReference] = []
    var new: [(chunk: ChunkReference, range: Range<Int>)] = []
    var newSize = 0
    var start = 0
    for end in piece.ends {
      let id = ChunkID(try hash.digest(piece.bytes.span.extracting(start..<end)))
      let chunk = ChunkReference(id: id, length: UInt32(truncatingIfNeeded: end - start))
      chunks.append(chunk)
      if writer.claims.claim(id) {
        new.append((chunk, start..<end))
        newSize += end - start
      }
      start = end
    }
    if newSize < Self.sharedBelow {
      if shared.count + newSize > Self.sharedSize { try endBlock() }
      for (_, range) in new { shared += piece.bytes[range] }
      sharedChunks += new.map(\.chunk)
    } else {
      var raw = piece.bytes
      if newSize < raw.count {
        raw = []
        raw.reserveCapacity(newSize)
        for (_, range) in new { raw += piece.bytes[range] }
      }
      try writer.write(
        raw, chunks: new.map(\.chunk), type: .contentSegment, compression: compression,
        packer: &packer)
    }
    return chunks
  }

  /// Ends the block that small chunks share.
  func endBlock() throws {
    guard !sharedChunks.isEmpty else { return }
    try writer.write(
      shared, chunks: sharedChunks, type: .contentSegment, compression: compression,
      packer: &packer)
    shared.removeAll(keepingCapacity: true)
    sharedChunks.removeAll(keepingCapacity: true)
  }
}

/// Stores nodes of trees through a `ChunkWriter`: new ones that follow each other share a block.
///
/// `endBlock` has to follow. Confined to one thread at a time.
final class NodeWriter: NodeStore {
  private let writer: ChunkWriter
  private var hash: KeyedHash
  private var packer: BlockPacker
  private var block: [UInt8] = []
  private var chunks: [ChunkReference] = []

  /// Names and times compress well, and there are few of them.
  private static let compression = Compression(.zstd(level: 3))
  /// A block ends at this size: one node can be read without much else.
  private static let blockSize = 64 << 10

  init(_ writer: ChunkWriter) throws {
    let hash = try writer.repository.keys.idHash(.tree)
    let packer = try BlockPacker()
    self.writer = writer
    self.hash = hash
    self.packer = packer
  }

  func store(node: [UInt8]) throws -> ChunkID {
    let id = ChunkID(try hash.digest(node.span))
    if writer.claims.claim(id) {
      if block.count + node.count > Self.blockSize { try endBlock() }
      block += node
      chunks.append(ChunkReference(id: id, length: UInt32(truncatingIfNeeded: node.count)))
    }
    return id
  }

  /// Hands over the nodes that were given so far.
  func endBlock() throws {
    guard !chunks.isEmpty else { return }
    try writer.write(
      block, chunks: chunks, type: .treeSegment, compression: Self.compression, packer: &packer)
    block.removeAll(keepingCapacity: true)
    chunks.removeAll(keepingCapacity: true)
  }
}
