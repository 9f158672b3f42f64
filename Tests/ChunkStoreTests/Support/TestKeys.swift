import StoreCrypto

@testable import ChunkStore

/// Keys that are the same each time.
enum TestKeys {
  static func bundle(
    suite: Suite = .aes256GCM, seed: UInt64 = 7, epochs: [UInt32] = [1]
  ) -> KeyBundle {
    var random = PseudoRandomBytes(seed: seed)
    let id = random.digest()
    return KeyBundle(
      repositoryID: id, suite: suite, deduplication: random.secret(),
      sealing: epochs.map { ($0, random.secret()) }, authority: random.secret())
  }

  static func ring(
    suite: Suite = .aes256GCM, seed: UInt64 = 7, epochs: [UInt32] = [1]
  ) throws -> KeyRing {
    try KeyRing(bundle(suite: suite, seed: seed, epochs: epochs))
  }

  /// The least that is accepted, because tests are to be quick.
  static let scrypt = ScryptParameters(logN: 15, r: 8, p: 1)
}

extension PseudoRandomBytes {
  mutating func secret() -> Secret {
    let bytes = bytes(32)
    return Secret(copying: bytes.span)
  }
}

extension Secret {
  /// A passphrase.
  convenience init(_ text: String) { self.init(bytes: Array(text.utf8)) }

  /// The secret that these bytes are, which may come straight from a call that throws: a span of
  /// such a temporary makes the optimizer of Swift 6.3 give up.
  convenience init(bytes: [UInt8]) { self.init(copying: bytes.span) }
}

extension KeyRing {
  func header(_ type: ObjectType, first: [UInt8] = []) throws -> ObjectHeader {
    try newHeader(type, first: first.span)
  }
}

extension KeyedHash {
  mutating func digest(of bytes: [UInt8]) throws -> Digest256 { try digest(bytes.span) }
}

extension SealingContext {
  mutating func sealed(_ bytes: [UInt8], part: UInt32 = 0, number: UInt64 = 0) throws -> [UInt8] {
    var output: [UInt8] = []
    try seal(bytes.span, nonce: Nonce(part: part, number: number), into: &output)
    return output
  }
}
