import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct KeyRingTests {
  /// The result of sealing nothing in a context: tells keys apart.
  private func fingerprint(
    _ keys: KeyRing, _ header: ObjectHeader, role: Role
  ) throws -> [UInt8] {
    var context = try keys.context(header, role: role)
    return try context.sealed([])
  }

  private func header(
    _ keys: KeyRing, epoch: UInt32 = 1, salt: UInt8 = 1
  ) -> ObjectHeader {
    ObjectHeader(
      type: .index, suite: keys.suite, epoch: epoch, keyID: [UInt8](repeating: 0, count: 16),
      salt: [UInt8](repeating: salt, count: 32))
  }

  @Test(arguments: Suite.allCases)
  func `every role, epoch, salt and repository has keys of its own`(suite: Suite) throws {
    var seen: Set<[UInt8]> = []
    var made = 0
    for seed: UInt64 in [1, 2] {
      let keys = try TestKeys.ring(suite: suite, seed: seed, epochs: [1, 2])
      for role in Role.allCases {
        for epoch: UInt32 in [1, 2] {
          for salt: UInt8 in [1, 2] {
            seen.insert(
              try fingerprint(keys, header(keys, epoch: epoch, salt: salt), role: role))
            made += 1
          }
        }
      }
    }
    #expect(seen.count == made)
  }

  @Test func `every suite has keys of its own`() throws {
    // Equal secrets, and a header that differs in its suite alone.
    var seen: Set<[UInt8]> = []
    for suite in [Suite.authenticated, .none] {
      let keys = try TestKeys.ring(suite: suite)
      seen.insert(try fingerprint(keys, header(keys), role: .index))
    }
    #expect(seen.count == 2)
  }

  @Test func `epochs with the same secret have keys of their own`() throws {
    var bundle = TestKeys.bundle()
    bundle.sealing = [(1, bundle.sealing[0].secret), (2, bundle.sealing[0].secret)]
    let keys = try KeyRing(bundle)
    let one = try keys.header(.index)
    #expect(one.epoch == 2)
    #expect(
      try fingerprint(keys, header(keys, epoch: 1), role: .index)
        != fingerprint(keys, header(keys, epoch: 2), role: .index))
  }

  @Test func `contents and trees give the same bytes other ids`() throws {
    let keys = try TestKeys.ring()
    var content = try keys.idHash(.content)
    var tree = try keys.idHash(.tree)
    let bytes: [UInt8] = [1, 2, 3]
    #expect(try content.digest(of: bytes) != tree.digest(of: bytes))
    var again = try TestKeys.ring().idHash(.content)
    #expect(try content.digest(of: bytes) == again.digest(of: bytes))
    var boundary = try keys.boundaryHash()
    #expect(try boundary.digest(of: bytes) != content.digest(of: bytes))
    var stranger = try TestKeys.ring(seed: 8).idHash(.content)
    #expect(try content.digest(of: bytes) != stranger.digest(of: bytes))
  }

  @Test func `ids and boundaries outlive epochs and suites`() throws {
    // A new epoch seals anew; it must not make every chunk a new one.
    var old = try TestKeys.ring().idHash(.content)
    var bundle = TestKeys.bundle()
    bundle.suite = .chacha20Poly1305
    bundle.sealing.append((2, bundle.authority))
    let keys = try KeyRing(bundle)
    var new = try keys.idHash(.content)
    #expect(try old.digest(of: [1]) == new.digest(of: [1]))
    #expect(keys.epoch == 2)
  }

  @Test(arguments: Suite.allCases)
  func `what is sealed under a header is opened under its copy`(suite: Suite) throws {
    let keys = try TestKeys.ring(suite: suite)
    let header = try keys.header(.contentSegment, first: [1])
    var context = try keys.context(header, role: .content)
    let sealed = try context.sealed([5, 6], number: 3)
    var reader = ByteReader(header.encoded)
    var other = try TestKeys.ring(suite: suite).context(
      try ObjectHeader(decoding: &reader), role: .content)
    #expect(try other.open(sealed.span, nonce: Nonce(part: 0, number: 3)) == [5, 6])
    #expect(throws: CryptoError.authenticationFailed) {
      try other.open(sealed.span, nonce: Nonce(part: 0, number: 4))
    }
    #expect(throws: CryptoError.authenticationFailed) {
      try other.open(sealed.span, nonce: Nonce(part: 1, number: 3))
    }
  }

  @Test func `headers of another suite or epoch are refused`() throws {
    let keys = try TestKeys.ring()
    var header = try keys.header(.index)
    header.suite = .chacha20Poly1305
    #expect(throws: FormatError.self) { _ = try keys.context(header, role: .index) }
    header.suite = .none
    #expect(throws: FormatError.self) { _ = try keys.context(header, role: .index) }
    header = try keys.header(.index)
    header.epoch = 2
    #expect(throws: FormatError.unknownAlgorithm("key epoch", 2)) {
      _ = try keys.context(header, role: .index)
    }
  }

  @Test func `old epochs are still opened, the newest one seals`() throws {
    let old = try TestKeys.ring()
    let object = try SealedObject.seal([1, 2, 3], as: .label, keys: old)
    var bundle = TestKeys.bundle()
    bundle.sealing.append((5, bundle.authority))
    let keys = try KeyRing(bundle)
    var body = try SealedObject.open(object, as: .label, keys: keys)
    #expect(body.rest() == [1, 2, 3])
    #expect(try keys.header(.label).epoch == 5)
  }

  @Test func `no two headers are equal`() throws {
    let keys = try TestKeys.ring()
    var salts: Set<[UInt8]> = []
    for _ in 0..<2000 {
      let header = try keys.header(.index, first: [1])
      salts.insert(header.salt)
      #expect(header.type == .index)
    }
    #expect(salts.count == 2000)
  }

  @Test func `a header names the key by its role, and tells nothing else`() throws {
    let keys = try TestKeys.ring(epochs: [1])
    var ids: Set<[UInt8]> = []
    for type in ObjectType.allCases { ids.insert(try keys.header(type).keyID) }
    #expect(ids.count == ObjectType.allCases.count)
    let again = try TestKeys.ring().header(.index, first: [9])
    #expect(try keys.header(.index).keyID == again.keyID)
  }

  @Test func `a bundle without a sealing secret is refused`() {
    #expect(throws: CryptoError.self) { try TestKeys.ring(epochs: []) }
  }
}
