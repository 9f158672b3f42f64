/// The algorithms that seal an object.
public enum Suite: UInt8, Sendable, CaseIterable {
  // On disk for good: add cases, never renumber them.

  /// AES-256-GCM (NIST SP 800-38D).
  case aes256GCM = 1

  /// ChaCha20-Poly1305 (RFC 8439).
  case chacha20Poly1305 = 2

  /// HMAC-SHA-256, and the plaintext in the clear.
  case authenticated = 3

  /// As `authenticated`, with keys that are no secret: it finds damage, not malice.
  case none = 4

  /// Whether what is sealed cannot be read without the key.
  public var encrypts: Bool {
    switch self {
    case .aes256GCM, .chacha20Poly1305: true
    case .authenticated, .none: false
    }
  }
}
