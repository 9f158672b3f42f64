import StoreCrypto

/// How blocks are compressed: `none`, `lz4`, `zstd[,LEVEL]`, or `auto,…` of the latter two.
public struct Compression: Hashable, Sendable, CustomStringConvertible {
  /// An algorithm with its level.
  public enum Algorithm: Hashable, Sendable {
    /// Stored as it is.
    case none
    /// Fast, modest.
    case lz4
    /// Slower, better; levels -7 to 22.
    case zstd(level: Int)
  }

  /// The compression algorithm.
  public let algorithm: Algorithm
  /// Whether a cheap test comes first that leaves incompressible data alone.
  public let isAutomatic: Bool

  /// lz4: as fast as the disk.
  public static let `default` = Compression(.lz4)

  /// Chooses an algorithm.
  public init(_ algorithm: Algorithm, isAutomatic: Bool = false) {
    self.algorithm = algorithm
    self.isAutomatic = isAutomatic
  }

  /// Why a text is no compression.
  public struct InvalidText: Error, Equatable, CustomStringConvertible {
    /// The text and what would be right.
    public let description: String
  }

  /// Parses `none`, `lz4`, `zstd`, `zstd,LEVEL`, `auto,lz4`, `auto,zstd`, `auto,zstd,LEVEL`.
  ///
  /// - Throws: `InvalidText`, which says what is accepted.
  public init(parsing text: String) throws(InvalidText) {
    var parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let isAutomatic = parts.first == "auto" && parts.count > 1
    if isAutomatic { parts.removeFirst() }
    let invalid = InvalidText(
      description: "compression '\(text)' is not known: use none, lz4, zstd, zstd,LEVEL "
        + "(LEVEL from -7 to 22) or auto,lz4 or auto,zstd[,LEVEL]")
    switch (parts.first, parts.count) {
    case ("none", 1) where !isAutomatic: self.init(.none)
    case ("lz4", 1): self.init(.lz4, isAutomatic: isAutomatic)
    case ("zstd", 1): self.init(.zstd(level: 3), isAutomatic: isAutomatic)
    case ("zstd", 2):
      guard let level = Int(parts[1]), (-7...22).contains(level) else { throw invalid }
      self.init(.zstd(level: level), isAutomatic: isAutomatic)
    default: throw invalid
    }
  }

  /// The text that `init(parsing:)` takes.
  public var description: String {
    let name =
      switch algorithm {
      case .none: "none"
      case .lz4: "lz4"
      case .zstd(let level): "zstd,\(level)"
      }
    return isAutomatic ? "auto,\(name)" : name
  }
}

/// How the bytes of a block are packed; the numbers are on disk.
package enum Codec: UInt8 {
  case none = 0
  case lz4 = 1
  case zstd = 2
  /// All bytes are zero; nothing but their number is stored.
  case zeros = 3
}
