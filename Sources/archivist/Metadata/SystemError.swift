import ChunkStore
import Glibc

/// A system call that failed: which one, on what, and why.
struct SystemError: Error, Hashable, Sendable {
  /// The name of the call, `openat` say.
  let operation: String
  /// The value of `errno`.
  let code: Int32
  /// The object of the call: a path, or the name of an entry, as bytes.
  var path: [UInt8]

  init(_ operation: String, code: Int32, path: some Collection<UInt8>) {
    self.operation = operation
    self.code = code
    self.path = Array(path)
  }

  /// The error that the last call on this thread left in `errno`.
  ///
  /// Nothing may come between that call and this one.
  static func last(_ operation: String, _ path: some Collection<UInt8>) -> SystemError {
    SystemError(operation, code: errno, path: path)
  }

  /// Returns the error with the path that the user knows.
  func at(_ path: [UInt8]) -> SystemError {
    SystemError(operation, code: code, path: path)
  }

  /// The C library's text for the code: `Permission denied`.
  var reason: String { StorageError.reason(code) }
}

extension SystemError: CustomStringConvertible {
  var description: String {
    "\(String(decoding: path, as: UTF8.self)): \(operation): \(reason)"
  }
}

/// Repeats a call for as long as a signal interrupts it.
func retryingInterrupts<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
