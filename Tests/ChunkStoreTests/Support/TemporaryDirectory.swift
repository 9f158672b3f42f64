import Glibc
import StoreCrypto

@testable import ChunkStore

/// A directory that is gone, with all that is in it, when the test is over.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    path = "\(base)/archivist-test-\(try Digest256.random().hex.prefix(16))"
    try LocalFile.makePrivateDirectories(path)
  }

  deinit { TemporaryDirectory.remove(path) }

  /// Removes a file, or a directory with everything in it.
  static func remove(_ path: String) {
    if unsafe unlink(path) == 0 { return }
    let names = (try? LocalFile.names(in: path)) ?? []
    for name in names { remove("\(path)/\(String(decoding: name, as: UTF8.self))") }
    _ = unsafe rmdir(path)
  }

  func names(in directory: String = "") throws -> [String] {
    try LocalFile.names(in: directory.isEmpty ? path : "\(path)/\(directory)")
      .map { String(decoding: $0, as: UTF8.self) }.sorted()
  }

  func read(_ name: String) throws -> [UInt8] { try readFile("\(path)/\(name)") }

  func write(_ name: String, _ bytes: [UInt8]) throws { try writeFile("\(path)/\(name)", bytes) }
}

func readFile(_ path: String) throws -> [UInt8] {
  let file = try LocalFile.open(path, flags: O_RDONLY)
  return try file.read(from: 0, count: try file.status().size)
}

/// Replaces what a file holds; makes it if it is not there.
func writeFile(_ path: String, _ bytes: [UInt8]) throws {
  let file = try LocalFile.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
  try file.write(bytes.span)
}
