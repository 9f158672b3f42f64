import ObjectStorage
import StoreCrypto
import StoreEncoding
import StoreFormat

/// Compares index entries with the directories of the segments that they speak of.
///
/// A segment says itself what it holds. An entry that says something else is false, and damages the
/// index object that it stands in; a segment is damaged by its own bytes alone. A directory is read
/// once, or twice if several index objects have an entry of its segment.
struct DirectoryCheck {
  private let repository: Repository
  /// The segments that are looked at.
  private let sizes: [Digest256: Int]
  private var known: [Digest256: Knowledge] = [:]

  /// The facts known about a segment.
  private enum Knowledge {
    /// Its directory cannot be read, or it has gone.
    case unreadable
    /// The first entry agrees with its directory.
    case agreed
    /// The digest of its true entry, and whether its name was compared with its bytes.
    case own(Digest256, isNamed: Bool)
  }

  /// The verdict on an entry.
  enum Verdict {
    case right
    /// The segment's own directory says something else.
    case wrong
    /// The segment is damaged.
    case damaged(any Error)
    /// The segment is not looked at, or was found to be damaged before.
    case unknown
  }

  init(_ repository: Repository, sizes: [Digest256: Int]) {
    self.repository = repository
    self.sizes = sizes
  }

  /// How many segments something is known of.
  var judged: Int { known.count }

  /// Segments that no entry was judged of.
  var unjudged: [Digest256] { sizes.keys.filter { known[$0] == nil } }

  mutating func judge(_ entry: IndexEntry) throws -> Verdict {
    guard let size = sizes[entry.segment] else { return .unknown }
    switch known[entry.segment] {
    case .unreadable?: return .unknown
    case .own(let own, let isNamed)?:
      if try Self.digest(of: entry) == own { return .right }
      return isNamed ? .wrong : try judge(entry, againstBytesOf: size, own: own)
    case .agreed?, nil: break
    }
    let own: IndexEntry
    switch try read(entry.segment, size: size) {
    case .success(let directory)?:
      own = IndexEntry(segment: entry.segment, size: UInt64(size), directory: directory)
    case .failure(let error)?:
      return .damaged(
        entry.size == UInt64(size) || error is StorageError
          ? error
          : FormatError.inconsistent("has \(size) bytes, and the index says \(entry.size)"))
    case nil: return .unknown
    }
    if known[entry.segment] == nil, entry == own {
      known[entry.segment] = .agreed
      return .right
    }
    let digest = try Self.digest(of: own)
    guard entry == own else { return try judge(entry, againstBytesOf: size, own: digest) }
    known[entry.segment] = .own(digest, isNamed: false)
    return .right
  }

  /// Reads the directory of a segment that is in no index object.
  ///
  /// - Returns: What is wrong with it, if anything.
  mutating func read(unindexed segment: Digest256) throws -> (any Error)? {
    guard let size = sizes[segment], case .failure(let error)? = try read(segment, size: size)
    else { return nil }
    return error
  }

  /// - Returns: `nil` for a segment that was freed since it was listed: only what archives need of
  ///   it is missed, and by them.
  private mutating func read(
    _ segment: Digest256, size: Int
  ) throws -> Result<SegmentDirectory, any Error>? {
    do {
      return .success(
        try SegmentReader.directory(
          of: segment, size: size, storage: repository.storage, keys: repository.keys))
    } catch StorageError.notFound {
      known[segment] = .unreadable
      return nil
    } catch let error where Corruption.isOfOnePlace(error) {
      known[segment] = .unreadable
      return .failure(error)
    }
  }

  /// Says whether an entry is false that contradicts the segment's directory, or the segment itself:
  /// one that is not the object of its name has another one's directory.
  private mutating func judge(
    _ entry: IndexEntry, againstBytesOf size: Int, own: Digest256
  ) throws -> Verdict {
    let name = ObjectName.object(.segment, entry.segment)
    do {
      guard try StorageCheck.isWhole(name, repository.storage) else {
        throw FormatError.authenticationFailed
      }
    } catch StorageError.notFound {
      known[entry.segment] = .unreadable
      return .unknown
    } catch let error where Corruption.isOfOnePlace(error) {
      known[entry.segment] = .unreadable
      return .damaged(error)
    }
    known[entry.segment] = .own(own, isNamed: true)
    return .wrong
  }

  private static func digest(of entry: IndexEntry) throws -> Digest256 {
    try SHA256.digest(of: IndexObject(entries: [entry]).encoded().span)
  }
}
