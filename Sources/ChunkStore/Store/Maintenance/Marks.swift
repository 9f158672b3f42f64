import ServeStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Which chunks archives refer to: one bit for each row of the index.
///
/// A chunk that is stored several times is marked in one place, so that the other copies count as
/// unreferenced.
final class Marks {
  private let runs: [ChunkIndex.Run]
  private var bits: [[UInt64]]
  /// Referenced chunks that are only in doomed segments.
  private(set) var toRescue: Set<ChunkID> = []
  /// Referenced chunks that are nowhere, or only where they are damaged.
  private(set) var lost: Set<ChunkID> = []

  enum Answer {
    case new
    case known
    case missing
  }

  init(_ index: ChunkIndex) {
    runs = index.runs
    bits = runs.map { [UInt64](repeating: 0, count: ($0.index.count + 63) / 64) }
  }

  func mark(_ id: ChunkID) -> Answer {
    var isDoomed = false
    for (number, run) in runs.enumerated() {
      for place in run.index.places(of: id) {
        switch run.standing(place.segment) {
        case .absent, .mismatched, .quarantined: continue
        case .doomed: isDoomed = true
        // A segment that cannot be looked at now may be needed: its place is kept.
        case .usable, .unreadable:
          let bit: UInt64 = 1 << UInt64(place.row % 64)
          guard bits[number][place.row / 64] & bit == 0 else { return .known }
          bits[number][place.row / 64] |= bit
          return .new
        }
      }
    }
    guard isDoomed else {
      lost.insert(id)
      return .missing
    }
    return toRescue.insert(id).inserted ? .new : .known
  }

  /// Segments that are in quarantine, and there.
  var quarantined: Set<Digest256> {
    var all: Set<Digest256> = []
    for run in runs {
      for row in 0..<run.index.segmentCount where run.standing(row) == .quarantined {
        all.insert(run.index.segment(row).id)
      }
    }
    return all
  }

  /// Whether an archive refers to a chunk, wherever that is.
  func isReferenced(_ id: ChunkID) -> Bool {
    if toRescue.contains(id) || lost.contains(id) { return true }
    return runs.indices.contains { number in
      runs[number].index.hasPlace(of: id) { isMarked($0.row, of: number) }
    }
  }

  /// Where a referenced chunk counts as stored; `nil` for one that is not referenced, or only where
  /// it is to go.
  func place(of id: ChunkID) -> ChunkLocation? {
    for (number, run) in runs.enumerated() {
      for place in run.index.places(of: id) where isMarked(place.row, of: number) {
        if let location = run.index.location(place.row) { return location }
      }
    }
    return nil
  }

  /// Whether a chunk is referenced, and counts as the copy in this block.
  func isMarked(_ id: ChunkID, in segment: Digest256, blockOffset: Int) -> Bool {
    for (number, run) in runs.enumerated() {
      for place in run.index.places(of: id) where isMarked(place.row, of: number) {
        guard let location = run.index.location(place.row) else { continue }
        if location.segment == segment, location.blockOffset == blockOffset { return true }
      }
    }
    return false
  }

  private func isMarked(_ row: Int, of run: Int) -> Bool {
    bits[run][row / 64] & (1 << UInt64(row % 64)) != 0
  }

  /// Bytes that the marked chunks of contents take up.
  func contentSize() -> UInt64 {
    var size: UInt64 = 0
    forEachMark { number, row in
      if let location = runs[number].index.location(row),
        location.header.type == .contentSegment
      {
        size += location.share
      }
    }
    return size
  }

  /// Bytes that all marked chunks take up.
  func markedSize() -> Int {
    var size = 0
    forEachMark { number, row in
      size += Int(clamping: runs[number].index.location(row)?.share ?? 0)
    }
    return size
  }

  /// Calls `body` with the number of a run and of a row in it, for each mark.
  private func forEachMark(_ body: (Int, Int) -> Void) {
    for number in runs.indices {
      for (word, set) in bits[number].enumerated() where set != 0 {
        var rest = set
        while rest != 0 {
          body(number, word * 64 + rest.trailingZeroBitCount)
          rest &= rest - 1
        }
      }
    }
  }

  /// How much of a segment is referenced.
  struct Usage {
    /// Bytes of the segment.
    var size = 0
    /// Bytes of its sealed blocks; directory and padding apart, which every segment has.
    var blockSize = 0
    /// Chunks in it.
    var chunks = 0
    /// Those that are referenced.
    var marked = 0
    /// Their share of the sealed blocks.
    var markedSize = 0

    /// Bytes that rewriting the segment would free.
    var unusedSize: Int { marked == chunks ? 0 : max(0, blockSize - markedSize) }
  }

  /// The usage of every usable segment.
  func usage() -> [Digest256: Usage] {
    // By run and row of its table of segments: a segment may be in several runs.
    var usages = runs.map { [Usage](repeating: Usage(), count: $0.index.segmentCount) }
    forEachMark { number, row in
      let run = runs[number].index
      let segment = run.row(row).segment
      guard let location = run.location(row), segment < run.segmentCount else { return }
      usages[number][segment].marked += 1
      usages[number][segment].markedSize += Int(clamping: location.share)
    }
    var all: [Digest256: Usage] = [:]
    for (number, run) in runs.enumerated() {
      for block in run.index.blocks where block.segment < run.index.segmentCount {
        usages[number][block.segment].blockSize += Int(block.sealedLength)
        usages[number][block.segment].chunks += Int(block.chunkCount)
      }
      for (row, usage) in usages[number].enumerated() where run.standing(row) == .usable {
        let segment = run.index.segment(row)
        // Every run says the same of its blocks; each chunk is marked in one run.
        var known = all[segment.id] ?? Usage()
        known.size = segment.size
        known.blockSize = usage.blockSize
        known.chunks = usage.chunks
        known.marked += usage.marked
        known.markedSize += usage.markedSize
        all[segment.id] = known
      }
    }
    return all
  }
}

/// Marks everything that archives refer to.
struct Marker {
  let marks: Marks
  private let walk: TreeWalk

  /// The state of a reference's target.
  enum Finding {
    case missingChunk(ChunkReference, path: ArchivePath)
    case unreadableNode(ChunkID, any Error)
  }

  init(_ repository: Repository) throws {
    marks = Marks(repository.index)
    walk = try TreeWalk(repository)
  }

  /// Marks what one tree refers to; parts that another tree has in common are not read again.
  ///
  /// - Parameters:
  ///   - root: The tree; `nil` for an archive without items.
  ///   - finding: Told of everything that is not there.
  /// - Throws: What `finding` throws, and errors of the storage.
  func mark(_ root: ItemTreeRoot?, finding: (Finding) throws -> Void) throws {
    try walk.run(root) { id, _ in
      switch marks.mark(id) {
      case .known: return false
      case .new: return true
      case .missing:
        try finding(.unreadableNode(id, RepositoryError.missingChunk(id)))
        return false
      }
    } chunk: { chunk, path in
      if marks.mark(chunk.id) == .missing { try finding(.missingChunk(chunk, path: path)) }
    } unreadable: { id, _, error in
      try finding(.unreadableNode(id, error))
    }
  }
}
