/// One object key with the data it is bound to: seals and opens messages.
///
/// Every message takes a nonce of its own. The caller sees to that; two messages under one nonce
/// betray each other, and with AES-256-GCM the means to forge more.
///
///     sealed := ciphertext tag[16]        aes256GCM, chacha20Poly1305
///     sealed := plaintext tag[16]         authenticated, none
///
/// The tag of the latter is the front of HMAC-SHA-256(key, nonce ‖ length of the associated
/// data:u64 ‖ associated data ‖ plaintext).
public struct SealingContext: ~Copyable {
  /// Bytes in a tag.
  ///
  /// libcrypto would take fewer; this takes no other number.
  public static let tagSize = 16

  /// Bytes in a key, in every suite.
  static let keySize = 32

  private let engine: Engine

  private enum Engine: ~Copyable {
    case aead(AEADContext)
    case mac(AuthenticatingContext)
  }

  /// A context for the messages sealed with `suite` under `key`, each bound to `associatedData`.
  public init(suite: Suite, key: Secret, associatedData: [UInt8]) throws(CryptoError) {
    guard key.count == Self.keySize else {
      throw .invalidParameter("a sealing key of \(key.count) bytes")
    }
    engine =
      switch suite {
      case .aes256GCM:
        .aead(
          try AEADContext(Algorithm.aes256GCM, key: key, associatedData: associatedData))
      case .chacha20Poly1305:
        .aead(
          try AEADContext(Algorithm.chacha20Poly1305, key: key, associatedData: associatedData))
      case .authenticated, .none:
        .mac(try AuthenticatingContext(key: key, associatedData: associatedData))
      }
  }

  /// Appends the sealed form of `plaintext` to `output`: as many bytes, and a tag.
  ///
  /// Where it throws, `output` is as it was.
  public mutating func seal(
    _ plaintext: Span<UInt8>, nonce: Nonce, into output: inout [UInt8]
  ) throws(CryptoError) {
    switch engine {
    case .aead(let context): try context.seal(plaintext, nonce: nonce, into: &output)
    case .mac(let context): try context.seal(plaintext, nonce: nonce, into: &output)
    }
  }

  /// Whether `sealed` opens to `plaintext`.
  ///
  /// Opens it piece by piece, so that no second plaintext comes to be in memory.
  ///
  /// - Throws: `CryptoError.authenticationFailed` if it does not open at all.
  public mutating func check(
    _ sealed: Span<UInt8>, nonce: Nonce, holds plaintext: Span<UInt8>
  ) throws(CryptoError) -> Bool {
    guard sealed.count == plaintext.count + Self.tagSize else { return false }
    switch engine {
    case .aead(let context):
      return try context.check(sealed, nonce: nonce, holds: plaintext)
    case .mac(let context): return try context.check(sealed, nonce: nonce, holds: plaintext)
    }
  }

  /// The plaintext of `sealed`, once all of it is known to be what was sealed.
  ///
  /// - Throws: `CryptoError.authenticationFailed` if it is not: another key, nonce or associated
  ///   data, or a byte changed, added or missing.
  public mutating func open(_ sealed: Span<UInt8>, nonce: Nonce) throws(CryptoError) -> [UInt8] {
    guard sealed.count >= Self.tagSize else { throw .authenticationFailed }
    switch engine {
    case .aead(let context): return try context.open(sealed, nonce: nonce)
    case .mac(let context): return try context.open(sealed, nonce: nonce)
    }
  }
}
