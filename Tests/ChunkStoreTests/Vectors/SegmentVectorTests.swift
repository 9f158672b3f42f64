import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct SegmentVectorTests {
  @Test func `blocks unpack as in vector block`() throws {
    for one in try Vector("block").cases {
      let raw = try one.bytes("raw")
      let bytes = try one.bytes("bytes")
      #expect(try unpacked(bytes) == raw, "\(one)")
      // The packed bytes of a library may change; the codec and the length before them do not.
      let choice: Compression =
        switch bytes[0] {
        case Codec.lz4.rawValue: .init(.lz4)
        case Codec.zstd.rawValue: .init(.zstd(level: 3))
        default: .init(.none)
        }
      let packed = try packed(raw, choice)
      if raw.isEmpty {
        #expect(packed.count == Compressor.headSize)
      } else {
        #expect(packed[..<Compressor.headSize] == bytes[..<Compressor.headSize], "\(one)")
      }
    }
  }

  private func unpacked(_ bytes: [UInt8]) throws -> [UInt8] {
    var compressor = try Compressor()
    return try compressor.unpack(bytes, limit: Limits.chunkSize).bytes
  }

  private func packed(_ raw: [UInt8], _ choice: Compression) throws -> [UInt8] {
    var compressor = try Compressor()
    return try compressor.pack(raw, with: choice)
  }

  @Test(arguments: ["segment-content", "segment-tree"])
  func `segments are read, and their directories written, as in their vectors`(
    name: String
  ) throws {
    for one in try Vector(name).cases {
      let ring = try VectorKeys.ring(try one.suite())
      let bytes = try one.bytes("bytes")
      let segment = try one.digest("name")
      #expect(try SHA256.digest(of: bytes.span) == segment)
      let storage = SingleObject(name: .object(.segment, segment), bytes: bytes)
      let directory = try SegmentReader.directory(
        of: segment, size: bytes.count, storage: storage, keys: ring)
      #expect(directory.type.rawValue == (try one.number("type")))
      var writer = ByteWriter()
      directory.encode(to: &writer)
      #expect(writer.bytes == (try one.bytes("directory")))
      let (found, offset) = try blocks(of: segment, directory, storage, ring)
      #expect(found == (try one.bytes("chunks")))
      #expect(directory.chunks.map { Int($0.length) } == (try one.numbers("lengths")))
      var start = 0
      for chunk in directory.chunks {
        let end = start + Int(chunk.length)
        #expect(
          try id(
            of: Array(found[start..<end]), directory.type == .treeSegment ? .tree : .content, ring)
            == chunk.id.digest)
        start = end
      }
      // Directory and trailer, sealed again, end the segment as they do in the vector.
      let overhead = 8 + SealingContext.tagSize + SegmentTrailer.sealedSize
      let size = Padding.padded(offset + overhead + writer.count)
      #expect(size == bytes.count)
      var plaintext = ByteWriter()
      plaintext.integer(UInt64(writer.count))
      plaintext.raw(writer.bytes)
      plaintext.zeros(size - offset - overhead - writer.count)
      let header = directory.headers[0]
      var sealed = try ObjectVectorTests.seal(
        plaintext.bytes, header: header, role: .index, part: 1, ring)
      let trailer = SegmentTrailer(directoryOffset: offset, directoryLength: sealed.count)
      sealed += try ObjectVectorTests.seal(
        trailer.encoded, header: header, role: .index, part: 2, ring)
      #expect(sealed == Array(bytes[offset...]))
    }
  }

  /// The raw bytes of all blocks, and where the last one ends.
  private func blocks(
    of segment: Digest256, _ directory: SegmentDirectory, _ storage: any Storage, _ ring: KeyRing
  ) throws -> (raw: [UInt8], end: Int) {
    var offset = directory.headers[0].encodedSize
    var raw: [UInt8] = []
    for block in directory.blocks {
      let location = ChunkLocation(
        segment: segment, header: directory.headers[block.header], blockOffset: offset,
        sealedLength: Int(block.sealedLength), number: block.number,
        rawLength: Int(block.rawLength), chunksInBlock: block.chunkCount, offset: 0, length: 0)
      raw += try open(location, storage, ring)
      offset += location.sealedLength
    }
    return (raw, offset)
  }

  private func open(
    _ location: ChunkLocation, _ storage: any Storage, _ ring: KeyRing
  ) throws -> [UInt8] {
    let sealed = try SegmentReader.sealedBlock(at: location, storage: storage)
    var reader = try ChunkReader(keys: ring)
    return try reader.open(sealed, at: location, keys: ring).bytes
  }

  private func id(
    of chunk: [UInt8], _ namespace: KeyRing.Namespace, _ ring: KeyRing
  ) throws -> Digest256 {
    var hash = try ring.idHash(namespace)
    return try hash.digest(of: chunk)
  }

  @Test func `index objects are as in vector index`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("index").cases {
      let body = try ObjectVectorTests.roundTrip(one.bytes("bytes"), as: .index, ring)
      #expect(body == (try one.bytes("body")))
      var reader = ByteReader(body)
      let index = try IndexObject(decoding: &reader)
      #expect(index.encoded() == body)
      let expected =
        one.name == "two segments"
        ? [
          try Vector("segment-content")["aes256-gcm"].digest("name"),
          try Vector("segment-tree").cases[0].digest("name"),
        ] : []
      #expect(index.entries.map(\.segment) == expected)
    }
  }

  @Test func `chunks have the ids of vector chunk-id`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("chunk-id").cases {
      let chunk = try one.bytes("chunk")
      #expect(try id(of: chunk, .content, ring) == one.digest("content id"))
      #expect(try id(of: chunk, .tree, ring) == one.digest("tree id"))
    }
  }

  @Test func `contents are cut as in vector chunker`() throws {
    let ring = try VectorKeys.ring()
    for one in try Vector("chunker").cases {
      let words = try one.text("content").split(separator: " ")
      guard words.count == 3, let seed = UInt64(words[1]), let count = Int(words[2]) else {
        throw Vector.Broken(what: "\(one)")
      }
      var random = PseudoRandomBytes(seed: seed)
      let content =
        words[0] == "repeat"
        ? [UInt8](repeating: UInt8(truncatingIfNeeded: seed), count: count) : random.bytes(count)
      let parameters = try ChunkerParameters(parsing: try one.text("parameters"))
      #expect(try lengths(parameters, content, ring) == one.numbers("lengths"), "\(one)")
    }
  }

  private func lengths(
    _ parameters: ChunkerParameters, _ content: [UInt8], _ ring: KeyRing
  ) throws -> [Int] {
    var chunker = try Chunker(parameters: parameters, keys: ring.chunker)
    var lengths: [Int] = []
    var start = 0
    while let length = try chunker.cut(
      content.span.extracting(start..<content.count), isLast: true)
    {
      lengths.append(length)
      start += length
    }
    return lengths
  }
}

/// A storage with one object, to read from.
private struct SingleObject: Storage {
  let name: ObjectName
  let bytes: [UInt8]

  var location: String { "a vector" }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    guard name == self.name else { throw .notFound(name.path) }
    return Array(bytes[(range ?? 0..<bytes.count).clamped(to: 0..<bytes.count)])
  }

  func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] { [] }
  func generations() throws(StorageError) -> [UInt32] { [] }
  func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) { throw Self.readOnly }
  func beginUpload() throws(StorageError) -> any Upload { throw Self.readOnly }
  func delete(_ name: ObjectName) throws(StorageError) { throw Self.readOnly }
  func setAside(_ name: ObjectName) throws(StorageError) { throw Self.readOnly }
  func removeAbandonedUploads() throws(StorageError) { throw Self.readOnly }
  func releaseReserve() throws(StorageError) { throw Self.readOnly }
  func restoreReserve() throws(StorageError) { throw Self.readOnly }

  private static var readOnly: StorageError {
    .system(path: "a vector", operation: "write", code: 30)
  }
}
