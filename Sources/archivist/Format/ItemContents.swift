import ChunkStore
import StoreCrypto

/// The values of contents that do not stand in the item: looked up, or read, only if they are asked
/// for.
struct ItemContents {
  private let repository: Repository
  private let digests: [(name: String, digest: MessageDigest)]
  private let reader: ContentReader
  private let hash: Bool
  /// The chunks that several items refer to, if they are asked for.
  private let shared: SharedChunks?

  /// Reads contents for these digests; without any, no content is read.
  ///
  /// - Parameters:
  ///   - repository: Where the contents are.
  ///   - algorithms: What is computed of them.
  ///   - hash: Whether the XXH64 is computed as well.
  ///   - shared: What several items refer to, for those who ask what belongs to one alone.
  /// - Throws: Errors of libcrypto.
  init(
    _ repository: Repository, algorithms: [MessageDigest.Algorithm], hash: Bool = false,
    shared: SharedChunks? = nil
  ) throws {
    self.hash = hash
    self.shared = shared
    self.repository = repository
    reader = try ContentReader(repository)
    digests = try Set(algorithms).map { ($0.rawValue, try MessageDigest($0)) }
  }

  /// Whether nothing of an item's content is known to be damaged or missing; nothing is read for it.
  func isHealthy(_ item: Item) throws -> Bool {
    guard let content = item.content, repository.hasKnownDamage else { return true }
    return try repository.lostRanges(of: content).isEmpty
  }

  /// The digests of a file's content, in hexadecimal digits; none for what is no file.
  func digests(of item: Item) throws -> [String: String] {
    guard !digests.isEmpty || hash, let content = item.content else { return [:] }
    var holes = content.holes[...]
    var position: UInt64 = 0
    var xxh64 = XXH64()
    func addHoles() throws {
      while let hole = holes.first, hole.offset == position {
        holes.removeFirst()
        try addZeros(hole.length, &xxh64)
        position = hole.end
      }
    }
    var chunks = try repository.chunks(of: content)
    try addHoles()
    while let chunk = try chunks.next() {
      let stored = try reader.chunk(chunk)
      var start = stored.range.lowerBound
      while start < stored.range.upperBound {
        let room = holes.first.map { Int(clamping: $0.offset - position) } ?? .max
        let end = start + min(room, stored.range.upperBound - start)
        let part = stored.whole.span.extracting(start..<end)
        for (_, digest) in digests { try digest.update(part) }
        if hash { xxh64.update(part) }
        position += UInt64(end - start)
        start = end
        try addHoles()
      }
    }
    var result: [String: String] = [:]
    for (name, digest) in digests { result[name] = hexadecimal(try digest.finalize()) }
    if hash { result["xxh64"] = xxh64.hexadecimal }
    return result
  }

  private func addZeros(_ count: UInt64, _ xxh64: inout XXH64) throws {
    let zeros = [UInt8](repeating: 0, count: 1 << 16)
    var rest = count
    while rest > 0 {
      let part = Int(min(rest, UInt64(zeros.count)))
      for (_, digest) in digests { try digest.update(zeros.span.extracting(first: part)) }
      if hash { xxh64.update(zeros.span.extracting(first: part)) }
      rest -= UInt64(part)
    }
  }

  /// The chunks that a file's content has to itself: no other item of any archive refers to them.
  struct Own {
    var chunks: UInt64 = 0
    var size: UInt64 = 0
    var compressedSize: UInt64 = 0
  }

  /// The chunks that a file's content has to itself; nothing if they were not asked for.
  func own(of item: Item) throws -> Own {
    var own = Own()
    guard let content = item.content, let shared else { return own }
    var chunks = try repository.chunks(of: content)
    while let chunk = try chunks.next() {
      guard !shared.contains(chunk.id) else { continue }
      own.chunks += 1
      own.size += UInt64(chunk.length)
      own.compressedSize += repository.storedSize(of: chunk)
    }
    return own
  }

  /// Bytes that a file's content takes up in the repository.
  func compressedSize(of item: Item) throws -> UInt64 {
    guard let content = item.content else { return 0 }
    var sum: UInt64 = 0
    var chunks = try repository.chunks(of: content)
    while let chunk = try chunks.next() { sum += repository.storedSize(of: chunk) }
    return sum
  }

  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
