internal import COpenSSL

/// Owns one `EVP_CIPHER_CTX`, with its key.
///
/// Not copyable, because two owners of one context would mix two messages.
/// Not `Sendable`, because libcrypto lets one thread at a time use a context.
@safe struct CipherContext: ~Copyable {
  enum Direction: Int32 {
    case decrypt = 0
    case encrypt = 1
  }

  private let raw: OpaquePointer

  init(
    _ algorithm: Result<Algorithm, CryptoError>, key: Secret
  ) throws(CryptoError) {
    let algorithm = try algorithm.get()
    // libcrypto is not told the length of a key, and would read past a shorter one.
    guard unsafe key.count == EVP_CIPHER_get_key_length(algorithm.raw) else {
      throw .invalidParameter("a cipher key of \(key.count) bytes")
    }
    guard let raw = unsafe EVP_CIPHER_CTX_new() else { throw .last("EVP_CIPHER_CTX_new") }
    let status = key.withBytes { key in
      unsafe key.withUnsafeBufferPointer {
        unsafe EVP_EncryptInit_ex2(raw, algorithm.raw, $0.baseAddress, nil, nil)
      }
    }
    guard status == 1 else {
      unsafe EVP_CIPHER_CTX_free(raw)
      throw .last("EVP_EncryptInit_ex2")
    }
    unsafe self.raw = raw
  }

  deinit { unsafe EVP_CIPHER_CTX_free(raw) }

  /// Makes a block cipher put out as much as it takes in.
  func disablePadding() throws(CryptoError) {
    guard unsafe EVP_CIPHER_CTX_set_padding(raw, 0) == 1 else {
      throw .last("EVP_CIPHER_CTX_set_padding")
    }
  }

  /// Begins a message of an AEAD.
  ///
  /// The key stays, for both directions: GCM and ChaCha20 run their block function forward in
  /// either.
  func start(_ direction: Direction, nonce: Nonce) throws(CryptoError) {
    let nonce = nonce.bytes
    let status = unsafe nonce.span.withUnsafeBufferPointer {
      unsafe EVP_CipherInit_ex2(raw, nil, nil, $0.baseAddress, direction.rawValue, nil)
    }
    guard status == 1 else { throw .last("EVP_CipherInit_ex2") }
  }

  /// Binds `bytes` to the message: authenticated, not encrypted.
  func authenticate(_ bytes: Span<UInt8>) throws(CryptoError) {
    guard !bytes.isEmpty else { return }
    let length = try Self.length(bytes.count)
    var written: Int32 = 0
    let status = unsafe bytes.withUnsafeBufferPointer {
      unsafe EVP_CipherUpdate(raw, nil, &written, $0.baseAddress, length)
    }
    guard status == 1, written == length else { throw .last("EVP_CipherUpdate") }
  }

  /// Encrypts or decrypts `bytes` into `output`, which has room for as many.
  func update(
    _ bytes: Span<UInt8>, into output: UnsafeMutablePointer<UInt8>
  ) throws(CryptoError) {
    // Without input, a null output would mean associated data.
    guard !bytes.isEmpty else { return }
    let length = try Self.length(bytes.count)
    var written: Int32 = 0
    let status = unsafe bytes.withUnsafeBufferPointer {
      unsafe EVP_CipherUpdate(raw, output, &written, $0.baseAddress, length)
    }
    guard status == 1, written == length else { throw .last("EVP_CipherUpdate") }
  }

  /// Ends a message being encrypted, and writes its tag.
  func finish(tag: UnsafeMutableBufferPointer<UInt8>) throws(CryptoError) {
    var written: Int32 = 0
    // Nothing is left to write: these ciphers put out as much as they take in.
    guard unsafe EVP_CipherFinal_ex(raw, tag.baseAddress, &written) == 1, written == 0 else {
      throw .last("EVP_CipherFinal_ex")
    }
    let status = unsafe EVP_CIPHER_CTX_ctrl(
      raw, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), tag.baseAddress)
    guard status == 1 else { throw .last("EVP_CIPHER_CTX_ctrl") }
  }

  /// Ends a message being decrypted, and checks its tag.
  func finish(expecting tag: Span<UInt8>) throws(CryptoError) {
    let length = try Self.length(tag.count)
    // Not const in the declaration, for the controls that write; this one copies the tag.
    let status = unsafe tag.withUnsafeBytes {
      unsafe EVP_CIPHER_CTX_ctrl(
        raw, EVP_CTRL_AEAD_SET_TAG, length, UnsafeMutableRawPointer(mutating: $0.baseAddress))
    }
    guard status == 1 else { throw .last("EVP_CIPHER_CTX_ctrl") }
    var written: Int32 = 0
    // A place to write to, though nothing is left to write: null would mean associated data.
    var unused: UInt8 = 0
    guard unsafe EVP_CipherFinal_ex(raw, &unused, &written) == 1 else {
      ERR_clear_error()
      throw .authenticationFailed
    }
  }

  /// The length of a call, which libcrypto counts in an `int`.
  private static func length(_ count: Int) throws(CryptoError) -> Int32 {
    guard let length = Int32(exactly: count) else {
      throw .invalidParameter("a message of \(count) bytes")
    }
    return length
  }
}
