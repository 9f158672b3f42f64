import StoreCrypto
import Testing

@Suite struct HKDFTests {
  struct Vector: Sendable {
    var key: [UInt8]
    var salt: [UInt8]
    var info: [UInt8]
    var derived: [UInt8]
  }

  /// RFC 5869, appendices A.1 to A.3.
  static let vectors = [
    Vector(
      key: [UInt8](repeating: 0x0b, count: 22), salt: (0x00...0x0c).map { UInt8($0) },
      info: (0xf0...0xf9).map { UInt8($0) },
      derived: hex(
        """
        3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf
        34007208d5b887185865
        """)),
    Vector(
      key: (0x00...0x4f).map { UInt8($0) }, salt: (0x60...0xaf).map { UInt8($0) },
      info: (0xb0...0xff).map { UInt8($0) },
      derived: hex(
        """
        b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c
        59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
        cc30c58179ec3e87c14c01d5c1f3434f1d87
        """)),
    Vector(
      key: [UInt8](repeating: 0x0b, count: 22), salt: [], info: [],
      derived: hex(
        """
        8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d
        9d201395faa4b61a96c8
        """)),
  ]

  @Test(arguments: vectors)
  func `derives the keys of RFC 5869`(vector: Vector) throws {
    let derived = try HKDF.derive(
      from: Secret(vector.key), salt: vector.salt.span, info: vector.info.span,
      count: vector.derived.count)
    #expect(derived.bytes == vector.derived)
  }

  func derive(key: Int = 32, salt: Int = 32, info: Int = 32, count: Int = 32) throws -> Secret {
    try HKDF.derive(
      from: Secret([UInt8](repeating: 1, count: key)),
      salt: [UInt8](repeating: 2, count: salt).span,
      info: [UInt8](repeating: 3, count: info).span, count: count)
  }

  @Test func `derives more where it is asked for more`() throws {
    let short = try derive(count: 2048).bytes
    let long = try derive(count: 8160).bytes
    #expect(long.count == 8160)
    #expect(Array(long.prefix(2048)) == short)
  }

  @Test func `takes info and salt of any accepted length`() throws {
    let first = try derive(info: 32 << 10)
    #expect(try !first.isEqual(to: derive(info: (32 << 10) - 1)))
    #expect(try derive(salt: 1 << 16).count == 32)
  }

  @Test func `refuses what it cannot derive`() {
    #expect(throws: CryptoError.invalidParameter("HKDF from an empty key")) {
      try derive(key: 0)
    }
    #expect(throws: CryptoError.invalidParameter("HKDF info of 32769 bytes")) {
      try derive(info: 32769)
    }
    for count in [Int.min, -1, 0, 8161, Int.max] {
      #expect(throws: CryptoError.invalidParameter("\(count) bytes from HKDF")) {
        try derive(count: count)
      }
    }
  }
}
