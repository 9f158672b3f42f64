import Glibc

/// The bytes of a C string, without the NUL that ends it.
@unsafe func bytes(of string: UnsafePointer<CChar>) -> [UInt8] {
  unsafe Array(
    UnsafeRawBufferPointer(start: string, count: strlen(string)))
}

/// Calls `body` with `bytes` as a C string; a NUL in them would end it early.
func withCString<R>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) throws -> R) rethrows -> R {
  try unsafe (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer {
    // Not empty, so there is a base address; the fallback is there to spare a trap.
    if let start = $0.baseAddress { return try unsafe body(start) }
    var end: CChar = 0
    return try unsafe body(&end)
  }
}
