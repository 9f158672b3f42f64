import StoreCrypto

@testable import ChunkStore

/// Every structure of the format that is decoded from bytes somebody else may have written.
enum Structure: CaseIterable, Sendable {
  case header, directory, trailer, indexObject
  case itemsNode, itemNodesNode, chunksNode, chunkNodesNode, item
  case manifest, label, removal, quarantine, doom, lease, config, keyBundle, keySlot

  /// Whether the structure says itself where it ends; the others are fields to the end of their
  /// bytes, and are whole as well where the last optional field is missing.
  var saysItsEnd: Bool {
    switch self {
    case .item, .manifest, .label, .doom, .lease, .keyBundle, .keySlot: false
    default: true
    }
  }

  /// Whether all of it is fields.
  var isFields: Bool { !saysItsEnd && self != .keySlot }

  /// A valid one.
  func sample(_ random: inout PseudoRandomBytes) throws -> [UInt8] {
    var writer = ByteWriter()
    switch self {
    case .header: return random.header(ObjectType.allCases[random.int(0...8)]).encoded
    case .directory:
      random.directory().encode(to: &writer)
      return writer.bytes
    case .trailer:
      return SegmentTrailer(
        directoryOffset: Int(random.number() >> 1), directoryLength: Int(random.number() >> 1)
      ).encoded
    case .indexObject:
      return IndexObject(entries: (0..<random.int(0...3)).map { _ in random.indexEntry() })
        .encoded()
    case .itemsNode: return try encode(.items(try random.items(random.int(1...8))))
    case .itemNodesNode:
      let paths = try random.items(random.int(2...6)).map(\.path)
      let level = random.int(1...11)
      return try encode(
        .itemNodes(
          paths.map {
            TreeNode.ItemChild(firstPath: $0, id: random.chunkID(), itemCount: random.number())
          }, level: level))
    case .chunksNode:
      return try encode(.chunks((0..<random.int(1...9)).map { _ in random.reference() }))
    case .chunkNodesNode:
      let level = random.int(1...11)
      return try encode(
        .chunkNodes(
          (0..<random.int(2...6)).map { _ in
            let (a, b) = (random.number() | 1, random.number() | 1)
            return TreeNode.ChunkChild(id: random.chunkID(), count: min(a, b), size: max(a, b))
          }, level: level))
    case .item: return ItemCoding.encode(random.item(at: try Structure.path))
    case .manifest: return try random.manifest().encoded()
    case .label:
      return Label(
        purpose: random.once(in: 2) ? .archiveName : .keySlotNote, target: random.digest(),
        text: random.text(), time: random.timestamp()
      ).encoded()
    case .removal:
      return try Removal(
        archives: (0..<random.int(1...4)).map { _ in random.digest() }, time: random.timestamp()
      ).signed(by: try Structure.authority)
    case .quarantine:
      return try Quarantine(
        segments: (0..<random.int(1...4)).map { _ in random.digest() }, time: random.timestamp()
      ).signed(by: try Structure.authority)
    case .doom:
      let names = (0..<random.int(0...4)).map { _ in random.digest() }
      return
        (random.once(in: 2)
        ? Doom(segments: names) : Doom(about: random.digest(), waitsFor: names)).encoded()
    case .lease:
      if random.once(in: 3) { return LeaseObject.heartbeat(of: random.digest()).encoded() }
      return Lease(
        operation: random.text(), hostname: random.text(),
        machine: random.once(in: 2) ? random.digest() : nil, bootID: random.text(),
        processSpace: random.text(), processID: Int32(truncatingIfNeeded: random.next()),
        processStart: random.number(),
        started: random.timestamp()
      ).encoded()
    case .config: return try random.config().signed(by: try Structure.authority)
    case .keyBundle:
      return TestKeys.bundle(
        suite: Suite.allCases[random.int(0...3)], seed: random.next(),
        epochs: random.once(in: 2) ? [1] : [1, 2, 70_000]
      ).encoded()
    case .keySlot:
      return try KeySlot(
        sealing: TestKeys.bundle(suite: .none, seed: random.next()), passphrase: nil,
        parameters: TestKeys.scrypt
      ).encoded
    }
  }

  /// Decodes, and encodes what came out.
  func roundTrip(_ bytes: [UInt8]) throws -> [UInt8] {
    var reader = ByteReader(bytes)
    var writer = ByteWriter()
    switch self {
    case .header:
      let header = try ObjectHeader(decoding: &reader)
      try reader.finish()
      return header.encoded
    case .directory:
      let directory = try SegmentDirectory(decoding: &reader)
      try reader.finish()
      directory.encode(to: &writer)
      return writer.bytes
    case .trailer: return try SegmentTrailer(decoding: bytes).encoded
    case .indexObject: return try IndexObject(decoding: &reader).encoded()
    case .itemsNode, .itemNodesNode, .chunksNode, .chunkNodesNode:
      return try encode(try TreeNode(decoding: bytes))
    case .item: return ItemCoding.encode(try ItemCoding.decode(reader, path: try Structure.path))
    case .manifest: return try ArchiveManifest(decoding: reader).encoded()
    case .label: return try Label(decoding: reader).encoded()
    case .removal:
      let authority = try Structure.authority
      return try Removal(decoding: &reader, authority: authority.publicKey).signed(by: authority)
    case .quarantine:
      let authority = try Structure.authority
      return try Quarantine(decoding: &reader, authority: authority.publicKey)
        .signed(by: authority)
    case .doom: return try Doom(decoding: reader).encoded()
    case .lease: return try LeaseObject(decoding: reader).encoded()
    case .config: return try RepositoryConfig(decoding: &reader).signed(by: try Structure.authority)
    case .keyBundle: return try KeyBundle(decoding: reader).encoded()
    case .keySlot:
      let slot = try KeySlot(decoding: bytes)
      // A slot that demands work is not opened here: that takes time by design.
      if slot.derivation == .none { _ = try slot.open(passphrase: nil) }
      return slot.encoded
    }
  }

  /// Signs what an accident has made of the fields, so that they get past the signature.
  func signedAnew(_ bytes: [UInt8]) throws -> [UInt8] {
    let context =
      switch self {
      case .config: "archivist/1 config signature"
      case .removal: "archivist/1 removal signature"
      case .quarantine: "archivist/1 quarantine signature"
      default: ""
      }
    if context.isEmpty { return bytes }
    var reader = ByteReader(bytes)
    guard let fields = try? reader.blob("fields", limit: bytes.count) else { return bytes }
    var writer = ByteWriter()
    writer.blob(fields)
    writer.raw(try Structure.authority.sign((Array(context.utf8) + fields).span))
    return writer.bytes
  }

  static var authority: SigningKey {
    get throws {
      try SigningKey(seed: Secret(copying: [UInt8](repeating: 9, count: 32).span))
    }
  }

  private static var path: ArchivePath {
    get throws { try ArchivePath(Array("some/path".utf8)) }
  }
}

/// A node's bytes, made by the builder that writers use.
func encode(_ node: TreeNode) throws -> [UInt8] {
  var boundary = try TestKeys.ring().boundaryHash()
  var builder: NodeBuilder
  switch node {
  case .items(let items):
    builder = NodeBuilder(.items, level: 0)
    for item in items {
      var value = ByteWriter()
      value.blob(ItemCoding.encode(item))
      _ = try builder.add(path: item.path, key: [], value: value.bytes, boundary: &boundary)
    }
  case .itemNodes(let children, let level):
    builder = NodeBuilder(.itemNodes, level: level)
    for child in children {
      _ = try builder.add(
        path: child.firstPath, key: [], value: child.value, boundary: &boundary)
    }
  case .chunks(let references):
    builder = NodeBuilder(.chunks, level: 0)
    for reference in references {
      var value = ByteWriter()
      value.reference(reference)
      _ = try builder.add(key: [], value: value.bytes, boundary: &boundary)
    }
  case .chunkNodes(let children, let level):
    builder = NodeBuilder(.chunkNodes, level: level)
    for child in children {
      _ = try builder.add(key: [], value: child.value, boundary: &boundary)
    }
  }
  return builder.finish()
}

extension PseudoRandomBytes {
  mutating func config() throws -> RepositoryConfig {
    var config = RepositoryConfig(
      generation: UInt32(truncatingIfNeeded: number()) | 2, repositoryID: digest(),
      epochs: [RepositoryConfig.Epoch(number: 1, suite: Suite.allCases[int(0...3)])],
      authority: try Structure.authority.publicKey, previous: digest())
    if once(in: 2) { config.epochs.append(RepositoryConfig.Epoch(number: 9, suite: .aes256GCM)) }
    if once(in: 3) { config.features.toRead = ["something", "new"] }
    if once(in: 3) { config.features.toWrite = [text()] }
    if once(in: 3) { config.features.toDelete = [text(), ""] }
    if once(in: 3) { config.grace = number() }
    return config
  }
}
