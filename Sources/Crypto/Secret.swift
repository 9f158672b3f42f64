/// Key material: bytes that are wiped when the last reference goes, and reach no core dump.
///
/// A cipher or hash in use keeps what it computed from a key in ordinary memory, wiped when it
/// is freed; a program that wants no trace in a core dump also turns core dumps off.
///
/// Sendable: the bytes are written before the initializer returns, and only read until `deinit`,
/// which nothing runs beside.
public final class Secret: @unchecked Sendable {
  private let memory: SecretMemory

  /// Bytes in the secret.
  public let count: Int

  /// A secret of `count` bytes that `fill` writes.
  init(
    count: Int,
    fill: (UnsafeMutableBufferPointer<UInt8>) throws(CryptoError) -> Void
  ) throws(CryptoError) {
    guard count >= 0 else { throw .invalidParameter("a secret of negative size") }
    memory = SecretMemory(count: count)
    self.count = count
    try unsafe fill(memory.bytes.assumingMemoryBound(to: UInt8.self))
  }

  /// A secret that holds a copy of `bytes`.
  public init(copying bytes: Span<UInt8>) {
    memory = SecretMemory(count: bytes.count)
    count = bytes.count
    unsafe bytes.withUnsafeBytes { unsafe memory.bytes.copyMemory(from: $0) }
  }

  /// A secret that holds a copy of `bytes`, which are wiped.
  public convenience init(wiping bytes: inout [UInt8]) {
    self.init(copying: bytes.span)
    wipe(&bytes)
  }

  /// A secret of `count` random bytes.
  public static func random(count: Int) throws(CryptoError) -> Secret {
    try unsafe Secret(count: count, fill: Random.fill)
  }

  /// Calls `body` with the bytes, which are to stay in it: a copy would not be wiped.
  public func withBytes<R: ~Copyable, E: Error>(
    _ body: (Span<UInt8>) throws(E) -> R
  ) throws(E) -> R {
    defer { withExtendedLifetime(self) {} }
    let bytes = unsafe UnsafeBufferPointer(memory.bytes.assumingMemoryBound(to: UInt8.self))
    return try unsafe body(bytes.span)
  }

  /// Whether both hold the same bytes, in a time that depends on their lengths alone.
  public func isEqual(to other: Secret) -> Bool {
    withBytes { mine in other.withBytes { theirs in constantTimeEquals(mine, theirs) } }
  }
}
