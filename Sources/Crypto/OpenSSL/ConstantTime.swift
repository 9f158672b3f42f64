internal import COpenSSL

/// Whether `a` and `b` hold the same bytes, in a time that depends on their lengths alone.
public func constantTimeEquals(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
  guard a.count == b.count else { return false }
  return unsafe a.withUnsafeBufferPointer { a in
    unsafe b.withUnsafeBufferPointer { b in
      unsafe CRYPTO_memcmp(a.baseAddress, b.baseAddress, a.count) == 0
    }
  }
}

/// Overwrites the elements of `bytes` with zeros, and the capacity behind them.
///
/// It wipes the storage of this array alone: a copy that was made of it keeps its bytes.
public func wipe(_ bytes: inout [UInt8]) {
  unsafe bytes.withUnsafeMutableBufferPointer { unsafe cleanse($0) }
  // Elements removed from the end leave their values behind.
  bytes.append(addingCapacity: bytes.capacity - bytes.count) { spare in
    unsafe spare.withUnsafeMutableBufferPointer { buffer, _ in unsafe cleanse(buffer) }
  }
}

/// Overwrites `bytes` with zeros, in a way the compiler does not leave out.
func cleanse(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
  unsafe OPENSSL_cleanse(bytes.baseAddress, bytes.count)
}
