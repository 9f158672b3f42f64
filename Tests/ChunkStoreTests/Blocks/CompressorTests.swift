import Testing

@testable import ChunkStore

@Suite struct CompressorTests {
  static let choices: [Compression] = [
    Compression(.none), Compression(.lz4), Compression(.lz4, isAutomatic: true),
    Compression(.zstd(level: -7)), Compression(.zstd(level: 1)), Compression(.zstd(level: 9)),
    Compression(.zstd(level: 3), isAutomatic: true),
  ]

  /// Bytes that compress somewhat.
  private func text(_ random: inout PseudoRandomBytes, _ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      bytes += Array("the quick brown fox \(random.int(0...99)) jumps ".utf8)
    }
    return Array(bytes[..<count])
  }

  @Test(arguments: choices, [0, 1, 5, 100, 65_535, 65_537, 1 << 20])
  func `blocks come back, however they are packed`(choice: Compression, size: Int) throws {
    var random = PseudoRandomBytes(seed: UInt64(size))
    var compressor = try Compressor()
    for raw in [
      text(&random, size), random.bytes(size), [UInt8](repeating: 0, count: size),
      [UInt8](repeating: 7, count: size), text(&random, size / 2) + random.bytes(size - size / 2),
    ] {
      let packed = try compressor.pack(raw, with: choice)
      #expect(packed.count <= raw.count + Compressor.headSize)
      #expect(try compressor.unpack(packed, limit: Limits.chunkSize).bytes == raw)
      var others = [raw, raw + [0]]
      if !raw.isEmpty { others.append(Array(raw.dropLast())) }
      for at in Set([0, size / 2, size - 1]) where 0..<size ~= at {
        var other = raw
        other[at] ^= 1
        others.append(other)
      }
      for (number, other) in others.enumerated() {
        let isSame = compressor.unpacks(packed, to: other)
        #expect(isSame == (number == 0), "another of \(other.count) bytes")
      }
    }
  }

  @Test(arguments: choices)
  func `a packer forgets the block before`(choice: Compression) throws {
    var random = PseudoRandomBytes(seed: 2)
    var packer = try BlockPacker()
    for size in [100_000, 10, 0, 3000] {
      for raw in [text(&random, size), random.bytes(size), [UInt8](repeating: 0, count: size)] {
        try packer.pack(raw, with: choice)
        var compressor = try Compressor()
        let alone = try compressor.pack(raw, with: choice)
        let isSame = packer.packed == alone
        let comesBack = packer.unpacks(to: raw)
        #expect(isSame && comesBack)
      }
    }
  }

  @Test(arguments: choices, [1, 8, 9, 4096, Limits.chunkSize])
  func `zeros cost five bytes`(choice: Compression, size: Int) throws {
    var compressor = try Compressor()
    let zeros = [UInt8](repeating: 0, count: size)
    let packed = try compressor.pack(zeros, with: choice)
    #expect(packed.count == 5)
    #expect(try compressor.unpack(packed, limit: Limits.chunkSize).bytes == zeros)
  }

  @Test func `one byte that is not zero is found anywhere`() throws {
    var compressor = try Compressor()
    for size in [1, 7, 8, 9, 63] {
      for at in 0..<size {
        var raw = [UInt8](repeating: 0, count: size)
        raw[at] = 1
        #expect(!raw.isAllZero)
        let packed = try compressor.pack(raw, with: Compression(.none))
        #expect(try compressor.unpack(packed, limit: 100).bytes == raw)
      }
    }
  }

  @Test(arguments: choices)
  func `what does not compress stays as it is`(choice: Compression) throws {
    var random = PseudoRandomBytes(seed: 1)
    var compressor = try Compressor()
    for size in [3, 1000, 300_000] {
      let raw = random.bytes(size)
      let packed = try compressor.pack(raw, with: choice)
      #expect(packed == [Codec.none.rawValue] + bigEndian(size) + raw)
    }
  }

  @Test(arguments: [Compression(.lz4), Compression(.zstd(level: 3))])
  func `what compresses is compressed`(choice: Compression) throws {
    var random = PseudoRandomBytes(seed: 1)
    var compressor = try Compressor()
    for automatic in [false, true] {
      for size in [1000, 300_000] {
        let raw = text(&random, size)
        let packed = try compressor.pack(
          raw, with: Compression(choice.algorithm, isAutomatic: automatic))
        #expect(packed.count < raw.count / 2)
        #expect(packed[0] == (choice.algorithm == .lz4 ? 1 : 2))
      }
    }
  }

  @Test func `auto leaves alone what would shrink by next to nothing`() throws {
    var random = PseudoRandomBytes(seed: 1)
    var compressor = try Compressor()
    // One part in forty compresses, and is spread over the whole.
    var raw: [UInt8] = []
    for _ in 0..<256 { raw += random.bytes(1000) + [UInt8](repeating: 1, count: 24) }
    let always = try compressor.pack(raw, with: Compression(.zstd(level: 3)))
    #expect(always[0] == Codec.zstd.rawValue)
    let packed = try compressor.pack(raw, with: Compression(.zstd(level: 3), isAutomatic: true))
    #expect(packed[0] == Codec.none.rawValue)
  }

  @Test(
    arguments: [Compression(.none), Compression(.lz4), Compression(.zstd(level: 3))], Seed.each(3))
  func `damaged blocks are refused, or give as many bytes as they say`(
    choice: Compression, seed: Seed
  ) throws {
    var random = seed.generator
    var compressor = try Compressor()
    let raw = text(&random, 20_000)
    let packed = try compressor.pack(raw, with: choice)
    for _ in 0..<2000 {
      let damaged = random.mutate(packed)
      do throws(FormatError) {
        let out = try compressor.unpack(damaged, limit: 100_000)
        #expect(damaged.count >= 5)
        #expect(Array(damaged[1..<5]) == bigEndian(out.count))
      } catch {
        continue
      }
    }
    // The compressor is as good as new after all that.
    #expect(try compressor.unpack(packed, limit: 20_000).bytes == raw)
  }

  @Test(arguments: [Compression(.none), Compression(.lz4), Compression(.zstd(level: 3))])
  func `a block that lies about its length is refused`(choice: Compression) throws {
    var random = PseudoRandomBytes(seed: 1)
    var compressor = try Compressor()
    let raw = text(&random, 10_000)
    let packed = try compressor.pack(raw, with: choice)
    for length in [0, 1, 9_999, 10_001, 100_000, Limits.chunkSize] {
      let lie = [packed[0]] + bigEndian(length) + packed[5...]
      #expect(throws: FormatError.corruptCompression, "\(length)") {
        try compressor.unpack(lie, limit: Limits.chunkSize)
      }
    }
    // More than is allowed is refused before anything is allocated.
    for length in [Limits.chunkSize + 1, Int(UInt32.max)] {
      let lie = [packed[0]] + bigEndian(length) + packed[5...]
      #expect(
        throws: FormatError.limitExceeded(
          "block", found: UInt64(length), limit: UInt64(Limits.chunkSize))
      ) {
        try compressor.unpack(lie, limit: Limits.chunkSize)
      }
    }
  }

  @Test func `unknown codecs, cut heads and zeros with a tail are refused`() throws {
    var compressor = try Compressor()
    #expect(throws: FormatError.unknownAlgorithm("compression", 4)) {
      try compressor.unpack([4, 0, 0, 0, 0], limit: 10)
    }
    for length in 0..<5 {
      #expect(throws: FormatError.self) {
        try compressor.unpack(Array([1, 0, 0, 0, 0][..<length]), limit: 10)
      }
    }
    #expect(throws: FormatError.corruptCompression) {
      try compressor.unpack([3, 0, 0, 0, 1, 0], limit: 10)
    }
    for codec: UInt8 in [1, 2] {
      #expect(throws: FormatError.corruptCompression) {
        try compressor.unpack([codec, 0, 0, 0, 9], limit: 10)
      }
    }
  }

  private func bigEndian(_ count: Int) -> [UInt8] {
    var writer = ByteWriter()
    writer.integer(UInt32(truncatingIfNeeded: count))
    return writer.bytes
  }
}

@Suite struct CompressionTests {
  @Test(arguments: [
    ("none", "none"), ("lz4", "lz4"), ("zstd", "zstd,3"), ("zstd,-7", "zstd,-7"),
    ("zstd,22", "zstd,22"), ("auto,lz4", "auto,lz4"), ("auto,zstd", "auto,zstd,3"),
    ("auto,zstd,10", "auto,zstd,10"),
  ])
  func `is parsed and printed`(text: String, printed: String) throws {
    let parsed = try Compression(parsing: text)
    #expect(parsed.description == printed)
    #expect(try Compression(parsing: printed) == parsed)
  }

  @Test(arguments: [
    "", "auto", "auto,", "auto,none", "auto,auto,lz4", "lz4,1", "none,1", "zstd,", "zstd,23",
    "zstd,-8", "zstd,x", "zstd,3,3", "LZ4", "gzip", " lz4", "lz4 ", "zstd,99999999999999999999",
  ])
  func `is refused with what would be right`(text: String) {
    let error = #expect(throws: Compression.InvalidText.self) { try Compression(parsing: text) }
    #expect(error?.description.contains("zstd,LEVEL") == true)
  }
}
