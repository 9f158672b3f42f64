internal import Glibc
internal import StoreCrypto

/// A 64-bit cyclic polynomial (buzhash) over the last bytes of a content.
///
/// With the table T, the hash of the window w[0], …, w[W − 1] is the XOR over all j of
/// T[w[j]] rotated left by W − 1 − j: the newest byte is not rotated. One step further, the whole
/// is rotated by one, the byte that leaves is taken out, and the one that enters is put in.
///
/// This file is where the chunker is unsafe. The loop reads through pointers, because bounds
/// checks at its four loads per byte were measured to cost a fifth of the whole chunker's speed.
/// It stays within bounds since
///
/// 1. `advance` checks once that `window <= position` and `limit <= bytes.count`, and each step
///    reads `bytes[position - window]` and `bytes[position]` with `position < limit`;
/// 2. the tables have 256 words each, and a byte is the index.
@safe struct RollingHash: ~Copyable {
  /// The number of bytes up to the end of the window; zero before `start`.
  package private(set) var position = 0
  /// The hash of the window that ends at `position`.
  package private(set) var value: UInt64 = 0

  private let window: Int
  /// The table for the byte that enters, then, rotated by the window's length, the one for the
  /// byte that leaves.
  ///
  /// They are key material: owned here, and wiped at the end.
  private let words: UnsafeMutablePointer<UInt64>

  private static let wordCount = 2 * 256

  /// Takes the table of `ChunkerKeys`, and the window's length in bytes.
  init(table: Secret, window: Int) throws(CryptoError) {
    guard table.count == ChunkerKeys.tableSize else {
      throw .invalidParameter("a chunker table of \(table.count) bytes")
    }
    self.window = window
    unsafe words = .allocate(capacity: Self.wordCount)
    unsafe words.initialize(repeating: 0, count: Self.wordCount)
    let words = unsafe words
    table.withBytes { bytes in
      for i in 0..<256 {
        var word: UInt64 = 0
        for j in 0..<8 { word = word << 8 | UInt64(bytes[8 * i + j]) }
        unsafe words[i] = word
        unsafe words[256 + i] = Self.rotate(word, by: window % 64)
      }
    }
  }

  deinit {
    unsafe explicit_bzero(words, Self.wordCount * MemoryLayout<UInt64>.size)
    unsafe words.deallocate()
  }

  /// Forgets the window.
  package mutating func reset() {
    position = 0
    value = 0
  }

  /// Hashes the window that ends at `end`.
  package mutating func start(at end: Int, in bytes: Span<UInt8>) {
    precondition(window <= end && end <= bytes.count, "the window lies within the bytes")
    value = 0
    for i in (end - window)..<end {
      value = unsafe Self.rotate(value, by: 1) ^ words[Int(bytes[i])]
    }
    position = end
  }

  /// Moves on, at least one byte, to the next position whose hash has none of the bits of `mask`,
  /// and says whether there is one up to and including `limit`.
  package mutating func advance(
    to limit: Int, in bytes: Span<UInt8>, untilZero mask: UInt64
  ) -> Bool {
    precondition(window <= position && limit <= bytes.count, "the hash has been started")
    let window = window
    let entering = unsafe UnsafePointer(words)
    let leaving = unsafe entering + 256
    var value = value
    var position = position
    defer {
      self.value = value
      self.position = position
    }
    return unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let bytes = buffer.baseAddress else { return false }
      // The amount that a step adds does not depend on the hash.
      @inline(__always) func change(_ i: Int) -> UInt64 {
        unsafe leaving[Int(bytes[i &- window])] ^ entering[Int(bytes[i])]
      }
      // Four steps at a time: what they add up to does not wait for the hash, which then only has
      // to be rotated by one, two, three and four at once.
      while position &+ 4 <= limit {
        let change1 = change(position)
        let change2 = Self.rotate(change1, by: 1) ^ change(position &+ 1)
        let change3 = Self.rotate(change2, by: 1) ^ change(position &+ 2)
        let change4 = Self.rotate(change3, by: 1) ^ change(position &+ 3)
        let value1 = Self.rotate(value, by: 1) ^ change1
        let value2 = Self.rotate(value, by: 2) ^ change2
        let value3 = Self.rotate(value, by: 3) ^ change3
        let value4 = Self.rotate(value, by: 4) ^ change4
        if value1 & mask == 0 || value2 & mask == 0 || value3 & mask == 0 { break }
        value = value4
        position &+= 4
        if value & mask == 0 { return true }
      }
      // One of the next three, or few are left.
      while position < limit {
        value = Self.rotate(value, by: 1) ^ change(position)
        position &+= 1
        if value & mask == 0 { return true }
      }
      return false
    }
  }

  @inline(__always)
  private static func rotate(_ word: UInt64, by count: Int) -> UInt64 {
    word << UInt64(count) | word >> UInt64(64 - count)
  }
}
