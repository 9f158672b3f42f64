import ChunkStore

/// A POSIX ACL as the kernel hands it out in an attribute.
///
///     acl   := version:u32 = 2  entry*
///     entry := tag:u16  permissions:u16  id:u32
///
/// Integers are little-endian on every machine.
struct AccessControlList: Equatable {
  /// The attributes that hold ACLs.
  static let accessName = Array("system.posix_acl_access".utf8)
  static let defaultName = Array("system.posix_acl_default".utf8)

  static func isName(_ attribute: [UInt8]) -> Bool {
    attribute == accessName || attribute == defaultName
  }

  struct Entry: Equatable {
    var tag: UInt16
    var permissions: UInt16
    var id: UInt32

    /// Whose number `id` is; `nil` for the owner, the group, the mask and the others.
    var kind: Item.ACLName.Kind? {
      switch tag {
      case 0x02: .user
      case 0x08: .group
      default: nil
      }
    }
  }

  private static let version: UInt32 = 2
  private(set) var entries: [Entry] = []

  /// Takes an attribute's value; `nil` if it is no ACL.
  init?(_ value: [UInt8]) {
    guard value.count >= 4, value.count % 8 == 4 else { return nil }
    func number(_ start: Int, _ size: Int) -> UInt32 {
      (0..<size).reduce(0) { $0 | UInt32(value[start + $1]) << UInt32(8 * $1) }
    }
    guard number(0, 4) == Self.version else { return nil }
    entries = stride(from: 4, to: value.count, by: 8).map { start in
      Entry(
        tag: UInt16(truncatingIfNeeded: number(start, 2)),
        permissions: UInt16(truncatingIfNeeded: number(start + 2, 2)), id: number(start + 4, 4))
    }
  }

  /// The attribute's value.
  var value: [UInt8] {
    var bytes: [UInt8] = []
    func append(_ number: UInt32, _ size: Int) {
      for byte in 0..<size { bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(8 * byte))) }
    }
    append(Self.version, 4)
    for entry in entries {
      append(UInt32(entry.tag), 2)
      append(UInt32(entry.permissions), 2)
      append(entry.id, 4)
    }
    return bytes
  }

  /// The names behind the numbers in some ACLs, ascending.
  static func names(in attributes: [Item.ExtendedAttribute], _ owners: OwnerNames)
    -> [Item.ACLName]
  {
    var found: Set<Item.ACLName> = []
    for attribute in attributes where isName(attribute.name) {
      for entry in AccessControlList(attribute.value)?.entries ?? [] {
        guard let kind = entry.kind else { continue }
        let name = kind == .user ? owners.user(entry.id) : owners.group(entry.id)
        // More than the format takes has no system.
        guard !name.isEmpty, name.count <= 4096 else { continue }
        found.insert(Item.ACLName(kind: kind, id: entry.id, name: name))
      }
    }
    return found.sorted()
  }

  /// Puts the numbers that names have here into the place of those that they had there.
  ///
  /// Where two entries come to speak of the same number, the one that was found by name stays.
  mutating func translate(_ names: [Item.ACLName], _ owners: OwnerNames) {
    guard !names.isEmpty else { return }
    var translated: [(entry: Entry, isFound: Bool)] = []
    for var entry in entries {
      var isFound = false
      if let kind = entry.kind,
        let name = names.first(where: { $0.kind == kind && $0.id == entry.id })?.name,
        let id = kind == .user ? owners.userID(named: name) : owners.groupID(named: name)
      {
        entry.id = id
        isFound = true
      }
      translated.append((entry, isFound))
    }
    // In the order that the kernel's own tools keep: by tag, then by number.
    let order = translated.indices.sorted { a, b in
      let (a, b) = (translated[a], translated[b])
      if a.entry.tag != b.entry.tag { return a.entry.tag < b.entry.tag }
      if a.entry.kind == nil { return false }
      if a.entry.id != b.entry.id { return a.entry.id < b.entry.id }
      return a.isFound && !b.isFound
    }
    entries = []
    for index in order {
      let entry = translated[index].entry
      if let last = entries.last, entry.kind != nil, last.tag == entry.tag, last.id == entry.id {
        continue
      }
      entries.append(entry)
    }
  }
}
