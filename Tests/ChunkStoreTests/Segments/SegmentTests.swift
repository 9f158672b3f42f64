import StoreCrypto
import Testing

@testable import ChunkStore

/// A segment written through the writer, and what went into it.
struct WrittenSegment {
  var entry: IndexEntry
  var bytes: [UInt8]
  /// The plaintext of each block.
  var blocks: [[UInt8]]
}

extension WrittenSegment {
  /// A segment of some blocks with a few chunks each; `sealers` gives the sealer of each block.
  static func make(
    _ storage: any Storage, _ keys: KeyRing, _ random: inout PseudoRandomBytes,
    type: ObjectType = .contentSegment, sealers: [BlockSealer]
  ) throws -> WrittenSegment {
    let head = sealers[0]
    #expect(head.becomeHead())
    let writer = try SegmentWriter(head, storage: storage, keys: keys)
    var blocks: [[UInt8]] = []
    for sealer in sealers {
      var chunks: [ChunkReference] = []
      var raw: [UInt8] = []
      for _ in 0..<random.int(1...4) {
        let chunk = random.bytes(random.int(0...2000))
        chunks.append(ChunkReference(id: random.chunkID(), length: UInt32(chunk.count)))
        raw += chunk
      }
      let sealed = try sealer.seal(raw)
      try writer.append(
        SealedBlock(
          bytes: sealed.bytes, header: sealer.header, number: sealed.number,
          rawLength: UInt32(raw.count), chunks: chunks))
      blocks.append(raw)
    }
    let entry = try writer.finish().publish()
    let bytes = try storage.get(.object(.segment, entry.segment), range: nil)
    return WrittenSegment(entry: entry, bytes: bytes, blocks: blocks)
  }

  static func sealer(_ keys: KeyRing, type: ObjectType = .contentSegment) throws -> BlockSealer {
    let salt: [UInt8] = [1, 2, 3]
    return try BlockSealer(type, first: salt.span, keys: keys)
  }

  /// The blocks, opened with nothing but the directory.
  func opened(_ keys: KeyRing, _ directory: SegmentDirectory) throws -> [[UInt8]] {
    var at = directory.headers[0].encodedSize
    return try directory.blocks.map { block in
      let header = directory.headers[block.header]
      var context = try keys.context(header, role: Role(header.type))
      let sealed = at..<(at + Int(block.sealedLength))
      at = sealed.upperBound
      return try context.opened(
        bytes.span.extracting(sealed), part: SealedPart.block, number: block.number)
    }
  }
}

@Suite struct SegmentTests {
  @Test(arguments: Suite.allCases, [ObjectType.contentSegment, .treeSegment])
  func `what was written is read back through the segment's own directory`(
    suite: Suite, type: ObjectType
  ) throws {
    let temporary = try TemporaryDirectory()
    let storage = try LocalStorage.create(path: "\(temporary.path)/r")
    let keys = try TestKeys.ring(suite: suite)
    var random = PseudoRandomBytes(seed: 3)
    let a = try WrittenSegment.sealer(keys, type: type)
    let segment = try WrittenSegment.make(
      storage, keys, &random, sealers: [a, a, a, a, a, a, a])
    let directory = try SegmentReader.directory(
      of: segment.entry.segment, size: segment.bytes.count, storage: storage, keys: keys)
    #expect(directory == segment.entry.directory)
    #expect(directory.type == type)
    #expect(directory.headers.count == 1)
    #expect(directory.blocks.map(\.number) == Array(0..<7))
    #expect(try segment.opened(keys, directory) == segment.blocks)
  }

  @Test func `its name is the SHA-256 of its bytes, and its size is padded`() throws {
    let keys = try TestKeys.ring()
    var random = PseudoRandomBytes(seed: 3)
    for count in [1, 2, 5, 40] {
      let storage = MemoryStorage()
      let sealer = try WrittenSegment.sealer(keys)
      let segment = try WrittenSegment.make(
        storage, keys, &random, sealers: Array(repeating: sealer, count: count))
      #expect(try SHA256.digest(of: segment.bytes.span) == segment.entry.segment)
      #expect(UInt64(segment.bytes.count) == segment.entry.size)
      #expect(Padding.padded(segment.bytes.count) == segment.bytes.count)
      #expect(try storage.list(.segment).map(\.id) == [segment.entry.segment])
    }
  }

  @Test func `blocks of several sealers stay what they were sealed as`() throws {
    let keys = try TestKeys.ring(epochs: [1])
    var bundle = TestKeys.bundle(epochs: [1])
    bundle.sealing.append((2, bundle.authority))
    let newKeys = try KeyRing(bundle)
    let storage = MemoryStorage()
    var random = PseudoRandomBytes(seed: 4)
    let old = try WrittenSegment.sealer(keys)
    for _ in 0..<5 { _ = try old.seal([0]) }
    let other = try WrittenSegment.sealer(newKeys)
    let head = try WrittenSegment.sealer(newKeys)
    let segment = try WrittenSegment.make(
      storage, newKeys, &random, sealers: [head, old, other, old, head, other])
    let directory = try SegmentReader.directory(
      of: segment.entry.segment, size: segment.bytes.count, storage: storage, keys: newKeys)
    #expect(directory.headers == [head.header, old.header, other.header])
    #expect(directory.blocks.map(\.header) == [0, 1, 2, 1, 0, 2])
    #expect(directory.blocks.map(\.number) == [0, 5, 0, 6, 1, 1])
    #expect(try segment.opened(newKeys, directory) == segment.blocks)
  }

  @Test func `a segment of nothing is none`() throws {
    let keys = try TestKeys.ring()
    let storage = MemoryStorage()
    let writer = try SegmentWriter(
      try WrittenSegment.sealer(keys), storage: storage, keys: keys)
    #expect(!writer.isFull)
    let entry = try writer.finish().publish()
    #expect(entry.size == 4096)
    #expect(throws: FormatError.missingField("blocks")) {
      try SegmentReader.directory(
        of: entry.segment, size: 4096, storage: storage, keys: keys)
    }
  }

  @Test func `nothing is visible before it is published, and nothing stays of what is given up`()
    throws
  {
    let directory = try TemporaryDirectory()
    let storage = try LocalStorage.create(path: "\(directory.path)/r")
    let keys = try TestKeys.ring()
    let writer = try SegmentWriter(
      try WrittenSegment.sealer(keys), storage: storage, keys: keys)
    #expect(try directory.names(in: "r/tmp").count == 1)
    #expect(try storage.list(.segment).isEmpty)
    writer.abort()
    #expect(try directory.names(in: "r/tmp").isEmpty)
    do {
      let writer = try SegmentWriter(
        try WrittenSegment.sealer(keys), storage: storage, keys: keys)
      let finished = try writer.finish()
      #expect(try storage.list(.segment).isEmpty)
      try finished.publish()
      #expect(try storage.list(.segment).count == 1)
      finished.upload.abort()
      #expect(try storage.list(.segment).count == 1)
    }
    #expect(try directory.names(in: "r/tmp").isEmpty)
  }

  @Test(arguments: [(300, 800), (1400, 2048)])
  func `ends where little has to be padded`(smallest: Int, largest: Int) throws {
    let keys = try TestKeys.ring()
    var random = PseudoRandomBytes(seed: 8)
    var padded = 0
    var stored = 0
    var waiting: [SealedBlock] = []
    for _ in 0..<16 {
      let sealer = try WrittenSegment.sealer(keys)
      let writer = try SegmentWriter(sealer, storage: MemoryStorage(), keys: keys)
      var directorySize = 0
      let before = waiting.reduce(0) { $0 + $1.bytes.count }
      var added = 0
      while !writer.isFull {
        while waiting.count < 6 {
          let size = (smallest << 10) + random.int(0...((largest - smallest) << 10))
          added += size
          waiting.append(
            SealedBlock(
              bytes: [UInt8](repeating: 1, count: size), header: sealer.header, number: 0,
              rawLength: 0, chunks: [ChunkReference(id: random.chunkID(), length: 0)]))
        }
        try writer.append(oneOf: &waiting)
        directorySize += 50
      }
      let blocks = before + added - waiting.reduce(0) { $0 + $1.bytes.count }
      let size = Int(try writer.finish().size)
      #expect(size >= SegmentWriter.smallestSize)
      #expect(size <= SegmentWriter.largestSize + (3 << 20))
      #expect(size == Padding.padded(size))
      stored += size
      padded += size - blocks - directorySize
    }
    // Without a choice it would be 1.6 %.
    #expect(padded * 1000 < stored * 2)
  }

  @Test func `is full at 40 MiB, or when its directory is`() throws {
    let keys = try TestKeys.ring()
    let sealer = try WrittenSegment.sealer(keys)
    var random = PseudoRandomBytes(seed: 1)
    func block(size: Int, chunks: Int) -> SealedBlock {
      SealedBlock(
        bytes: [UInt8](repeating: 1, count: size), header: sealer.header, number: 0, rawLength: 0,
        chunks: [ChunkReference](
          repeating: ChunkReference(id: random.chunkID(), length: 0), count: chunks))
    }
    for (size, chunks, most) in [(1 << 20, 1, 40), (1, 8192, 16), (1, 1, (1 << 16) - 1)] {
      let writer = try SegmentWriter(
        try WrittenSegment.sealer(keys), storage: MemoryStorage(), keys: keys)
      let block = block(size: size, chunks: chunks)
      var count = 0
      while !writer.isFull, count < 1 << 17 {
        var waiting = [block]
        try writer.append(oneOf: &waiting)
        count += 1
      }
      #expect(count == most)
      let finished = try writer.finish()
      var encoded = ByteWriter()
      finished.directory.encode(to: &encoded)
      #expect(throws: Never.self) {
        var reader = ByteReader(encoded.bytes)
        _ = try SegmentDirectory(decoding: &reader)
      }
      #expect(finished.size <= UInt64(Limits.writtenSegmentSize))
    }
  }

  @Test func `a flipped bit in any part is found`() throws {
    let keys = try TestKeys.ring()
    let storage = MemoryStorage()
    var random = PseudoRandomBytes(seed: 5)
    let sealer = try WrittenSegment.sealer(keys)
    let segment = try WrittenSegment.make(storage, keys, &random, sealers: [sealer, sealer])
    let name = ObjectName.object(.segment, segment.entry.segment)
    let directory = segment.entry.directory
    let blocksEnd = 80 + directory.blocks.reduce(0) { $0 + Int($1.sealedLength) }
    func damaged(at byte: Int) -> WrittenSegment {
      var copy = segment
      copy.bytes[byte] ^= 1 << UInt8(byte % 8)
      storage.replace(name, copy.bytes)
      return copy
    }
    for byte in 0..<segment.bytes.count {
      let copy = damaged(at: byte)
      if (80..<blocksEnd).contains(byte) {
        // Blocks are sealed each on its own: the directory is whole, its block is not.
        _ = try SegmentReader.directory(
          of: segment.entry.segment, size: copy.bytes.count, storage: storage, keys: keys)
        #expect(throws: FormatError.authenticationFailed) { try copy.opened(keys, directory) }
      } else {
        #expect(throws: FormatError.self, "byte \(byte)") {
          try SegmentReader.directory(
            of: segment.entry.segment, size: copy.bytes.count, storage: storage, keys: keys)
        }
      }
    }
  }

  @Test func `a segment that is cut short or goes on is refused`() throws {
    let keys = try TestKeys.ring()
    let storage = MemoryStorage()
    var random = PseudoRandomBytes(seed: 5)
    let sealer = try WrittenSegment.sealer(keys)
    let segment = try WrittenSegment.make(storage, keys, &random, sealers: [sealer])
    let name = ObjectName.object(.segment, segment.entry.segment)
    for length in Array(stride(from: 0, to: segment.bytes.count, by: 13)) + [
      segment.bytes.count - 1
    ] {
      storage.replace(name, Array(segment.bytes[..<length]))
      for claimed in [length, segment.bytes.count] {
        #expect(throws: (any Error).self, "\(length) bytes, listed as \(claimed)") {
          try SegmentReader.directory(
            of: segment.entry.segment, size: claimed, storage: storage, keys: keys)
        }
      }
    }
    storage.replace(name, segment.bytes + [0])
    #expect(throws: FormatError.self) {
      try SegmentReader.directory(
        of: segment.entry.segment, size: segment.bytes.count + 1, storage: storage, keys: keys)
    }
    #expect(throws: FormatError.self) {
      try SegmentReader.directory(
        of: segment.entry.segment, size: Limits.segmentSize + 1, storage: storage, keys: keys)
    }
  }

  @Test func `blocks of two segments cannot change places`() throws {
    let keys = try TestKeys.ring()
    let storage = MemoryStorage()
    var random = PseudoRandomBytes(seed: 6)
    let a = try WrittenSegment.make(
      storage, keys, &random, sealers: [try WrittenSegment.sealer(keys)])
    let b = try WrittenSegment.make(
      storage, keys, &random, sealers: [try WrittenSegment.sealer(keys)])
    var spliced = a
    let length = Int(b.entry.directory.blocks[0].sealedLength)
    spliced.bytes.replaceSubrange(80..., with: b.bytes[80...])
    var directory = a.entry.directory
    directory.blocks[0].sealedLength = UInt32(length)
    #expect(throws: FormatError.authenticationFailed) { try spliced.opened(keys, directory) }
  }

  @Test func `a sealer heads one segment, and spends each number once`() throws {
    let keys = try TestKeys.ring()
    let sealer = try WrittenSegment.sealer(keys)
    #expect(sealer.becomeHead())
    #expect(!sealer.becomeHead())
    #expect(try (0..<100).map { _ in try sealer.seal([1]).number } == Array(0..<100))
    #expect(try sealer.seal([1]).bytes != sealer.seal([1]).bytes)
  }

  @Test func `numbers are spent once by many threads as well`() throws {
    let keys = try TestKeys.ring()
    let sealer = try WrittenSegment.sealer(keys)
    let numbers = Collected<UInt64>()
    onThreads(4) { _ in
      for _ in 0..<200 {
        if let sealed = try? sealer.seal([1]) { numbers.append(sealed.number) }
      }
    }
    #expect(numbers.values.sorted() == Array(0..<800))
  }

  @Test func `a source hands out one sealer until it is a head, and then the next`() throws {
    let keys = try TestKeys.ring()
    let source = SealerSource(.contentSegment, keys: keys)
    var random = PseudoRandomBytes(seed: 1)
    let first = try source.sealer(first: random.chunkID())
    #expect(try source.sealer(first: random.chunkID()) === first)
    #expect(try source.head(first: random.chunkID()) === first)
    // Blocks may still be sealed under it, but the next segment has another head.
    #expect(try source.sealer(first: random.chunkID()) === first)
    let second = try source.head(first: random.chunkID())
    #expect(second !== first)
    #expect(second.header.salt != first.header.salt)
    source.retire(first)
    #expect(try source.sealer(first: random.chunkID()) === second)
    source.retire(second)
    #expect(try source.sealer(first: random.chunkID()) !== second)
  }
}

@Suite struct SegmentDirectoryTests {
  private func decode(_ directory: SegmentDirectory) throws -> SegmentDirectory {
    var writer = ByteWriter()
    directory.encode(to: &writer)
    var reader = ByteReader(writer.bytes)
    return try SegmentDirectory(decoding: &reader)
  }

  private func directory(blocks: [(sealed: UInt32, chunks: [UInt32])]) -> SegmentDirectory {
    var random = PseudoRandomBytes(seed: 1)
    var directory = SegmentDirectory(header: random.header(.contentSegment))
    for block in blocks {
      directory.blocks.append(
        SegmentDirectory.BlockRow(
          sealedLength: block.sealed, header: 0, number: 0, chunkCount: block.chunks.count,
          rawLength: block.chunks.reduce(0, +)))
      directory.chunks += block.chunks.map { ChunkReference(id: random.chunkID(), length: $0) }
    }
    return directory
  }

  @Test func `chunks that do not fill their block are refused`() throws {
    var one = directory(blocks: [(100, [10, 20])])
    #expect(throws: Never.self) { try decode(one) }
    one.blocks[0].rawLength = 31
    #expect(throws: FormatError.self) { try decode(one) }
    one.blocks[0].rawLength = 30
    one.blocks[0].chunkCount = 1
    #expect(throws: FormatError.self) { try decode(one) }
    one.blocks[0].chunkCount = 3
    #expect(throws: FormatError.self) { try decode(one) }
  }

  @Test func `a block of several chunks is at most 2 MiB, one of a single chunk 32 MiB`() throws {
    let most = UInt32(Limits.sharedBlockSize)
    #expect(throws: Never.self) { try decode(directory(blocks: [(1, [most - 1, 1])])) }
    #expect(throws: FormatError.self) { try decode(directory(blocks: [(1, [most, 1])])) }
    #expect(throws: Never.self) {
      try decode(directory(blocks: [(1, [UInt32(Limits.chunkSize)])]))
    }
    #expect(throws: FormatError.self) {
      try decode(directory(blocks: [(1, [UInt32(Limits.chunkSize) + 1])]))
    }
  }

  @Test func `a segment without blocks, and a block without chunks, are refused`() throws {
    #expect(throws: FormatError.missingField("blocks")) { try decode(directory(blocks: [])) }
    #expect(throws: FormatError.inconsistent("a block without a chunk")) {
      try decode(directory(blocks: [(21, []), (1, [1])]))
    }
  }

  @Test func `blocks that no segment could hold are refused`() throws {
    let most = UInt32(Limits.segmentSize)
    #expect(throws: Never.self) { try decode(directory(blocks: [(most - 80, [1])])) }
    #expect(throws: FormatError.self) { try decode(directory(blocks: [(most, [1])])) }
    #expect(throws: FormatError.self) {
      try decode(directory(blocks: [(most - 80, [1]), (1, [1])]))
    }
    // Their sum would not fit the 32 bits that an index run has for it.
    #expect(throws: FormatError.self) {
      try decode(directory(blocks: Array(repeating: (most - 80, [1]), count: 40)))
    }
  }

  @Test func `headers of other objects, or of none, are refused`() throws {
    var random = PseudoRandomBytes(seed: 1)
    for type in ObjectType.allCases where type != .contentSegment && type != .treeSegment {
      #expect(throws: FormatError.self) {
        var other = directory(blocks: [(1, [1])])
        other.headers = [random.header(type)]
        _ = try decode(other)
      }
    }
    var mixed = directory(blocks: [(1, [1])])
    mixed.headers.append(random.header(.treeSegment))
    #expect(throws: FormatError.self) { try decode(mixed) }
    mixed.headers = []
    #expect(throws: FormatError.missingField("header of the segment")) { try decode(mixed) }
    var beyond = directory(blocks: [(1, [1])])
    beyond.blocks[0].header = 1
    #expect(throws: FormatError.self) { try decode(beyond) }
  }

  @Test(arguments: [
    [UInt64(Limits.headersInSegment) + 1], [.max],
  ])
  func `counts that promise too much are refused at once`(counts: [UInt64]) {
    var writer = ByteWriter()
    for count in counts { writer.varint(count) }
    #expect(throws: FormatError.self) {
      var reader = ByteReader(writer.bytes)
      _ = try SegmentDirectory(decoding: &reader)
    }
  }
}
