import ChunkStore
import LinuxSystem

/// The extended attributes of one file, as far as the system gave them out.
struct AttributeReading: Sendable {
  /// The attributes that could be read, in ascending order of the names.
  var attributes: [Item.ExtendedAttribute] = []
  /// The failures: of listing them, or of reading one value.
  var failures: [SystemError] = []
}
