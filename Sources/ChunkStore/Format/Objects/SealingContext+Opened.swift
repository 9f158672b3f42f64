package import StoreCrypto
import StoreEncoding

extension SealingContext {
  /// Opens a part of an object whose number is zero; a wrong tag is a `FormatError`.
  package mutating func opened(
    _ sealed: Span<UInt8>, part: UInt32, number: UInt64 = 0
  ) throws -> [UInt8] {
    do throws(CryptoError) {
      return try open(sealed, nonce: Nonce(part: part, number: number))
    } catch .authenticationFailed {
      throw FormatError.authenticationFailed
    }
  }
}
