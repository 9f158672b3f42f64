import ChunkStore
import LinuxSystem

/// A value of `errno`, described in the words of libc.
struct ErrorNumber: Error, Equatable, CustomStringConvertible {
  /// The number.
  let code: Int32

  init(_ code: Int32) { self.code = code }

  var description: String { SystemError.reason(code) }
}
