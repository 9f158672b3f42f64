import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct KeyVectorTests {
  @Test func `numbers are encoded as in vector encodings, and decoded`() throws {
    for one in try Vector("encodings").cases {
      let bytes = try one.bytes("bytes")
      var writer = ByteWriter()
      var reader = ByteReader(bytes)
      if one.has("varint") {
        let value: UInt64 = try one.number("varint")
        writer.varint(value)
        #expect(try reader.varint() == value)
      } else if one.has("signed") {
        let value: Int64 = try one.number("signed")
        writer.signed(value)
        #expect(try reader.signed() == value)
      } else if one.has("seconds") {
        let time = Timestamp(
          seconds: try one.number("seconds"), nanoseconds: try one.number("nanoseconds"))
        writer.timestamp(time)
        #expect(try reader.timestamp() == time)
      } else if one.has("content") {
        writer.blob(try one.bytes("content"))
        #expect(try reader.blob("content", limit: 5) == one.bytes("content"))
      } else {
        let (a, b): (UInt8, UInt16) = (try one.number("u8"), try one.number("u16"))
        let (c, d): (UInt32, UInt64) = (try one.number("u32"), try one.number("u64"))
        writer.byte(a)
        writer.integer(b)
        writer.integer(c)
        writer.integer(d)
        #expect(try reader.byte() == a)
        #expect(try reader.integer(UInt16.self) == b)
        #expect(try reader.integer(UInt32.self) == c)
        #expect(try reader.integer(UInt64.self) == d)
      }
      #expect(writer.bytes == bytes, "\(one)")
      #expect(reader.isAtEnd, "\(one)")
    }
  }

  private static let message: [UInt8] = [1, 2, 3]

  /// The case of vector `keys` for a suite.
  private func known(_ suite: Suite) throws -> Vector.Case {
    try #require(try Vector("keys").cases.first { try $0.suite() == suite })
  }

  private func hash(_ key: [UInt8]) throws -> Digest256 {
    var hash = try KeyedHash(key: Secret(copying: key.span))
    return try hash.digest(of: Self.message)
  }

  @Test(arguments: Suite.allCases)
  func `keys are derived as in vector keys`(suite: Suite) throws {
    let one = try known(suite)
    let bundle = try VectorKeys.bundle(suite)
    let ring = try KeyRing(bundle)
    #expect(bundle.encoded() == (try one.bytes("bundle")))
    #expect(ring.authority.publicKey == (try one.bytes("authority")))
    #expect(try idHash(ring, .content) == hash(one.bytes("content id")))
    #expect(try idHash(ring, .tree) == hash(one.bytes("tree id")))
    #expect(try boundaryHash(ring) == hash(one.bytes("node boundary")))
    #expect(ring.chunker.table.withBytes { Self.copy($0) } == (try one.bytes("chunker table")))
    #expect(ring.chunker.prf.withBytes { Self.copy($0) } == (try one.bytes("chunker prf")))
  }

  private static func copy(_ bytes: Span<UInt8>) -> [UInt8] { bytes.indices.map { bytes[$0] } }

  private func idHash(_ ring: KeyRing, _ namespace: KeyRing.Namespace) throws -> Digest256 {
    var hash = try ring.idHash(namespace)
    return try hash.digest(of: Self.message)
  }

  private func boundaryHash(_ ring: KeyRing) throws -> Digest256 {
    var hash = try ring.boundaryHash()
    return try hash.digest(of: Self.message)
  }

  @Test(arguments: Suite.allCases)
  func `each role has the keys of vector keys, in each epoch`(suite: Suite) throws {
    let one = try known(suite)
    let ring = try VectorKeys.ring(suite)
    for type in ObjectType.allCases {
      let role = Role(type)
      let new = try ring.header(type)
      #expect(new.epoch == 3)
      #expect(new.keyID == (try one.bytes("id \(role.label) 3")))
      for epoch in [1, 3] as [UInt32] {
        let header = ObjectHeader(
          type: type, suite: suite, epoch: epoch,
          keyID: try one.bytes("id \(role.label) \(epoch)"), salt: new.salt)
        let sealed = try sealed(
          header, key: try one.bytes("role \(role.label) \(epoch)"), suite: suite)
        #expect(try opened(sealed, header, role, ring) == Self.message)
      }
    }
  }

  /// The message, sealed under a header with a given role key.
  private func sealed(_ header: ObjectHeader, key: [UInt8], suite: Suite) throws -> [UInt8] {
    let info = Array("archivist/1 object".utf8) + header.encoded
    let object = try HKDF.derive(
      from: Secret(copying: key.span), salt: header.salt.span, info: info.span, count: 32)
    var context = try SealingContext(
      suite: suite, key: object, associatedData: header.encoded)
    return try context.sealed(Self.message, part: 4, number: 5)
  }

  private func opened(
    _ sealed: [UInt8], _ header: ObjectHeader, _ role: Role, _ ring: KeyRing
  ) throws -> [UInt8] {
    var context = try ring.context(header, role: role)
    return try context.opened(sealed.span, part: 4, number: 5)
  }

  @Test func `slots open as in vector key-slot, and under no other passphrase`() throws {
    for one in try Vector("key-slot").cases {
      let slot = try KeySlot(decoding: try one.bytes("bytes"))
      let parameters = ScryptParameters(
        logN: try one.number("log N"), r: 8, p: try one.number("p"))
      #expect(slot.derivation == .scrypt(parameters))
      #expect(slot.encoded == (try one.bytes("bytes")))
      let passphrase = try one.bytes("passphrase")
      let bundle = try slot.open(passphrase: Secret(copying: passphrase.span))
      #expect(bundle?.encoded() == (try one.bytes("bundle")))
      #expect(try slot.open(passphrase: Secret(copying: (passphrase + [1]).span)) == nil)
    }
  }

  @Test func `a slot is as long as those of vector key-slot`() throws {
    let slot = try KeySlot(
      sealing: try VectorKeys.bundle(), passphrase: Secret(copying: [1, 2, 3].span),
      parameters: ScryptParameters(logN: 15, r: 8, p: 1))
    let known = try Vector("key-slot").cases[0].bytes("bytes")
    #expect(slot.encoded.count == known.count)
    #expect(slot.encoded[..<48] == known[..<48])
  }

  @Test func `a slot without passphrase opens as in vector key-slot-clear`() throws {
    for one in try Vector("key-slot-clear").cases {
      let slot = try KeySlot(decoding: try one.bytes("bytes"))
      #expect(slot.derivation == .none)
      #expect(try slot.open(passphrase: nil)?.encoded() == one.bytes("bundle"))
    }
  }
}
