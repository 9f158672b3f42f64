internal import Glibc

/// Paths without links, `.` and `..`: what restrictions are compared with.
package enum CanonicalPath {
  /// The canonical form of a path.
  ///
  /// What does not exist yet keeps its name behind the canonical form of what does.
  ///
  /// - Throws: `StorageError.refused` for `..` behind something that does not exist.
  package static func of(_ path: String) throws(StorageError) -> String {
    if let resolved = try resolved(path) { return resolved }
    var existing = path.isEmpty ? "." : path
    var missing: [Substring] = []
    while true {
      let components = existing.split(separator: "/")
      guard let last = components.last else { throw .notFound(path) }
      guard last != "..", last != "." else {
        throw .refused("\(path): there is no such directory, and the path is not plain")
      }
      missing.insert(last, at: 0)
      let parent = components.dropLast().joined(separator: "/")
      existing = existing.hasPrefix("/") ? "/" + parent : parent.isEmpty ? "." : parent
      if let resolved = try resolved(existing) {
        return (resolved == "/" ? "" : resolved) + "/" + missing.joined(separator: "/")
      }
      // A link that leads nowhere: what is made there would be somewhere else.
      if LocalFile.isSymbolicLink(existing) {
        throw .refused("\(existing): is a link to something that is not there")
      }
    }
  }

  /// Whether a canonical path is this directory, or in it.
  package static func contains(_ directory: String, _ path: String) -> Bool {
    path == directory || path.hasPrefix(directory.hasSuffix("/") ? directory : directory + "/")
  }

  private static func resolved(_ path: String) throws(StorageError) -> String? {
    guard let text = unsafe realpath(path, nil) else {
      if errno == ENOENT || errno == ENOTDIR {
        if LocalFile.isSymbolicLink(path) {
          throw .refused("\(path): is a link to something that is not there")
        }
        return nil
      }
      throw .last("realpath", path)
    }
    // The C library gave it to us, with a zero at its end.
    defer { unsafe free(text) }
    let bytes = unsafe UnsafeBufferPointer(start: text, count: strlen(text))
      .map { UInt8(bitPattern: $0) }
    guard let resolved = String(validating: bytes, as: UTF8.self) else {
      throw .refused("\(path): its canonical path is not UTF-8")
    }
    return resolved
  }
}
