import Testing

@testable import archivist

@Suite struct `The hash XXH64` {
  @Test(
    arguments: [
      ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
      ("The quick brown fox jumps over the lazy dog", 0x0B24_2D36_1FDA_71BC),
    ] as [(String, UInt64)])
  func `is that of its specification`(text: String, hash: UInt64) {
    var xxh64 = XXH64()
    xxh64.update(Array(text.utf8).span)
    #expect(xxh64.value == hash)
  }

  @Test(arguments: [1, 7, 31, 32, 33, 64, 100])
  func `does not depend on how the bytes come`(size: Int) {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    var whole = XXH64(), parts = XXH64()
    whole.update(bytes.span)
    for start in stride(from: 0, to: bytes.count, by: size) {
      parts.update(bytes.span.extracting(start..<min(start + size, bytes.count)))
    }
    #expect(parts.hexadecimal == whole.hexadecimal)
  }
}
