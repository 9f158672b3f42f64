/// Packs one block after the other into the same memory.
///
/// Confined to one thread.
package struct BlockPacker: ~Copyable {
  private var compressor: Compressor
  /// The plaintext of the block that was packed last.
  package private(set) var packed: [UInt8] = []

  package init() throws(CompressionError) { compressor = try Compressor() }

  /// Packs a block, in the place of the one before.
  package mutating func pack(_ raw: [UInt8], with choice: Compression) throws(CompressionError) {
    try compressor.pack(raw, with: choice, into: &packed)
  }

  /// Whether what was packed last unpacks to `raw`.
  package mutating func unpacks(to raw: [UInt8]) -> Bool { compressor.unpacks(packed, to: raw) }
}
