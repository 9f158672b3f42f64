internal import Glibc

/// How many files this process may have open.
///
/// Whoever keeps files or directories open plans with a share of them, so that all shares together
/// leave room for what is open for a moment only.
package enum OpenFiles {
  /// Raises the limit as far as the system permits; to be called before anything asks for it.
  package static func raiseLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    _ = unsafe setrlimit(resource, &limit)
  }

  /// A share of the files that may be open: `1 / parts` of them, but no more than `most`.
  package static func share(_ parts: Int, most: Int = .max) -> Int {
    min(most, max(4, limit / parts))
  }

  private static let limit = {
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
    return Int(clamping: limit.rlim_cur)
  }()

  private static var resource: __rlimit_resource_t { .init(RLIMIT_NOFILE.rawValue) }
}
