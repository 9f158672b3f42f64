/// AES-256 (FIPS 197) on single blocks of 16 bytes, each on its own.
///
/// A pseudo-random function. Never a way to encrypt data: equal blocks come out equal.
public struct AES256: ~Copyable {
  /// Bytes in a block.
  public static let blockSize = 16

  private let cipher: CipherContext

  /// The function under `key`, of 32 bytes.
  public init(key: Secret) throws(CryptoError) {
    let cipher = try CipherContext(Algorithm.aes256ECB, key: key)
    try cipher.disablePadding()
    self.cipher = cipher
  }

  /// Replaces `output` with the image of each block in `blocks`, in their order.
  ///
  /// - Parameters:
  ///   - blocks: Whole blocks of 16 bytes.
  ///   - output: Ends up as long as `blocks`; its capacity is used again.
  /// - Throws: `CryptoError.invalidParameter` where `blocks` ends within a block.
  public mutating func encrypt(
    _ blocks: Span<UInt8>, into output: inout [UInt8]
  ) throws(CryptoError) {
    guard blocks.count.isMultiple(of: Self.blockSize) else {
      throw .invalidParameter("\(blocks.count) bytes are not whole AES blocks")
    }
    output.removeAll(keepingCapacity: true)
    try output.append(addingCapacity: blocks.count) { output throws(CryptoError) in
      try unsafe output.withUnsafeMutableBufferPointer { buffer, written throws(CryptoError) in
        guard let start = buffer.baseAddress else { return }
        try unsafe cipher.update(blocks, into: start)
        written = buffer.count
      }
    }
  }
}
