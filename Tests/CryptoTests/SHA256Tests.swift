import StoreCrypto
import Testing

@Suite struct SHA256Tests {
  /// FIPS 180-4; the messages and digests are those of NIST's examples for SHA-256.
  static let vectors: [(message: String, digest: String)] = [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1_000_000),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
  ]

  @Test(arguments: vectors)
  func `gives the digests of FIPS 180-4`(message: String, digest: String) throws {
    let message = Array(message.utf8)
    #expect(try SHA256.digest(of: message.span).hex == digest)

    var hash = try SHA256()
    try hash.update(message.span)
    #expect(try hash.finalize().hex == digest)
  }

  @Test(arguments: 0...130)
  func `does not depend on where a message is cut`(at cut: Int) throws {
    let message = (0..<130).map { UInt8($0) }
    var hash = try SHA256()
    try hash.update(message.span.extracting(first: cut))
    try hash.update(message.span.extracting(droppingFirst: cut))
    #expect(try hash.finalize() == SHA256.digest(of: message.span))
  }

  @Test func `begins a new message after each digest`() throws {
    var hash = try SHA256()
    try hash.update([1, 2, 3].span)
    _ = try hash.finalize()
    let empty = try hash.finalize()
    #expect(empty.hex == Self.vectors[0].digest)
    try hash.update(Array("abc".utf8).span)
    #expect(try hash.finalize().hex == Self.vectors[1].digest)
  }
}
