import ChunkStore
import Glibc
import LinuxSystem

/// Where a walk starts, and under which path its entries are archived.
///
/// As in borg, a path is first made normal by its text alone: `a/../b` is `b`, whatever `a` is.
/// The archived path is what remains without a leading `/` and without leading `..`; in
/// `/snapshot/./home`, the part behind `/./`. With `/` or `/.` behind it, a path means the directory
/// that a symbolic link leads to; without, the link itself.
struct WalkRoot: Hashable, Sendable {
  /// The path as the user gave it.
  let given: [UInt8]
  /// The path in normal form, to be opened and to be shown.
  let location: [UInt8]
  /// The path of the root in the archive.
  let path: ArchivePath
  /// Whether the path says that it is a directory: what a link leads to is meant then.
  var isDirectory: Bool { given.last == UInt8(ascii: "/") || given.ends(with: "/.".utf8) }
  /// The path that patterns see, with the part that `/./` removes: `../src` as it was given, but
  /// without leading slashes.
  var patternPath: [UInt8] { Array(location.drop { $0 == UInt8(ascii: "/") }) }

  /// Interprets a path that the user gave.
  ///
  /// - Throws: `WalkRootError` for an empty path, and for one that no archive can hold.
  init(_ given: [UInt8]) throws(WalkRootError) {
    guard !given.isEmpty, !given.contains(0) else { throw .unusable(given) }
    self.given = given
    let normal = NormalPath(given)
    location = normal.bytes
    do throws(FormatError) {
      let whole = try ArchivePath(normal.archived)
      if let marker = given.firstIndex(ofSubsequence: Array("/./".utf8)), marker > 0 {
        // The stripped part stands in front of the kept part only if nothing climbs out again.
        let kept = NormalPath(given[(marker + 3)...]), stripped = NormalPath(given[..<marker])
        guard kept.climbs == 0, stripped.components + kept.components == normal.components else {
          throw FormatError.unsafePath
        }
        path = try ArchivePath(kept.archived)
      } else {
        path = whole
      }
    } catch {
      throw .unusable(given)
    }
  }

  /// Interprets several paths: in the order of the archive, each once.
  ///
  /// One may be inside of another, which may leave it out: `create -x / /home`.
  ///
  /// - Throws: `WalkRootError` for a path that cannot be archived, and for two different places
  ///   that would end up at one place of the archive.
  static func roots(_ given: [[UInt8]]) throws(WalkRootError) -> [WalkRoot] {
    var all: [WalkRoot] = []
    for path in given { all.append(try WalkRoot(path)) }
    all.sort { $0.path < $1.path }
    var kept: [WalkRoot] = []
    // The roots that the last one is in, and itself.
    var around: [WalkRoot] = []
    for root in all {
      // In this order whatever lies within a root follows it before anything else does.
      while let last = around.last, !root.path.isWithin(last.path) { around.removeLast() }
      if let last = around.last {
        guard try root.place == last.place(of: root.path) else {
          throw .sameArchivedPath(last, root)
        }
        if root.path == last.path { continue }
      }
      around.append(root)
      kept.append(root)
    }
    return kept
  }

  /// Opens the directory that the root is in, and says what the root is called there.
  func open() throws(SystemError) -> (directory: DirectoryHandle, name: FileName) {
    if isDirectory {
      return (try DirectoryHandle(path: location), .itself)
    }
    let (directory, name) = Self.split(location)
    return (try DirectoryHandle(path: directory), name)
  }

  /// The directory that a path leads to something in, and what that is called there.
  ///
  /// Something such as `/` or `..` has no name of its own: it is the directory itself.
  static func split(_ location: [UInt8]) -> (directory: [UInt8], name: FileName) {
    let start = location.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    guard let name = FileName(location[start...]) else { return (location, .itself) }
    return (start > 0 ? Array(location[..<start]) : [UInt8(ascii: ".")], name)
  }

  /// Where this root is on this machine, as components from `/`.
  private var place: [ArraySlice<UInt8>] {
    get throws(WalkRootError) {
      let normal = NormalPath(location)
      if normal.isAbsolute { return normal.components }
      guard let directory = Self.workingDirectory() else { throw .unusable(given) }
      // The kernel's answer has no symbolic links in it, so that `..` can be taken by text.
      return NormalPath(directory).components.dropLast(normal.climbs) + normal.components
    }
  }

  /// Where something archived as `inner` would have to be to come from beneath this root.
  private func place(of inner: ArchivePath) throws(WalkRootError) -> [ArraySlice<UInt8>] {
    try place + inner.components.dropFirst(path.components.count)
  }

  /// The directory that relative paths are relative to; `nil` if it is gone.
  static func workingDirectory() -> [UInt8]? {
    guard let path = unsafe getcwd(nil, 0) else { return nil }
    defer { unsafe free(path) }
    return unsafe Array(UnsafeRawBufferPointer(start: path, count: strlen(path)))
  }
}

/// Roots that cannot be archived, alone or together.
enum WalkRootError: Error, Hashable, Sendable {
  /// An empty path, a NUL byte, or too long for an archive.
  case unusable([UInt8])
  /// Two different places that would be archived under one path, or one inside the other.
  case sameArchivedPath(WalkRoot, WalkRoot)
}

/// A path without `.`, without `//`, and with `..` only at its start.
private struct NormalPath {
  let isAbsolute: Bool
  /// How often it goes up before it goes down.
  let climbs: Int
  let components: [ArraySlice<UInt8>]

  init(_ path: some Collection<UInt8>) {
    let bytes = Array(path)
    let isAbsolute = bytes.first == UInt8(ascii: "/")
    var climbs = 0
    var components: [ArraySlice<UInt8>] = []
    for component in bytes.split(separator: UInt8(ascii: "/")) {
      if component.elementsEqual(".".utf8) { continue }
      if !component.elementsEqual("..".utf8) {
        components.append(component)
      } else if !components.isEmpty {
        components.removeLast()
      } else if !isAbsolute {
        climbs += 1
      }
    }
    self.isAbsolute = isAbsolute
    self.climbs = climbs
    self.components = components
  }

  /// The path inside an archive.
  var archived: [UInt8] { Array(components.joined(separator: [UInt8(ascii: "/")])) }

  var bytes: [UInt8] {
    let down = Array(repeating: Array("..".utf8)[...], count: climbs) + components
    let joined = Array(down.joined(separator: [UInt8(ascii: "/")]))
    if isAbsolute { return [UInt8(ascii: "/")] + joined }
    return joined.isEmpty ? [UInt8(ascii: ".")] : joined
  }
}

extension [UInt8] {
  fileprivate func ends(with end: some Collection<UInt8>) -> Bool {
    suffix(end.count).elementsEqual(end)
  }

  func firstIndex(ofSubsequence wanted: [UInt8]) -> Int? {
    indices.first { self[$0...].starts(with: wanted) }
  }
}
