import Glibc
import Testing

/// A file of Tests/Vectors, in lines.
enum VectorFile {
  struct Unreadable: Error { let path: String }

  /// The lines of `name` that are neither empty nor comments.
  static func lines(_ name: String) throws -> [String] {
    try bytes(name).split(separator: UInt8(ascii: "\n"))
      .map { String(decoding: $0, as: UTF8.self) }
      .filter { !$0.hasPrefix("#") }
  }

  private static func bytes(_ name: String) throws -> [UInt8] {
    let tests = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let path = "/\(tests)/Vectors/\(name)"
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Unreadable(path: path) }
    defer { close(descriptor) }
    var result: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe read(descriptor, &buffer, buffer.count)
      guard count >= 0 else { throw Unreadable(path: path) }
      if count == 0 { return result }
      result += buffer[..<count]
    }
  }
}

/// The bytes that stand in a vector as text with `\xNN`, `\\` and nothing else escaped.
func unescaped(_ text: some StringProtocol) -> [UInt8] {
  var result: [UInt8] = []
  var rest = Array(text.utf8)[...]
  while let byte = rest.popFirst() {
    guard byte == UInt8(ascii: "\\"), let kind = rest.popFirst() else {
      result.append(byte)
      continue
    }
    if kind == UInt8(ascii: "x"),
      let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
    {
      result.append(value)
      rest = rest.dropFirst(2)
    } else {
      result.append(kind)
    }
  }
  return result
}
