import ChunkStore

/// The extended attributes of one file, as far as the system gave them out.
struct AttributeReading: Sendable {
  /// What could be read, in ascending order of the names.
  var attributes: [Item.ExtendedAttribute] = []
  /// What could not: listing them, or the value of one.
  var failures: [SystemError] = []
}
