/// Derivation of keys from a strong key: HKDF (RFC 5869) with SHA-256.
public enum HKDF {
  /// The length that libcrypto takes since 3.0.8; before, it took 2 KiB and failed above.
  static let maximumInfo = 32 << 10

  /// 255 blocks of SHA-256, the limit of RFC 5869.
  static let maximumCount = 255 * Digest256.size
}
