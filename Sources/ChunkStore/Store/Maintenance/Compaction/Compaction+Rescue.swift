import LinuxSystem
import StoreCrypto
import StoreEncoding
import StoreFormat

/// The check that precedes the removal of a segment.
///
/// An index object, a directory, a segment may say that a chunk is somewhere and be wrong: a client
/// that may only add things can put any of them. So nothing is taken for the place of a chunk but
/// one where the chunk was read and compared with its id.
extension Compaction {
  /// The chunks of some segments that archives need, and their places by the segments' own account.
  typealias Needed = [ChunkID: [OwnPlace]]

  /// Where one of the segments in question says that it has a chunk.
  struct OwnPlace {
    let location: ChunkLocation
    let type: ObjectType
  }

  /// The chunks that were copied out of segments, and the segments that have to stay.
  struct Rescued {
    /// Whether anything was.
    var hasCopied = false
    /// Segments that hold, or should hold, a chunk that archives need and that was read nowhere.
    var kept: Set<Digest256> = []
  }

  /// The chunks of segments that archives need, and that were not read anywhere else.
  mutating func unreplaced(in segments: Set<Digest256>, _ marks: Marks) throws -> Needed {
    var needed: Needed = [:]
    var replaced: Set<ChunkID> = []
    var reader = try ChunkReader(keys: repository.keys)
    for object in try repository.storage.list(.segment) where segments.contains(object.id) {
      try repository.forEachDirectory(
        of: object, isDamaged: marks.quarantined.contains(object.id)
      ) { directory in
        try directory.forEachChunk(of: object.id) { location, chunk in
          guard !replaced.contains(chunk.id), marks.isReferenced(chunk.id) else { return }
          if try hasAnotherPlace(chunk.id, directory.type, outside: segments, &reader) {
            replaced.insert(chunk.id)
          } else {
            needed[chunk.id, default: []].append(
              OwnPlace(location: location, type: directory.type))
          }
        }
      }
    }
    return needed
  }

  /// Whether a chunk was read, and is what its id says, in a segment that stays.
  private mutating func hasAnotherPlace(
    _ id: ChunkID, _ type: ObjectType, outside segments: Set<Digest256>,
    _ reader: inout ChunkReader
  ) throws -> Bool {
    for location in repository.index.usableLocations(of: id)
    where !segments.contains(location.segment) {
      if try reader.read(id, at: location, type: type, repository: repository) != nil {
        return true
      }
      report.damagedSegments.insert(location.segment)
    }
    return false
  }

  /// Copies out of doomed segments what archives need that are there now.
  mutating func rescueWhatIsNeeded(of segments: Set<Digest256>) throws -> Rescued {
    var rescued = Rescued()
    for _ in 0..<Self.mostLooks {
      let marks = try mark().marker.marks
      let needed = try unreplaced(in: segments, marks)
      let unreadable = try rescue(needed)
      rescued.hasCopied = rescued.hasCopied || unreadable.count < needed.count
      // A chunk that was copied has to be read as well, where it is now.
      let left = try unreplaced(in: segments, marks)
      rescued.kept = Set(left.values.joined().map(\.location.segment))
      if left.isEmpty { break }
      // The archive that needed it may have been deleted since we looked, and another compaction
      // may have freed it: a new look tells.
    }
    return rescued
  }

  /// Others would have to be that much faster than we are each time.
  private static let mostLooks = 4

  /// Copies chunks to new segments.
  ///
  /// - Returns: Those that cannot be read anywhere.
  private mutating func rescue(_ chunks: Needed) throws -> Set<ChunkID> {
    guard !chunks.isEmpty else { return [] }
    var unreadable: Set<ChunkID> = []
    let group = ThreadGroup()
    let writer = ChunkWriter(repository, group: group)
    do {
      var packer = try BlockPacker()
      var reader = try ChunkReader(keys: repository.keys)
      for (id, places) in chunks.sorted(by: { $0.key < $1.key }) {
        guard let (bytes, type) = try read(id, places, &reader) else {
          unreadable.insert(id)
          continue
        }
        try writer.write(
          bytes,
          chunks: [ChunkReference(id: id, length: UInt32(truncatingIfNeeded: bytes.count))],
          type: type, compression: Compression(.zstd(level: 3), isAutomatic: true),
          packer: &packer)
      }
      writer.close()
    } catch {
      group.fail(error)
    }
    try group.join()
    report.movedBytes += Int(clamping: writer.statistics.storedSize)
    return unreadable
  }

  /// A chunk from one of its places; `nil` if it is nowhere whole.
  ///
  /// The segments' own places first: the index may not know them, or say something else of them.
  private mutating func read(
    _ id: ChunkID, _ places: [OwnPlace], _ reader: inout ChunkReader
  ) throws -> (bytes: [UInt8], type: ObjectType)? {
    for place in places {
      if let found = try reader.read(
        id, at: place.location, type: place.type, repository: repository)
      {
        return (found.bytes, place.type)
      }
      report.damagedSegments.insert(place.location.segment)
    }
    for location in repository.index.locations(of: id) {
      let type = location.header.type
      if let found = try reader.read(id, at: location, type: type, repository: repository) {
        return (found.bytes, type)
      }
    }
    return nil
  }
}
