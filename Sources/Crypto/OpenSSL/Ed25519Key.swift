internal import COpenSSL

/// Owns one `EVP_PKEY`: an Ed25519 key, private or public.
///
/// Sendable: the key does not change, and libcrypto counts references to it atomically and locks
/// what it caches with it. Each signature and check has a context of its own.
@safe struct Ed25519Key: ~Copyable, @unchecked Sendable {
  static let size = 32
  static let signatureSize = 64

  private let raw: OpaquePointer

  /// The private key that `seed` expands to.
  init(seed: Secret) throws(CryptoError) {
    Library.start()
    let raw = unsafe seed.withBytes { seed in
      unsafe seed.withUnsafeBufferPointer {
        unsafe EVP_PKEY_new_raw_private_key_ex(nil, "ED25519", nil, $0.baseAddress, $0.count)
      }
    }
    guard let raw = unsafe raw else { throw .last("EVP_PKEY_new_raw_private_key_ex") }
    unsafe self.raw = raw
  }

  init(publicKey: Span<UInt8>) throws(CryptoError) {
    Library.start()
    let raw = unsafe publicKey.withUnsafeBufferPointer {
      unsafe EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, $0.baseAddress, $0.count)
    }
    guard let raw = unsafe raw else { throw .last("EVP_PKEY_new_raw_public_key_ex") }
    unsafe self.raw = raw
  }

  deinit { unsafe EVP_PKEY_free(raw) }

  func publicKey() throws(CryptoError) -> [UInt8] {
    try [UInt8](capacity: Self.size) { output throws(CryptoError) in
      try unsafe output.withUnsafeMutableBufferPointer { buffer, written throws(CryptoError) in
        var length = buffer.count
        let status = unsafe EVP_PKEY_get_raw_public_key(raw, buffer.baseAddress, &length)
        guard status == 1, length == Self.size else { throw .last("EVP_PKEY_get_raw_public_key") }
        written = length
      }
    }
  }

  func sign(_ message: Span<UInt8>) throws(CryptoError) -> [UInt8] {
    guard let context = unsafe EVP_MD_CTX_new() else { throw .last("EVP_MD_CTX_new") }
    defer { unsafe EVP_MD_CTX_free(context) }
    guard unsafe EVP_DigestSignInit_ex(context, nil, nil, nil, nil, raw, nil) == 1 else {
      throw .last("EVP_DigestSignInit_ex")
    }
    return try [UInt8](capacity: Self.signatureSize) { output throws(CryptoError) in
      try unsafe output.withUnsafeMutableBufferPointer { buffer, written throws(CryptoError) in
        var length = buffer.count
        let status = unsafe message.withUnsafeBufferPointer {
          unsafe EVP_DigestSign(context, buffer.baseAddress, &length, $0.baseAddress, $0.count)
        }
        guard status == 1, length == Self.signatureSize else { throw .last("EVP_DigestSign") }
        written = length
      }
    }
  }

  func isValid(
    _ signature: Span<UInt8>, message: Span<UInt8>
  ) throws(CryptoError) -> Bool {
    guard let context = unsafe EVP_MD_CTX_new() else { throw .last("EVP_MD_CTX_new") }
    defer { unsafe EVP_MD_CTX_free(context) }
    guard unsafe EVP_DigestVerifyInit_ex(context, nil, nil, nil, nil, raw, nil) == 1 else {
      throw .last("EVP_DigestVerifyInit_ex")
    }
    let status = unsafe signature.withUnsafeBufferPointer { signature in
      unsafe message.withUnsafeBufferPointer { message in
        unsafe EVP_DigestVerify(
          context, signature.baseAddress, signature.count, message.baseAddress, message.count)
      }
    }
    // 0 says that the signature is none of this key; it may leave a reason, which is no error.
    guard status >= 0 else { throw .last("EVP_DigestVerify") }
    ERR_clear_error()
    return status == 1
  }
}
