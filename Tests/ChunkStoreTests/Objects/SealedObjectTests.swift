import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct SealedObjectTests {
  @Test(arguments: Suite.allCases, [0, 1, 80, 3967, 3968, 3969, 5000, 100_000])
  func `bodies come back, in objects of padded sizes`(suite: Suite, size: Int) throws {
    let keys = try TestKeys.ring(suite: suite)
    var random = PseudoRandomBytes(seed: UInt64(size))
    let body = random.bytes(size)
    let object = try SealedObject.seal(body, as: .archive, keys: keys)
    #expect(object.count == Padding.padded(80 + 16 + 8 + size))
    var reader = try SealedObject.open(object, as: .archive, keys: keys)
    #expect(reader.rest() == body)
  }

  @Test func `extensions come back in the clear, and are a part of what is sealed`() throws {
    let keys = try TestKeys.ring()
    let id = Array(UInt8(7)..<39)
    let object = try SealedObject.seal([1], as: .config, keys: keys, extension: id)
    #expect(Array(object[80..<112]) == id)
    #expect(object.count == 4096)
    var reader = try SealedObject.open(object, as: .config, keys: keys)
    #expect(reader.rest() == [1])
    var changed = object
    changed[81] ^= 1
    #expect(throws: FormatError.authenticationFailed) {
      try SealedObject.open(changed, as: .config, keys: keys)
    }
  }

  @Test(arguments: Suite.allCases)
  func `any flipped bit is refused`(suite: Suite) throws {
    let keys = try TestKeys.ring(suite: suite)
    let object = try SealedObject.seal([1, 2, 3], as: .label, keys: keys)
    // Every bit of the header, the body and the tag; of the padding in between one in each byte.
    let bits =
      Array(0..<(8 * 120)) + stride(from: 8 * 120, to: 8 * (object.count - 16), by: 9)
      + ((8 * (object.count - 16))..<(8 * object.count))
    for bit in bits {
      var flipped = object
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: FormatError.self, "bit \(bit)") {
        try SealedObject.open(flipped, as: .label, keys: keys)
      }
    }
  }

  @Test(arguments: Suite.allCases)
  func `an object that is cut short or goes on is refused`(suite: Suite) throws {
    let keys = try TestKeys.ring(suite: suite)
    let object = try SealedObject.seal([1, 2, 3], as: .label, keys: keys)
    for length in Array(0..<200) + Array((object.count - 20)..<object.count) {
      #expect(throws: FormatError.self) {
        try SealedObject.open(Array(object[..<length]), as: .label, keys: keys)
      }
    }
    #expect(throws: FormatError.self) {
      try SealedObject.open(object + [0], as: .label, keys: keys)
    }
  }

  @Test(arguments: Suite.allCases)
  func `no object is taken for one of another type`(suite: Suite) throws {
    let keys = try TestKeys.ring(suite: suite)
    for type in ObjectType.allCases {
      let object = try SealedObject.seal(
        [1], as: type, keys: keys, extension: [UInt8](repeating: 1, count: type.extensionSize))
      for other in ObjectType.allCases where other != type {
        #expect(
          throws: FormatError.wrongType(expected: other.rawValue, found: type.rawValue)
        ) {
          try SealedObject.open(object, as: other, keys: keys)
        }
        // A header that says what is expected does not help.
        var spliced = object
        spliced[8] = other.rawValue
        let error =
          type.extensionSize == other.extensionSize
          ? FormatError.authenticationFailed
          : .inconsistent("a header extension of \(type.extensionSize) bytes")
        #expect(throws: error) { try SealedObject.open(spliced, as: other, keys: keys) }
      }
    }
  }

  @Test func `the body of one object under the header of another is refused`() throws {
    let keys = try TestKeys.ring()
    let a = try SealedObject.seal([1], as: .label, keys: keys)
    let b = try SealedObject.seal([2], as: .label, keys: keys)
    #expect(throws: FormatError.authenticationFailed) {
      try SealedObject.open(Array(a[..<80] + b[80...]), as: .label, keys: keys)
    }
  }

  @Test func `an object of another repository is refused`() throws {
    let object = try SealedObject.seal([1], as: .label, keys: try TestKeys.ring(seed: 1))
    #expect(throws: FormatError.authenticationFailed) {
      try SealedObject.open(object, as: .label, keys: try TestKeys.ring(seed: 2))
    }
  }

  @Test(arguments: Suite.allCases)
  func `equal bodies are sealed to different bytes`(suite: Suite) throws {
    let keys = try TestKeys.ring(suite: suite)
    let a = try SealedObject.seal([1], as: .label, keys: keys)
    let b = try SealedObject.seal([1], as: .label, keys: keys)
    #expect(a.suffix(16) != b.suffix(16))
    #expect(a[48..<80] != b[48..<80])
  }

  @Test func `a length that leads out of the object is refused`() throws {
    let keys = try TestKeys.ring()
    for length: UInt64 in [9, 1 << 20, UInt64(Int64.max), .max] {
      // As somebody would make it who has the keys.
      let header = try keys.header(.label)
      var plaintext = ByteWriter()
      plaintext.integer(length)
      plaintext.zeros(8)
      var context = try keys.context(header, role: .label)
      let object = header.encoded + (try context.sealed(plaintext.bytes))
      #expect(throws: FormatError.self) { try SealedObject.open(object, as: .label, keys: keys) }
    }
  }
}

@Suite struct ObjectHeaderTests {
  private let header = ObjectHeader(
    type: .config, suite: .chacha20Poly1305, epoch: 0x0102_0304,
    keyID: Array(0x10...0x1f), salt: Array(0x20...0x3f), extension: Array(0x40...0x5f))

  @Test func `has its fields in their places`() {
    let bytes: [UInt8] =
      Array("archivst".utf8) + [7, 1, 2, 0] + [1, 2, 3, 4] + Array(0x10...0x1f) + [0, 0] + [0, 32]
      + [UInt8](repeating: 0, count: 12) + Array(0x20...0x5f)
    #expect(header.encoded == bytes)
    #expect(header.encodedSize == 112)
  }

  @Test(arguments: [
    (0, 0, FormatError.wrongMagic), (8, 0, .unknownAlgorithm("object type", 0)),
    (8, 10, .unknownAlgorithm("object type", 10)), (9, 2, .unknownVersion(2)),
    (10, 5, .unknownAlgorithm("suite", 5)), (11, 1, .unknownAlgorithm("key encapsulation", 1)),
    (33, 1, .unknownAlgorithm("header flags", 1)),
    (8, 1, .inconsistent("a header extension of 32 bytes")),
    (34, 0x10, .inconsistent("a header extension of 4128 bytes")),
    (35, 0, .inconsistent("a header extension of 0 bytes")),
    (36, 1, .inconsistent("reserved bytes of the header are not zero")),
    (47, 1, .inconsistent("reserved bytes of the header are not zero")),
  ])
  func `is refused where it says something unknown`(at byte: Int, value: UInt8, error: FormatError)
  {
    var bytes = header.encoded
    bytes[byte] = value
    #expect(throws: error) {
      var reader = ByteReader(bytes)
      _ = try ObjectHeader(decoding: &reader)
    }
  }
}
