import StoreCrypto

@testable import ChunkStore

extension PseudoRandomBytes {
  mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  /// True once in `n` times.
  mutating func once(in n: Int) -> Bool { int(1...n) == 1 }

  /// A number of a random width: small ones are as likely as large ones.
  mutating func number() -> UInt64 { next() >> UInt64(int(0...63)) }

  mutating func digest() -> Digest256 { Digest256(bytes(32).span) }

  mutating func chunkID() -> ChunkID { ChunkID(digest()) }

  mutating func reference() -> ChunkReference {
    ChunkReference(id: chunkID(), length: UInt32(int(1...Limits.chunkSize)))
  }

  mutating func text(_ range: ClosedRange<Int> = 0...24) -> String {
    String((0..<int(range)).map { _ in "abcxyzäß日-_. "[offset: int(0...12)] })
  }

  mutating func timestamp() -> Timestamp {
    Timestamp(
      seconds: once(in: 8) ? [.min, .max, -1, 0][int(0...3)] : Int64(bitPattern: number()),
      nanoseconds: UInt32(int(0...999_999_999)))
  }

  /// A file name: any bytes but NUL and `/`, with a taste for those that sort in odd places.
  mutating func fileName(_ range: ClosedRange<Int> = 1...12) -> [UInt8] {
    let odd: [UInt8] = [0x01, 0x20, 0x2d, 0x2e, 0x30, 0x61, 0x62, 0x7f, 0xc3, 0xff]
    let name = (0..<int(range)).map { _ in
      once(in: 3) ? UInt8(int(0x30...0x39)) : odd[int(0...(odd.count - 1))]
    }
    return name == [0x2e] || name == [0x2e, 0x2e] ? [0x61] : name
  }

  mutating func path(depth: ClosedRange<Int> = 1...5) throws(FormatError) -> ArchivePath {
    var path = ArchivePath.root
    for _ in 0..<int(depth) { path = try path.appending(fileName()) }
    return path
  }

  mutating func header(_ type: ObjectType) -> ObjectHeader {
    ObjectHeader(
      type: type, suite: Suite.allCases[int(0...3)], epoch: UInt32(truncatingIfNeeded: number()),
      keyID: bytes(ObjectHeader.keyIDSize), salt: bytes(ObjectHeader.saltSize),
      extension: bytes(type.extensionSize))
  }

  /// A directory that a decoder accepts.
  mutating func directory(blocks: ClosedRange<Int> = 1...6) -> SegmentDirectory {
    let type: ObjectType = once(in: 2) ? .contentSegment : .treeSegment
    var directory = SegmentDirectory(header: header(type))
    for _ in 0..<int(0...3) { directory.headers.append(header(type)) }
    for _ in 0..<int(blocks) {
      var chunks: [ChunkReference] = []
      if once(in: 2) {
        chunks = [reference()]
      } else {
        for _ in 0..<int(1...5) {
          chunks.append(ChunkReference(id: chunkID(), length: UInt32(int(0...100_000))))
        }
      }
      directory.blocks.append(
        SegmentDirectory.BlockRow(
          sealedLength: UInt32(int(0...2_000_000)), header: int(0...(directory.headers.count - 1)),
          number: number(), chunkCount: chunks.count,
          rawLength: chunks.reduce(0) { $0 + $1.length }))
      directory.chunks += chunks
    }
    return directory
  }

  mutating func indexEntry() -> IndexEntry {
    IndexEntry(
      segment: digest(), size: UInt64(int(0...Limits.segmentSize)), directory: directory())
  }

  mutating func content() -> Item.Content {
    var holes: [Item.Hole] = []
    var end: UInt64 = 0
    for _ in 0..<(once(in: 3) ? int(1...4) : 0) {
      let offset = end + UInt64(int(holes.isEmpty ? 0...1 : 1...5000)) * 512
      holes.append(Item.Hole(offset: offset, length: UInt64(int(1...1_000_000))))
      end = holes[holes.count - 1].end
    }
    let sparse = holes.reduce(0) { $0 + $1.length }
    // The bytes between the holes have to be data.
    let least = end - sparse
    if once(in: 6) {
      let size = least + (number() >> 8)
      return Item.Content(
        size: size + sparse, chunks: .tree(root: chunkID(), count: number(), size: size),
        holes: holes)
    }
    var chunks: [ChunkReference] = []
    var size: UInt64 = 0
    for _ in 0..<int(0...4) {
      chunks.append(reference())
      size += UInt64(chunks[chunks.count - 1].length)
    }
    while size < least {
      let length = UInt32(min(least - size, UInt64(Limits.chunkSize)))
      chunks.append(ChunkReference(id: chunkID(), length: length))
      size += UInt64(length)
    }
    return Item.Content(size: size + sparse, chunks: .inline(InlineChunks(chunks)), holes: holes)
  }

  /// An item with any of its fields.
  mutating func item(at path: ArchivePath) -> Item {
    let kinds: [Item.Kind] = [
      .regular, .regular, .regular, .directory, .symbolicLink, .fifo, .socket, .blockDevice,
      .characterDevice,
    ]
    let kind = kinds[int(0...(kinds.count - 1))]
    var item = Item(
      path: path, mode: kind.rawValue | UInt32(int(0...0o7777)),
      uid: UInt32(truncatingIfNeeded: number()), gid: UInt32(truncatingIfNeeded: number()),
      mtime: timestamp())
    if once(in: 2) { item.user = fileName() }
    if once(in: 2) { item.group = fileName() }
    if once(in: 3) { item.ctime = timestamp() }
    if once(in: 5) { item.atime = timestamp() }
    if once(in: 5) { item.birthtime = timestamp() }
    if once(in: 3) { item.inode = number() }
    if once(in: 6) { item.changedWhileRead = true }
    if kind == .regular { item.content = content() }
    if kind == .symbolicLink { item.linkTarget = fileName(0...80) }
    if kind == .blockDevice || kind == .characterDevice {
      item.device = Item.Device(
        major: UInt32(truncatingIfNeeded: next()), minor: UInt32(truncatingIfNeeded: number()))
    }
    if kind == .regular, once(in: 5) {
      item.hardLinkGroup = once(in: 2) || path.parent == .root ? path : path.parent
    }
    if once(in: 4) {
      var names: Set<[UInt8]> = []
      for _ in 0..<int(1...4) { names.insert(fileName()) }
      for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        item.extendedAttributes.append(
          Item.ExtendedAttribute(name: name, value: bytes(int(0...40))))
      }
    }
    return item
  }

  /// Items in the order of an archive.
  mutating func items(_ count: Int) throws(FormatError) -> [Item] {
    var paths: Set<ArchivePath> = []
    while paths.count < count {
      let path = try path()
      paths.insert(path)
    }
    var items: [Item] = []
    for path in paths.sorted() { items.append(item(at: path)) }
    return items
  }

  mutating func manifest() -> ArchiveManifest {
    var manifest = ArchiveManifest(name: text(1...30), start: timestamp(), end: timestamp())
    manifest.kind = once(in: 2) ? .archive : .checkpoint
    manifest.hostname = text()
    manifest.username = text()
    manifest.comment = text(0...100)
    manifest.commandLine = (0..<int(0...5)).map { _ in bytes(int(0...20)) }
    manifest.series = text()
    manifest.roots = (0..<int(0...3)).map { _ in
      ArchiveManifest.Root(path: bytes(int(0...20)), settledBefore: timestamp())
    }
    manifest.chunker = text()
    manifest.compression = text()
    manifest.statistics.files = number()
    manifest.statistics.items = number()
    manifest.statistics.originalSize = number()
    manifest.statistics.newSize = number()
    manifest.statistics.storedSize = number()
    manifest.statistics.newChunks = number()
    if once(in: 2) { manifest.tree = ItemTreeRoot(id: chunkID(), itemCount: number() | 1) }
    manifest.program = text()
    if once(in: 2) { manifest.workingDirectory = bytes(int(1...20)) }
    return manifest
  }
}

extension String {
  fileprivate subscript(offset offset: Int) -> Character {
    self[index(startIndex, offsetBy: offset)]
  }
}
