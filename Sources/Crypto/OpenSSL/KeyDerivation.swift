internal import CLinux
internal import COpenSSL

extension HKDF {
  /// Derives a key from a strong one (RFC 5869, SHA-256, extract and expand).
  ///
  /// - Parameters:
  ///   - key: The input key material; at least one byte.
  ///   - salt: Not secret, may be empty; sets the extraction apart from others of `key`.
  ///   - info: Not secret; what the derived key is for. At most 32 KiB.
  ///   - count: Bytes to derive, from 1 to 8160.
  /// - Returns: The derived key.
  /// - Throws: `CryptoError.invalidParameter` where a length is none of these.
  public static func derive(
    from key: Secret, salt: Span<UInt8>, info: Span<UInt8>, count: Int
  ) throws(CryptoError) -> Secret {
    guard key.count > 0 else { throw .invalidParameter("HKDF from an empty key") }
    guard info.count <= maximumInfo else {
      throw .invalidParameter("HKDF info of \(info.count) bytes")
    }
    guard (1...maximumCount).contains(count) else {
      throw .invalidParameter("\(count) bytes from HKDF")
    }
    let algorithm = try Algorithm.hkdf.get()
    guard let context = unsafe EVP_KDF_CTX_new(algorithm.raw) else {
      throw .last("EVP_KDF_CTX_new")
    }
    defer { unsafe EVP_KDF_CTX_free(context) }

    return try unsafe Secret(count: count) { output throws(CryptoError) in
      let status = key.withBytes { key in
        unsafe withParameter(openssl_param_key, key) { key in
          unsafe withParameter(openssl_param_salt, salt) { salt in
            unsafe withParameter(openssl_param_info, info) { info in
              let digest = unsafe OSSL_PARAM_construct_utf8_string(
                openssl_param_digest, UnsafeMutablePointer(mutating: openssl_name_sha256), 0)
              return unsafe EVP_KDF_derive(
                context, output.baseAddress, output.count,
                [digest, key, salt, info, OSSL_PARAM_construct_end()])
            }
          }
        }
      }
      guard status == 1 else { throw .last("EVP_KDF_derive") }
    }
  }

  /// Calls `body` with a parameter whose value is `bytes`, valid within the call.
  private static func withParameter<R>(
    _ name: UnsafePointer<CChar>?, _ bytes: Span<UInt8>, _ body: (OSSL_PARAM) -> R
  ) -> R {
    unsafe bytes.withUnsafeBytes {
      // A value in an OSSL_PARAM is not written to by a call that sets it.
      unsafe body(
        OSSL_PARAM_construct_octet_string(
          name, UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count))
    }
  }
}

extension Scrypt {
  /// Derives a key with any parameters libcrypto takes, in at most `memory` bytes.
  ///
  /// The vectors of RFC 7914 lie outside the range that `derive` accepts.
  static func deriveUnchecked(
    passphrase: Secret, salt: Span<UInt8>, n: UInt64, r: UInt32, p: UInt32, memory: UInt64,
    count: Int
  ) throws(CryptoError) -> Secret {
    Library.start()
    // In small pages a fifth of the time goes into faults, thousands of them.
    linux_prepare_large_block(Int(clamping: memory) + (1 << 20))
    defer { linux_trim_heap() }
    return try unsafe Secret(count: count) { output throws(CryptoError) in
      let status = passphrase.withBytes { passphrase in
        unsafe passphrase.withUnsafeBytes { passphrase in
          unsafe salt.withUnsafeBufferPointer { salt in
            unsafe EVP_PBE_scrypt(
              passphrase.baseAddress?.assumingMemoryBound(to: CChar.self), passphrase.count,
              salt.baseAddress, salt.count, n, UInt64(r), UInt64(p), memory,
              output.baseAddress, output.count)
          }
        }
      }
      guard status == 1 else { throw .last("EVP_PBE_scrypt") }
    }
  }
}
