import ObjectStorage
import StoreCrypto
import Synchronization

extension ChunkIndex {
  /// Whether a segment may be read or referenced.
  enum Standing: Sendable {
    /// It is not there.
    case absent
    /// An owner has put it in quarantine. What can still be read of it is, but nothing relies on
    /// it.
    case quarantined
    /// It has another size than the index says: one of them is damaged, or forged.
    case mismatched
    /// It is there, but cannot be looked at now: nothing relies on it, and nothing is said of it.
    case unreadable
    /// It is there, and is to go.
    case doomed
    /// It is there, and new archives may refer to it.
    case usable

    var isDamage: Bool {
      switch self {
      case .absent, .quarantined, .mismatched: true
      case .unreadable, .doomed, .usable: false
      }
    }
  }

  /// A run, and which of its segments count.
  struct Run: Sendable {
    let index: IndexRun
    /// By row of the table of segments: what the listing tells.
    private var listed: [Standing]
    /// Asked where the listing does not tell a size.
    private let sizes: SegmentSizes?
    /// The version of the index that it came with.
    var version = 0

    init(_ index: IndexRun, _ listed: [Standing], sizes: SegmentSizes? = nil) {
      self.index = index
      self.listed = listed
      self.sizes = sizes
    }

    /// Whether a segment may be read or referenced, by its row in the table of segments.
    func standing(_ segment: Int) -> Standing {
      let listed = listed[segment]
      guard let sizes, !listed.isDamage else { return listed }
      return switch sizes.finding(segment, of: index) {
      case .right: listed
      case .wrong: .mismatched
      case .gone: .absent
      case nil: .unreadable
      }
    }

    /// Whether the listing shows any damage.
    var hasListedDamage: Bool { listed.contains { $0.isDamage } }

    /// Whether a segment is damaged or missing; asks for all sizes that are not known.
    var hasDamage: Bool {
      hasListedDamage || sizes != nil && listed.indices.contains { standing($0).isDamage }
    }

    /// Stops relying on segments.
    mutating func distrust(_ segments: Set<Digest256>) {
      for row in listed.indices
      where listed[row] != .absent && segments.contains(index.segment(row).id) {
        listed[row] = .quarantined
      }
    }
  }

  /// Whether the segments of a run have the sizes that the index says.
  ///
  /// Each is asked for when somebody first relies on it: asking for all of them would make every
  /// look at a large repository slow. Safe to use from any thread.
  final class SegmentSizes: Sendable {
    enum Finding: UInt8, Sendable {
      case right
      case wrong
      /// There is none: it has gone since it was listed, or was no segment at all.
      case gone
    }

    /// By row of the table of segments; `nil` for those that were not asked for.
    private let findings: Mutex<[Finding?]>
    private let size: SizeOfSegment

    init(_ findings: [Finding?], size: @escaping SizeOfSegment) {
      self.findings = Mutex(findings)
      self.size = size
    }

    /// `nil` if the storage does not tell; whoever comes next tries again.
    func finding(_ row: Int, of run: IndexRun) -> Finding? {
      if let known = findings.withLock({ $0[row] }) { return known }
      let segment = run.segment(row)
      let finding: Finding
      do throws(StorageError) {
        finding = try size(segment.id) == segment.size ? .right : .wrong
      } catch .notFound {
        finding = .gone
      } catch {
        return nil
      }
      findings.withLock { $0[row] = finding }
      return finding
    }
  }

  /// Asks for the size of a segment.
  typealias SizeOfSegment = @Sendable (Digest256) throws(StorageError) -> Int
}
