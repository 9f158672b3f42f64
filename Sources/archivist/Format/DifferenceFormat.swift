import ChunkStore
import StoreCrypto

/// The differences between two items as `borg diff` prints them: as text, or as JSON.
struct DifferenceFormat {
  private let repository: Repository
  private let contentOnly: Bool
  private let numericIDs: Bool
  private let sameChunker: Bool
  /// In borg's style times of inode changes count, and extended attributes do not.
  private let style: CommandStyle
  /// The form of names.
  private let names: NameText.Form
  private let contents: ItemContents

  /// Chunks of longer contents are not compared one by one, which would take memory for all.
  private static let mostChunks: UInt64 = 1 << 18
  /// Columns in front of the path.
  private static let width = 19

  /// - Parameters:
  ///   - repository: Where the contents are.
  ///   - contentOnly: Whether metadata that differ are passed over.
  ///   - numericIDs: Whether owners count by their numbers, and not by their names.
  ///   - sameChunker: Whether equal contents of the two archives consist of equal chunks.
  ///   - style: Which metadata count.
  ///   - names: The form of names.
  /// - Throws: Errors of libcrypto.
  init(
    _ repository: Repository, contentOnly: Bool, numericIDs: Bool, sameChunker: Bool,
    style: CommandStyle = .native, names: NameText.Form
  ) throws {
    self.style = style
    self.repository = repository
    self.contentOnly = contentOnly
    self.numericIDs = numericIDs
    self.sameChunker = sameChunker
    self.names = names
    contents = try ItemContents(repository, algorithms: [.sha256])
  }

  /// One thing that is different about an item: its text, and its members in JSON.
  struct Change {
    let text: [UInt8]
    let json: JSON
    /// Bytes of contents that there are more.
    var added: UInt64 = 0
    /// Bytes of contents that there are no more.
    var removed: UInt64 = 0

    init(_ text: [UInt8], _ type: String, _ members: [(String, JSON)] = []) {
      self.text = text
      // borg sorts the members by their names.
      json = .object((members + [("type", .string(type))]).sorted { $0.0 < $1.0 })
    }

    init(_ text: String, _ type: String, _ members: [(String, JSON)] = []) {
      self.init(Array(text.utf8), type, members)
    }
  }

  /// The differences; none, if they are not among those that were asked for.
  func changes(_ difference: ItemDifference) throws -> [Change] {
    switch difference {
    case .added(let item): return [whole("added", item)]
    case .removed(let item): return [whole("removed", item)]
    case .changed(let old, let new):
      var changes: [Change] = []
      if let change = try content(old, new) { changes.append(change) }
      if let target = old.linkTarget, let other = new.linkTarget, target != other {
        changes.append(Change("changed link", "changed link"))
      }
      if !contentOnly { changes += metadata(old, new) }
      return changes
    }
  }

  /// Whether borg lists an item of which nothing else is different: one that has become a link, or was one,
  /// where only contents count.
  func isListedAnyway(_ difference: ItemDifference) -> Bool {
    guard style == .borg, contentOnly, case .changed(let old, let new) = difference else {
      return false
    }
    return (old.linkTarget == nil) != (new.linkTarget == nil)
  }

  /// The line of an item, for people.
  func text(_ path: ArchivePath, _ changes: [Change]) -> [UInt8] {
    var line = Array(changes.map(\.text).joined(separator: [UInt8(ascii: " ")]))
    line += Array(repeating: UInt8(ascii: " "), count: max(0, Self.width - line.count))
    let path = path.bytes.isEmpty ? [UInt8(ascii: ".")] : path.bytes
    return line + [UInt8(ascii: " ")] + NameText.shown(path, names) + [0x0a]
  }

  /// The line of an item as JSON.
  func json(_ path: ArchivePath, _ changes: [Change]) -> JSON {
    .object(
      [("changes", .array(changes.map(\.json)))]
        + JSON.members("path", path.bytes.isEmpty ? [UInt8(ascii: ".")] : path.bytes))
  }

  // MARK: What may be different

  private func whole(_ verb: String, _ item: Item) -> Change {
    guard let size = item.content?.size else {
      let kind =
        switch item.kind {
        case .directory: "directory"
        case .symbolicLink: "link"
        case .blockDevice: "blkdev"
        case .characterDevice: "chrdev"
        case .fifo: "fifo"
        case .regular, .socket, nil: "item"
        }
      return Change("\(verb) \(kind)", "\(verb) \(kind)")
    }
    let column = Self.right(HumanText.size(size), Self.width - verb.utf8.count - 1)
    var change = Change("\(verb) \(column)", verb, [("size", .unsigned(size))])
    if verb == "added" { change.added = size } else { change.removed = size }
    return change
  }

  private func content(_ old: Item, _ new: Item) throws -> Change? {
    guard let before = old.content, let after = new.content, before != after else { return nil }
    if sameChunker, before.holes == after.holes,
      max(before.chunks.count, after.chunks.count) <= Self.mostChunks
    {
      if before.chunks == after.chunks { return nil }
      let removed = try size(of: before, without: try ids(of: after))
      let added = try size(of: after, without: try ids(of: before))
      let columns = [
        HumanText.size(added, precision: 1, sign: true),
        "-" + HumanText.size(removed, precision: 1),
      ]
      var change = Change(
        columns.map { Self.right($0, 9) }.joined(separator: " "), "modified",
        [("added", .unsigned(added)), ("removed", .unsigned(removed))])
      (change.added, change.removed) = (added, removed)
      return change
    }
    // Cut in other places, or with other holes: only the bytes say whether they are the same.
    if before.size == after.size, try contents.digests(of: old) == contents.digests(of: new) {
      return nil
    }
    return Change("modified", "modified")
  }

  private func ids(of content: Item.Content) throws -> Set<ChunkID> {
    var ids: Set<ChunkID> = []
    var chunks = try repository.chunks(of: content)
    while let chunk = try chunks.next() { ids.insert(chunk.id) }
    return ids
  }

  private func size(of content: Item.Content, without known: Set<ChunkID>) throws -> UInt64 {
    var size: UInt64 = 0
    var chunks = try repository.chunks(of: content)
    while let chunk = try chunks.next() {
      if !known.contains(chunk.id) { size += UInt64(chunk.length) }
    }
    return size
  }

  private func metadata(_ old: Item, _ new: Item) -> [Change] {
    var changes: [Change] = []
    let (before, after) = (owner(old), owner(new))
    if before != after {
      changes.append(
        Change(
          between(
            before[0] + [UInt8(ascii: ":")] + before[1], after[0] + [UInt8(ascii: ":")] + after[1]),
          "owner",
          JSON.members("new_user", after[0]) + JSON.members("new_group", after[1])
            + JSON.members("old_user", before[0]) + JSON.members("old_group", before[1])))
    }
    if old.mode != new.mode {
      let (before, after) = (HumanText.mode(old.mode), HumanText.mode(new.mode))
      changes.append(
        Change(
          between(Array(before.utf8), Array(after.utf8)), "mode",
          [("new_mode", .string(after)), ("old_mode", .string(before))]))
    }
    if style == .borg, let before = old.ctime, let after = new.ctime, before != after {
      changes.append(time("ctime", before, after))
    }
    if old.mtime != new.mtime { changes.append(time("mtime", old.mtime, new.mtime)) }
    guard style == .native else { return changes }
    if old.extendedAttributes != new.extendedAttributes || old.flags != new.flags
      || old.device != new.device || old.hardLinkGroup != new.hardLinkGroup
    {
      changes.append(Change("[attributes]", "attributes"))
    }
    return changes
  }

  private func time(_ name: String, _ old: Timestamp, _ new: Timestamp) -> Change {
    let (before, after) = (CivilTime(old, in: .local), CivilTime(new, in: .local))
    return Change(
      between(Array("\(name): \(TimeText.list(before))".utf8), Array(TimeText.list(after).utf8)),
      name,
      [
        ("new_\(name)", .string(TimeText.json(after))),
        ("old_\(name)", .string(TimeText.json(before))),
      ])
  }

  /// User and group.
  private func owner(_ item: Item) -> [[UInt8]] {
    func name(_ name: [UInt8], _ id: UInt32) -> [UInt8] {
      numericIDs || name.isEmpty ? Array(String(id).utf8) : name
    }
    return [name(item.user, item.uid), name(item.group, item.gid)]
  }

  private func between(_ old: [UInt8], _ new: [UInt8]) -> [UInt8] {
    let shown = [old, new].map { NameText.shown($0, names) }
    return Array("[".utf8) + shown[0] + Array(" -> ".utf8) + shown[1] + Array("]".utf8)
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }
}
