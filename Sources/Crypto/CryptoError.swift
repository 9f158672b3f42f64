/// Why a cryptographic operation gave no result.
public enum CryptoError: Error, Equatable, Sendable {
  /// The bytes are not what the holder of the key sealed: altered, cut short, moved to another
  /// place, or sealed under another key.
  case authenticationFailed

  /// The caller asked for something outside the accepted range; the text says what.
  case invalidParameter(String)

  /// There is no memory for so many bytes, which a passphrase takes that has to be stretched.
  case noMemory(UInt64)

  /// A C function failed: one of libcrypto, or the system's source of random bytes.
  case libcrypto(function: String, reason: String)
}
