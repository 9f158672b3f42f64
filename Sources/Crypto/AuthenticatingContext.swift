/// One key of HMAC-SHA-256, with the data it is bound to: authenticates, and hides nothing.
struct AuthenticatingContext: ~Copyable {
  private let mac: MACContext

  /// The associated data, after its length: where it ends has to be a part of what is
  /// authenticated, or its end and the front of a plaintext could trade bytes.
  private let prefix: [UInt8]

  init(key: Secret, associatedData: [UInt8]) throws(CryptoError) {
    mac = try MACContext(key: key)
    let length = UInt64(associatedData.count)
    prefix =
      (0..<8).map { UInt8(truncatingIfNeeded: length >> UInt64(56 - 8 * $0)) } + associatedData
  }

  func seal(
    _ plaintext: Span<UInt8>, nonce: Nonce, into output: inout [UInt8]
  ) throws(CryptoError) {
    let tag = try tag(of: plaintext, nonce: nonce)
    output.append(copying: plaintext)
    output.append(copying: tag.span.extracting(first: SealingContext.tagSize))
  }

  func open(_ sealed: Span<UInt8>, nonce: Nonce) throws(CryptoError) -> [UInt8] {
    let tagSize = SealingContext.tagSize
    guard sealed.count >= tagSize else { throw .authenticationFailed }
    let plaintext = sealed.extracting(droppingLast: tagSize)
    let tag = try tag(of: plaintext, nonce: nonce)
    let expected = tag.span.extracting(first: tagSize)
    guard constantTimeEquals(expected, sealed.extracting(last: tagSize)) else {
      throw .authenticationFailed
    }
    var result: [UInt8] = []
    result.append(copying: plaintext)
    return result
  }

  func check(
    _ sealed: Span<UInt8>, nonce: Nonce, holds plaintext: Span<UInt8>
  ) throws(CryptoError) -> Bool {
    let tagSize = SealingContext.tagSize
    let found = sealed.extracting(droppingLast: tagSize)
    let tag = try tag(of: found, nonce: nonce)
    guard
      constantTimeEquals(tag.span.extracting(first: tagSize), sealed.extracting(last: tagSize))
    else { throw .authenticationFailed }
    return constantTimeEquals(found, plaintext)
  }

  private func tag(of plaintext: Span<UInt8>, nonce: Nonce) throws(CryptoError) -> [UInt8] {
    let nonce = nonce.bytes
    try mac.start()
    try mac.update(nonce.span)
    try mac.update(prefix.span)
    try mac.update(plaintext)
    return try mac.finish().bytes
  }
}
