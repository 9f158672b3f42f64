/// SHA-256 (FIPS 180-4) of a message that arrives in pieces.
public struct SHA256: ~Copyable {
  private let context: DigestContext

  /// Begins an empty message.
  public init() throws(CryptoError) {
    let context = try DigestContext()
    try context.start()
    self.context = context
  }

  /// Adds `bytes` to the end of the message.
  public mutating func update(_ bytes: Span<UInt8>) throws(CryptoError) {
    try context.update(bytes)
  }

  /// The digest of the message, after which a new, empty one begins.
  public mutating func finalize() throws(CryptoError) -> Digest256 {
    let digest = try context.finish()
    try context.start()
    return digest
  }

  /// The digest of a message that is at hand as a whole.
  public static func digest(of bytes: Span<UInt8>) throws(CryptoError) -> Digest256 {
    try DigestContext.digest(of: bytes)
  }
}
