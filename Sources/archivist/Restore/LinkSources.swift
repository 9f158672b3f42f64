import ChunkStore
import StoreCrypto

/// A file that this run has made, and may give other names.
struct LinkSource {
  /// Which group of hard links it belongs to.
  let group: ArchivePath
  /// Its first name.
  let path: ArchivePath
  /// The type of what was made.
  let kind: Item.Kind?
  /// The content of a file, which may still be on its way; `nil` for what has none.
  let content: LinkedContent?
  /// The metadata of a file that has the name from the beginning.
  private let made: FileMetadata?
  /// The features that every other name of it must have in common with it, in the archive.
  private let features: Digest256
  /// To be set when the last link is made.
  let item: Item?

  /// Takes what was made of an item.
  ///
  /// - Parameters:
  ///   - item: The item.
  ///   - made: What has its name; `nil` if that will be known when the content is complete.
  ///   - content: The content, for a file.
  /// - Throws: `CryptoError`, without memory for a hash.
  init(_ item: Item, made: FileMetadata?, content: LinkedContent? = nil) throws {
    group = item.hardLinkGroup ?? item.path
    path = item.path
    self.made = made
    self.content = content
    kind = item.kind
    features = try Self.features(of: item)
    let waits = item.kind == .regular && !item.flags.isDisjoint(with: RestoreContext.blockingFlags)
    self.item = waits ? item : nil
  }

  /// Whether it has its name: only then is there something to be linked to.
  var hasName: Bool { made != nil || content?.complete != nil }

  /// Whether all of it is there, so that what others hold may give way to it.
  var isComplete: Bool { content.map { $0.complete != nil } ?? true }

  /// Whether this is still what was made.
  func isSame(_ found: FileMetadata) -> Bool {
    guard let made = made ?? content?.complete else { return false }
    return found.isSameFile(as: made) && found.kind == made.kind
  }

  /// Whether the archive describes one file in both items.
  ///
  /// A backup may have found another file under the number of an inode that was removed.
  func isSame(_ item: Item) throws -> Bool { try Self.features(of: item) == features }

  /// Type, owner, permissions and content of an item, and the like.
  private static func features(of item: Item) throws -> Digest256 {
    var bytes: [UInt8] = []
    func add(_ numbers: UInt64...) {
      for number in numbers {
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
      }
    }
    add(UInt64(item.mode), UInt64(item.uid), UInt64(item.gid), UInt64(item.user.count))
    bytes += item.user + item.group
    if let device = item.device { add(UInt64(device.major), UInt64(device.minor)) }
    if let target = item.linkTarget { bytes += target }
    guard let content = item.content else { return try SHA256.digest(of: bytes.span) }
    add(content.size, UInt64(content.holes.count))
    for hole in content.holes { add(hole.offset, hole.length) }
    switch content.chunks {
    case .tree(let root, _, _): bytes += root.digest.bytes
    case .inline(let references): for reference in references { bytes += reference.id.digest.bytes }
    }
    return try SHA256.digest(of: bytes.span)
  }
}

/// The files that a restore gives more than one name.
struct LinkSources {
  /// For each group of hard links, the member that this run has made.
  private var current: [ArchivePath: LinkSource] = [:]
  /// Members that others have taken the place of, because they could get no more names.
  private var former: [LinkSource] = []
  /// Groups with names that wait until the content is complete, because other files have them.
  private(set) var waiting: Set<ArchivePath> = []

  /// The member that the next one of a group is linked to.
  subscript(group: ArchivePath) -> LinkSource? { current[group] }

  /// All members that were made of items of their own.
  var all: some Collection<LinkSource> { current.values }

  /// Those whose content could not be restored: known when all files are finished, or given up.
  var lost: [LinkSource] {
    (Array(current.values) + former).filter { $0.content?.isLost ?? false }
  }

  /// Takes note of a name that waits for the content of its group.
  mutating func wait(_ group: ArchivePath) { waiting.insert(group) }

  /// Whether a path is that of a member that was made of an item of its own.
  func isSource(_ path: ArchivePath, of group: ArchivePath) -> Bool {
    current[group]?.path == path || former.contains { $0.group == group && $0.path == path }
  }

  /// Takes note of a member that was made.
  mutating func add(_ item: Item, _ source: LinkSource) {
    if let before = current[source.group] { former.append(before) }
    current[source.group] = source
  }

  /// The member that was made of an item's group, if its content could not be restored.
  func lostSource(of item: Item) -> LinkSource? {
    guard let group = item.hardLinkGroup, let source = current[group],
      source.content?.isLost ?? false
    else { return nil }
    return source
  }
}
