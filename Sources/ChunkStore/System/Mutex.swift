#if SANITIZE_THREAD
  internal import Glibc

  /// Stands in for the standard library's `Mutex` when the tests run under the thread sanitizer.
  ///
  /// The sanitizer has to see who waits for whom. The standard library's lock waits in code that
  /// was built without it, so that everything under a lock would be reported. The other modules
  /// have links to this file: a type of their own goes before an imported one.
  @safe struct Mutex<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let value: UnsafeMutablePointer<Value>

    init(_ initial: consuming sending Value) {
      unsafe lock = .allocate(capacity: 1)
      unsafe value = .allocate(capacity: 1)
      unsafe pthread_mutex_init(lock, nil)
      unsafe value.initialize(to: initial)
    }

    deinit {
      unsafe value.deinitialize(count: 1)
      unsafe value.deallocate()
      unsafe pthread_mutex_destroy(lock)
      unsafe lock.deallocate()
    }

    borrowing func withLock<R: ~Copyable, E: Error>(
      _ body: (inout sending Value) throws(E) -> sending R
    ) throws(E) -> sending R {
      unsafe pthread_mutex_lock(lock)
      defer { unsafe pthread_mutex_unlock(lock) }
      return try unsafe body(&value.pointee)
    }
  }
#endif
