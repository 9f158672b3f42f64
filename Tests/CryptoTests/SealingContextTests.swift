import StoreCrypto
import Testing

@Suite struct SealingContextTests {
  struct Vector: Sendable, CustomTestStringConvertible {
    var name: String
    var suite: Suite
    var key: [UInt8]
    var nonce: Nonce
    var associatedData: [UInt8]
    var plaintext: [UInt8]
    var sealed: [UInt8]

    var testDescription: String { name }
  }

  static let gcmKey = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
  static let gcmPlaintext = hex(
    """
    d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
    1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255
    """)
  static let gcmCiphertext = hex(
    """
    522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
    8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad
    """)

  /// Published vectors, and one computed elsewhere.
  ///
  /// - AES-256-GCM: McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B,
  ///   test cases 13 to 16: the submission that became NIST SP 800-38D.
  /// - ChaCha20-Poly1305: RFC 8439, section 2.8.2.
  /// - HMAC: Python's `hmac`, on the layout that `SealingContext` draws.
  static let vectors = [
    Vector(
      name: "GCM test case 13", suite: .aes256GCM, key: [UInt8](repeating: 0, count: 32),
      nonce: Nonce(part: 0, number: 0), associatedData: [], plaintext: [],
      sealed: hex("530f8afbc74536b9a963b4f1c4cb738b")),
    Vector(
      name: "GCM test case 14", suite: .aes256GCM, key: [UInt8](repeating: 0, count: 32),
      nonce: Nonce(part: 0, number: 0), associatedData: [],
      plaintext: [UInt8](repeating: 0, count: 16),
      sealed: hex("cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919")),
    Vector(
      name: "GCM test case 15", suite: .aes256GCM, key: gcmKey,
      nonce: Nonce(part: 0xcafe_babe, number: 0xface_dbad_deca_f888), associatedData: [],
      plaintext: gcmPlaintext, sealed: gcmCiphertext + hex("b094dac5d93471bdec1a502270e3cc6c")),
    Vector(
      name: "GCM test case 16", suite: .aes256GCM, key: gcmKey,
      nonce: Nonce(part: 0xcafe_babe, number: 0xface_dbad_deca_f888),
      associatedData: hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
      plaintext: gcmPlaintext.dropLast(4),
      sealed: gcmCiphertext.dropLast(4) + hex("76fc6ece0f4e1768cddf8853bb2d551b")),
    Vector(
      name: "RFC 8439, 2.8.2", suite: .chacha20Poly1305, key: (0x80...0x9f).map { UInt8($0) },
      nonce: Nonce(part: 0x0700_0000, number: 0x4041_4243_4445_4647),
      associatedData: hex("50515253c0c1c2c3c4c5c6c7"),
      plaintext: Array(
        ("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
          + "future, sunscreen would be it.").utf8),
      sealed: hex(
        """
        d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6
        3dbea45e8ca9671282fafb69da92728b 1a71de0a9e060b2905d6a5b67ecd3b36
        92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc
        3ff4def08e4b7a9de576d26586cec64b 6116
        1ae10b594f09e26a7e902ecbd0600691
        """)),
    Vector(
      name: "HMAC", suite: .authenticated, key: (0..<32).map { UInt8($0) },
      nonce: Nonce(part: 1, number: 2), associatedData: Array("header".utf8),
      plaintext: Array("plaintext".utf8),
      sealed: Array("plaintext".utf8) + hex("dddd2051f2e45eec0376c703b7fcf16e")),
    Vector(
      name: "HMAC without a secret", suite: .none, key: (0..<32).map { UInt8($0) },
      nonce: Nonce(part: 1, number: 2), associatedData: Array("header".utf8),
      plaintext: Array("plaintext".utf8),
      sealed: Array("plaintext".utf8) + hex("dddd2051f2e45eec0376c703b7fcf16e")),
  ]

  /// Seals with a context of its own.
  func seal(_ vector: Vector) throws -> [UInt8] {
    var context = try SealingContext(
      suite: vector.suite, key: Secret(vector.key), associatedData: vector.associatedData)
    var sealed: [UInt8] = []
    try context.seal(vector.plaintext.span, nonce: vector.nonce, into: &sealed)
    return sealed
  }

  /// Opens with a context of its own.
  func open(_ vector: Vector) throws -> [UInt8] {
    var context = try SealingContext(
      suite: vector.suite, key: Secret(vector.key), associatedData: vector.associatedData)
    return try context.open(vector.sealed.span, nonce: vector.nonce)
  }

  /// A sealed message of `count` bytes.
  func example(_ suite: Suite, count: Int) throws -> Vector {
    var vector = Vector(
      name: "example", suite: suite, key: [UInt8](repeating: 9, count: 32),
      nonce: Nonce(part: 3, number: 4), associatedData: Array("where it belongs".utf8),
      plaintext: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) }, sealed: [])
    vector.sealed = try seal(vector)
    return vector
  }

  @Test(arguments: vectors)
  func `seals and opens published vectors`(vector: Vector) throws {
    #expect(try seal(vector) == vector.sealed)
    #expect(try open(vector) == vector.plaintext)
  }

  @Test(arguments: Suite.allCases, [0, 1, 15, 16, 17, 100, 5 << 20])
  func `opens what it sealed`(suite: Suite, count: Int) throws {
    let vector = try example(suite, count: count)
    #expect(vector.sealed.count == count + SealingContext.tagSize)
    // Not the arrays themselves: a failure would print megabytes.
    #expect(try open(vector) == vector.plaintext, "\(count) bytes")
    if count >= 16 {
      #expect(vector.sealed.starts(with: vector.plaintext) == !suite.encrypts)
    }
  }

  @Test(arguments: Suite.allCases, [0, 1, 100, 65_535, 65_536, 65_537, 200_000])
  func `says whether a message holds what it should`(suite: Suite, count: Int) throws {
    let vector = try example(suite, count: count)
    func holds(_ plaintext: [UInt8], _ sealed: [UInt8]) throws -> Bool {
      var context = try SealingContext(
        suite: suite, key: Secret(vector.key), associatedData: vector.associatedData)
      return try context.check(sealed.span, nonce: vector.nonce, holds: plaintext.span)
    }
    #expect(try holds(vector.plaintext, vector.sealed))
    #expect(try !holds(vector.plaintext + [0], vector.sealed))
    #expect(try !holds(vector.plaintext, Array(vector.sealed.dropLast())))
    for at in Set([0, count / 2, 65_535, 65_536, count - 1]) where 0..<count ~= at {
      var other = vector.plaintext
      other[at] ^= 1
      #expect(try !holds(other, vector.sealed), "byte \(at)")
    }
    for at in [0, vector.sealed.count / 2, vector.sealed.count - 1] {
      var forged = vector.sealed
      forged[at] ^= 1
      #expect(throws: CryptoError.authenticationFailed, "byte \(at)") {
        try holds(vector.plaintext, forged)
      }
    }
  }

  @Test(arguments: Suite.allCases)
  func `keeps message after message apart in one context`(suite: Suite) throws {
    let vector = try example(suite, count: 40)
    var context = try SealingContext(
      suite: suite, key: Secret(vector.key), associatedData: vector.associatedData)
    for round in UInt64(0)..<20 {
      // Sealing, opening and refusing alternate, and leave nothing behind in each other.
      var output: [UInt8] = [1, 2, 3]
      let other = Nonce(part: 0, number: round)
      try context.seal([7, 8].span, nonce: other, into: &output)
      #expect(output.starts(with: [1, 2, 3]))
      #expect(try context.open(output.span.extracting(droppingFirst: 3), nonce: other) == [7, 8])
      do throws(CryptoError) {
        _ = try context.open(output.span, nonce: other)
        Issue.record("a forgery was opened")
      } catch {
        #expect(error == .authenticationFailed)
      }
      #expect(try context.open(vector.sealed.span, nonce: vector.nonce) == vector.plaintext)
      var again: [UInt8] = []
      try context.seal(vector.plaintext.span, nonce: vector.nonce, into: &again)
      #expect(again == vector.sealed)
    }
  }

  @Test(arguments: Suite.allCases)
  func `refuses every flipped bit`(suite: Suite) throws {
    let vector = try example(suite, count: 20)
    for bit in 0..<(vector.sealed.count * 8) {
      var forged = vector
      forged.sealed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: CryptoError.authenticationFailed) { try open(forged) }
    }
    #expect(try open(vector) == vector.plaintext)
  }

  @Test(arguments: Suite.allCases, [0, 20])
  func `refuses a message that was cut short or went on`(suite: Suite, count: Int) throws {
    let vector = try example(suite, count: count)
    for length in 0..<vector.sealed.count {
      var forged = vector
      forged.sealed = Array(vector.sealed.prefix(length))
      #expect(throws: CryptoError.authenticationFailed) { try open(forged) }
      forged.sealed = Array(vector.sealed.suffix(length))
      #expect(throws: CryptoError.authenticationFailed) { try open(forged) }
    }
    for extra in [[0], [UInt8](repeating: 0, count: 16)] {
      var forged = vector
      forged.sealed += extra
      #expect(throws: CryptoError.authenticationFailed) { try open(forged) }
    }
  }

  @Test(arguments: Suite.allCases)
  func `refuses another key, nonce or associated data`(suite: Suite) throws {
    let vector = try example(suite, count: 20)
    var forgeries: [Vector] = []
    for i in [0, 31] {
      var forged = vector
      forged.key[i] ^= 1
      forgeries.append(forged)
    }
    for nonce in [
      Nonce(part: 2, number: 4), Nonce(part: 3, number: 5), Nonce(part: 4, number: 3),
      Nonce(part: 3 | 1 << 31, number: 4), Nonce(part: 3, number: 4 | 1 << 63),
    ] {
      var forged = vector
      forged.nonce = nonce
      forgeries.append(forged)
    }
    for associatedData in [
      [], Array(vector.associatedData.dropLast()), Array(vector.associatedData.dropFirst()),
      vector.associatedData + [0], vector.associatedData.reversed(),
    ] {
      var forged = vector
      forged.associatedData = associatedData
      forgeries.append(forged)
    }
    for forged in forgeries {
      #expect(throws: CryptoError.authenticationFailed) { try open(forged) }
    }
  }

  @Test(arguments: Suite.allCases)
  func `knows where associated data ends and the message begins`(suite: Suite) throws {
    // The front of the plaintext moves into the associated data: the same bytes in a row.
    let vector = try example(suite, count: 20)
    var moved = vector
    moved.associatedData += vector.sealed.prefix(1)
    moved.sealed.removeFirst()
    #expect(throws: CryptoError.authenticationFailed) { try open(moved) }
  }

  @Test(arguments: Suite.allCases)
  func `gives equal messages different forms under different nonces`(suite: Suite) throws {
    let vector = try example(suite, count: 20)
    var forms: Set<[UInt8]> = [vector.sealed]
    for nonce in [
      Nonce(part: 3, number: 5), Nonce(part: 4, number: 4), Nonce(part: 4, number: 3),
      Nonce(part: 3, number: 4 << 32),
    ] {
      var other = vector
      other.nonce = nonce
      forms.insert(try seal(other))
    }
    #expect(forms.count == 5)
  }

  @Test(arguments: Suite.allCases, [0, 16, 31, 33, 64])
  func `refuses a key that is not 32 bytes`(suite: Suite, count: Int) {
    #expect(throws: CryptoError.invalidParameter("a sealing key of \(count) bytes")) {
      _ = try SealingContext(
        suite: suite, key: Secret([UInt8](repeating: 0, count: count)), associatedData: [])
    }
  }

  @Test func `knows the suites by the numbers on disk`() {
    #expect(Suite.allCases.map(\.rawValue) == [1, 2, 3, 4])
    #expect(Suite.allCases.map(\.encrypts) == [true, true, false, false])
    #expect(Suite(rawValue: 0) == nil)
    #expect(Suite(rawValue: 5) == nil)
  }
}
