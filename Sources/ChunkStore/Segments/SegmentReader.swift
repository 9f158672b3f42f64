import Crypto

/// Reads a segment's own directory: header, trailer and directory, three small reads.
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
    let trailer = try SegmentTrailer(
      decoding: try context.opened(
        try storage.get(name, range: trailerStart..<size), part: SealedPart.trailer))
    guard trailer.directoryOffset >= UInt64(header.encodedSize),
      trailer.directoryOffset <= UInt64(trailerStart),
      trailer.directoryLength == UInt64(trailerStart) - trailer.directoryOffset
    else { throw FormatError.inconsistent("the trailer points outside the segment") }
    let sealed = try storage.get(name, range: Int(trailer.directoryOffset)..<trailerStart)
    let plaintext = try context.opened(sealed, part: SealedPart.directory)
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
    storage.announce(name, range: (segment.size - SegmentTrailer.sealedSize)..<segment.size)
  }

  private static func headRange(_ size: Int) -> Range<Int> {
    0..<min(size, ObjectHeader.fixedSize)
  }
}

extension SealingContext {
  /// Opens a part of an object whose number is zero; a wrong tag is a `FormatError`.
  mutating func opened(_ sealed: [UInt8], part: UInt32, number: UInt64 = 0) throws -> [UInt8] {
    do throws(CryptoError) {
      return try open(sealed.span, nonce: Nonce(part: part, number: number))
    } catch .authenticationFailed {
      throw FormatError.authenticationFailed
    }
  }
}
