import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// The form of an object as far as it shows without any key: whether it may be one of its kind.
enum ObjectForm {
  /// Every object but a key slot is padded to this size at least (docs/format.md, 5.4).
  static let minimumSize = 4096
  /// The length of the beginning that says all there is to see: a key slot, or a header.
  static let prefixSize = KeySlot.maximumSize

  /// Refuses what cannot be the object that a name stands for.
  ///
  /// - Parameters:
  ///   - name: The name.
  ///   - prefix: The first bytes: `prefixSize` of them, or all.
  ///   - size: How many bytes there are.
  /// - Throws: `StorageError.refused` with what is wrong.
  package static func demand(_ name: ObjectName, prefix: [UInt8], size: Int) throws(StorageError) {
    do {
      if case .object(.key, _) = name {
        guard size <= KeySlot.maximumSize else {
          throw FormatError.limitExceeded(
            "key slot", found: UInt64(size), limit: UInt64(KeySlot.maximumSize))
        }
        return _ = try KeySlot(decoding: prefix)
      }
      var reader = ByteReader(prefix)
      let header = try ObjectHeader(decoding: &reader)
      guard name.types.contains(header.type) else {
        throw FormatError.inconsistent("it is of another kind, type \(header.type.rawValue)")
      }
      guard header.extension.isEmpty || header.type == .config else {
        throw FormatError.inconsistent("its header has an extension")
      }
      guard size >= minimumSize else {
        throw FormatError.truncated(wanted: minimumSize, found: size)
      }
      guard size <= header.type.maximumSize else {
        throw FormatError.limitExceeded(
          "object", found: UInt64(size), limit: UInt64(header.type.maximumSize))
      }
    } catch {
      throw .refused("\(name): what was sent cannot be such an object: \(error)")
    }
  }
}

extension ObjectName {
  /// The types that an object with this name may have.
  fileprivate var types: [ObjectType] {
    switch self {
    case .config: [.config]
    case .object(let kind, _):
      switch kind {
      case .key: []
      case .segment: [.contentSegment, .treeSegment]
      case .index: [.index]
      case .archive: [.archive]
      case .doomed: [.doomed]
      case .removal, .quarantine: [.removal]
      case .label: [.label]
      case .lease: [.lease]
      }
    }
  }
}
