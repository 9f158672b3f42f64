internal import CLZ4
internal import CZstd
internal import Glibc
package import StoreEncoding

/// Packs and unpacks blocks, with contexts that are used again.
///
/// One per thread.
///
/// The only importer of the compression libraries. Every call gets the true sizes of its buffers,
/// and every result is checked, so that no input makes a library write past its output.
@safe package struct Compressor: ~Copyable {
  /// Bytes in front of the packed ones: `codec u8 | raw length u32`.
  package static let headSize = 5

  private let compression: OpaquePointer
  private let decompression: OpaquePointer
  /// Room for what `unpacks` unpacks, used again and again: fresh memory costs more than unpacking.
  private var unpacked: [UInt8] = []

  package init() throws(CompressionError) {
    guard let compression = unsafe ZSTD_createCCtx() else { throw .outOfMemory }
    guard let decompression = unsafe ZSTD_createDCtx() else {
      _ = unsafe ZSTD_freeCCtx(compression)
      throw .outOfMemory
    }
    unsafe self.compression = compression
    unsafe self.decompression = decompression
  }

  deinit {
    _ = unsafe ZSTD_freeCCtx(compression)
    _ = unsafe ZSTD_freeDCtx(decompression)
  }

  /// The block's plaintext: codec, raw length, and the packed bytes; never longer than plain
  /// storage would be.
  package mutating func pack(_ raw: [UInt8], with choice: Compression) throws(CompressionError)
    -> [UInt8]
  {
    var packed: [UInt8] = []
    try pack(raw, with: choice, into: &packed)
    return packed
  }

  /// Replaces `packed` with the block's plaintext; its capacity is used again.
  package mutating func pack(
    _ raw: [UInt8], with choice: Compression, into packed: inout [UInt8]
  ) throws(CompressionError) {
    guard !raw.isAllZero else { return Self.putHead(.zeros, raw.count, into: &packed) }
    switch choice.algorithm {
    case .none: break
    case .lz4:
      if choice.isAutomatic, !isWorthwhile(raw) { break }
      if lz4(raw, into: &packed) { return }
    case .zstd(let level):
      if choice.isAutomatic, !isWorthwhile(raw) { break }
      if try zstd(raw, level: level, into: &packed) { return }
    }
    Self.putHead(.none, raw.count, into: &packed)
    packed += raw
  }

  /// Whether `plaintext` is what `raw` was packed to: whether it unpacks to that and nothing else.
  package mutating func unpacks(_ plaintext: [UInt8], to raw: [UInt8]) -> Bool {
    do throws(FormatError) {
      let (codec, count) = try Self.head(of: plaintext, limit: raw.count)
      guard count == raw.count else { return false }
      switch codec {
      case .none: return plaintext.span.extracting(droppingFirst: Self.headSize).isEqual(raw.span)
      case .zeros: return plaintext.count == Self.headSize && raw.isAllZero
      case .lz4, .zstd:
        unsafe try Self.unpack(
          plaintext, codec, count: count, into: &unpacked, with: decompression)
        return unpacked.span.isEqual(raw.span)
      }
    } catch {
      return false
    }
  }

  /// The raw bytes of a block's plaintext, within it if they are stored as they are.
  ///
  /// - Throws: `FormatError` if they are not what was packed, or more than `limit`.
  package mutating func unpack(_ plaintext: [UInt8], limit: Int) throws(FormatError) -> PlacedBytes
  {
    let (codec, count) = try Self.head(of: plaintext, limit: limit)
    switch codec {
    case .none:
      guard plaintext.count == Self.headSize + count else { throw .corruptCompression }
      return PlacedBytes(plaintext, Self.headSize..<plaintext.count)
    case .zeros:
      guard plaintext.count == Self.headSize else { throw .corruptCompression }
      return PlacedBytes([UInt8](repeating: 0, count: count))
    case .lz4, .zstd:
      var raw: [UInt8] = []
      unsafe try Self.unpack(plaintext, codec, count: count, into: &raw, with: decompression)
      return PlacedBytes(raw)
    }
  }

  /// Replaces `raw` with the `count` bytes that were packed.
  private static func unpack(
    _ plaintext: [UInt8], _ codec: Codec, count: Int, into raw: inout [UInt8],
    with context: OpaquePointer
  ) throws(FormatError) {
    if codec == .zstd { try checkFrame(plaintext) }
    var got = 0
    raw.removeAll(keepingCapacity: true)
    raw.append(addingCapacity: count) { output in
      unsafe output.withUnsafeMutableBufferPointer { output, initialized in
        unsafe plaintext.withUnsafeBytes { input in
          guard let source = input.baseAddress, let target = output.baseAddress else { return }
          let packed = unsafe source + headSize
          let size = input.count - headSize
          switch codec {
          case .lz4:
            got = Int(
              unsafe LZ4_decompress_safe(
                packed.assumingMemoryBound(to: CChar.self),
                UnsafeMutableRawPointer(target).assumingMemoryBound(to: CChar.self),
                Int32(size), Int32(count)))
          default:
            let result = unsafe ZSTD_decompressDCtx(context, target, count, packed, size)
            got = ZSTD_isError(result) != 0 ? -1 : result
          }
        }
        initialized = max(0, min(got, count))
      }
    }
    guard got == count else { throw .corruptCompression }
  }

  /// Demands one frame of zstd that ends where the block ends, and asks for no dictionary and no
  /// larger window than a block can fill (RFC 8878, section 3.1.1).
  private static func checkFrame(_ plaintext: [UInt8]) throws(FormatError) {
    var reader = ByteReader(plaintext)
    _ = try reader.take(headSize)
    // Magic, descriptor, and a window or the size of the content.
    guard reader.remaining >= 6 else { throw .corruptCompression }
    guard try reader.take(4) == [0x28, 0xb5, 0x2f, 0xfd] else { throw .corruptCompression }
    let descriptor = try reader.byte()
    guard descriptor & 0b11 == 0 else { throw .unknownAlgorithm("zstd dictionary", 1) }
    let isSingleSegment = descriptor & 0b10_0000 != 0
    if !isSingleSegment {
      let window = try reader.byte()
      let base: UInt64 = 1 << (10 + UInt64(window >> 3))
      let size = base + base / 8 * UInt64(window & 0b111)
      guard size <= UInt64(Limits.chunkSize) else {
        throw .limitExceeded("zstd window", found: size, limit: UInt64(Limits.chunkSize))
      }
    }
    let size = unsafe plaintext.withUnsafeBytes { input in
      guard let source = input.baseAddress else { return 0 }
      return unsafe ZSTD_findFrameCompressedSize(source + headSize, input.count - headSize)
    }
    guard size == plaintext.count - headSize else { throw .corruptCompression }
  }

  private static func putHead(_ codec: Codec, _ count: Int, into packed: inout [UInt8]) {
    packed.removeAll(keepingCapacity: true)
    packed.append(codec.rawValue)
    for shift in stride(from: 24, through: 0, by: -8) {
      packed.append(UInt8(truncatingIfNeeded: count >> shift))
    }
  }

  private static func head(
    of plaintext: [UInt8], limit: Int
  ) throws(FormatError) -> (codec: Codec, count: Int) {
    var reader = ByteReader(plaintext)
    let codecByte = try reader.byte()
    guard let codec = Codec(rawValue: codecByte) else {
      throw .unknownAlgorithm("compression", UInt64(codecByte))
    }
    let length: UInt32 = try reader.integer()
    guard length <= limit else {
      throw .limitExceeded("block", found: UInt64(length), limit: UInt64(limit))
    }
    return (codec, Int(length))
  }

  /// `false` if packing does not make it shorter.
  private func lz4(_ raw: [UInt8], into packed: inout [UInt8]) -> Bool {
    unsafe pack(.lz4, raw, into: &packed) { output, input in
      guard let source = input.baseAddress, let target = output.baseAddress else {
        return 0
      }
      return Int(
        unsafe LZ4_compress_default(
          source.assumingMemoryBound(to: CChar.self), target.assumingMemoryBound(to: CChar.self),
          Int32(input.count), Int32(output.count)))
    }
  }

  private func zstd(
    _ raw: [UInt8], level: Int, into packed: inout [UInt8]
  ) throws(CompressionError) -> Bool {
    var failure: CompressionError?
    let context = unsafe compression
    // At its default level zstd has tables for a fast cache: twice as many entries find one percent
    // more in large blocks, for a tenth of the time.
    let isLarge = level == 3 && raw.count >= 512 << 10
    let parameters: [(ZSTD_cParameter, Int32)] = [
      (ZSTD_c_compressionLevel, Int32(level)),
      (ZSTD_c_hashLog, isLarge ? 18 : 0), (ZSTD_c_chainLog, isLarge ? 17 : 0),
    ]
    for (parameter, value) in parameters {
      let result = unsafe ZSTD_CCtx_setParameter(context, parameter, value)
      if ZSTD_isError(result) != 0 {
        throw .failed(unsafe String(cString: ZSTD_getErrorName(result)))
      }
    }
    let result = unsafe pack(.zstd, raw, into: &packed) { output, input in
      let size = unsafe ZSTD_compress2(
        context, output.baseAddress, output.count, input.baseAddress, input.count)
      guard ZSTD_isError(size) != 0 else { return size }
      if ZSTD_getErrorCode(size) != ZSTD_error_dstSize_tooSmall {
        failure = .failed(unsafe String(cString: ZSTD_getErrorName(size)))
      }
      return 0
    }
    if let failure { throw failure }
    return result
  }

  /// Calls `compress` with room for as much as the raw bytes; it returns 0 where that is too little.
  private func pack(
    _ codec: Codec, _ raw: [UInt8], into packed: inout [UInt8],
    _ compress: (UnsafeMutableRawBufferPointer, UnsafeRawBufferPointer) -> Int
  ) -> Bool {
    Self.putHead(codec, raw.count, into: &packed)
    var size = 0
    packed.append(addingCapacity: raw.count) { output in
      unsafe output.withUnsafeMutableBufferPointer { output, initialized in
        let room = UnsafeMutableRawBufferPointer(output)
        size = unsafe raw.withUnsafeBytes { unsafe compress(room, $0) }
        initialized = max(0, min(size, raw.count))
      }
    }
    return size > 0 && size < raw.count
  }

  /// Whether a sample of the block shrinks by more than 3 % under lz4.
  private func isWorthwhile(_ raw: [UInt8]) -> Bool {
    let sampleSize = 16 << 10
    guard raw.count > 4 * sampleSize else {
      return shrinks(raw)
    }
    var sample: [UInt8] = []
    sample.reserveCapacity(4 * sampleSize)
    for part in 0..<4 {
      let start = (raw.count - sampleSize) / 3 * part
      sample += raw[start..<(start + sampleSize)]
    }
    return shrinks(sample)
  }

  private func shrinks(_ sample: [UInt8]) -> Bool {
    var packed: [UInt8] = []
    return lz4(sample, into: &packed) && packed.count * 100 < sample.count * 97
  }
}

/// An operation that a compression library could not do.
public enum CompressionError: Error, Equatable, Sendable {
  /// No memory for a context.
  case outOfMemory
  /// The library's own words.
  case failed(String)
}

extension Span<UInt8> {
  /// Whether both hold the same bytes, as fast as memory goes.
  package func isEqual(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    return unsafe withUnsafeBytes { mine in
      unsafe other.withUnsafeBytes { theirs in
        // Without an address there are no bytes.
        guard let a = mine.baseAddress, let b = theirs.baseAddress else { return true }
        return unsafe memcmp(a, b, mine.count) == 0
      }
    }
  }
}

extension [UInt8] {
  /// Whether every byte is zero; looks no further than the first that is not.
  package var isAllZero: Bool {
    unsafe withUnsafeBytes { bytes in
      // Eight at a time; what is left over at the end one by one.
      var at = 0
      while at + 8 <= bytes.count {
        if unsafe bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) != 0 { return false }
        at += 8
      }
      while at < bytes.count {
        if unsafe bytes[at] != 0 { return false }
        at += 1
      }
      return true
    }
  }
}
