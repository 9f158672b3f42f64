/// A private key of Ed25519 (RFC 8032).
public final class SigningKey: Sendable {
  private let key: Ed25519Key

  /// The 32 bytes with which anyone can check what this key signed.
  public let publicKey: [UInt8]

  /// The key that a seed of 32 random bytes stands for.
  public init(seed: Secret) throws(CryptoError) {
    guard seed.count == Ed25519Key.size else {
      throw .invalidParameter("an Ed25519 seed of \(seed.count) bytes")
    }
    key = try Ed25519Key(seed: seed)
    publicKey = try key.publicKey()
  }

  /// The signature of `message`: 64 bytes, the same ones each time.
  public func sign(_ message: Span<UInt8>) throws(CryptoError) -> [UInt8] {
    try key.sign(message)
  }
}

/// The check of a signature made with a `SigningKey`.
public enum Signature {
  /// Whether `signature` was made for `message` by the owner of `publicKey`.
  ///
  /// - Throws: `CryptoError.invalidParameter` where `publicKey` does not have 32 bytes; a
  ///   signature of a wrong length is merely not valid.
  public static func isValid(
    _ signature: Span<UInt8>, message: Span<UInt8>, publicKey: Span<UInt8>
  ) throws(CryptoError) -> Bool {
    guard publicKey.count == Ed25519Key.size else {
      throw .invalidParameter("an Ed25519 public key of \(publicKey.count) bytes")
    }
    guard signature.count == Ed25519Key.signatureSize else { return false }
    return try Ed25519Key(publicKey: publicKey).isValid(signature, message: message)
  }
}
