import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct KeySlotTests {
  /// One slot under a passphrase, for all tests: scrypt takes its time.
  private static let sealed = Result {
    try KeySlot(
      sealing: TestKeys.bundle(), passphrase: Secret("right"), parameters: TestKeys.scrypt
    ).encoded
  }
  private static let clear = Result {
    try KeySlot(
      sealing: TestKeys.bundle(suite: .none), passphrase: nil, parameters: TestKeys.scrypt
    ).encoded
  }

  /// Nothing of a slot that was changed may come out.
  private func isRefused(_ bytes: [UInt8], passphrase: Secret?) -> Bool {
    do {
      return try KeySlot(decoding: bytes).open(passphrase: passphrase) == nil
    } catch {
      return true
    }
  }

  @Test func `opens under its passphrase, and under no other`() throws {
    let slot = try KeySlot(decoding: try Self.sealed.get())
    let bundle = try #require(try slot.open(passphrase: Secret("right")))
    #expect(bundle.encoded() == TestKeys.bundle().encoded())
    #expect(slot.repositoryID == TestKeys.bundle().repositoryID)
    for wrong in ["wrong", "Right", "right ", ""] {
      #expect(try slot.open(passphrase: Secret(wrong)) == nil, "'\(wrong)'")
    }
    #expect(throws: KeyError.passphraseNeeded) { try slot.open(passphrase: nil) }
  }

  @Test func `a long and a binary passphrase count to the last byte`() throws {
    let bytes = PseudoRandomBytes(seed: 1).withBytes(300)
    let slot = try KeySlot(
      sealing: TestKeys.bundle(), passphrase: Secret(copying: bytes.span),
      parameters: TestKeys.scrypt)
    #expect(try slot.open(passphrase: Secret(copying: bytes.span)) != nil)
    var other = bytes
    other[299] ^= 1
    #expect(try slot.open(passphrase: Secret(copying: other.span)) == nil)
  }

  @Test func `the same bundle under the same passphrase gives other bytes each time`() throws {
    let a = try Self.clear.get()
    let b = try KeySlot(
      sealing: TestKeys.bundle(suite: .none), passphrase: nil, parameters: TestKeys.scrypt
    ).encoded
    #expect(a[..<48] == b[..<48])
    #expect(a[48...] != b[48...])
  }

  @Test func `its length tells nothing of the bundle`() throws {
    let many = try KeySlot(
      sealing: TestKeys.bundle(suite: .none, epochs: Array(1...20)), passphrase: nil,
      parameters: TestKeys.scrypt)
    #expect(try many.encoded.count == Self.clear.get().count)
    #expect(try many.open(passphrase: nil)?.sealing.count == 20)
  }

  @Test func `a bundle of many epochs has room`() throws {
    let slot = try KeySlot(
      sealing: TestKeys.bundle(suite: .none, epochs: Array(1...200)), passphrase: nil,
      parameters: TestKeys.scrypt)
    let again = try KeySlot(decoding: slot.encoded)
    #expect(try again.open(passphrase: nil)?.sealing.count == 200)
  }

  @Test func `a slot without passphrase opens for everybody`() throws {
    let slot = try KeySlot(decoding: try Self.clear.get())
    #expect(slot.derivation == .none)
    #expect(try slot.open(passphrase: nil)?.encoded() == TestKeys.bundle(suite: .none).encoded())
    #expect(try slot.open(passphrase: Secret("any")) != nil)
  }

  @Test func `only keys that are no secret stand in a slot without passphrase`() throws {
    for suite in Suite.allCases where suite != .none {
      #expect(throws: KeyError.passphraseNeeded) {
        try KeySlot(
          sealing: TestKeys.bundle(suite: suite), passphrase: nil, parameters: TestKeys.scrypt)
      }
    }
  }

  @Test func `any flipped bit is refused`() throws {
    let bytes = try Self.clear.get()
    for bit in 0..<(8 * bytes.count) {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(isRefused(flipped, passphrase: nil), "bit \(bit)")
    }
  }

  @Test func `a flipped bit under a passphrase is refused`() throws {
    let bytes = try Self.sealed.get()
    // Each costs a derivation: all of the small fields, then some of each long one.
    for byte in Array(0..<16) + [16, 47, 48, 79, 80, 111, 112, 140, 600, bytes.count - 1] {
      var flipped = bytes
      flipped[byte] ^= 1
      #expect(isRefused(flipped, passphrase: Secret("right")), "byte \(byte)")
    }
  }

  @Test func `a slot that is cut short or goes on is refused`() throws {
    let bytes = try Self.clear.get()
    for length in 0..<bytes.count {
      #expect(isRefused(Array(bytes[..<length]), passphrase: nil), "\(length) bytes")
    }
    #expect(isRefused(bytes + [0], passphrase: nil))
    #expect(throws: FormatError.limitExceeded("key slot", found: 16_385, limit: 16_384)) {
      try KeySlot(decoding: bytes + [UInt8](repeating: 0, count: 16_385 - bytes.count))
    }
  }

  @Test(
    arguments: [
      (14, 8, 1), (21, 8, 1), (63, 8, 1), (255, 8, 1), (0, 8, 1), (16, 7, 1), (16, 9, 1),
      (16, 0, 1), (16, .max, 1), (16, 8, 0), (16, 8, 5), (16, 8, 255),
    ] as [(UInt8, UInt32, UInt8)])
  func `a slot that demands too much or too little work is refused before any is done`(
    logN: UInt8, r: UInt32, p: UInt8
  ) throws {
    var bytes = try Self.sealed.get()
    bytes[10] = logN
    bytes[11] = p
    for i in 0..<4 { bytes[12 + i] = UInt8(truncatingIfNeeded: r >> UInt32(24 - 8 * i)) }
    let started = SystemClock.monotonicSeconds
    #expect(throws: CryptoError.self) { try KeySlot(decoding: bytes) }
    #expect(SystemClock.monotonicSeconds - started < 0.5)
    #expect(throws: CryptoError.self) {
      try KeySlot(
        sealing: TestKeys.bundle(), passphrase: Secret("x"),
        parameters: ScryptParameters(logN: logN, r: r, p: UInt32(p)))
    }
  }

  @Test func `other derivations and versions are refused by name`() throws {
    var bytes = try Self.sealed.get()
    bytes[9] = 2
    #expect(throws: FormatError.unknownAlgorithm("key derivation", 2)) {
      try KeySlot(decoding: bytes)
    }
    bytes = try Self.sealed.get()
    bytes[8] = 2
    #expect(throws: FormatError.unknownVersion(2)) { try KeySlot(decoding: bytes) }
    bytes[0] = 0
    #expect(throws: FormatError.wrongMagic) { try KeySlot(decoding: bytes) }
    // kdf 0 with what is left of a passphrase's parameters.
    bytes = try Self.sealed.get()
    bytes[9] = 0
    #expect(throws: FormatError.self) { try KeySlot(decoding: bytes) }
  }

  @Test func `a slot that is given to another repository is refused`() throws {
    var bytes = try Self.clear.get()
    let other = TestKeys.bundle(seed: 99).repositoryID.bytes
    bytes.replaceSubrange(16..<48, with: other)
    let slot = try KeySlot(decoding: bytes)
    #expect(slot.repositoryID.bytes == other)
    #expect(throws: FormatError.authenticationFailed) { try slot.open(passphrase: nil) }
  }

  @Test func `the commitment is checked before anything is decrypted`() throws {
    // With a good commitment the damage behind it is an error; with a bad one it is not met.
    var bytes = try Self.clear.get()
    bytes[bytes.count - 1] ^= 1
    #expect(throws: FormatError.authenticationFailed) {
      try KeySlot(decoding: bytes).open(passphrase: nil)
    }
    bytes[80] ^= 1
    #expect(try KeySlot(decoding: bytes).open(passphrase: nil) == nil)
  }
}

@Suite struct KeyBundleTests {
  @Test func `its secrets come back`() throws {
    for suite in Suite.allCases {
      let bundle = TestKeys.bundle(suite: suite, epochs: [1, 2, 9])
      let decoded = try KeyBundle(decoding: ByteReader(bundle.encoded()))
      #expect(decoded.repositoryID == bundle.repositoryID)
      #expect(decoded.suite == suite)
      #expect(decoded.deduplication.isEqual(to: bundle.deduplication))
      #expect(decoded.authority.isEqual(to: bundle.authority))
      #expect(decoded.sealing.map(\.epoch) == [1, 2, 9])
      for (a, b) in zip(decoded.sealing, bundle.sealing) {
        #expect(a.secret.isEqual(to: b.secret))
      }
    }
  }

  @Test func `nothing of it may be missing`() throws {
    let whole = TestKeys.bundle().encoded()
    var fields = FieldReader(whole)
    var parts: [(number: UInt64, bytes: [UInt8])] = []
    while case (let number, var value)? = try fields.next() { parts.append((number, value.rest())) }
    #expect(parts.count == 6)
    for missing in parts.indices {
      var writer = ByteWriter()
      for (index, part) in parts.enumerated() where index != missing {
        writer.field(part.number) { $0.raw(part.bytes) }
      }
      #expect(throws: FormatError.self) { try KeyBundle(decoding: ByteReader(writer.bytes)) }
    }
  }

  @Test func `epochs that do not ascend are refused`() {
    for epochs in [[1, 1], [2, 1], [], [1, 2, 2]] as [[UInt32]] {
      let bundle = TestKeys.bundle(epochs: epochs)
      #expect(throws: FormatError.self) { try KeyBundle(decoding: ByteReader(bundle.encoded())) }
    }
  }

  @Test func `two new ones have nothing in common`() throws {
    let a = try KeyBundle.random(suite: .aes256GCM)
    let b = try KeyBundle.random(suite: .aes256GCM)
    #expect(a.repositoryID != b.repositoryID)
    #expect(!a.deduplication.isEqual(to: b.deduplication))
    #expect(!a.authority.isEqual(to: b.authority))
    #expect(!a.sealing[0].secret.isEqual(to: b.sealing[0].secret))
    #expect(!a.sealing[0].secret.isEqual(to: a.deduplication))
    #expect(!a.authority.isEqual(to: a.deduplication))
  }
}

extension PseudoRandomBytes {
  fileprivate func withBytes(_ count: Int) -> [UInt8] {
    var copy = self
    return copy.bytes(count)
  }
}
