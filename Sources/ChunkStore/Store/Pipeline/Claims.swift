import StoreCrypto
import StoreEncoding
import Synchronization

/// The chunks that one `ChunkWriter` is storing: claimed, and in no index object yet.
///
/// They are nobody else's business. Whether they will ever be published is not certain, so what
/// another writer of this process refers to must not depend on them: it stores a copy of its own.
/// Safe to use from any thread.
final class Claims: Sendable {
  private let index: ChunkIndex
  private let pending = Mutex<Set<ChunkID>>([])

  init(_ index: ChunkIndex) { self.index = index }

  /// Says whether the caller has to store a chunk; if so, nobody else is told the same.
  func claim(_ id: ChunkID) -> Bool {
    if index.contains(id) { return false }
    guard pending.withLock({ $0.insert(id).inserted }) else { return false }
    // The thread that had it before may have finished with it since our first look.
    guard index.contains(id) else { return true }
    settle([id])
    return false
  }

  /// Those that are being stored now.
  var current: Set<ChunkID> { pending.withLock { $0 } }

  /// Those of `ids` that are still being stored.
  func unsettled(_ ids: Set<ChunkID>) -> Set<ChunkID> {
    pending.withLock { pending in ids.filter { pending.contains($0) } }
  }

  /// Forgets chunks that the index has now.
  func settle(_ ids: some Sequence<ChunkID>) {
    pending.withLock { for id in ids { $0.remove(id) } }
  }
}
