internal import Glibc

/// What `~` and `~name` at the beginning of a path stand for.
enum HomeFolder {
  /// The path with a home folder in the place of `~` or `~name`; as it is, if there is none.
  static func expanding(_ path: String) -> String {
    guard path.hasPrefix("~") else { return path }
    let name = path.dropFirst().prefix { $0 != "/" }
    guard let home = name.isEmpty ? ownFolder : folder(of: String(name)) else { return path }
    return home + path.dropFirst(1 + name.count)
  }

  private static var ownFolder: String? {
    unsafe getenv("HOME").map { unsafe String(cString: $0) }
  }

  private static func folder(of name: String) -> String? {
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16 << 10)
    // What the entry points to is in the buffer.
    guard unsafe getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0,
      unsafe found != nil, let folder = unsafe entry.pw_dir
    else { return nil }
    return unsafe String(cString: folder)
  }
}
