internal import Glibc

/// One key of AES-256-GCM or ChaCha20-Poly1305, with the data it is bound to.
struct AEADContext: ~Copyable {
  private let cipher: CipherContext
  private let associatedData: [UInt8]

  init(
    _ algorithm: Result<Algorithm, CryptoError>, key: Secret, associatedData: [UInt8]
  ) throws(CryptoError) {
    cipher = try CipherContext(algorithm, key: key)
    self.associatedData = associatedData
  }

  func seal(
    _ plaintext: Span<UInt8>, nonce: Nonce, into output: inout [UInt8]
  ) throws(CryptoError) {
    try cipher.start(.encrypt, nonce: nonce)
    try cipher.authenticate(associatedData.span)
    let size = plaintext.count + SealingContext.tagSize
    try output.append(addingCapacity: size) { output throws(CryptoError) in
      try unsafe output.withUnsafeMutableBufferPointer { buffer, written throws(CryptoError) in
        // Never nil: there is room for a tag at least.
        guard let start = buffer.baseAddress else { return }
        try unsafe cipher.update(plaintext, into: start)
        let tag = unsafe UnsafeMutableBufferPointer(rebasing: buffer[plaintext.count...])
        try unsafe cipher.finish(tag: tag)
        written = buffer.count
      }
    }
  }

  /// The bytes opened at a time when a text is only verified: they stay in the processor's cache.
  private static let pieceSize = 64 << 10

  func check(
    _ sealed: Span<UInt8>, nonce: Nonce, holds plaintext: Span<UInt8>
  ) throws(CryptoError) -> Bool {
    try cipher.start(.decrypt, nonce: nonce)
    try cipher.authenticate(associatedData.span)
    var isSame = true
    var failure: CryptoError?
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.pieceSize) { buffer in
      guard let start = buffer.baseAddress else { return }
      for offset in stride(from: 0, to: plaintext.count, by: Self.pieceSize) {
        let piece = offset..<min(offset + Self.pieceSize, plaintext.count)
        do throws(CryptoError) {
          try unsafe cipher.update(sealed.extracting(piece), into: start)
        } catch {
          failure = error
          return
        }
        unsafe plaintext.extracting(piece).withUnsafeBytes { wanted in
          // Never nil: no piece is empty.
          guard let bytes = wanted.baseAddress else { return }
          if unsafe memcmp(bytes, start, wanted.count) != 0 { isSame = false }
        }
      }
    }
    if let failure { throw failure }
    try cipher.finish(expecting: sealed.extracting(last: SealingContext.tagSize))
    return isSame
  }

  func open(_ sealed: Span<UInt8>, nonce: Nonce) throws(CryptoError) -> [UInt8] {
    let tagSize = SealingContext.tagSize
    guard sealed.count >= tagSize else { throw .authenticationFailed }
    let ciphertext = sealed.extracting(droppingLast: tagSize)
    let tag = sealed.extracting(last: tagSize)
    try cipher.start(.decrypt, nonce: nonce)
    try cipher.authenticate(associatedData.span)
    return try [UInt8](capacity: ciphertext.count) { output throws(CryptoError) in
      try unsafe output.withUnsafeMutableBufferPointer { buffer, written throws(CryptoError) in
        do throws(CryptoError) {
          if let start = buffer.baseAddress {
            try unsafe cipher.update(ciphertext, into: start)
          }
          try cipher.finish(expecting: tag)
          written = buffer.count
        } catch {
          // Bytes that a forger made up are not to be found in memory either.
          unsafe cleanse(buffer)
          throw error
        }
      }
    }
  }
}
