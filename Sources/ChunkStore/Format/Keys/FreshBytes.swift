import Crypto

/// A source of bytes that it never gives twice, and that nobody can guess.
struct FreshBytes: Sendable {
  /// The next ones.
  var next: @Sendable () throws(CryptoError) -> [UInt8]
}
