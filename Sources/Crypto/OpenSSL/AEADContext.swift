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
          // What a forger made up is not to be found in memory either.
          unsafe cleanse(buffer)
          throw error
        }
      }
    }
  }
}
