import StoreCrypto

@testable import ChunkStore

/// Bytes that may be an object of a kind, as far as anybody can tell who has no key.
enum ObjectBytes {
  static func of(_ kind: ObjectName.Kind, _ contents: [UInt8] = []) -> [UInt8] {
    switch kind {
    case .key: slot(contents)
    case .segment: sealed(.contentSegment, contents)
    case .index: sealed(.index, contents)
    case .archive: sealed(.archive, contents)
    case .doomed: sealed(.doomed, contents)
    case .removal, .quarantine: sealed(.removal, contents)
    case .label: sealed(.label, contents)
    case .lease: sealed(.lease, contents)
    }
  }

  static func sealed(
    _ type: ObjectType, _ contents: [UInt8] = [], extension: [UInt8] = []
  ) -> [UInt8] {
    let header = ObjectHeader(
      type: type, suite: .aes256GCM, epoch: 1,
      keyID: [UInt8](repeating: 1, count: ObjectHeader.keyIDSize),
      salt: [UInt8](repeating: 2, count: ObjectHeader.saltSize), extension: `extension`)
    return padded(header.encoded + contents)
  }

  private static func slot(_ contents: [UInt8]) -> [UInt8] {
    KeySlot.magic + [KeySlot.version] + [UInt8](repeating: 0, count: KeySlot.headSize - 9)
      + contents + [UInt8](repeating: 3, count: 1040)
  }

  private static func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: max(0, 4096 - bytes.count))
  }
}
