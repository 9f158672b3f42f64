import Glibc

/// A value of `errno`, described in the words of libc.
struct ErrorNumber: Error, Equatable, CustomStringConvertible {
  /// The number.
  let code: Int32

  init(_ code: Int32) { self.code = code }

  var description: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard unsafe strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
    return String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
