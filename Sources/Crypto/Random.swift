internal import Glibc

/// Random bytes from the kernel.
///
/// Not from libcrypto's generator, which lives in this process: a process that is forked, or a
/// virtual machine that is resumed twice from one snapshot, would continue it twice.
public enum Random {
  /// `count` bytes that nobody can predict.
  public static func bytes(count: Int) throws(CryptoError) -> [UInt8] {
    guard count >= 0 else { throw .invalidParameter("a negative number of random bytes") }
    return try [UInt8](capacity: count) { output throws(CryptoError) in
      try unsafe output.withUnsafeMutableBufferPointer { buffer, filled throws(CryptoError) in
        try unsafe fill(buffer)
        filled = buffer.count
      }
    }
  }

  /// Fills `buffer` with bytes that nobody can predict.
  static func fill(_ buffer: UnsafeMutableBufferPointer<UInt8>) throws(CryptoError) {
    let most = 256  // of getentropy(3), which is getrandom(2) without its partial results
    for start in stride(from: 0, to: buffer.count, by: most) {
      let end = min(start + most, buffer.count)
      let piece = unsafe UnsafeMutableBufferPointer(rebasing: buffer[start..<end])
      guard unsafe getentropy(piece.baseAddress, piece.count) == 0 else {
        throw .libcrypto(function: "getentropy", reason: unsafe String(cString: strerror(errno)))
      }
    }
  }
}

extension Digest256 {
  /// 32 random bytes: a name, or an id, that nobody else draws.
  public static func random() throws(CryptoError) -> Digest256 {
    let bytes = try Random.bytes(count: size)
    return Digest256(bytes.span)
  }
}
