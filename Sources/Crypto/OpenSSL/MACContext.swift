internal import COpenSSL

/// Owns one `EVP_MAC_CTX`: HMAC-SHA-256 with a fixed key.
///
/// Not `Sendable`, because libcrypto lets one thread at a time use a context.
@safe struct MACContext: ~Copyable {
  private let raw: OpaquePointer

  init(key: Secret) throws(CryptoError) {
    let algorithm = try Algorithm.hmac.get()
    guard let raw = unsafe EVP_MAC_CTX_new(algorithm.raw) else { throw .last("EVP_MAC_CTX_new") }
    let status = key.withBytes { key in
      unsafe key.withUnsafeBufferPointer { key in
        // A value in an OSSL_PARAM is not written to by a call that sets it.
        let digest = unsafe OSSL_PARAM_construct_utf8_string(
          openssl_param_digest, UnsafeMutablePointer(mutating: openssl_name_sha256), 0)
        return unsafe EVP_MAC_init(
          raw, key.baseAddress, key.count, [digest, OSSL_PARAM_construct_end()])
      }
    }
    guard status == 1 else {
      unsafe EVP_MAC_CTX_free(raw)
      throw .last("EVP_MAC_init")
    }
    unsafe self.raw = raw
  }

  deinit { unsafe EVP_MAC_CTX_free(raw) }

  /// Begins a message under the same key, which saves hashing the key again.
  func start() throws(CryptoError) {
    guard unsafe EVP_MAC_init(raw, nil, 0, nil) == 1 else { throw .last("EVP_MAC_init") }
  }

  func update(_ bytes: Span<UInt8>) throws(CryptoError) {
    let status = unsafe bytes.withUnsafeBufferPointer {
      unsafe EVP_MAC_update(raw, $0.baseAddress, $0.count)
    }
    guard status == 1 else { throw .last("EVP_MAC_update") }
  }

  func finish() throws(CryptoError) -> Digest256 {
    try unsafe Digest256 { output throws(CryptoError) in
      var length = 0
      guard unsafe EVP_MAC_final(raw, output.baseAddress, &length, output.count) == 1 else {
        throw .last("EVP_MAC_final")
      }
    }
  }
}
