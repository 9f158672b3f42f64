/// The cost of one guess of a passphrase: the parameters of scrypt (RFC 7914).
public struct ScryptParameters: Hashable, Sendable {
  /// Binary logarithm of N, the number of blocks held in memory.
  public var logN: UInt8

  /// Block size, in units of 128 bytes.
  public var r: UInt32

  /// How many times over the memory is filled.
  public var p: UInt32

  /// Parameters as given; `validate` says whether they are accepted.
  public init(logN: UInt8, r: UInt32, p: UInt32) {
    self.logN = logN
    self.r = r
    self.p = p
  }

  /// For what a person may have thought up: 128 MiB, and some 0.3 s on a server of 2023.
  ///
  /// OWASP's advice for scrypt.
  public static let `default` = ScryptParameters(logN: 17, r: 8, p: 1)

  /// For what is long and random: 32 MiB, and some 0.07 s.
  ///
  /// Every command pays it, and nobody can try all that such a passphrase may be.
  public static let quick = ScryptParameters(logN: 15, r: 8, p: 1)

  /// The binary logarithms of N that are accepted.
  public static let accepted: ClosedRange<UInt8> = 15...20

  /// Bytes that a derivation takes.
  public var memory: UInt64 {
    logN < 40 ? 128 * UInt64(r) << UInt64(logN) : .max
  }

  /// Refuses parameters that are too cheap to protect a passphrase, or too dear to meet in a
  /// file someone else may have written.
  ///
  /// Accepted are N from 2^15 to 2^20, r = 8 and p from 1 to 4: from 32 MiB to 1 GiB of memory.
  public func validate() throws(CryptoError) {
    guard Self.accepted.contains(logN) else {
      throw .invalidParameter("scrypt with N = 2^\(logN); accepted are 2^15 to 2^20")
    }
    guard r == 8 else { throw .invalidParameter("scrypt with r = \(r); accepted is 8") }
    guard (1...4).contains(p) else {
      throw .invalidParameter("scrypt with p = \(p); accepted are 1 to 4")
    }
  }
}

/// Derivation of keys from a passphrase: scrypt (RFC 7914).
public enum Scrypt {
  /// Derives `count` bytes from a passphrase, at the cost that `parameters` set.
  ///
  /// Takes 128 · r · N bytes of memory while it runs.
  public static func derive(
    passphrase: Secret, salt: Span<UInt8>, parameters: ScryptParameters, count: Int
  ) throws(CryptoError) -> Secret {
    try parameters.validate()
    guard count > 0 else { throw .invalidParameter("\(count) bytes from scrypt") }
    let n = UInt64(1) << UInt64(parameters.logN)
    let r = UInt64(parameters.r)
    let p = UInt64(parameters.p)
    // The memory that libcrypto counts: N + 2 blocks to mix, and p to begin with. Its own limit, 32
    // MiB, is below the least that is accepted here.
    let memory = 128 * r * (n + 2 + p)
    do {
      return try deriveUnchecked(
        passphrase: passphrase, salt: salt, n: n, r: parameters.r, p: parameters.p,
        memory: memory, count: count)
    } catch .libcrypto {
      // With parameters that are accepted, nothing else can be missing.
      throw .noMemory(memory)
    }
  }
}
