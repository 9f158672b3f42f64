internal import COpenSSL

/// Owns one `EVP_MD_CTX`, set to SHA-256.
///
/// Not `Sendable`, because libcrypto lets one thread at a time use a context.
@safe struct DigestContext: ~Copyable {
  private let raw: OpaquePointer

  init() throws(CryptoError) {
    Library.start()
    guard let raw = unsafe EVP_MD_CTX_new() else { throw .last("EVP_MD_CTX_new") }
    unsafe self.raw = raw
  }

  deinit { unsafe EVP_MD_CTX_free(raw) }

  func start() throws(CryptoError) {
    let algorithm = try Algorithm.sha256.get()
    guard unsafe EVP_DigestInit_ex2(raw, algorithm.raw, nil) == 1 else {
      throw .last("EVP_DigestInit_ex2")
    }
  }

  func update(_ bytes: Span<UInt8>) throws(CryptoError) {
    let status = unsafe bytes.withUnsafeBufferPointer {
      unsafe EVP_DigestUpdate(raw, $0.baseAddress, $0.count)
    }
    guard status == 1 else { throw .last("EVP_DigestUpdate") }
  }

  func finish() throws(CryptoError) -> Digest256 {
    try unsafe Digest256 { output throws(CryptoError) in
      guard unsafe EVP_DigestFinal_ex(raw, output.baseAddress, nil) == 1 else {
        throw .last("EVP_DigestFinal_ex")
      }
    }
  }

  /// The digest of one message, in a single call.
  static func digest(of bytes: Span<UInt8>) throws(CryptoError) -> Digest256 {
    let algorithm = try Algorithm.sha256.get()
    return try unsafe Digest256 { output throws(CryptoError) in
      let status = unsafe bytes.withUnsafeBufferPointer {
        unsafe EVP_Digest(
          $0.baseAddress, $0.count, output.baseAddress, nil, algorithm.raw, nil)
      }
      guard status == 1 else { throw .last("EVP_Digest") }
    }
  }
}

extension Digest256 {
  /// The 32 bytes that `fill` writes.
  init(
    fill: (UnsafeMutableBufferPointer<UInt8>) throws(CryptoError) -> Void
  ) throws(CryptoError) {
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    try unsafe span.withUnsafeMutableBufferPointer { buffer throws(CryptoError) in
      try unsafe fill(buffer)
    }
    self.init(bytes.span)
  }
}
