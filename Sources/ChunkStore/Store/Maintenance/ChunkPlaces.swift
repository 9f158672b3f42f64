import ServeStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Blocks that were read and found damaged, by their segments.
struct DamagedBlocks: Sendable {
  /// Where they begin.
  ///
  /// A segment that is not in it was found whole, or was not read.
  private var offsets: [Digest256: Set<Int>] = [:]

  var isEmpty: Bool { offsets.isEmpty }

  /// Notes what was found in a segment of which something is damaged.
  mutating func insert(_ blocks: [Int], of segment: Digest256) {
    offsets[segment, default: []].formUnion(blocks)
  }

  func contains(_ location: ChunkLocation) -> Bool {
    offsets[location.segment]?.contains(location.blockOffset) ?? false
  }

  /// Whether a segment was read, and is not whole.
  func isDamaged(_ segment: Digest256) -> Bool { offsets[segment] != nil }
}

/// Whether chunks are where a reader looks for them.
///
/// Confined to one thread.
struct ChunkPlaces {
  private let runs: [ChunkIndex.Run]
  private let damaged: DamagedBlocks
  /// By run and row of its table of segments; zero where nobody has asked.
  private var types: [[UInt8]]
  /// The run that a chunk was found in last: the next one is likely to be in it, too.
  private var likely = 0

  /// Why a chunk cannot be had.
  enum Fault: Hashable {
    /// It is in no segment that can be relied on.
    case missing
    /// It was read, and is damaged in each place.
    case damaged
    /// It is stored with another length than what refers to it says.
    case otherLength(UInt32)
    /// It stands only among chunks of the other kind, where no reader looks for it.
    case otherKind
  }

  init(_ index: ChunkIndex, damaged: DamagedBlocks = DamagedBlocks()) {
    runs = index.runs
    self.damaged = damaged
    types = runs.map { [UInt8](repeating: 0, count: $0.index.segmentCount) }
  }

  /// Looks for a chunk; `nil` if it can be had.
  ///
  /// - Parameters:
  ///   - id: The chunk.
  ///   - length: Its length, if what refers to it says that.
  ///   - type: The type of the segments that hold chunks of its kind.
  /// - Returns: Why it cannot be had.
  mutating func fault(of id: ChunkID, length: UInt32? = nil, in type: ObjectType) -> Fault? {
    if likely < runs.count, case .good? = find(id, length, type, in: likely) { return nil }
    var fault = Fault.missing
    for number in runs.indices {
      switch find(id, length, type, in: number) {
      case .good?:
        likely = number
        return nil
      case .fault(let found)?: fault = found
      case nil: continue
      }
    }
    return fault
  }

  /// The answer of a run about a chunk.
  private enum Answer {
    case good
    case fault(Fault)
  }

  /// - Returns: `nil` if the run has no place of the chunk that counts.
  private mutating func find(
    _ id: ChunkID, _ length: UInt32?, _ type: ObjectType, in number: Int
  ) -> Answer? {
    let run = runs[number]
    var answer: Answer?
    _ = run.index.hasPlace(of: id) { place in
      let standing = run.standing(place.segment)
      switch standing {
      case .absent, .quarantined: return false
      // Unless it was read, nobody knows what of it is there.
      case .mismatched where !damaged.isDamaged(run.index.segment(place.segment).id): return false
      case .mismatched, .unreadable, .doomed, .usable: break
      }
      if self.type(of: place, in: number) != type.rawValue {
        answer = .fault(.otherKind)
      } else if let length, length != place.length {
        answer = .fault(.otherLength(place.length))
      } else if !damaged.isEmpty, let location = run.index.location(place.row),
        damaged.contains(location)
      {
        answer = .fault(.damaged)
      } else {
        answer = .good
        return true
      }
      return false
    }
    return answer
  }

  private mutating func type(of place: IndexRun.Place, in number: Int) -> UInt8 {
    if types[number][place.segment] == 0 {
      let index = runs[number].index
      types[number][place.segment] =
        index.type(ofBlock: index.row(place.row).block)?.rawValue ?? 0
    }
    return types[number][place.segment]
  }
}
