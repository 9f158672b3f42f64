internal import COpenSSL

/// Start-up of libcrypto, done once, before anything else in this directory calls it.
enum Library {
  /// Bytes of libcrypto's secure heap; a power of two, and small beside the usual
  /// RLIMIT_MEMLOCK of 8 MiB (64 KiB before Linux 5.16, where the heap stays unlocked).
  private static let secureHeapSize = 256 << 10

  /// The smallest block of the secure heap: the size of most keys.
  private static let secureHeapBlock = 32

  /// Whether there is a secure heap: memory that is locked, left out of core dumps, and between
  /// guard pages.
  ///
  /// Two defaults of libcrypto are turned off. Its configuration file could exchange the
  /// algorithms a repository depends on, and takes time to read at each start. Its clean-up at
  /// `exit` would free what a worker thread may still be using.
  static let hasSecureHeap: Bool = {
    let options = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT
    // A failure here is met again, and reported, by whichever call comes next.
    _ = OPENSSL_init_crypto(UInt64(options), nil)
    // 1: done; 2: done, but not all of it could be locked or guarded; 0: refused, or there
    // already is one.
    return CRYPTO_secure_malloc_init(secureHeapSize, secureHeapBlock) != 0
      || CRYPTO_secure_malloc_initialized() == 1
  }()

  /// Starts libcrypto, if nothing has yet.
  static func start() { _ = hasSecureHeap }
}
