/// The path of an item inside an archive: bytes, without a leading `/`, without `.` or `..`.
///
/// The empty path is the root of the archive itself, written `.` for people.
///
/// Paths are ordered so that a directory is followed by its whole subtree: `/` sorts before
/// every other byte. A path is never a `String`: Swift compares those by canonical equivalence,
/// and two files whose names differ only in their Unicode normal form would become one.
public struct ArchivePath: Hashable, Comparable, Sendable {
  /// The longest path that an archive holds, in bytes.
  public static let maximumLength = 65_535

  /// The path's bytes.
  public let bytes: [UInt8]

  /// The root of the archive.
  public static let root = ArchivePath(unchecked: [])

  /// Takes a path as it stands in an archive.
  ///
  /// - Throws: `FormatError.unsafePath` for a path that is absolute, too long, or has an empty
  ///   component, `.`, `..` or a NUL byte in it.
  public init(_ bytes: [UInt8]) throws(FormatError) {
    guard bytes.count <= Self.maximumLength, Self.isSafe(bytes) else { throw .unsafePath }
    self.bytes = bytes
  }

  private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

  /// The path of the entry `name` in this directory.
  ///
  /// - Throws: `FormatError.unsafePath` as `init` does.
  public func appending(_ name: some Collection<UInt8>) throws(FormatError) -> ArchivePath {
    let name = Array(name)
    guard !bytes.isEmpty else { return try ArchivePath(name) }
    // What this path consists of is known to be safe.
    let length = bytes.count + 1 + name.count
    guard !name.isEmpty, length <= Self.maximumLength, Self.isSafe(name) else {
      throw .unsafePath
    }
    var joined: [UInt8] = []
    joined.reserveCapacity(length)
    joined += bytes
    joined.append(Self.separator)
    joined += name
    return ArchivePath(unchecked: joined)
  }

  /// The directory that holds this item; `nil` for the root.
  public var parent: ArchivePath? {
    guard !bytes.isEmpty else { return nil }
    guard let slash = bytes.lastIndex(of: Self.separator) else { return .root }
    return ArchivePath(unchecked: Array(bytes[..<slash]))
  }

  /// The last component; empty for the root.
  public var name: ArraySlice<UInt8> {
    guard let slash = bytes.lastIndex(of: Self.separator) else { return bytes[...] }
    return bytes[(slash + 1)...]
  }

  /// The components, first one first.
  public var components: [ArraySlice<UInt8>] { bytes.split(separator: Self.separator) }

  /// Says whether this path is `ancestor` or lies beneath it.
  public func isWithin(_ ancestor: ArchivePath) -> Bool {
    if ancestor.bytes.isEmpty { return true }
    guard bytes.starts(with: ancestor.bytes) else { return false }
    return bytes.count == ancestor.bytes.count || bytes[ancestor.bytes.count] == Self.separator
  }

  /// Orders paths so that a directory comes right before its subtree.
  public static func < (a: ArchivePath, b: ArchivePath) -> Bool {
    let shared = min(a.bytes.count, b.bytes.count)
    for i in 0..<shared where a.bytes[i] != b.bytes[i] {
      if a.bytes[i] == separator { return true }
      if b.bytes[i] == separator { return false }
      return a.bytes[i] < b.bytes[i]
    }
    return a.bytes.count < b.bytes.count
  }

  static let separator = UInt8(ascii: "/")

  private static func isSafe(_ bytes: [UInt8]) -> Bool {
    if bytes.isEmpty { return true }
    let dot = UInt8(ascii: ".")
    var start = 0
    for end in 0...bytes.count where end == bytes.count || bytes[end] == separator {
      let length = end - start
      if length == 0 { return false }
      if length == 1, bytes[start] == dot { return false }
      if length == 2, bytes[start] == dot, bytes[start + 1] == dot { return false }
      start = end + 1
    }
    return !bytes.contains(0)
  }
}

extension ArchivePath: CustomStringConvertible {
  /// The path for people: `.` for the root; bytes that are not UTF-8 are replaced.
  public var description: String {
    bytes.isEmpty ? "." : String(decoding: bytes, as: UTF8.self)
  }
}
