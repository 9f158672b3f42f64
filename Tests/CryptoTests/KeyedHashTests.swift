import StoreCrypto
import Testing

@Suite struct KeyedHashTests {
  struct Vector: Sendable {
    var key: [UInt8]
    var message: [UInt8]
    var digest: String
  }

  /// RFC 4231, section 4: test cases 1 to 4, 6 and 7. (Case 5 truncates the digest.)
  static let vectors = [
    Vector(
      key: [UInt8](repeating: 0x0b, count: 20), message: Array("Hi There".utf8),
      digest: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    Vector(
      key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8),
      digest: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    Vector(
      key: [UInt8](repeating: 0xaa, count: 20), message: [UInt8](repeating: 0xdd, count: 50),
      digest: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    Vector(
      key: (1...25).map { UInt8($0) }, message: [UInt8](repeating: 0xcd, count: 50),
      digest: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    Vector(
      key: [UInt8](repeating: 0xaa, count: 131),
      message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      digest: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    Vector(
      key: [UInt8](repeating: 0xaa, count: 131),
      message: Array(
        ("This is a test using a larger than block-size key and a larger than block-size data. "
          + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
      digest: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
  ]

  @Test(arguments: vectors)
  func `gives the digests of RFC 4231, each time`(vector: Vector) throws {
    var hash = try KeyedHash(key: Secret(vector.key))
    for _ in 0..<3 {
      #expect(try hash.digest(vector.message.span).hex == vector.digest)
      _ = try hash.digest([UInt8](repeating: 7, count: 200).span)
    }
  }

  @Test(arguments: vectors)
  func `takes a message in two parts`(vector: Vector) throws {
    var hash = try KeyedHash(key: Secret(vector.key))
    for cut in 0...vector.message.count {
      let digest = try hash.digest(
        vector.message.span.extracting(first: cut),
        vector.message.span.extracting(droppingFirst: cut))
      #expect(digest.hex == vector.digest)
    }
  }

  @Test func `takes an empty key and an empty message`() throws {
    var hash = try KeyedHash(key: Secret([]))
    // As Python's hmac has it.
    let expected = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
    let nothing: [UInt8] = []
    #expect(try hash.digest(nothing.span).hex == expected)
    #expect(try hash.digest(nothing.span, nothing.span).hex == expected)
  }
}
