internal import COpenSSL

/// A digest of a message that arrives in pieces, by any algorithm that people compare files with.
///
/// Nothing in a repository is known by these: see `SHA256` and `KeyedHash`. Confined to one thread.
@safe public final class MessageDigest {
  /// How it is computed; the names are those of Python's `hashlib`.
  public enum Algorithm: String, CaseIterable, Sendable {
    case blake2b
    case blake2s
    case md5
    case sha1
    case sha224
    case sha256
    case sha384
    case sha512
    case sha3_224
    case sha3_256
    case sha3_384
    case sha3_512

    /// The name that libcrypto has for it.
    fileprivate var name: String {
      switch self {
      case .blake2b: "BLAKE2B-512"
      case .blake2s: "BLAKE2S-256"
      case .md5: "MD5"
      case .sha1: "SHA1"
      case .sha224, .sha256, .sha384, .sha512: "SHA2-" + rawValue.dropFirst(3)
      case .sha3_224, .sha3_256, .sha3_384, .sha3_512: "SHA3-" + rawValue.dropFirst(5)
      }
    }
  }

  private let context: OpaquePointer
  private let algorithm: OpaquePointer

  /// Begins an empty message.
  public init(_ algorithm: Algorithm) throws(CryptoError) {
    Library.start()
    // One that the system's policy forbids, as some do with MD5, is not found.
    guard let fetched = unsafe EVP_MD_fetch(nil, algorithm.name, nil) else {
      throw .last("EVP_MD_fetch")
    }
    guard let context = unsafe EVP_MD_CTX_new() else {
      unsafe EVP_MD_free(fetched)
      throw .last("EVP_MD_CTX_new")
    }
    unsafe self.context = context
    unsafe self.algorithm = fetched
    try start()
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
    unsafe EVP_MD_free(algorithm)
  }

  /// Adds `bytes` to the end of the message.
  public func update(_ bytes: Span<UInt8>) throws(CryptoError) {
    let status = unsafe bytes.withUnsafeBufferPointer {
      unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count)
    }
    guard status == 1 else { throw .last("EVP_DigestUpdate") }
  }

  /// The digest of the message, after which a new, empty one begins.
  public func finalize() throws(CryptoError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    // The buffer has the size of the longest digest that there is.
    guard unsafe EVP_DigestFinal_ex(context, &digest, &length) == 1 else {
      throw .last("EVP_DigestFinal_ex")
    }
    try start()
    return Array(digest.prefix(Int(length)))
  }

  private func start() throws(CryptoError) {
    guard unsafe EVP_DigestInit_ex2(context, algorithm, nil) == 1 else {
      throw .last("EVP_DigestInit_ex2")
    }
  }
}
