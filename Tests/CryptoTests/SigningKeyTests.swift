import StoreCrypto
import Testing

@Suite struct SigningKeyTests {
  struct Vector: Sendable {
    var seed: [UInt8]
    var publicKey: [UInt8]
    var message: [UInt8]
    var signature: [UInt8]
  }

  /// RFC 8032, section 7.1: tests 1 to 3.
  static let vectors = [
    Vector(
      seed: hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
      publicKey: hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
      message: [],
      signature: hex(
        """
        e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555
        fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b
        """)),
    Vector(
      seed: hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
      publicKey: hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
      message: hex("72"),
      signature: hex(
        """
        92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
        085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
        """)),
    Vector(
      seed: hex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"),
      publicKey: hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
      message: hex("af82"),
      signature: hex(
        """
        6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
        18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
        """)),
  ]

  func isValid(_ vector: Vector) throws -> Bool {
    try Signature.isValid(
      vector.signature.span, message: vector.message.span, publicKey: vector.publicKey.span)
  }

  @Test(arguments: vectors)
  func `gives the keys and signatures of RFC 8032`(vector: Vector) throws {
    let key = try SigningKey(seed: Secret(vector.seed))
    #expect(key.publicKey == vector.publicKey)
    for _ in 0..<2 { #expect(try key.sign(vector.message.span) == vector.signature) }
    #expect(try isValid(vector))
  }

  @Test func `refuses every flipped bit of signature, message and key`() throws {
    let vector = Self.vectors[2]
    for bit in 0..<(64 * 8) {
      var forged = vector
      forged.signature[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(try !isValid(forged))
    }
    for bit in 0..<(2 * 8) {
      var forged = vector
      forged.message[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(try !isValid(forged))
    }
    // Half of these are no point of the curve, which is one way not to be valid.
    for bit in 0..<(32 * 8) {
      var forged = vector
      forged.publicKey[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(try !isValid(forged))
    }
    #expect(try isValid(vector))
  }

  @Test func `refuses a second form of a valid signature`() throws {
    // RFC 8032, section 5.1.7: S is below the order of the group. This S has it added once.
    var vector = Self.vectors[0]
    let high = hex("4c8c7872aa064e049dbb3013fbf29380d25bf5f0595bbe24655141438e7a101b")
    vector.signature.replaceSubrange(32..., with: high)
    #expect(try !isValid(vector))
  }

  @Test(arguments: [0, 1, 32, 63, 65, 128])
  func `finds a signature of another length not valid`(count: Int) throws {
    var vector = Self.vectors[0]
    vector.signature = [UInt8]((vector.signature + vector.signature).prefix(count))
    #expect(try !isValid(vector))
  }

  @Test(arguments: [0, 31, 33])
  func `refuses keys that are not 32 bytes`(count: Int) {
    let key = [UInt8](repeating: 1, count: count)
    #expect(throws: CryptoError.invalidParameter("an Ed25519 seed of \(count) bytes")) {
      try SigningKey(seed: Secret(key))
    }
    #expect(throws: CryptoError.invalidParameter("an Ed25519 public key of \(count) bytes")) {
      var vector = Self.vectors[0]
      vector.publicKey = key
      return try isValid(vector)
    }
  }

  @Test func `signs on many threads at once`() async throws {
    let vector = Self.vectors[1]
    let key = try SigningKey(seed: Secret(vector.seed))
    try await withThrowingTaskGroup(of: [UInt8].self) { group in
      for _ in 0..<64 { group.addTask { try key.sign(vector.message.span) } }
      for try await signature in group { #expect(signature == vector.signature) }
    }
  }
}
