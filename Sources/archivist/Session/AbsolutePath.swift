import Glibc

/// Paths that mean the same wherever the program stands.
enum AbsolutePath {
  private static let slash = UInt8(ascii: "/")

  /// The path with all links resolved; what does not exist keeps its name behind what does.
  static func of(_ path: [UInt8]) -> [UInt8] {
    if let resolved = resolved(path) { return resolved }
    var missing: [[UInt8]] = []
    var existing = path.split(separator: slash).map(Array.init)
    while let last = existing.popLast() {
      missing.insert(last, at: 0)
      let start = path.first == slash ? [slash] : [UInt8(ascii: ".")]
      guard let resolved = resolved(start + existing.flatMap { [slash] + $0 }) else { continue }
      return missing.reduce(into: resolved == [slash] ? [] : resolved) { path, name in
        switch name {
        case Array(".".utf8): break
        case Array("..".utf8): path.removeLast(path.count - (path.lastIndex(of: slash) ?? 0))
        default: path += [slash] + name
        }
      }
    }
    return path
  }

  /// The path of something that exists, all links resolved.
  private static func resolved(_ path: [UInt8]) -> [UInt8]? {
    let terminated = path.map { CChar(bitPattern: $0) } + [0]
    guard let resolved = unsafe realpath(terminated, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe bytes(resolved)
  }

  /// A text of the C library, which ends with a zero.
  private static func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
    let count = unsafe strlen(text)
    return unsafe UnsafeBufferPointer(start: text, count: count).map { UInt8(bitPattern: $0) }
  }
}
