import StoreCrypto
import Testing

@Suite struct AES256Tests {
  @Test func `gives the block of FIPS 197, appendix C.3`() throws {
    var aes = try AES256(key: Secret((0..<32).map { UInt8($0) }))
    var output: [UInt8] = []
    try aes.encrypt(hex("00112233445566778899aabbccddeeff").span, into: &output)
    #expect(output == hex("8ea2b7ca516745bfeafc49904b496089"))
  }

  /// NIST SP 800-38A, F.1.5.
  static let key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
  static let blocks = hex(
    """
    6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
    30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710
    """)
  static let images = hex(
    """
    f3eed1bdb5d2a03c064b5a7e3db181f8 591ccb10d410ed26dc5ba74a31362870
    b6ed21b99ca6f4f9f153e7b1beafed1d 23304b7a39f9f3ff067d8d8f9e24ecc7
    """)

  @Test func `gives the blocks of NIST SP 800-38A, F.1.5`() throws {
    var aes = try AES256(key: Secret(Self.key))
    var output: [UInt8] = []
    try aes.encrypt(Self.blocks.span, into: &output)
    #expect(output == Self.images)
  }

  @Test func `treats each block on its own, call after call`() throws {
    var aes = try AES256(key: Secret(Self.key))
    for (start, count) in [(0, 1), (2, 2), (1, 3), (3, 1), (0, 4), (0, 0)] {
      let range = start * 16..<(start + count) * 16
      var output: [UInt8] = [1, 2, 3]
      try aes.encrypt(Self.blocks.span.extracting(range), into: &output)
      #expect(output == Array(Self.images[range]))
    }
  }

  @Test(arguments: [1, 15, 17, 31])
  func `refuses what is not whole blocks`(count: Int) throws {
    var output: [UInt8] = []
    #expect(throws: CryptoError.self) {
      var aes = try AES256(key: Secret(Self.key))
      try aes.encrypt([UInt8](repeating: 0, count: count).span, into: &output)
    }
  }

  @Test(arguments: [0, 16, 24, 31, 33])
  func `refuses a key that is not 32 bytes`(count: Int) {
    #expect(throws: CryptoError.self) {
      _ = try AES256(key: Secret([UInt8](repeating: 0, count: count)))
    }
  }
}
