import Glibc

/// A place where a disk is usually mounted, and is not, when no repository is found there.
struct UnmountedPlace: Equatable {
  /// The reason to believe that a disk is missing.
  enum Reason: Equatable {
    /// /etc/fstab says that one is mounted in this directory.
    case listed(String)
    /// Disks are mounted in directories in this one, and there is nothing at the path.
    case customary(String)
  }

  let reason: Reason

  /// The place of a path on this machine; `nil` if no disk seems to be missing.
  static func above(_ path: String) -> UnmountedPlace? {
    let absolute = String(decoding: AbsolutePath.of(Array(path.utf8)), as: UTF8.self)
    func lines(_ file: String) -> String {
      // Without these files nothing is known of disks, and that is all.
      let bytes = (try? PrivateFile.read(Array(file.utf8))) ?? nil
      return String(decoding: bytes ?? [], as: UTF8.self)
    }
    return UnmountedPlace(
      path: absolute, table: directories(inTable: lines("/etc/fstab")),
      mounted: directories(inTable: lines("/proc/self/mounts")), state: { Self.state(of: $0) })
  }

  /// The state of a directory.
  enum State {
    case missing
    case empty
    case used
  }

  /// Judges a path.
  ///
  /// - Parameters:
  ///   - path: The absolute path at which there is no repository.
  ///   - table: Where disks are to be mounted.
  ///   - mounted: Where they are.
  ///   - state: The state of a directory.
  init?(
    path: String, table: [String], mounted: [String], state: (String) -> State
  ) {
    func nearest(_ directories: [String]) -> String? {
      directories.filter { Self.contains($0, path) }.max { $0.utf8.count < $1.utf8.count }
    }
    let covering = nearest(mounted) ?? "/"
    if let listed = nearest(table), listed.utf8.count > covering.utf8.count {
      reason = .listed(listed)
      return
    }
    for base in ["/mnt", "/media", "/run/media"] where Self.contains(base, path) {
      guard covering.utf8.count < base.utf8.count else { return nil }
      // The last directory that is there.
      var place = path
      while place.utf8.count > base.utf8.count, state(place) == .missing {
        place = String(place[..<(place.lastIndex(of: "/") ?? place.startIndex)])
      }
      let isUser = base != "/mnt" && place.dropFirst(base.count + 1).allSatisfy { $0 != "/" }
      guard place == base || state(place) == .empty || isUser else { return nil }
      reason = .customary(base)
      return
    }
    return nil
  }

  /// The directories in the second column of /etc/fstab, or of /proc/self/mounts.
  static func directories(inTable text: String) -> [String] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard fields.count >= 2, !fields[0].hasPrefix("#"), fields[1].hasPrefix("/") else {
        return nil
      }
      // Both write a space as \040.
      let path = EscapedBytes.unescaped(Array(fields[1].utf8)) ?? Array(fields[1].utf8)
      return String(decoding: path, as: UTF8.self)
    }
  }

  /// Whether a path is a directory itself, or in it.
  private static func contains(_ directory: String, _ path: String) -> Bool {
    directory == "/" || path == directory || path.hasPrefix(directory + "/")
  }

  private static func state(of path: String) -> State {
    guard let directory = unsafe opendir(path) else { return errno == ENOENT ? .missing : .used }
    defer { unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    // Each directory has . and .. in it.
    return count <= 2 ? .empty : .used
  }

  /// The fault of the place, and the way to mend it.
  var sentence: Message {
    switch reason {
    case .listed(let directory):
      "\(line: directory) is not mounted, although /etc/fstab lists it: connect the disk and "
        + "`mount \(line: directory)`"
    case .customary(let directory):
      "Nothing is mounted at this path in \(line: directory): connect and mount the disk that the "
        + "repository is on"
    }
  }
}
