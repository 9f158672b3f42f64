import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct ItemCodingTests {
  private func decode(_ bytes: [UInt8], at path: String = "a/b") throws -> Item {
    try ItemCoding.decode(ByteReader(bytes), path: try ArchivePath(Array(path.utf8)))
  }

  /// A regular file of `size` bytes with one chunk of `length`, written field by field.
  private func file(
    size: UInt64, length: UInt64, holes: [(gap: UInt64, length: UInt64)] = []
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.field(2) { $0.varint(UInt64(0o100644)) }
    writer.field(4) { $0.varint(size) }
    writer.field(6) { field in
      guard length > 0 else { return }
      field.zeros(32)
      field.varint(length)
    }
    if !holes.isEmpty {
      writer.field(10) { field in
        for hole in holes {
          field.varint(hole.gap)
          field.varint(hole.length)
        }
      }
    }
    return writer.bytes
  }

  @Test(arguments: Seed.each(10))
  func `items come back as they were`(seed: Seed) throws {
    var random = seed.generator
    for item in try random.items(200) {
      let decoded = try ItemCoding.decode(ByteReader(ItemCoding.encode(item)), path: item.path)
      #expect(decoded == item)
    }
  }

  @Test func `times before 1970 and at the ends of time come back`() throws {
    var item = Item(
      path: try ArchivePath([0x61]), mode: 0o040755, uid: .max, gid: 0,
      mtime: Timestamp(seconds: .min, nanoseconds: 999_999_999))
    item.ctime = Timestamp(seconds: .max, nanoseconds: 1)
    item.birthtime = Timestamp(seconds: -1, nanoseconds: 0)
    let decoded = try ItemCoding.decode(ByteReader(ItemCoding.encode(item)), path: item.path)
    #expect(decoded == item)
  }

  @Test func `a file's chunks and holes fill it exactly`() throws {
    #expect(try decode(file(size: 0, length: 0)).content?.size == 0)
    #expect(try decode(file(size: 10, length: 10)).content?.size == 10)
    #expect(try decode(file(size: 10, length: 4, holes: [(2, 6)])).content?.holes.count == 1)
    for (size, length) in [(11, 10), (9, 10), (10, 0), (0, 1)] as [(UInt64, UInt64)] {
      #expect(throws: FormatError.self) { try decode(file(size: size, length: length)) }
    }
    // The hole ends behind the file.
    #expect(throws: FormatError.self) { try decode(file(size: 10, length: 4, holes: [(5, 6)])) }
  }

  @Test(
    arguments: [
      [(0, 0)], [(1, 4), (0, 4)], [(.max, 1)], [(1, .max)], [(1, 1), (.max, 1)],
      [(0, .max), (1, 1)], [(UInt64.max / 2 + 1, UInt64.max / 2 + 1)],
    ] as [[(gap: UInt64, length: UInt64)]])
  func `holes that are empty, touch or overflow are refused`(
    holes: [(gap: UInt64, length: UInt64)]
  ) {
    #expect(throws: FormatError.self) { try decode(file(size: 8, length: 0, holes: holes)) }
  }

  @Test func `sizes that overflow are refused`() {
    #expect(throws: FormatError.self) { try decode(file(size: .max, length: 1)) }
    var writer = ByteWriter()
    writer.field(2) { $0.varint(UInt64(0o100644)) }
    writer.field(4) { $0.varint(UInt64(Int64.max)) }
    writer.field(8) { field in
      field.zeros(32)
      field.varint(UInt64.max)
      field.varint(UInt64(Int64.max))
    }
    writer.field(10) { field in
      field.varint(0)
      field.varint(UInt64.max)
    }
    #expect(throws: FormatError.self) { try decode(writer.bytes) }
  }

  @Test func `more than 32 chunks in an item are refused`() throws {
    func bytes(_ count: Int) -> [UInt8] {
      var writer = ByteWriter()
      writer.field(2) { $0.varint(UInt64(0o100644)) }
      writer.field(4) { $0.varint(count) }
      writer.field(6) { field in
        for _ in 0..<count {
          field.zeros(32)
          field.varint(1)
        }
      }
      return writer.bytes
    }
    #expect(try decode(bytes(32)).content?.size == 32)
    #expect(throws: FormatError.limitExceeded("inline chunks", found: 33, limit: 32)) {
      try decode(bytes(33))
    }
  }

  @Test func `fields that do not fit the type are refused`() {
    func item(_ mode: UInt64, _ more: (inout ByteWriter) -> Void = { _ in }) -> [UInt8] {
      var writer = ByteWriter()
      writer.field(2) { $0.varint(mode) }
      more(&writer)
      return writer.bytes
    }
    let content = { (writer: inout ByteWriter) in
      writer.field(4) { $0.varint(0) }
      writer.field(6) { _ in }
    }
    let target = { (writer: inout ByteWriter) in writer.field(12) { $0.byte(0x61) } }
    for (mode, fields) in [
      (0o100644, { _ in }), (0o120777, { _ in }), (0o040755, content), (0o120777, content),
      (0o040755, target), (0o100644, target), (0o200000, { _ in }),
    ] as [(UInt64, (inout ByteWriter) -> Void)] {
      #expect(throws: FormatError.self) { try decode(item(mode, fields)) }
    }
    #expect(throws: FormatError.missingField("mode")) { try decode([]) }
    // Chunks without a size, a size without chunks, two lists of chunks.
    #expect(throws: FormatError.self) { try decode(item(0o100644) { $0.field(6) { _ in } }) }
    #expect(throws: FormatError.self) { try decode(item(0o100644) { $0.field(4) { $0.byte(0) } }) }
    #expect(throws: FormatError.self) {
      try decode(
        item(0o100644) { writer in
          content(&writer)
          writer.field(8) { field in
            field.zeros(34)
          }
        })
    }
  }

  @Test func `a hard link to a path outside is refused`() {
    for group in ["/etc/passwd", "../x", "a/../b"] {
      var writer = ByteWriter()
      writer.field(2) { $0.varint(UInt64(0o040755)) }
      writer.field(14) { $0.raw(group.utf8) }
      #expect(throws: FormatError.unsafePath) { try decode(writer.bytes) }
    }
  }

  @Test func `attributes that do not ascend are refused`() {
    for names in [["b", "a"], ["a", "a"], ["a", "b", "b"]] {
      var writer = ByteWriter()
      writer.field(2) { $0.varint(UInt64(0o040755)) }
      writer.field(19) { field in
        for name in names {
          field.blob(name.utf8)
          field.blob([])
        }
      }
      #expect(throws: FormatError.fieldOrder) { try decode(writer.bytes) }
    }
  }
}

@Suite struct ArchiveManifestTests {
  @Test(arguments: Seed.each(10))
  func `manifests come back as they were`(seed: Seed) throws {
    var random = seed.generator
    for _ in 0..<50 {
      let manifest = random.manifest()
      #expect(try ArchiveManifest(decoding: ByteReader(try manifest.encoded())) == manifest)
    }
  }

  @Test func `a name, a kind and a start have to be there`() throws {
    let now = Timestamp(seconds: 1)
    #expect(throws: FormatError.missingField("name")) {
      try ArchiveManifest(
        decoding: ByteReader(try ArchiveManifest(name: "", start: now, end: now).encoded()))
    }
    #expect(throws: FormatError.missingField("name")) {
      try ArchiveManifest(decoding: ByteReader([]))
    }
  }

  @Test func `what would make the object too large is left out of the record, or refused`() throws {
    let now = Timestamp(seconds: 1)
    var manifest = ArchiveManifest(name: "n", start: now, end: now)
    manifest.commandLine = [[UInt8](repeating: 1, count: 4 << 20), [2]]
    manifest.roots = [
      ArchiveManifest.Root(path: [UInt8](repeating: 1, count: 4 << 20), settledBefore: now)
    ]
    let decoded = try ArchiveManifest(decoding: ByteReader(try manifest.encoded()))
    #expect(decoded.commandLine == [[2]])
    #expect(decoded.roots.isEmpty)
    manifest.comment = String(repeating: "x", count: 1 << 20)
    #expect(throws: FormatError.self) { try manifest.encoded() }
  }
}

@Suite struct TimestampTests {
  @Test func `are ordered by seconds, then by nanoseconds`() {
    let ascending = [
      Timestamp(seconds: .min), Timestamp(seconds: -1, nanoseconds: 999_999_999),
      Timestamp(seconds: 0), Timestamp(seconds: 0, nanoseconds: 1), Timestamp(seconds: 1),
    ]
    #expect(ascending.shuffled().sorted() == ascending)
  }

  @Test func `saturate at the ends of time`() {
    #expect(Timestamp(seconds: 10).earlier(bySeconds: 3).seconds == 7)
    #expect(Timestamp(seconds: 10).earlier(bySeconds: -3).seconds == 13)
    #expect(Timestamp(seconds: .min).earlier(bySeconds: 1).seconds == .min)
    #expect(Timestamp(seconds: .max).earlier(bySeconds: -1).seconds == .max)
    #expect(Timestamp(seconds: .max).earlier(bySeconds: .min).seconds == .max)
  }
}
