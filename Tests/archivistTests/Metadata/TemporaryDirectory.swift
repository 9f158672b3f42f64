import CLinux
import Glibc
import Testing

@testable import archivist

/// A fresh directory that is removed with everything in it.
final class TemporaryDirectory {
  let path: [UInt8]
  let handle: DirectoryHandle

  init() throws {
    var template = Array("/tmp/archivist-test-XXXXXX\0".utf8).map { CChar(bitPattern: $0) }
    let made = unsafe mkdtemp(&template)
    try #require(unsafe made != nil)
    path = template.dropLast().map { UInt8(bitPattern: $0) }
    handle = try DirectoryHandle(path: path)
  }

  deinit { try? Self.run("rm -rf \(text(path))") }

  /// The path of something in here.
  func callAsFunction(_ relative: String) -> [UInt8] { path + Array("/\(relative)".utf8) }

  /// Runs a shell script, with this directory as the working directory, until a command fails.
  func shell(_ script: String) throws { try Self.run("set -e; cd \(text(path))\n\(script)") }

  private static func run(_ script: String) throws {
    let status = unsafe system(script)
    guard status == 0 else { throw ScriptFailure(script: script, status: status) }
  }
}

/// A shell script that did not do as it was told.
struct ScriptFailure: Error {
  let script: String
  let status: Int32
}

func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension FileName {
  /// A name that a test knows to be good.
  init(_ text: String) throws { self = try #require(FileName(Array(text.utf8))) }
}

extension DirectoryHandle {
  /// Makes a directory in this one and opens it.
  func making(_ name: FileName) throws -> DirectoryHandle {
    try #require(unsafe mkdirat(number, name.terminated, 0o755) == 0)
    return try directory(name)
  }

  /// Makes a file in this one.
  func write(_ content: [UInt8], to name: FileName) throws {
    let file = try FileDescriptor(
      opening: name, in: self, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
    try #require(unsafe Glibc.write(file.number, content, content.count) == content.count)
    try file.close()
  }
}
