internal import COpenSSL

/// An algorithm fetched from libcrypto's provider, once per process.
///
/// Naming an algorithm at each use makes libcrypto 3 search its providers each time, which costs
/// more than hashing a short message.
///
/// Sendable: a fetched algorithm is immutable but for its atomic reference count, and is never
/// freed.
@safe struct Algorithm: @unchecked Sendable {
  let raw: OpaquePointer

  static let aes256GCM = cipher("AES-256-GCM")
  static let chacha20Poly1305 = cipher("ChaCha20-Poly1305")
  static let aes256ECB = cipher("AES-256-ECB")
  static let sha256 = unsafe fetch("EVP_MD_fetch") { unsafe EVP_MD_fetch(nil, "SHA256", nil) }
  static let hmac = unsafe fetch("EVP_MAC_fetch") { unsafe EVP_MAC_fetch(nil, "HMAC", nil) }
  static let hkdf = unsafe fetch("EVP_KDF_fetch") { unsafe EVP_KDF_fetch(nil, "HKDF", nil) }

  private static func cipher(_ name: String) -> Result<Algorithm, CryptoError> {
    unsafe fetch("EVP_CIPHER_fetch") { unsafe EVP_CIPHER_fetch(nil, name, nil) }
  }

  private static func fetch(
    _ function: String, _ body: () -> OpaquePointer?
  ) -> Result<Algorithm, CryptoError> {
    Library.start()
    guard let raw = unsafe body() else { return .failure(.last(function)) }
    return unsafe .success(Algorithm(raw: raw))
  }
}
