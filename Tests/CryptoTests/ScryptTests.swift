import Testing

@testable import StoreCrypto

@Suite struct ScryptTests {
  struct Vector: Sendable {
    var passphrase: String
    var salt: String
    var n: UInt64
    var r: UInt32
    var p: UInt32
    var derived: [UInt8]
  }

  /// RFC 7914, section 12: the first three.
  static let vectors = [
    Vector(
      passphrase: "", salt: "", n: 16, r: 1, p: 1,
      derived: hex(
        """
        77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442
        fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906
        """)),
    Vector(
      passphrase: "password", salt: "NaCl", n: 1024, r: 8, p: 16,
      derived: hex(
        """
        fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162
        2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640
        """)),
    Vector(
      passphrase: "pleaseletmein", salt: "SodiumChloride", n: 16384, r: 8, p: 1,
      derived: hex(
        """
        7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2
        d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887
        """)),
  ]

  @Test(arguments: vectors)
  func `derives the keys of RFC 7914`(vector: Vector) throws {
    let derived = try Scrypt.deriveUnchecked(
      passphrase: Secret(Array(vector.passphrase.utf8)), salt: Array(vector.salt.utf8).span,
      n: vector.n, r: vector.r, p: vector.p, memory: 64 << 20, count: vector.derived.count)
    #expect(derived.bytes == vector.derived)
  }

  @Test func `derives the fourth key of RFC 7914, with as much memory as it ever takes`() throws {
    let derived = try Scrypt.derive(
      passphrase: Secret(Array("pleaseletmein".utf8)), salt: Array("SodiumChloride".utf8).span,
      parameters: ScryptParameters(logN: 20, r: 8, p: 1), count: 64)
    #expect(
      derived.bytes
        == hex(
          """
          2101cb9b6a511aaeaddbbe09cf70f881ec568d574a2ffd4dabe5ee9820adaa47
          8e56fd8f4ba5d09ffa1c6d927c40f4c337304049e8a952fbcbf45c6fa77a41a4
          """))
  }

  @Test(arguments: UInt32(1)...4)
  func `has memory for every accepted p`(p: UInt32) throws {
    let derived = try Scrypt.derive(
      passphrase: Secret([1]), salt: [2].span,
      parameters: ScryptParameters(logN: 15, r: 8, p: p), count: 32)
    #expect(derived.count == 32)
  }

  @Test(arguments: [
    ScryptParameters(logN: 0, r: 8, p: 1), ScryptParameters(logN: 14, r: 8, p: 1),
    ScryptParameters(logN: 21, r: 8, p: 1), ScryptParameters(logN: 64, r: 8, p: 1),
    ScryptParameters(logN: 255, r: 8, p: 1), ScryptParameters(logN: 16, r: 0, p: 1),
    ScryptParameters(logN: 16, r: 7, p: 1), ScryptParameters(logN: 16, r: 9, p: 1),
    ScryptParameters(logN: 16, r: .max, p: 1), ScryptParameters(logN: 16, r: 8, p: 0),
    ScryptParameters(logN: 16, r: 8, p: 5), ScryptParameters(logN: 16, r: 8, p: .max),
  ])
  func `refuses parameters outside the accepted range`(parameters: ScryptParameters) {
    #expect(throws: CryptoError.self) { try parameters.validate() }
    #expect(throws: CryptoError.self) {
      try Scrypt.derive(
        passphrase: Secret([1]), salt: [2].span, parameters: parameters, count: 32)
    }
  }

  @Test(arguments: [0, -1, Int.min])
  func `derives no empty key`(count: Int) {
    #expect(throws: CryptoError.invalidParameter("\(count) bytes from scrypt")) {
      try Scrypt.derive(
        passphrase: Secret([1]), salt: [2].span, parameters: .default, count: count)
    }
  }

  @Test func `accepts its own default`() throws {
    for (parameters, logN, memory) in [
      (ScryptParameters.default, UInt8(17), UInt64(128) << 20), (.quick, 15, 32 << 20),
    ] {
      try parameters.validate()
      #expect(parameters == ScryptParameters(logN: logN, r: 8, p: 1))
      #expect(parameters.memory == memory)
    }
    #expect(ScryptParameters(logN: 255, r: .max, p: 1).memory == .max)
  }

  @Test func `fails where memory does not suffice, and works again afterwards`() throws {
    #expect(
      throws: CryptoError.libcrypto(
        function: "EVP_PBE_scrypt", reason: "memory limit exceeded")
    ) {
      try Scrypt.deriveUnchecked(
        passphrase: Secret([1]), salt: [2].span, n: 16384, r: 8, p: 1, memory: 1 << 20, count: 32)
    }
    _ = try Scrypt.deriveUnchecked(
      passphrase: Secret([1]), salt: [2].span, n: 16, r: 8, p: 1, memory: 1 << 20, count: 32)
  }
}
