import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Writes one segment into a storage while its blocks come.
///
/// Confined to one thread.
///
///     segment := header block* sealed(directory) sealed(trailer)
///     directory plaintext := length u64 | directory | zeros
///
/// The zeros bring the whole segment to a padded size.
final class SegmentWriter {
  /// A segment ends when it holds this much, or before, where little has to be padded.
  static let largestSize = 40 << 20
  /// It does not end before it holds this much.
  static let smallestSize = 20 << 20

  private let sealer: BlockSealer
  private let upload: any Upload
  private let keys: KeyRing
  private let hash: SegmentHash
  private let hashing: (SegmentHash, [UInt8]) throws -> Void
  private var size = 0
  private var rows: Rows
  /// Whether the last block was chosen to be that.
  private var isComplete = false

  /// Starts a segment.
  ///
  /// - Parameters:
  ///   - sealer: Has the segment's header, which must be no other segment's.
  ///   - storage: What it is written to.
  ///   - keys: Seal its directory.
  ///   - hashing: Told of all that is written, in order, and of what it is to be hashed with: at
  ///     once, or later on another thread, but before the segment is published.
  /// - Throws: Errors of the storage, and of libcrypto.
  init(
    _ sealer: BlockSealer, storage: any Storage, keys: KeyRing,
    hashing: @escaping (SegmentHash, [UInt8]) throws -> Void = { try $0.update($1) }
  ) throws {
    hash = try SegmentHash()
    upload = try storage.beginUpload()
    self.sealer = sealer
    self.keys = keys
    self.hashing = hashing
    rows = Rows(header: sealer.header)
    try write(sealer.header.encoded)
  }

  /// The directory as it grows.
  private struct Rows {
    private(set) var directory: SegmentDirectory
    private var headerNumbers: [ObjectHeader: Int]

    init(header: ObjectHeader) {
      directory = SegmentDirectory(header: header)
      headerNumbers = [header: 0]
    }

    mutating func add(_ block: SealedBlock) {
      let number: Int
      if let known = headerNumbers[block.header] {
        number = known
      } else {
        number = directory.headers.count
        headerNumbers[block.header] = number
        directory.headers.append(block.header)
      }
      directory.blocks.append(
        SegmentDirectory.BlockRow(
          sealedLength: UInt32(truncatingIfNeeded: block.bytes.count), header: number,
          number: block.number, chunkCount: block.chunks.count, rawLength: block.rawLength))
      directory.chunks += block.chunks
    }
  }

  var isFull: Bool {
    isComplete || size >= Self.largestSize
      || rows.directory.blocks.count >= Limits.blocksInSegment - 1
      || rows.directory.chunks.count >= Limits.chunksInSegment / 2
  }

  /// Appends the first one of the blocks that wait; or, where the segment may end, one that it ends
  /// well with.
  func append(oneOf waiting: inout [SealedBlock]) throws {
    let last = waiting.firstIndex { endsWell(with: $0, among: waiting.count) }
    isComplete = last != nil
    guard let chosen = last ?? waiting.indices.first else { return }
    try append(waiting.remove(at: chosen))
  }

  /// Whether to end with a block pads less than what a later end can be expected to.
  ///
  /// Where blocks end between two padded sizes is a matter of chance. Of `n` more chances, each as
  /// good as any other, the best one is taken by who accepts 2/(n + 3) of the worst.
  private func endsWell(with block: SealedBlock, among choices: Int) -> Bool {
    let size = size + block.bytes.count
    guard size >= Self.smallestSize else { return false }
    let (blocks, chunks) = (rows.directory.blocks.count + 1, rows.directory.chunks.count)
    let chances = max(0, Self.largestSize - size) / (size / blocks) * choices
    func isGood(_ directorySize: Int) -> Bool {
      let whole = size + Self.overhead + directorySize
      let padding = Padding.padded(whole) - whole
      return padding * (chances + 3) <= 2 * Padding.step(whole)
    }
    // To be exact takes long: first with a size that comes near, and is hardly ever too small.
    guard isGood(36 * (chunks + block.chunks.count) + 16 * blocks) else { return false }
    var rows = rows
    rows.add(block)
    var body = ByteWriter()
    rows.directory.encode(to: &body)
    return isGood(body.count)
  }

  /// Bytes of a segment besides its header, blocks and directory.
  private static let overhead = 8 + SealingContext.tagSize + SegmentTrailer.sealedSize

  func append(_ block: SealedBlock) throws {
    try write(block.bytes)
    rows.add(block)
  }

  /// Seals directory and trailer.
  ///
  /// The segment is whole, but not published yet.
  func finish() throws -> FinishedSegment {
    let directory = rows.directory
    var body = ByteWriter()
    directory.encode(to: &body)
    let padded = Padding.padded(size + Self.overhead + body.count)
    var plaintext = ByteWriter(reserving: padded - size)
    plaintext.integer(UInt64(body.count))
    plaintext.raw(body.bytes)
    plaintext.zeros(padded - size - Self.overhead - body.count)

    var context = try keys.context(sealer.header, role: .index)
    let directoryOffset = size
    var sealed: [UInt8] = []
    try context.seal(
      plaintext.bytes.span, nonce: Nonce(part: SealedPart.directory, number: 0), into: &sealed)
    let trailer = SegmentTrailer(
      directoryOffset: directoryOffset, directoryLength: sealed.count)
    try context.seal(
      trailer.encoded.span, nonce: Nonce(part: SealedPart.trailer, number: 0), into: &sealed)
    try write(sealed)
    return FinishedSegment(
      size: UInt64(size), directory: directory, hash: hash, upload: upload)
  }

  func abort() { upload.abort() }

  private func write(_ bytes: [UInt8]) throws {
    try upload.write(bytes)
    try hashing(hash, bytes)
    size += bytes.count
  }
}

/// The hash of a segment, which is its name.
///
/// Sendable: it is handed from thread to thread along with what it hashes, and only the last one
/// touches it.
final class SegmentHash: @unchecked Sendable {
  private var hash: SHA256

  init() throws {
    let hash = try SHA256()
    self.hash = hash
  }

  func update(_ bytes: [UInt8]) throws { try hash.update(bytes.span) }

  fileprivate func finalize() throws -> Digest256 { try hash.finalize() }
}

/// A segment that waits to be published.
///
/// Sendable: the writing thread hands it over whole, and keeps no reference to the upload.
struct FinishedSegment: @unchecked Sendable {
  let size: UInt64
  let directory: SegmentDirectory
  fileprivate let hash: SegmentHash
  let upload: any Upload

  /// Publishes it under its name, once.
  ///
  /// - Returns: What an index object says of it.
  @discardableResult
  func publish() throws -> IndexEntry {
    let entry = IndexEntry(segment: try hash.finalize(), size: size, directory: directory)
    try upload.commit(as: .object(.segment, entry.segment))
    return entry
  }
}
