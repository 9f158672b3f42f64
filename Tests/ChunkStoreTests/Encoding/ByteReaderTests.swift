import Testing

@testable import ChunkStore

@Suite struct ByteReaderTests {
  private static let longest: [UInt8] = [UInt8](repeating: 0xff, count: 9) + [0x01]

  @Test(
    arguments: [
      (0, [0x00]), (1, [0x01]), (127, [0x7f]), (128, [0x80, 0x01]), (300, [0xac, 0x02]),
      (16_383, [0xff, 0x7f]), (16_384, [0x80, 0x80, 0x01]), (UInt64.max, longest),
    ] as [(UInt64, [UInt8])])
  func `varints are base 128, least significant group first`(value: UInt64, bytes: [UInt8]) throws {
    var writer = ByteWriter()
    writer.varint(value)
    #expect(writer.bytes == bytes)
    var reader = ByteReader(bytes)
    #expect(try reader.varint() == value)
    try reader.finish()
  }

  @Test(arguments: Seed.each(4))
  func `varints of every width come back, in the fewest bytes`(seed: Seed) throws {
    var random = seed.generator
    for width in 1...64 {
      let value = random.next() >> UInt64(64 - width) | 1 << UInt64(width - 1)
      var writer = ByteWriter()
      writer.varint(value)
      #expect(writer.count == (width + 6) / 7)
      var reader = ByteReader(writer.bytes)
      #expect(try reader.varint() == value)
      #expect(reader.isAtEnd)
    }
  }

  @Test(
    arguments: [
      [0x80, 0x00], [0xff, 0x00], [0x80, 0x80, 0x00],
      // A tenth byte has room for a single bit.
      [UInt8](repeating: 0xff, count: 9) + [0x02], [UInt8](repeating: 0x80, count: 9) + [0x7f],
      [UInt8](repeating: 0x80, count: 9) + [0x00],
      // Eleven bytes are too many, whatever they say.
      [UInt8](repeating: 0xff, count: 9) + [0x81, 0x00],
      [UInt8](repeating: 0x80, count: 10) + [0x01], [UInt8](repeating: 0xff, count: 64),
    ] as [[UInt8]])
  func `varints that are overlong or too large are refused`(bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    #expect(throws: FormatError.invalidNumber) { try reader.varint() }
  }

  @Test(arguments: 0..<10)
  func `varints that are cut short are refused`(to length: Int) {
    var reader = ByteReader(Array(Self.longest.prefix(length)))
    #expect(throws: FormatError.truncated(wanted: 1, found: 0)) { try reader.varint() }
  }

  @Test func `what is entered is read to its end, and no further`() throws {
    var reader = ByteReader([1, 2, 3, 4])
    let outer = try reader.enter(2)
    #expect(reader.remaining == 2)
    #expect(try reader.byte() == 1)
    #expect(throws: FormatError.trailingBytes(1)) { try reader.leave(outer) }
    #expect(try reader.byte() == 2)
    #expect(throws: FormatError.truncated(wanted: 1, found: 0)) { try reader.byte() }
    try reader.leave(outer)
    #expect(try reader.take(2) == [3, 4])
    #expect(throws: FormatError.truncated(wanted: 1, found: 0)) { try reader.enter(1) }
  }

  @Test(arguments: [[], [1], [1, 2], [1, 3], [1, 2, 3]] as [[UInt8]])
  func `what is left is what stands there, whatever came before`(last: [UInt8]) throws {
    var reader = ByteReader([1, 2])
    #expect(reader.rest(like: last) == [1, 2])
    #expect(reader.isAtEnd)
    for other in [[], [2], [1, 2, 2]] as [[UInt8]] {
      #expect(
        ByteReader.isRestEqual(ByteReader(last), ByteReader(other)) == (last == other))
      #expect(ByteReader.isRestEqual(ByteReader(last), ByteReader(last)))
    }
  }

  @Test func `varints are held to the limit of their place`() throws {
    var writer = ByteWriter()
    for value in [255, 256, UInt64(Int64.max) + 1] { writer.varint(value) }
    var reader = ByteReader(writer.bytes)
    #expect(try reader.varint("octet") as UInt8 == 255)
    var copy = reader
    #expect(throws: FormatError.limitExceeded("octet", found: 256, limit: 255)) {
      _ = try copy.varint("octet") as UInt8
    }
    copy = reader
    #expect(throws: FormatError.limitExceeded("number", found: 256, limit: 200)) {
      _ = try copy.varint("number", limit: 200) as Int
    }
    _ = try reader.varint()
    #expect(throws: FormatError.self) { _ = try reader.varint("size") as Int }
  }

  @Test(
    arguments: [
      (0, 0), (-1, 1), (1, 2), (-2, 3), (.max, UInt64.max - 1), (.min, UInt64.max),
    ] as [(Int64, UInt64)])
  func `signed numbers are zigzag varints`(value: Int64, zigzag: UInt64) throws {
    var writer = ByteWriter()
    writer.signed(value)
    var reader = ByteReader(writer.bytes)
    #expect(try reader.varint() == zigzag)
    reader = ByteReader(writer.bytes)
    #expect(try reader.signed() == value)
  }

  @Test func `integers are big-endian`() throws {
    var writer = ByteWriter()
    writer.integer(UInt16(0x0102))
    writer.integer(UInt32(0x0304_0506))
    writer.integer(UInt64(0x0708_090a_0b0c_0d0e))
    #expect(writer.bytes == Array(1...14))
    var reader = ByteReader(writer.bytes)
    #expect(try reader.integer() as UInt16 == 0x0102)
    #expect(try reader.integer() as UInt32 == 0x0304_0506)
    #expect(throws: Never.self) { try reader.integer() as UInt64 }
    #expect(throws: FormatError.truncated(wanted: 2, found: 0)) { try reader.integer() as UInt16 }
  }

  @Test func `nothing is read behind the end, or behind the end of what is nested`() throws {
    var reader = ByteReader([1, 2, 3, 4, 5])
    var nested = try reader.nested(2)
    #expect(reader.remaining == 3)
    #expect(nested.remaining == 2)
    #expect(throws: FormatError.truncated(wanted: 3, found: 2)) { try nested.take(3) }
    #expect(throws: FormatError.trailingBytes(2)) { try nested.finish() }
    #expect(nested.rest() == [1, 2])
    try nested.finish()
    #expect(throws: FormatError.self) { try reader.take(-1) }
    #expect(throws: FormatError.self) { try reader.nested(-1) }
    #expect(throws: FormatError.self) { try reader.take(.max) }
    #expect(throws: FormatError.self) { try reader.nested(.max) }
    #expect(throws: FormatError.self) { try reader.digest() }
    #expect(try reader.take(3) == [3, 4, 5])
  }

  @Test func `a blob of an enormous length allocates nothing`() {
    var reader = ByteReader(Self.longest + [0])
    #expect(throws: FormatError.limitExceeded("blob", found: .max, limit: 1 << 40)) {
      try reader.blob("blob", limit: 1 << 40)
    }
    var writer = ByteWriter()
    writer.varint(1 << 40)
    reader = ByteReader(writer.bytes)
    #expect(throws: FormatError.truncated(wanted: 1 << 40, found: 0)) {
      try reader.blob("blob", limit: .max)
    }
  }
}

@Suite struct FieldReaderTests {
  private func fields(_ numbers: UInt64...) -> [UInt8] {
    var writer = ByteWriter()
    for number in numbers { writer.field(number) { $0.byte(UInt8(truncatingIfNeeded: number)) } }
    return writer.bytes
  }

  @Test func `ascending fields are read, each with its own bytes`() throws {
    var reader = FieldReader(fields(0, 1, 200))
    for expected: UInt64 in [0, 1, 200] {
      var (number, value) = try #require(try reader.next())
      #expect(number == expected)
      #expect(value.rest() == [UInt8(expected)])
    }
    #expect(try reader.next().map { $0.number } == nil)
  }

  @Test func `a field that comes twice, or too late, is refused`() throws {
    for bytes in [fields(2, 2), fields(4, 2), fields(0, 0)] {
      var reader = FieldReader(bytes)
      _ = try reader.next()
      #expect(throws: FormatError.fieldOrder) { try reader.next() }
    }
  }

  @Test func `a field cannot reach behind the end`() {
    var reader = FieldReader([0x01, 0x02, 0xaa])
    #expect(throws: FormatError.truncated(wanted: 2, found: 1)) {
      try reader.next()
    }
  }

  @Test func `unknown odd fields are passed over, even ones refused`() throws {
    for number: UInt64 in [1, 99, .max] { try FieldReader.passOver(number) }
    for number: UInt64 in [0, 98, .max - 1] {
      #expect(throws: FormatError.unknownCriticalField(number)) {
        try FieldReader.passOver(number)
      }
    }
  }
}
