import Testing

@testable import ChunkStore

@Suite struct ChunkerParametersTests {
  @Test(arguments: [
    "buzhash,19,23,21,4095", "buzhash,10,11,10,63", "buzhash,24,25,25,16777215",
    "buzhash,10,23,16,1023", "fixed,512", "fixed,4194304", "fixed,33554432",
  ])
  func `are printed as they were read`(text: String) throws {
    #expect(try ChunkerParameters(parsing: text).description == text)
  }

  @Test func `say what a text means`() throws {
    #expect(
      try ChunkerParameters(parsing: "buzhash,15,19,17,4095")
        == .buzhash(minimumExponent: 15, maximumExponent: 19, maskBits: 17, window: 4095))
    #expect(try ChunkerParameters(parsing: "fixed,65536") == .fixed(size: 65536))
    #expect(ChunkerParameters.default.description == "buzhash,17,21,16,4095")
    #expect(throws: Never.self) { try ChunkerParameters.default.validate() }
  }

  @Test func `know the smallest and the largest chunk`() {
    #expect(ChunkerParameters.default.minimumChunkSize == 128 << 10)
    #expect(ChunkerParameters.default.maximumChunkSize == 2 << 20)
    #expect(ChunkerParameters.fixed(size: 4096).minimumChunkSize == 4096)
    #expect(ChunkerParameters.fixed(size: 4096).maximumChunkSize == 4096)
  }

  @Test(arguments: [
    ("", "unknown chunker ''"),
    ("rabin,19,23,21,4095", "unknown chunker 'rabin'"),
    ("Fixed,4096", "unknown chunker 'Fixed'"),
    ("buzhash", "must have the form buzhash,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW"),
    ("buzhash,19,23,21", "must have the form buzhash,"),
    ("buzhash,19,23,21,4095,0", "must have the form buzhash,"),
    ("fixed", "must have the form fixed,SIZE"),
    ("fixed,4096,512", "must have the form fixed,SIZE"),
    ("fixed,", "'' in the chunker parameters is not a plain decimal number"),
    ("fixed,4MiB", "'4MiB' in"),
    ("fixed, 4096", "' 4096' in"),
    ("fixed,+4096", "'+4096' in"),
    ("fixed,-4096", "'-4096' in"),
    ("fixed,04096", "'04096' in"),
    ("fixed,99999999999999999999", "'99999999999999999999' in"),
    ("fixed,511", "SIZE is 511, but must be 512 to 33554432"),
    ("fixed,33554433", "SIZE is 33554433"),
    ("buzhash,9,23,21,4095", "MIN_EXP is 9, but must be 10 to 24"),
    ("buzhash,25,26,25,4095", "MIN_EXP is 25"),
    ("buzhash,19,19,19,4095", "MAX_EXP is 19, but must be 20 to 25"),
    ("buzhash,19,26,21,4095", "MAX_EXP is 26"),
    ("buzhash,19,23,17,4095", "MASK_BITS is 17, but must be 18 to 23"),
    ("buzhash,19,23,24,4095", "MASK_BITS is 24"),
    ("buzhash,19,23,21,61", "WINDOW is 61, but must be 63 to 524287"),
    ("buzhash,10,23,16,1025", "WINDOW is 1025, but must be 63 to 1023"),
    ("buzhash,19,23,21,4096", "WINDOW is 4096, but must be odd"),
    ("buzhash,19,23,9223372036854775807,4095", "MASK_BITS is 9223372036854775807"),
  ])
  func `are refused with a reason`(text: String, reason: String) {
    let error = #expect(throws: ChunkerParametersError.self) {
      try ChunkerParameters(parsing: text)
    }
    #expect(error?.description.contains(reason) == true)
  }
}
