package import StoreCrypto
package import StoreEncoding

/// The type of an object; the numbers are on disk.
package enum ObjectType: UInt8, Sendable, CaseIterable {
  case contentSegment = 1
  case treeSegment = 2
  case index = 3
  case archive = 4
  case lease = 5
  case removal = 6
  case config = 7
  case doomed = 8
  case label = 9

  /// Bytes of the largest object of this type that a reader accepts.
  package var maximumSize: Int {
    switch self {
    case .contentSegment, .treeSegment: Limits.segmentSize
    case .index: Limits.indexSize
    case .archive, .lease, .removal, .config, .doomed, .label: Limits.archiveSize
    }
  }

  /// Bytes of the extension of its headers: a configuration's has the id of the repository.
  package var extensionSize: Int { self == .config ? Limits.headerExtension : 0 }
}

/// The first bytes of every sealed object, in the clear, and associated data of all that is
/// sealed under them.
///
///     magic 8 | type u8 | version u8 | suite u8 | kem u8 | epoch u32 | key id 16 | flags u16
///     | extension length u16 | zero 12 | salt 32 | extension
///
/// Integers are big-endian. The salt gives the object keys of its own, so that nonces can be
/// plain numbers: none is stored, drawn or met twice, however many writers there are.
package struct ObjectHeader: Hashable, Sendable {
  package static let magic: [UInt8] = Array("archivst".utf8)
  package static let version: UInt8 = 1
  /// Bytes of a header without its extension.
  package static let fixedSize = 80
  package static let saltSize = 32
  package static let keyIDSize = 16

  package var type: ObjectType
  package var suite: Suite
  package var epoch: UInt32
  package var keyID: [UInt8]
  package var salt: [UInt8]

  package var `extension`: [UInt8] = []

  package init(
    type: ObjectType, suite: Suite, epoch: UInt32, keyID: [UInt8], salt: [UInt8],
    extension: [UInt8] = []
  ) {
    self.type = type
    self.suite = suite
    self.epoch = epoch
    self.keyID = keyID
    self.salt = salt
    self.extension = `extension`
  }

  package var encodedSize: Int { Self.fixedSize + `extension`.count }

  package var encoded: [UInt8] {
    var writer = ByteWriter(reserving: encodedSize)
    writer.raw(Self.magic)
    writer.byte(type.rawValue)
    writer.byte(Self.version)
    writer.byte(suite.rawValue)
    writer.byte(0)  // kem: none
    writer.integer(epoch)
    writer.raw(keyID)
    writer.integer(UInt16(0))  // flags
    writer.integer(UInt16(truncatingIfNeeded: `extension`.count))
    writer.zeros(12)
    writer.raw(salt)
    writer.raw(`extension`)
    return writer.bytes
  }
}

extension ObjectHeader {
  package init(decoding reader: inout ByteReader) throws(FormatError) {
    guard try reader.take(Self.magic.count) == Self.magic else { throw .wrongMagic }
    let typeByte = try reader.byte()
    guard let type = ObjectType(rawValue: typeByte) else {
      throw .unknownAlgorithm("object type", UInt64(typeByte))
    }
    let version = try reader.byte()
    guard version == Self.version else { throw .unknownVersion(version) }
    let suiteByte = try reader.byte()
    guard let suite = Suite(rawValue: suiteByte) else {
      throw .unknownAlgorithm("suite", UInt64(suiteByte))
    }
    let kem = try reader.byte()
    guard kem == 0 else { throw .unknownAlgorithm("key encapsulation", UInt64(kem)) }
    let epoch: UInt32 = try reader.integer()
    let keyID = try reader.take(Self.keyIDSize)
    let flags: UInt16 = try reader.integer()
    guard flags == 0 else { throw .unknownAlgorithm("header flags", UInt64(flags)) }
    let extensionLength: UInt16 = try reader.integer()
    guard Int(extensionLength) == type.extensionSize else {
      throw .inconsistent("a header extension of \(extensionLength) bytes")
    }
    guard try reader.take(12).allSatisfy({ $0 == 0 }) else {
      throw .inconsistent("reserved bytes of the header are not zero")
    }
    let salt = try reader.take(Self.saltSize)
    self.init(
      type: type, suite: suite, epoch: epoch, keyID: keyID, salt: salt,
      extension: try reader.take(Int(extensionLength)))
  }
}
