import Glibc

/// Paths that mean the same wherever the program stands.
enum AbsolutePath {
  /// The path with all links resolved; of one that does not exist, the path behind the current
  /// directory.
  static func of(_ path: [UInt8]) -> [UInt8] {
    let terminated = path.map { CChar(bitPattern: $0) } + [0]
    if let resolved = unsafe realpath(terminated, nil) {
      defer { unsafe free(resolved) }
      return unsafe bytes(resolved)
    }
    if path.first == UInt8(ascii: "/") { return path }
    guard let directory = unsafe getcwd(nil, 0) else { return path }
    defer { unsafe free(directory) }
    return unsafe bytes(directory) + [UInt8(ascii: "/")] + path
  }

  /// A text of the C library, which ends with a zero.
  private static func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
    let count = unsafe strlen(text)
    return unsafe UnsafeBufferPointer(start: text, count: count).map { UInt8(bitPattern: $0) }
  }
}
