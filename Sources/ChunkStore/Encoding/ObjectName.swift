public import StoreCrypto

/// The name of an object in a repository.
///
/// Segments, index objects, archives and key slots are named by the SHA-256 of their bytes, so
/// that the storage can tell a good one from a bad one without a key. Leases, doomed objects,
/// removals, quarantines and labels have random names. Configurations are numbered.
public enum ObjectName: Hashable, Sendable, CustomStringConvertible {
  /// The `n`-th generation of the configuration.
  case config(UInt32)
  /// Any other object.
  case object(Kind, Digest256)

  /// A directory of objects of one kind.
  public enum Kind: String, Sendable, CaseIterable {
    case key = "keys"
    case segment = "segments"
    case index = "index"
    case archive = "archives"
    case doomed = "doomed"
    case removal = "removed"
    case quarantine = "quarantine"
    case label = "labels"
    case lease = "locks"

    /// Whether objects of this kind are named by the SHA-256 of their bytes.
    public var isContentAddressed: Bool {
      switch self {
      case .key, .segment, .index, .archive: true
      case .doomed, .removal, .quarantine, .label, .lease: false
      }
    }
  }

  /// The directory of the configurations.
  public static let configDirectory = "config"

  /// The name as a path within the repository: `segments/ab/ab12…`.
  public var path: String {
    switch self {
    case .config(let generation):
      let digits = String(generation)
      return Self.configDirectory + "/" + String(repeating: "0", count: max(0, 8 - digits.count))
        + digits
    case .object(let kind, let id):
      let hex = id.hex
      return kind == .segment
        ? "\(kind.rawValue)/\(hex.prefix(2))/\(hex)" : "\(kind.rawValue)/\(hex)"
    }
  }

  /// The name as a path.
  public var description: String { path }

  /// The generation that a file name in the directory of configurations stands for.
  package static func generation(_ name: some Collection<UInt8>) -> UInt32? {
    guard name.count >= 8, name.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    guard let number = UInt32(String(decoding: name, as: UTF8.self)) else { return nil }
    // One spelling for each number.
    return ObjectName.config(number).path.utf8.count == configDirectory.utf8.count + 1 + name.count
      ? number : nil
  }
}
