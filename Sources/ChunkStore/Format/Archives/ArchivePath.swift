public import StoreEncoding

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

  /// Takes the path that follows `last` in a node: its first bytes, and some more.
  ///
  /// - Parameters:
  ///   - last: The path before; empty in front of the first one.
  ///   - shared: How many of its bytes are taken, at most all of them.
  ///   - reader: Where the others come from.
  ///   - count: How many those are.
  /// - Throws: `FormatError.unsafePath` as `init` does, and for bytes that are not there.
  package init(
    after last: ArchivePath, shared: Int, _ reader: inout ByteReader, count: Int
  ) throws(FormatError) {
    guard shared + count <= Self.maximumLength else { throw .unsafePath }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(shared + count)
    bytes += last.bytes[..<shared]
    try reader.take(count, into: &bytes)
    // The shared part was checked with the path before, up to the component that goes on.
    let start = bytes[..<shared].lastIndex(of: Self.separator).map { $0 + 1 } ?? 0
    guard Self.isSafe(bytes, from: start) else { throw .unsafePath }
    self.bytes = bytes
  }

  /// Whether this path comes after another one, of which it has the first `shared` bytes.
  package func follows(_ last: ArchivePath, shared: Int) -> Bool {
    Self.precedes(last.bytes, bytes, from: shared)
  }

  /// The path of the entry `name` in this directory.
  ///
  /// - Throws: `FormatError.unsafePath` as `init` does.
  public func appending(_ name: some Collection<UInt8>) throws(FormatError) -> ArchivePath {
    let name = Array(name)
    guard !bytes.isEmpty else { return try ArchivePath(name) }
    // The components of this path are known to be safe.
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
    let length = ancestor.bytes.count
    if length == 0 { return true }
    // One byte tells of most others.
    guard bytes.count >= length, bytes.count == length || bytes[length] == Self.separator else {
      return false
    }
    return bytes.starts(with: ancestor.bytes)
  }

  /// Orders paths so that a directory comes right before its subtree.
  public static func < (a: ArchivePath, b: ArchivePath) -> Bool {
    precedes(a.bytes, b.bytes, from: 0)
  }

  private static func precedes(_ a: [UInt8], _ b: [UInt8], from start: Int) -> Bool {
    let shared = min(a.count, b.count)
    var i = start
    while i < shared {
      let (left, right) = (a[i], b[i])
      if left != right { return right != separator && (left == separator || left < right) }
      i += 1
    }
    return a.count < b.count
  }

  package static let separator = UInt8(ascii: "/")

  /// - Parameters:
  ///   - bytes: The path.
  ///   - first: Where a component begins; what is before it is known to be safe.
  /// - Returns: Whether every component can be a name.
  private static func isSafe(_ bytes: [UInt8], from first: Int = 0) -> Bool {
    if bytes.isEmpty { return true }
    let dot = UInt8(ascii: ".")
    var start = first
    for end in first...bytes.count {
      guard end == bytes.count || bytes[end] == separator else {
        if bytes[end] == 0 { return false }
        continue
      }
      let length = end - start
      if length == 0 { return false }
      if length == 1, bytes[start] == dot { return false }
      if length == 2, bytes[start] == dot, bytes[start + 1] == dot { return false }
      start = end + 1
    }
    return true
  }
}

extension ArchivePath: CustomStringConvertible {
  /// The path for people: `.` for the root; bytes that are not UTF-8 are replaced.
  public var description: String {
    bytes.isEmpty ? "." : String(decoding: bytes, as: UTF8.self)
  }
}
