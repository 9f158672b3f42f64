import ChunkStore

/// The paths on this machine of what is in an archive.
struct SourcePaths: Sendable {
  /// The innermost first.
  private let roots: [WalkRoot]

  /// Knows the paths of what is found beneath roots.
  init(_ roots: [WalkRoot]) {
    self.roots = roots.sorted { $0.path.bytes.count > $1.path.bytes.count }
  }

  /// Where the item of this path was found; the path itself, if it is not beneath a root.
  func source(of path: ArchivePath) -> [UInt8] {
    let slash = UInt8(ascii: "/")
    guard let root = roots.first(where: { path.isWithin($0.path) }) else { return path.bytes }
    let rest = path.bytes.dropFirst(root.path.bytes.count).drop { $0 == slash }
    if rest.isEmpty { return root.location }
    if root.location == [UInt8(ascii: ".")] { return Array(rest) }
    return root.location + (root.location.last == slash ? [] : [slash]) + rest
  }
}
