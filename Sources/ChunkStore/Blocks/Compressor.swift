internal import CLZ4
internal import CZstd

/// Packs and unpacks blocks, with contexts that are used again.
///
/// One per thread.
///
/// The only importer of the compression libraries. Every call gets the true sizes of its buffers,
/// and every result is checked, so that no input makes a library write past its output.
@safe struct Compressor: ~Copyable {
  /// Bytes in front of the packed ones: `codec u8 | raw length u32`.
  static let headSize = 5

  private let compression: OpaquePointer
  private let decompression: OpaquePointer

  init() throws(CompressionError) {
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
  mutating func pack(_ raw: [UInt8], with choice: Compression) throws(CompressionError) -> [UInt8] {
    if raw.isAllZero { return Self.head(.zeros, raw.count) }
    switch choice.algorithm {
    case .none: break
    case .lz4:
      if choice.isAutomatic, !isWorthwhile(raw) { break }
      if let packed = lz4(raw) { return packed }
    case .zstd(let level):
      if choice.isAutomatic, !isWorthwhile(raw) { break }
      if let packed = try zstd(raw, level: level) { return packed }
    }
    return Self.head(.none, raw.count) + raw
  }

  /// The raw bytes of a block's plaintext.
  ///
  /// - Throws: `FormatError` if they are not what was packed, or more than `limit`.
  mutating func unpack(_ plaintext: [UInt8], limit: Int) throws(FormatError) -> [UInt8] {
    var reader = ByteReader(plaintext)
    let codecByte = try reader.byte()
    guard let codec = Codec(rawValue: codecByte) else {
      throw .unknownAlgorithm("compression", UInt64(codecByte))
    }
    let length: UInt32 = try reader.integer()
    guard length <= limit else {
      throw .limitExceeded("block", found: UInt64(length), limit: UInt64(limit))
    }
    let count = Int(length)
    switch codec {
    case .none:
      guard reader.remaining == count else { throw .corruptCompression }
      return Array(plaintext[Self.headSize...])
    case .zeros:
      guard reader.isAtEnd else { throw .corruptCompression }
      return [UInt8](repeating: 0, count: count)
    case .lz4, .zstd:
      var got = 0
      let context = unsafe decompression
      let raw = unsafe [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
        unsafe plaintext.withUnsafeBytes { input in
          guard let source = input.baseAddress, let target = output.baseAddress else { return }
          let packed = unsafe source + Self.headSize
          let size = input.count - Self.headSize
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
      guard got == count else { throw .corruptCompression }
      return raw
    }
  }

  private static func head(_ codec: Codec, _ count: Int) -> [UInt8] {
    var head = ByteWriter(reserving: headSize)
    head.byte(codec.rawValue)
    head.integer(UInt32(truncatingIfNeeded: count))
    return head.bytes
  }

  /// `nil` if packing does not make it shorter.
  private func lz4(_ raw: [UInt8]) -> [UInt8]? {
    unsafe packed(.lz4, raw) { output, input in
      guard let source = input.baseAddress, let target = output.baseAddress else {
        return 0
      }
      return Int(
        unsafe LZ4_compress_default(
          source.assumingMemoryBound(to: CChar.self), target.assumingMemoryBound(to: CChar.self),
          Int32(input.count), Int32(output.count)))
    }
  }

  private func zstd(_ raw: [UInt8], level: Int) throws(CompressionError) -> [UInt8]? {
    var failure: CompressionError?
    let context = unsafe compression
    let result = unsafe packed(.zstd, raw) { output, input in
      let size = unsafe ZSTD_compressCCtx(
        context, output.baseAddress, output.count, input.baseAddress, input.count, Int32(level))
      guard ZSTD_isError(size) != 0 else { return size }
      if ZSTD_getErrorCode(size) != ZSTD_error_dstSize_tooSmall {
        failure = .failed(unsafe String(cString: ZSTD_getErrorName(size)))
      }
      return 0
    }
    if let failure { throw failure }
    return result
  }

  /// Calls `compress` with room for less than the raw bytes; it returns 0 where that is too little.
  private func packed(
    _ codec: Codec, _ raw: [UInt8],
    _ compress: (UnsafeMutableRawBufferPointer, UnsafeRawBufferPointer) -> Int
  ) -> [UInt8]? {
    let head = Self.head(codec, raw.count)
    var size = 0
    let capacity = Self.headSize + raw.count
    let result = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, initialized in
      for i in 0..<Self.headSize { unsafe output[i] = head[i] }
      let room = unsafe UnsafeMutableRawBufferPointer(
        rebasing: UnsafeMutableRawBufferPointer(output)[Self.headSize...])
      size = unsafe raw.withUnsafeBytes { unsafe compress(room, $0) }
      initialized = Self.headSize + max(0, min(size, raw.count))
    }
    return size > 0 && size < raw.count ? result : nil
  }

  /// Whether a sample of the block shrinks by more than 3 % under lz4.
  private func isWorthwhile(_ raw: [UInt8]) -> Bool {
    let sampleSize = 16 << 10
    guard raw.count > 4 * sampleSize else {
      return lz4(raw).map { $0.count * 100 < raw.count * 97 } ?? false
    }
    var sample: [UInt8] = []
    sample.reserveCapacity(4 * sampleSize)
    for part in 0..<4 {
      let start = (raw.count - sampleSize) / 3 * part
      sample += raw[start..<(start + sampleSize)]
    }
    return lz4(sample).map { $0.count * 100 < sample.count * 97 } ?? false
  }
}

/// What a compression library could not do.
public enum CompressionError: Error, Equatable, Sendable {
  /// No memory for a context.
  case outOfMemory
  /// The library's own words.
  case failed(String)
}

extension [UInt8] {
  /// Whether every byte is zero; looks no further than the first that is not.
  var isAllZero: Bool {
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
