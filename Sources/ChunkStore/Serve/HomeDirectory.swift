import CLinux
internal import Glibc

/// Home directories, and what `~` and `~name` at the beginning of a path stand for.
package enum HomeDirectory {
  /// The path with a home directory in the place of `~` or `~name`; as it is, if there is none.
  static func expanding(_ path: String) -> String {
    guard path.hasPrefix("~") else { return path }
    let name = path.dropFirst().prefix { $0 != "/" }
    let home =
      name.isEmpty
      ? own(unsafe getenv("HOME").map { unsafe String(cString: $0) }) : directory(of: String(name))
    guard let home else { return path }
    return home + path.dropFirst(1 + name.count)
  }

  /// The home directory of the user that this process runs as.
  ///
  /// - Parameter variable: The value of `HOME`. It counts unless that directory is somebody else's, as
  ///   it may be after `sudo` or `su`: then the user's own is where the system says.
  /// - Returns: The directory; `nil` if there is none.
  package static func own(_ variable: String?) -> String? {
    let user = geteuid()
    guard let variable, !variable.isEmpty else { return directory(ofUser: user) }
    guard let owner = owner(of: variable), owner != user else { return variable }
    return directory(ofUser: user) ?? variable
  }

  /// Whether a directory, or the nearest above it that is there, belongs to a user other than root and
  /// the one that this process runs as.
  package static func isAnothers(_ path: String) -> Bool {
    var path = path
    while !path.isEmpty {
      if let owner = owner(of: path) { return owner != 0 && owner != geteuid() }
      path = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
    return false
  }

  private static func owner(of path: String) -> uid_t? {
    var info = stat()
    return unsafe stat(path, &info) == 0 ? info.st_uid : nil
  }

  private static func directory(of name: String) -> String? {
    unsafe find { unsafe getpwnam_r(name, $0, $1, $2, $3) }
  }

  private static func directory(ofUser user: uid_t) -> String? {
    unsafe find { unsafe getpwuid_r(user, $0, $1, $2, $3) }
  }

  private static func find(
    _ search: (
      UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
      UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32
  ) -> String? {
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16 << 10)
    let size = buffer.count
    // The strings that the entry points to are in the buffer.
    return unsafe buffer.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress, unsafe search(&entry, start, size, &found) == 0,
        unsafe found != nil, let directory = unsafe entry.pw_dir
      else { return nil }
      let text = unsafe String(cString: directory)
      return text.isEmpty ? nil : text
    }
  }
}
