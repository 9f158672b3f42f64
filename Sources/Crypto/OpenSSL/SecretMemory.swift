internal import CLinux
internal import COpenSSL
internal import Glibc

/// Owns a stretch of zeroed memory for key material, and wipes it on release.
///
/// It comes from libcrypto's secure heap, which costs a small secret no page of its own; where
/// that is full or could not be had, from pages of its own. Both are left out of core dumps and,
/// as far as RLIMIT_MEMLOCK goes, out of swap.
@safe struct SecretMemory: ~Copyable {
  let bytes: UnsafeMutableRawBufferPointer

  /// The length of the mapping, where the memory is pages of its own.
  private let mapped: Int?

  init(count: Int) {
    precondition(count >= 0, "memory has no negative size")
    // malloc(0) may return NULL, which would read as a failure.
    let size = max(count, 1)
    if Library.hasSecureHeap, let start = unsafe CRYPTO_secure_zalloc(size, nil, 0) {
      unsafe bytes = UnsafeMutableRawBufferPointer(start: start, count: count)
      mapped = nil
    } else {
      // A refusal of the heap is no failure, and must not become the reason of a later one.
      ERR_clear_error()
      let page = sysconf(Int32(_SC_PAGESIZE))
      let length = (size + page - 1) / page * page
      let start = unsafe mmap(
        nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let start = unsafe start, unsafe start != MAP_FAILED else {
        // As any allocation in Swift does.
        preconditionFailure("out of memory")
      }
      // Both as far as the system lets us: a limit on locked memory is no reason not to run.
      _ = unsafe linux_exclude_from_core_dumps(start, length)
      _ = unsafe mlock(start, length)
      unsafe bytes = UnsafeMutableRawBufferPointer(start: start, count: count)
      mapped = length
    }
  }

  deinit {
    if let mapped {
      unsafe OPENSSL_cleanse(bytes.baseAddress, mapped)
      unsafe munmap(bytes.baseAddress, mapped)
    } else {
      unsafe CRYPTO_secure_clear_free(bytes.baseAddress, bytes.count, nil, 0)
    }
  }
}
