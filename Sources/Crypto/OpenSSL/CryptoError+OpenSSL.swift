internal import COpenSSL

extension CryptoError {
  /// The error that `function`, of libcrypto, has just left for this thread.
  ///
  /// The oldest entry of libcrypto's queue is nearest to the cause. The rest is dropped, so that
  /// no later failure is given this reason.
  static func last(_ function: String) -> CryptoError {
    let code = ERR_get_error()
    defer { ERR_clear_error() }
    if let reason = unsafe ERR_reason_error_string(code) {
      return unsafe .libcrypto(function: function, reason: String(cString: reason))
    }
    return .libcrypto(function: function, reason: "error \(code)")
  }
}
