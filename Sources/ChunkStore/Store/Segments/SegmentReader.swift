import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Reads a segment's own directory: header, trailer and directory, mostly in two reads.
enum SegmentReader {
  static func directory(
    of segment: Digest256, size: Int, storage: any Storage, keys: KeyRing
  ) throws -> SegmentDirectory {
    let name = ObjectName.object(.segment, segment)
    guard size <= Limits.segmentSize else {
      throw FormatError.limitExceeded(
        "segment", found: UInt64(size), limit: UInt64(Limits.segmentSize))
    }
    var head = ByteReader(try storage.get(name, range: headRange(size)))
    let header = try ObjectHeader(decoding: &head)
    guard size >= header.encodedSize + SegmentTrailer.sealedSize else {
      throw FormatError.truncated(
        wanted: header.encodedSize + SegmentTrailer.sealedSize, found: size)
    }
    let trailerStart = size - SegmentTrailer.sealedSize
    var context = try keys.context(header, role: .index)
    // Most directories are short, and come along with the trailer.
    let tail = try storage.get(name, range: tailRange(size))
    let tailStart = tailRange(size).lowerBound
    guard tail.count == size - tailStart else {
      throw FormatError.truncated(wanted: size, found: tailStart + tail.count)
    }
    let trailer = try SegmentTrailer(
      decoding: try context.opened(
        tail.span.extracting((trailerStart - tailStart)...), part: SealedPart.trailer))
    guard trailer.directoryOffset >= UInt64(header.encodedSize),
      trailer.directoryOffset <= UInt64(trailerStart),
      trailer.directoryLength == UInt64(trailerStart) - trailer.directoryOffset
    else { throw FormatError.inconsistent("the trailer points outside the segment") }
    let start = Int(trailer.directoryOffset)
    var sealed: [UInt8] = []
    if start < tailStart { sealed = try storage.get(name, range: start..<tailStart) }
    sealed += tail[(max(start, tailStart) - tailStart)..<(trailerStart - tailStart)]
    let plaintext = try context.opened(sealed.span, part: SealedPart.directory)
    var reader = ByteReader(plaintext)
    let length: UInt64 = try reader.integer()
    guard let count = Int(exactly: length) else { throw FormatError.invalidNumber }
    var body = try reader.nested(count)
    let directory = try SegmentDirectory(decoding: &body)
    try body.finish()
    guard directory.headers.first == header else {
      throw FormatError.inconsistent("the directory is of another segment")
    }
    let blocks = directory.blocks.reduce(0) { $0 + Int($1.sealedLength) }
    guard header.encodedSize + blocks == Int(trailer.directoryOffset) else {
      throw FormatError.inconsistent("the blocks do not fill the segment")
    }
    return directory
  }

  /// Says that a segment's directory will be read soon.
  static func announceDirectory(of segment: StoredObject, in storage: any Storage) {
    guard storage.announcedSize > 0, segment.size > SegmentTrailer.sealedSize else { return }
    let name = ObjectName.object(.segment, segment.id)
    storage.announce(name, range: headRange(segment.size))
    storage.announce(name, range: tailRange(segment.size))
  }

  /// The end of a segment, back to the last round number before its trailer.
  private static func tailRange(_ size: Int) -> Range<Int> {
    ReadGranule.widened((size - SegmentTrailer.sealedSize)..<size).lowerBound..<size
  }

  private static func headRange(_ size: Int) -> Range<Int> {
    0..<min(size, ObjectHeader.fixedSize)
  }

  /// A block's bytes as they stand in the segment, within what was read.
  static func sealedBlock(
    at location: ChunkLocation, storage: any Storage
  ) throws -> PlacedBytes {
    let end = location.blockOffset + location.sealedLength
    let wide = stretch(of: location)
    let start = wide.lowerBound
    let bytes = try storage.get(.object(.segment, location.segment), range: wide)
    guard bytes.count >= end - start else {
      throw FormatError.truncated(wanted: end - start, found: bytes.count)
    }
    return PlacedBytes(bytes, (location.blockOffset - start)..<(end - start))
  }

  /// The stretch of a segment that is read for a block.
  static func stretch(of location: ChunkLocation) -> Range<Int> {
    ReadGranule.widened(location.blockRange)
  }
}
