/// HMAC-SHA-256 (RFC 2104) of any number of messages under one key.
public struct KeyedHash: ~Copyable {
  private let context: MACContext

  /// A hash under `key`, of any length.
  public init(key: Secret) throws(CryptoError) {
    context = try MACContext(key: key)
  }

  /// The keyed digest of `bytes`.
  public mutating func digest(_ bytes: Span<UInt8>) throws(CryptoError) -> Digest256 {
    try context.start()
    try context.update(bytes)
    return try context.finish()
  }

  /// The keyed digest of `first` followed by `second`, without a copy that joins them.
  ///
  /// Where one ends and the other begins leaves no trace in the digest: the caller keeps
  /// `first` of a fixed length, or writes its length into it.
  public mutating func digest(
    _ first: Span<UInt8>, _ second: Span<UInt8>
  ) throws(CryptoError) -> Digest256 {
    try context.start()
    try context.update(first)
    try context.update(second)
    return try context.finish()
  }
}
