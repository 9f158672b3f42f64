import Glibc
import StoreCrypto

@testable import ChunkStore

extension Target {
  /// Inputs that are not one structure: packed blocks, files of the local cache.
  static let files: [Target] = [
    Target("block") {
      let texts: [[UInt8]] = [
        [], [UInt8](repeating: 0, count: 5000),
        Array(repeating: Array("abcdefg ".utf8), count: 300)
          .flatMap(\.self),
      ]
      var seeds: [[UInt8]] = []
      guard var compressor = try? Compressor() else { return [] }
      for text in texts {
        for choice in [Compression(.none), Compression(.lz4), Compression(.zstd(level: 3))] {
          if let packed = try? compressor.pack(text, with: choice) { seeds.append(packed) }
        }
      }
      return seeds
    } take: { bytes in
      guard var compressor = try? Compressor(),
        let raw = try? compressor.unpack(bytes, limit: 1 << 20).bytes
      else { return }
      precondition(raw.count <= 1 << 20, "more than was allowed")
      for choice in [Compression(.none), Compression(.lz4), Compression(.zstd(level: 1))] {
        guard let packed = try? compressor.pack(raw, with: choice),
          let again = try? compressor.unpack(packed, limit: 1 << 20).bytes
        else { preconditionFailure("what was unpacked cannot be packed with \(choice)") }
        precondition(again == raw, "packing with \(choice) loses something")
      }
    },
    Target("indexRun") {
      (0..<6).compactMap { number in
        var random = PseudoRandomBytes(seed: UInt64(number))
        let entries = (0..<number).map { _ in random.indexEntry() }
        guard
          let run = try? IndexRun.build(
            entries, sources: [random.digest()], in: .cache("/tmp"), name: "fuzz-seed-\(getpid())",
            repositoryID: runOwner),
          let file = try? LocalFile.open("/tmp/fuzz-seed-\(getpid())", flags: O_RDONLY),
          let size = try? file.status().size
        else { return nil }
        _ = run
        LocalFile.discard("/tmp/fuzz-seed-\(getpid())")
        return try? file.read(from: 0, count: size)
      }
    } take: { bytes in
      takeRun(withSumsOf(bytes))
    },
  ]

  private static let runOwner = Digest256(bigEndianWords: 1, 2, 3, 4)

  /// The bytes of a run with the checksum of its tables, and its owner, as they should be.
  private static func withSumsOf(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    guard bytes.count >= 120 else { return bytes }
    func number(_ at: Int) -> Int {
      bytes[at..<(at + 8)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    bytes.replaceSubrange(56..<88, with: runOwner.bytes)
    let counts = (0..<6).map { number(8 + 8 * $0) }
    guard counts.allSatisfy({ 0...bytes.count ~= $0 }) else { return bytes }
    let end =
      120 + 32 * counts[0] + 40 * counts[1] + 4 * counts[2] + counts[3] + 32 * counts[4]
    guard end <= bytes.count, let sum = try? SHA256.digest(of: bytes[120..<end].span) else {
      return bytes
    }
    bytes.replaceSubrange(88..<120, with: sum.bytes)
    return bytes
  }

  private static func takeRun(_ bytes: [UInt8]) {
    let path = "/dev/shm/fuzz-run-\(getpid())"
    guard
      let file = try? LocalFile.open(path, flags: O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
    else { return }
    defer { LocalFile.discard(path) }
    guard (try? file.write(bytes.span)) != nil,
      // Of one that is large, parts are read.
      let run = try? IndexRun(
        file: file, repositoryID: runOwner, residentLimit: bytes.count % 2 << 20)
    else { return }
    _ = try? run.isIntact()
    for row in 0..<run.segmentCount { _ = run.segment(row) }
    for block in run.blocks { _ = block.segment }
    for row in 0..<run.count {
      _ = run.location(row)
      _ = run.type(ofBlock: run.row(row).block)
      for place in run.places(of: run.id(row)) {
        precondition(place.row >= 0 && place.row < run.count, "a row beyond the end")
        precondition(place.segment < run.segmentCount, "a segment that the run does not have")
      }
    }
    // Two of them are put together where the index is cleared up.
    let merged = "fuzz-merged-\(getpid())"
    _ = try? IndexRun.merge(
      [run, run], in: .cache("/dev/shm"), name: merged, repositoryID: runOwner)
    LocalFile.discard("/dev/shm/\(merged)")
  }
}
