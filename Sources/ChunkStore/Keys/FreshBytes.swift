import Crypto

/// A source of bytes that it never gives twice, and that nobody can guess.
struct FreshBytes: Sendable {
  /// The next ones.
  var next: @Sendable () throws(CryptoError) -> [UInt8]

  /// The system's random bytes, with the clock and the process, so that two machines of which one
  /// is a clone of the other get different ones.
  static let system = FreshBytes { () throws(CryptoError) in
    var bytes = ByteWriter()
    bytes.raw(try Random.bytes(count: 32))
    let now = Clock.now
    bytes.integer(UInt64(bitPattern: now.seconds))
    bytes.integer(now.nanoseconds)
    bytes.integer(UInt32(bitPattern: Clock.processID))
    return bytes.bytes
  }
}
