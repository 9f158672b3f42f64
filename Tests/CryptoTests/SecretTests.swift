import Testing

@testable import StoreCrypto

/// One test at a time, so that the one that fills libcrypto's heap disturbs no other.
@Suite(.serialized) struct SecretTests {
  @Test(arguments: [0, 1, 32, 100, 5000, 1 << 20])
  func `holds a copy of its bytes`(count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    let secret = Secret(copying: bytes.span)
    #expect(secret.count == count)
    #expect(secret.bytes == bytes)
  }

  @Test func `wipes the array it is made from`() {
    var bytes: [UInt8] = [1, 2, 3]
    let secret = Secret(wiping: &bytes)
    #expect(bytes == [0, 0, 0])
    #expect(secret.bytes == [1, 2, 3])
  }

  /// Where the bytes of `secret` are.
  func address(of secret: Secret) -> UInt {
    secret.withBytes { bytes in
      unsafe bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    }
  }

  @Test func `leaves nothing of itself in memory`() throws {
    // Longer than any other secret here, so that nothing else is given the same place.
    let bytes = try Random.bytes(count: 64 << 10)
    var secret: Secret? = Secret(copying: bytes.span)
    let address = secret.map(address(of:))
    secret = nil
    guard let start = unsafe UnsafeRawPointer(bitPattern: address ?? 0) else {
      Issue.record("a secret has an address")
      return
    }
    // In pages of its own, where the heap was full: those are gone, and nothing in them left.
    guard let address, !mappingFlags(of: address).isEmpty else { return }
    // The heap stays mapped. Its own bookkeeping may lie there by now, the secret may not.
    let left = unsafe UnsafeRawBufferPointer(start: start, count: bytes.count)
    var equal = 0
    for i in 0..<bytes.count where unsafe left[i] == bytes[i] { equal += 1 }
    #expect(equal < bytes.count / 64)  // one in 256 by chance
  }

  /// A byte of libcrypto's heap, and one in pages of its own.
  @Test(arguments: [32, 1 << 20])
  func `is left out of core dumps`(count: Int) throws {
    let secret = try Secret.random(count: count)
    let flags = mappingFlags(of: address(of: secret))
    #expect(flags.contains("dd"))
    withExtendedLifetime(secret) {}
  }

  @Test func `can be had in any number`() throws {
    // More than libcrypto's heap has room for.
    let secrets = try (0..<10_000).map { _ in try Secret.random(count: 32) }
    #expect(Set(secrets.map(\.bytes)).count == secrets.count)
  }

  @Test func `is equal to the same bytes alone`() {
    let secret = Secret([1, 2, 3])
    #expect(secret.isEqual(to: secret))
    #expect(secret.isEqual(to: Secret([1, 2, 3])))
    #expect(!secret.isEqual(to: Secret([1, 2, 4])))
    #expect(!secret.isEqual(to: Secret([0, 2, 3])))
    #expect(!secret.isEqual(to: Secret([1, 2])))
    #expect(!secret.isEqual(to: Secret([1, 2, 3, 0])))
    #expect(Secret([]).isEqual(to: Secret([])))
  }

  @Test func `is random when asked for`() throws {
    let first = try Secret.random(count: 32)
    #expect(first.count == 32)
    #expect(try !first.isEqual(to: .random(count: 32)))
    #expect(throws: CryptoError.self) { try Secret.random(count: -1) }
  }

  @Test func `shows nothing of itself in a description`() {
    let text = "\(Secret(Array("passphrase".utf8)))"
    #expect(!text.contains("passphrase") && !text.contains("112"))
  }

  @Test func `passes on what its reader throws and returns`() {
    let secret = Secret([5])
    #expect(secret.withBytes { $0[0] } == 5)
    #expect(throws: CryptoError.authenticationFailed) {
      try secret.withBytes { _ throws(CryptoError) in throw .authenticationFailed }
    }
  }
}

@Suite struct WipeTests {
  @Test func `zeros the elements and what was removed from the end`() throws {
    var bytes = Array("a passphrase, and a line end\n".utf8)
    bytes.reserveCapacity(200)
    bytes.removeLast(10)
    let count = bytes.count
    wipe(&bytes)
    #expect(bytes == [UInt8](repeating: 0, count: count))
    // The capacity is still there, and is read through a pointer because no element is.
    let capacity = bytes.capacity
    let all = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe Array(UnsafeBufferPointer(start: buffer.baseAddress, count: capacity))
    }
    #expect(all.allSatisfy { $0 == 0 })
  }

  @Test func `leaves a copy alone`() {
    var bytes: [UInt8] = [1, 2, 3]
    let copy = bytes
    wipe(&bytes)
    #expect(bytes == [0, 0, 0])
    #expect(copy == [1, 2, 3])
  }

  @Test func `takes an empty array`() {
    var bytes: [UInt8] = []
    wipe(&bytes)
    #expect(bytes.isEmpty)
  }
}

@Suite struct ConstantTimeTests {
  func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    constantTimeEquals(a.span, b.span)
  }

  @Test func `finds any difference`() {
    let bytes = (0..<70).map { UInt8($0) }
    #expect(equal(bytes, bytes))
    for i in bytes.indices {
      var other = bytes
      other[i] ^= 0x80
      #expect(!equal(bytes, other))
      #expect(!equal(bytes, Array(bytes.prefix(i))))
    }
    #expect(equal([], []))
  }
}

@Suite struct RandomTests {
  @Test(arguments: [0, 1, 255, 256, 257, 1000])
  func `gives as many bytes as asked for`(count: Int) throws {
    #expect(try Random.bytes(count: count).count == count)
  }

  @Test func `fills all of a long buffer, and never twice alike`() throws {
    let bytes = try Random.bytes(count: 4096)
    // 16 zeros in a row have a chance of 2^-116; a piece that was left out would have them.
    for start in stride(from: 0, to: bytes.count, by: 16) {
      #expect(bytes[start..<start + 16].contains { $0 != 0 })
    }
    #expect(try bytes != Random.bytes(count: 4096))
  }

  @Test func `refuses a negative number`() {
    #expect(throws: CryptoError.self) { try Random.bytes(count: -1) }
  }
}
