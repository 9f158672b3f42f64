/// The limits of the format.
///
/// A reader checks each one before it allocates anything.
///
/// `docs/format.md`, "Limits", is normative.
package enum Limits {
  /// Bytes of one chunk.
  package static let chunkSize = 32 << 20
  /// Bytes of a block that several chunks share, before compression.
  package static let sharedBlockSize = 2 << 20
  /// Blocks in a segment.
  package static let blocksInSegment = 1 << 16
  /// Chunks in a segment.
  package static let chunksInSegment = 1 << 18
  /// Bytes of a segment that a reader accepts.
  package static let segmentSize = 128 << 20
  /// Bytes of a segment that a writer makes.
  package static let writtenSegmentSize = 64 << 20
  /// Bytes of a tree node, before compression.
  package static let nodeSize = 1 << 20
  /// Levels of a tree.
  package static let treeDepth = 12
  /// Bytes of an index object.
  package static let indexSize = 64 << 20
  /// Bytes of an archive object, and of every other small object.
  package static let archiveSize = 1 << 20
  /// Bytes of a header's extension, where there is one.
  package static let headerExtension = 32
  /// Different headers that one segment's blocks were sealed under.
  package static let headersInSegment = 1 << 16
  /// The maximum cost of all key slots of a storage that are tried: the sum of their N · p, where
  /// those of equal parameters count once.
  ///
  /// The default is 2^15; 2^22 takes some ten seconds.
  package static let derivationWork: UInt64 = 1 << 22
  /// Files among the key slots that a reader looks at.
  package static let examinedSlots = 4096
  /// Bytes of a list of objects, from a server: five million of them.
  package static let listing = 256 << 20
  /// Names in a record of segments or archives.
  package static let names = 10_000
  /// Key slots that writers make in a repository.
  package static let slots = 32
}
