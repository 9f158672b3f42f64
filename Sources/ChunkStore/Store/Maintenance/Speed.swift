import LinuxSystem
import StoreCrypto
import StoreEncoding
import StoreFormat

/// How fast one processor does what a backup consists of, measured with what does it there.
package struct Speed: Sendable {
  /// The name of the measurement.
  package let name: String
  /// Bytes of input that it was done with; 0 where that says nothing.
  package let bytes: Int
  /// How long it took, at best.
  package let seconds: Double
  /// How many times smaller its output is; `nil` where it is not meant to be.
  package var ratio: Double?

  /// Each is done this often, and the best one counts: whatever else runs only slows it down.
  private static let turns = 3

  /// Measures everything, one after the other.
  ///
  /// - Parameters:
  ///   - size: Bytes that each is done with.
  ///   - told: Gets each result when it is there.
  /// - Throws: Errors of libcrypto, and of the compressors.
  package static func measure(size: Int, _ told: (Speed) throws -> Void) throws {
    let data = sample(size)
    let keys = try KeyRing(try KeyBundle.random(suite: .aes256GCM))
    var id = try keys.idHash(.content)
    var compressor = try Compressor()
    func run(_ name: String, _ body: () throws -> Int) throws {
      var best = Double.infinity
      var output = 0
      for _ in 0..<turns {
        let start = SystemClock.monotonicSeconds
        output = try body()
        best = min(best, SystemClock.monotonicSeconds - start)
      }
      try told(
        Speed(
          name: name, bytes: size, seconds: best,
          ratio: output > 0 ? Double(size) / Double(output) : nil))
    }

    for text in [ChunkerParameters.default.description, "buzhash,19,23,21,4095"] {
      let parameters = try ChunkerParameters(parsing: text)
      try run("chunker \(text)") {
        var chunker = try Chunker(parameters: parameters, keys: keys.chunker)
        var rest = data.span
        while let length = try chunker.cut(rest, isLast: true) {
          rest = rest.extracting(droppingFirst: length)
        }
        return 0
      }
    }
    try run("SHA-256") {
      _ = try SHA256.digest(of: data.span)
      return 0
    }
    try run("chunk id, HMAC-SHA-256") {
      _ = try id.digest(data.span)
      return 0
    }
    for (suite, name) in [
      (Suite.aes256GCM, "AES-256-GCM"), (.chacha20Poly1305, "ChaCha20-Poly1305"),
      (.authenticated, "HMAC-SHA-256 only"),
    ] {
      var context = try SealingContext(
        suite: suite, key: try Secret.random(count: 32), associatedData: [])
      var sealed: [UInt8] = []
      sealed.reserveCapacity(blockSize + SealingContext.tagSize)
      let nonce = Nonce(part: 0, number: 0)
      // In blocks, as they are in a segment.
      let starts = stride(from: 0, to: size, by: blockSize)
      try run("seal, \(name)") {
        for start in starts {
          let block = data.span.extracting(start..<min(start + blockSize, size))
          sealed.removeAll(keepingCapacity: true)
          try context.seal(block, nonce: nonce, into: &sealed)
        }
        return 0
      }
      try run("open, \(name)") {
        for _ in starts { _ = try context.open(sealed.span, nonce: nonce) }
        return 0
      }
    }
    for text in ["lz4", "zstd,1", "zstd,3", "zstd,6", "zstd,10"] {
      let compression = try Compression(parsing: text)
      // In blocks, as they are in a segment.
      var blocks: [[UInt8]] = []
      try run("compress, \(text)") {
        blocks = try stride(from: 0, to: size, by: blockSize).map { start in
          let block = Array(data[start..<min(start + blockSize, size)])
          return try compressor.pack(block, with: compression)
        }
        return blocks.reduce(0) { $0 + $1.count }
      }
      try run("decompress, \(text)") {
        for block in blocks { _ = try compressor.unpack(block, limit: Limits.chunkSize) }
        return 0
      }
    }
    for parameters in [ScryptParameters.quick, .default] {
      let start = SystemClock.monotonicSeconds
      _ = try Scrypt.derive(
        passphrase: try Secret.random(count: 16), salt: [UInt8](repeating: 1, count: 32).span,
        parameters: parameters, count: 32)
      try told(
        Speed(
          name: "passphrase to key, scrypt N = 2^\(parameters.logN)", bytes: 0,
          seconds: SystemClock.monotonicSeconds - start))
    }
  }

  private static let blockSize = 512 << 10

  /// Bytes that compress as well as many files do: words, of which some are frequent, and numbers.
  private static func sample(_ size: Int) -> [UInt8] {
    var state: UInt64 = 88_172_645_463_325_252
    func random() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
    let words = (0..<4096).map { _ in
      (0..<(2 + random() % 9)).map { _ in UInt8(97 + random() % 26) } + [0x20]
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size + 16)
    while bytes.count < size {
      // The product of two is small more often than not.
      bytes += words[Int((random() % 64) * (random() % 64))]
      if random() % 8 == 0 { for _ in 0..<4 { bytes.append(UInt8(random() % 256)) } }
    }
    bytes.removeLast(bytes.count - size)
    return bytes
  }
}
