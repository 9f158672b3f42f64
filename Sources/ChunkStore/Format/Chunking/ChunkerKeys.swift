public import StoreCrypto

/// The keys that the chunker derives from a repository's deduplication secret.
///
/// Both keys are needed: the rolling hash alone is linear in its table, and a few hundred chunk
/// lengths of known data give the table back, however secret and random it was.
public struct ChunkerKeys: Sendable {
  /// Bytes in the table: 256 words of 64 bits, big-endian, the one of byte value 0 first.
  public static let tableSize = 256 * 8
  /// Bytes in the key of the pseudo-random function, AES-256.
  public static let prfKeySize = 32

  package let table: Secret
  package let prf: Secret

  /// Takes the two keys.
  ///
  /// - Parameters:
  ///   - table: the words of the rolling hash, `tableSize` bytes.
  ///   - prf: the key of the function that decides, `prfKeySize` bytes.
  public init(table: Secret, prf: Secret) {
    self.table = table
    self.prf = prf
  }

  /// Derives the two keys, so that all who share the secret cut alike.
  ///
  /// Each is HKDF-SHA-256 of the secret with the salt `archivist/1 dedup`; the info is
  /// `chunker table` for the table, and `chunker prf` for the other key.
  ///
  /// - Parameter secret: the repository's deduplication secret.
  /// - Throws: `CryptoError` where libcrypto fails.
  public init(deduplicationSecret secret: Secret) throws(CryptoError) {
    table = try Self.derive("chunker table", count: Self.tableSize, from: secret)
    prf = try Self.derive("chunker prf", count: Self.prfKeySize, from: secret)
  }

  private static func derive(
    _ purpose: String, count: Int, from secret: Secret
  ) throws(CryptoError) -> Secret {
    let salt = Array("archivist/1 dedup".utf8)
    let info = Array(purpose.utf8)
    return try HKDF.derive(from: secret, salt: salt.span, info: info.span, count: count)
  }
}
