internal import Glibc

/// A system call that failed: which one, on what, and why.
package struct SystemError: Error, Hashable, Sendable {
  /// The name of the call, `openat` say.
  package let operation: String
  /// The value of `errno`.
  package let code: Int32
  /// The object of the call: a path, or the name of an entry, as bytes.
  package var path: [UInt8]

  package init(_ operation: String, code: Int32, path: some Collection<UInt8>) {
    self.operation = operation
    self.code = code
    self.path = Array(path)
  }

  /// The error that the last call on this thread left in `errno`.
  ///
  /// Nothing may come between that call and this one.
  package static func last(_ operation: String, _ path: some Collection<UInt8>) -> SystemError {
    SystemError(operation, code: errno, path: path)
  }

  /// Returns the error with the path that the user knows.
  package func at(_ path: [UInt8]) -> SystemError {
    SystemError(operation, code: code, path: path)
  }

  /// The C library's text for the code: `Permission denied`.
  package var reason: String { Self.reason(code) }

  /// The system's text for an error number.
  package static func reason(_ code: Int32) -> String {
    if code == EFBIG {
      return "File too large, for the limit that this process runs under (ulimit -f), or for the "
        + "file system"
    }
    var buffer = [CChar](repeating: 0, count: 256)
    // The XSI version, which fills the buffer with a text that ends in a zero.
    _ = unsafe strerror_r(code, &buffer, buffer.count)
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension SystemError: CustomStringConvertible {
  package var description: String {
    "\(String(decoding: path, as: UTF8.self)): \(operation): \(reason)"
  }
}

/// Repeats a call for as long as a signal interrupts it.
@inlinable
public func retryingInterrupts<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || !wasInterrupted { return result }
  }
}

/// Whether the last call on this thread failed because of a signal.
@usableFromInline var wasInterrupted: Bool { errno == EINTR }
