import LinuxSystem
import StoreCrypto
import StoreEncoding
import StoreFormat

extension FreshBytes {
  /// The system's random bytes, with the clock and the process, so that two machines of which one
  /// is a clone of the other get different ones.
  static let system = FreshBytes { () throws(CryptoError) in
    var bytes = ByteWriter()
    bytes.raw(try Random.bytes(count: 32))
    let now = SystemClock.now
    bytes.integer(UInt64(bitPattern: now.seconds))
    bytes.integer(now.nanoseconds)
    bytes.integer(UInt32(bitPattern: SystemClock.processID))
    return bytes.bytes
  }
}

extension KeyRing {
  /// The keys of a bundle; what is sealed gets the system's fresh bytes.
  convenience init(_ bundle: KeyBundle) throws(CryptoError) {
    try self.init(bundle, fresh: .system)
  }
}
