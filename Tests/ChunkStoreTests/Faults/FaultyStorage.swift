import Glibc
import StoreCrypto
import Synchronization

@testable import ChunkStore

/// A storage in memory that fails when it is told to, and remembers what was changed in it.
final class FaultyStorage: Storage {
  enum Fault: Sendable {
    /// Everything works.
    case none
    /// One operation fails; those after it work.
    case once(at: Int, StorageError)
    /// From one operation on nothing works. That one may have been done, and not be heard of.
    case crash(at: Int, isDone: Bool)
  }

  enum Change: Hashable, Sendable {
    case put(ObjectName)
    case delete(ObjectName)
  }

  static let crashed = StorageError.system(path: "memory", operation: "reach", code: ENODEV)

  let location = "faulty"
  let base: MemoryStorage
  private let state = Mutex(State())

  private struct State {
    var fault = Fault.none
    var count = 0
    var hasFailed = false
    var changes: [Change] = []
  }

  init(_ base: MemoryStorage) { self.base = base }

  /// Begins to count operations from zero, and fails as told.
  func arm(_ fault: Fault) {
    state.withLock { $0 = State(fault: fault) }
  }

  /// Operations since it was armed.
  var count: Int { state.withLock { $0.count } }

  /// Whether the fault has come.
  var hasFailed: Bool { state.withLock { $0.hasFailed } }

  /// The changes since it was armed, in order.
  var changes: [Change] { state.withLock { $0.changes } }

  fileprivate func step<R>(
    _ change: Change? = nil, _ body: () throws(StorageError) -> R
  ) throws(StorageError) -> R {
    let verdict = state.withLock { state -> (error: StorageError?, isDone: Bool) in
      defer { state.count += 1 }
      switch state.fault {
      case .once(at: state.count, let error):
        state.hasFailed = true
        return (error, false)
      case .crash(let at, let isDone) where state.count >= at:
        state.hasFailed = true
        return (Self.crashed, isDone && state.count == at)
      default: return (nil, true)
      }
    }
    if let error = verdict.error, !verdict.isDone { throw error }
    let result = try body()
    if let change { state.withLock { $0.changes.append(change) } }
    if let error = verdict.error { throw error }
    return result
  }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    try step { () throws(StorageError) in try base.get(name, range: range) }
  }

  func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) {
    try step(.put(name)) { () throws(StorageError) in try base.put(name, bytes) }
  }

  func beginUpload() throws(StorageError) -> any Upload {
    try step { () throws(StorageError) in
      FaultyUpload(storage: self, base: try base.beginUpload())
    }
  }

  func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] {
    try step { () throws(StorageError) in try base.list(kind) }
  }

  func generations() throws(StorageError) -> [UInt32] {
    try step { () throws(StorageError) in try base.generations() }
  }

  func delete(_ name: ObjectName) throws(StorageError) {
    try step(.delete(name)) { () throws(StorageError) in try base.delete(name) }
  }

  func setAside(_ name: ObjectName) throws(StorageError) {
    try step(.delete(name)) { () throws(StorageError) in try base.setAside(name) }
  }

  func settle(_ kinds: [ObjectName.Kind]) throws(StorageError) {
    try step { () throws(StorageError) in try base.settle(kinds) }
  }

  func removeAbandonedUploads() throws(StorageError) {
    try step { () throws(StorageError) in try base.removeAbandonedUploads() }
  }

  func releaseReserve() throws(StorageError) {
    try step { () throws(StorageError) in try base.releaseReserve() }
  }

  func restoreReserve() throws(StorageError) {
    try step { () throws(StorageError) in try base.restoreReserve() }
  }
}

private final class FaultyUpload: Upload {
  private let storage: FaultyStorage
  private let base: any Upload

  init(storage: FaultyStorage, base: any Upload) {
    self.storage = storage
    self.base = base
  }

  func write(_ bytes: [UInt8]) throws(StorageError) {
    try storage.step { () throws(StorageError) in try base.write(bytes) }
  }

  func commit(as name: ObjectName) throws(StorageError) {
    try storage.step(.put(name)) { () throws(StorageError) in try base.commit(as: name) }
  }

  func abort() { base.abort() }
}

extension MemoryStorage {
  /// Another storage that holds the same.
  func copy() throws -> MemoryStorage {
    let copy = MemoryStorage()
    for name in names { copy.replace(name, try get(name, range: nil)) }
    return copy
  }

  func ids(_ kind: ObjectName.Kind) throws -> Set<Digest256> { Set(try list(kind).map(\.id)) }
}
