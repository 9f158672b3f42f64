import StoreCrypto
package import StoreEncoding

/// An item's fields as they stand in a node of the item tree, without its path.
///
/// Fields with even numbers are critical: a reader that does not know one reports the item and
/// does not restore it. Odd ones may be passed over. `docs/format.md`, "Items", is normative.
package enum ItemCoding {
  private enum Field {
    static let uid: UInt64 = 1
    static let mode: UInt64 = 2
    static let gid: UInt64 = 3
    static let size: UInt64 = 4
    static let user: UInt64 = 5
    static let chunks: UInt64 = 6
    static let group: UInt64 = 7
    static let chunkTree: UInt64 = 8
    static let mtime: UInt64 = 9
    static let holes: UInt64 = 10
    static let ctime: UInt64 = 11
    static let linkTarget: UInt64 = 12
    static let atime: UInt64 = 13
    static let hardLinkGroup: UInt64 = 14
    static let birthtime: UInt64 = 15
    static let device: UInt64 = 16
    static let inode: UInt64 = 17
    static let extendedAttributes: UInt64 = 19
    static let changedWhileRead: UInt64 = 21
    static let flags: UInt64 = 23
    static let aclNames: UInt64 = 25
  }

  package static func encode(_ item: Item) -> [UInt8] {
    var writer = ByteWriter(reserving: 192)
    encode(item, to: &writer)
    return writer.bytes
  }

  /// Appends the encoded item to what `writer` has already.
  package static func encode(_ item: Item, to writer: inout ByteWriter) {
    writer.field(Field.uid) { $0.varint(UInt64(item.uid)) }
    writer.field(Field.mode) { $0.varint(UInt64(item.mode)) }
    writer.field(Field.gid) { $0.varint(UInt64(item.gid)) }
    if let content = item.content { writer.field(Field.size) { $0.varint(content.size) } }
    if !item.user.isEmpty { writer.field(Field.user) { $0.raw(item.user) } }
    if case .inline(let chunks) = item.content?.chunks {
      writer.field(Field.chunks) { field in
        for chunk in chunks { field.reference(chunk) }
      }
    }
    if !item.group.isEmpty { writer.field(Field.group) { $0.raw(item.group) } }
    if case .tree(let root, let count, let size) = item.content?.chunks {
      writer.field(Field.chunkTree) { field in
        field.digest(root.digest)
        field.varint(count)
        field.varint(size)
      }
    }
    writer.field(Field.mtime) { $0.timestamp(item.mtime) }
    if let holes = item.content?.holes, !holes.isEmpty {
      writer.field(Field.holes) { field in
        // Each offset from the end of the hole before it.
        var end: UInt64 = 0
        for hole in holes {
          field.varint(hole.offset - end)
          field.varint(hole.length)
          end = hole.offset + hole.length
        }
      }
    }
    if let ctime = item.ctime { writer.field(Field.ctime) { $0.timestamp(ctime) } }
    if let target = item.linkTarget { writer.field(Field.linkTarget) { $0.raw(target) } }
    if let atime = item.atime { writer.field(Field.atime) { $0.timestamp(atime) } }
    if let first = item.hardLinkGroup {
      // Empty for the first member, which would only repeat its own path.
      writer.field(Field.hardLinkGroup) { $0.raw(first == item.path ? [] : first.bytes) }
    }
    if let birthtime = item.birthtime { writer.field(Field.birthtime) { $0.timestamp(birthtime) } }
    if let device = item.device {
      writer.field(Field.device) { field in
        field.varint(UInt64(device.major))
        field.varint(UInt64(device.minor))
      }
    }
    if let inode = item.inode { writer.field(Field.inode) { $0.varint(inode) } }
    if !item.extendedAttributes.isEmpty {
      writer.field(Field.extendedAttributes) { field in
        for attribute in item.extendedAttributes {
          field.blob(attribute.name)
          field.blob(attribute.value)
        }
      }
    }
    if item.changedWhileRead { writer.field(Field.changedWhileRead) { $0.byte(1) } }
    if !item.flags.isEmpty {
      writer.field(Field.flags) { $0.varint(UInt64(item.flags.rawValue)) }
    }
    if !item.aclNames.isEmpty {
      writer.field(Field.aclNames) { field in
        for name in item.aclNames {
          field.byte(name.kind.rawValue)
          field.varint(UInt64(name.id))
          field.blob(name.name)
        }
      }
    }
  }

  /// The values that consecutive items have in common, so that they need not be made anew.
  package struct Shared {
    fileprivate var user: [UInt8] = []
    fileprivate var group: [UInt8] = []

    package init() {}
  }

  package static func decode(_ reader: ByteReader, path: ArchivePath) throws(FormatError) -> Item {
    var reader = reader
    var shared = Shared()
    return try decode(&reader, path: path, &shared)
  }

  /// Decodes everything that is left of `value`.
  package static func decode(
    _ value: inout ByteReader, path: ArchivePath, _ shared: inout Shared
  ) throws(FormatError) -> Item {
    var item = Item(path: path)
    try decode(&value, into: &item, &shared)
    return item
  }

  /// Decodes into the place where the item will be: it has nothing but its path.
  ///
  /// A result would be copied, reference by reference.
  package static func decode(
    _ value: inout ByteReader, into item: inout Item, _ shared: inout Shared
  ) throws(FormatError) {
    var size: UInt64?
    var chunks: Item.ChunkList?
    var holes: [Item.Hole] = []
    var hasMode = false
    var last: UInt64?
    while let (number, outer) = try FieldReader.enter(&value, after: last) {
      last = number
      switch number {
      case Field.uid: item.uid = try value.varint("uid")
      case Field.mode:
        item.mode = try value.varint("mode", limit: 0o177777)
        hasMode = true
      case Field.gid: item.gid = try value.varint("gid")
      case Field.size: size = try value.varint("file size", limit: UInt64(Int64.max))
      case Field.user:
        item.user = value.rest(like: shared.user)
        shared.user = item.user
      case Field.chunks:
        var references = InlineChunks()
        while !value.isAtEnd {
          guard references.count < Item.ChunkList.inlineLimit else {
            throw .limitExceeded(
              "inline chunks", found: UInt64(references.count + 1),
              limit: UInt64(Item.ChunkList.inlineLimit))
          }
          references.append(try value.reference())
        }
        chunks = .inline(references)
      case Field.group:
        item.group = value.rest(like: shared.group)
        shared.group = item.group
      case Field.chunkTree:
        guard chunks == nil else { throw .inconsistent("an item with two lists of chunks") }
        chunks = .tree(
          root: try value.chunkID(), count: try value.varint(),
          size: try value.varint("content", limit: UInt64(Int64.max)))
      case Field.mtime: item.mtime = try value.timestamp()
      case Field.holes: holes = try decodeHoles(&value)
      case Field.ctime: item.ctime = try value.timestamp()
      case Field.linkTarget: item.linkTarget = value.rest()
      case Field.atime: item.atime = try value.timestamp()
      case Field.hardLinkGroup:
        let first = value.rest()
        item.hardLinkGroup = first.isEmpty ? item.path : try ArchivePath(first)
      case Field.birthtime: item.birthtime = try value.timestamp()
      case Field.device:
        item.device = Item.Device(
          major: try value.varint("device"), minor: try value.varint("device"))
      case Field.inode: item.inode = try value.varint()
      case Field.extendedAttributes:
        guard !value.isAtEnd else { throw .missingField("attributes") }
        while !value.isAtEnd {
          let attribute = Item.ExtendedAttribute(
            name: try value.blob("attribute name", limit: 4096),
            value: try value.blob("attribute value", limit: Limits.nodeSize))
          if let last = item.extendedAttributes.last,
            !last.name.lexicographicallyPrecedes(attribute.name)
          {
            throw .fieldOrder
          }
          item.extendedAttributes.append(attribute)
        }
      case Field.changedWhileRead:
        let changed = try value.byte()
        guard changed <= 1 else { throw .invalidNumber }
        item.changedWhileRead = changed == 1
      case Field.flags: item.flags = InodeFlags(rawValue: try value.varint("flags"))
      case Field.aclNames: item.aclNames = try decodeACLNames(&value)
      default:
        try FieldReader.passOver(number)
        value.skip()
      }
      try value.leave(outer)
    }
    guard hasMode else { throw .missingField("mode") }
    guard let kind = item.kind else {
      throw .unknownAlgorithm("type of file", UInt64(item.mode & 0o170000))
    }
    guard kind == .directory || item.path != .root else {
      throw .inconsistent("the root of an archive that is no directory")
    }
    if let chunks {
      guard let size else { throw .missingField("size") }
      item.content = Item.Content(size: size, chunks: chunks, holes: holes)
      try check(item.content)
    } else if size != nil || !holes.isEmpty {
      throw .missingField("chunks")
    }
    guard (kind == .regular) == (item.content != nil),
      (kind == .symbolicLink) == (item.linkTarget != nil),
      kind.isDevice == (item.device != nil)
    else { throw .inconsistent("an item's fields do not fit its type") }
  }

  private static func decodeACLNames(
    _ value: inout ByteReader
  ) throws(FormatError) -> [Item.ACLName] {
    guard !value.isAtEnd else { throw .missingField("ACL names") }
    var names: [Item.ACLName] = []
    while !value.isAtEnd {
      guard let kind = Item.ACLName.Kind(rawValue: try value.byte()) else {
        throw .inconsistent("a name in an ACL that is neither a user's nor a group's")
      }
      let name = Item.ACLName(
        kind: kind, id: try value.varint("ACL"), name: try value.blob("ACL name", limit: 4096))
      guard !name.name.isEmpty else { throw .inconsistent("an empty name in an ACL") }
      if let last = names.last, !(last < name) { throw .fieldOrder }
      names.append(name)
    }
    return names
  }

  private static func decodeHoles(_ value: inout ByteReader) throws(FormatError) -> [Item.Hole] {
    guard !value.isAtEnd else { throw .missingField("holes") }
    var holes: [Item.Hole] = []
    var end: UInt64 = 0
    while !value.isAtEnd {
      let (offset, overflow) = end.addingReportingOverflow(try value.varint())
      let length = try value.varint()
      let (next, overflow2) = offset.addingReportingOverflow(length)
      guard !overflow, !overflow2, length > 0, holes.isEmpty || offset > end else {
        throw .inconsistent("holes that touch or overlap")
      }
      holes.append(Item.Hole(offset: offset, length: length))
      end = next
    }
    return holes
  }

  /// Chunks and holes together have to fill the file exactly.
  private static func check(_ content: Item.Content?) throws(FormatError) {
    guard let content else { return }
    var data: UInt64 = 0
    switch content.chunks {
    case .inline(let references): for reference in references { data += UInt64(reference.length) }
    case .tree(_, _, let size): data = size
    }
    var holes: UInt64 = 0
    for hole in content.holes { holes += hole.length }  // Bounded: they do not overlap.
    let (total, overflow) = data.addingReportingOverflow(holes)
    guard !overflow, total == content.size, (content.holes.last?.end ?? 0) <= content.size else {
      throw .inconsistent("a file's chunks and holes do not add up to its size")
    }
  }
}

extension Item.Hole {
  /// The first byte behind the hole.
  public var end: UInt64 { offset + length }
}

extension ByteWriter {
  package mutating func timestamp(_ time: Timestamp) {
    signed(time.seconds)
    varint(UInt64(time.nanoseconds))
  }

  package mutating func reference(_ chunk: ChunkReference) {
    digest(chunk.id.digest)
    varint(UInt64(chunk.length))
  }
}

extension ByteReader {
  package mutating func timestamp() throws(FormatError) -> Timestamp {
    Timestamp(
      seconds: try signed(), nanoseconds: try varint("nanoseconds", limit: 999_999_999))
  }

  package mutating func reference() throws(FormatError) -> ChunkReference {
    ChunkReference(
      id: try chunkID(), length: try varint("chunk", limit: UInt32(Limits.chunkSize)))
  }
}
