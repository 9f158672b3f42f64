import Glibc
import StoreCrypto
import Synchronization
import Testing

@testable import ChunkStore

/// Listings that tell names alone: sizes are asked for by whoever relies on a segment.
@Suite struct SegmentSizesTests {
  let directory: TemporaryDirectory
  let index: ChunkIndex
  private let sizes = Sizes()
  private var random = PseudoRandomBytes(seed: 1)

  /// Says how large segments are, and counts who was asked for.
  private final class Sizes: Sendable {
    private let state = Mutex<([Digest256: Result<Int, StorageError>], [Digest256])>(([:], []))

    var asked: [Digest256] { state.withLock { $0.1 } }

    func set(_ segment: Digest256, _ size: Result<Int, StorageError>) {
      state.withLock { $0.0[segment] = size }
    }

    func size(_ segment: Digest256) throws(StorageError) -> Int {
      let size = state.withLock { state in
        state.1.append(segment)
        return state.0[segment]
      }
      guard let size else { throw .notFound(segment.hex) }
      return try size.get()
    }
  }

  init() throws {
    directory = try TemporaryDirectory()
    index = try ChunkIndex(
      directory: "\(directory.path)/index", repositoryID: Digest256(bigEndianWords: 1, 2, 3, 4))
  }

  /// A view of segments, each in an index object, whose sizes are not known yet.
  private func update(_ entries: [IndexEntry], others: [Digest256] = []) throws -> [Digest256: Int]
  {
    let names = entries.map(\.segment)
    let view = ChunkIndex.View(
      version: index.version,
      present: Dictionary(uniqueKeysWithValues: (names + others).map { ($0, nil) }),
      doomed: [], indexes: names
    ) { [sizes] segment throws(StorageError) in try sizes.size(segment) }
    return try index.update(to: view) { name in
      entries.filter { $0.segment == name }
    } problem: { _, _ in
    }
  }

  private mutating func entry() -> IndexEntry {
    let entry = random.syntheticEntry(ids: [random.chunkID(), random.chunkID()])
    sizes.set(entry.segment, .success(Int(entry.size)))
    return entry
  }

  @Test mutating func `a segment's size is asked for once, when somebody relies on it`() throws {
    let entries = [entry(), entry()]
    _ = try update(entries)
    #expect(sizes.asked.isEmpty)
    #expect(!index.contains(random.chunkID()))
    #expect(sizes.asked.isEmpty)
    for chunk in entries[1].directory.chunks { #expect(index.contains(chunk.id)) }
    #expect(index.locations(of: entries[1].directory.chunks[0].id).count == 1)
    #expect(sizes.asked == [entries[1].segment])
    // The next view knows nothing of what was asked before.
    _ = try update(entries)
    #expect(index.contains(entries[1].directory.chunks[0].id))
    #expect(sizes.asked == [entries[1].segment, entries[1].segment])
  }

  @Test mutating func `what is in a segment of another size is stored anew, and read last`() throws
  {
    let cut = entry()
    let id = cut.directory.chunks[0].id
    let whole = random.syntheticEntry(ids: [id])
    sizes.set(whole.segment, .success(Int(whole.size)))
    sizes.set(cut.segment, .success(Int(cut.size) - 1))
    _ = try update([cut])
    #expect(!index.contains(id))
    #expect(index.isLost(id))
    #expect(index.locations(of: id).map(\.segment) == [cut.segment])
    _ = try update([cut, whole])
    #expect(index.contains(id))
    #expect(!index.isLost(id))
    #expect(index.locations(of: id).map(\.segment) == [whole.segment, cut.segment])
    #expect(!index.contains(cut.directory.chunks[1].id))
  }

  @Test mutating func `that anything is damaged is known without relying on it before`() throws {
    let entries = [entry(), entry()]
    _ = try update(entries)
    #expect(!index.hasDamage)
    #expect(Set(sizes.asked) == Set(entries.map(\.segment)))
    // Nobody is asked twice.
    #expect(!index.hasDamage)
    #expect(sizes.asked.count == 2)
    sizes.set(entries[1].segment, .success(0))
    _ = try update(entries)
    #expect(index.hasDamage)
    index.distrust([entries[1].segment])
    #expect(index.hasDamage)
  }

  @Test mutating func `a segment that has gone since it was listed holds nothing`() throws {
    let gone = entry()
    sizes.set(gone.segment, .failure(.notFound("it")))
    _ = try update([gone])
    #expect(!index.contains(gone.directory.chunks[0].id))
    #expect(index.locations(of: gone.directory.chunks[0].id).isEmpty)
  }

  @Test mutating func `what cannot be looked at is not relied on, until it can be`() throws {
    let entry = entry()
    let id = entry.directory.chunks[0].id
    sizes.set(entry.segment, .failure(.system(path: "it", operation: "stat", code: EIO)))
    _ = try update([entry])
    #expect(!index.contains(id))
    #expect(index.locations(of: id).count == 1)
    // Its absence is not to say that it is damaged.
    #expect(!index.isLost(id))
    #expect(!index.hasDamage)
    sizes.set(entry.segment, .success(Int(entry.size)))
    #expect(index.contains(id))
  }

  @Test mutating func `what cannot be looked at is kept for those who need it`() throws {
    let (unclear, gone) = (entry(), entry())
    sizes.set(unclear.segment, .failure(.system(path: "it", operation: "stat", code: EIO)))
    sizes.set(gone.segment, .failure(.notFound("it")))
    _ = try update([unclear, gone])
    let marks = Marks(index)
    let needed = unclear.directory.chunks[0].id
    #expect(marks.mark(needed) == .new)
    #expect(marks.mark(needed) == .known)
    #expect(marks.place(of: needed)?.segment == unclear.segment)
    #expect(marks.mark(gone.directory.chunks[0].id) == .missing)
    #expect(marks.lost == [gone.directory.chunks[0].id])
    #expect(marks.toRescue.isEmpty)
  }

  @Test mutating func `unknown segments are handed back with their sizes, if there`() throws {
    let known = entry()
    let (stranger, gone, broken) = (random.digest(), random.digest(), random.digest())
    sizes.set(stranger, .success(5000))
    #expect(try update([known], others: [stranger, gone]) == [stranger: 5000])
    #expect(Set(sizes.asked) == [stranger, gone])
    sizes.set(broken, .failure(.system(path: "it", operation: "stat", code: EIO)))
    #expect(throws: StorageError.self) { try update([known], others: [broken]) }
  }
}
