import Synchronization

@testable import ChunkStore

/// Passes on what it does not do itself.
protocol PassingStorage: Storage {
  var inner: any Storage { get }
}

extension PassingStorage {
  var location: String { inner.location }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    try inner.get(name, range: range)
  }

  func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) {
    try inner.put(name, bytes)
  }

  func beginUpload() throws(StorageError) -> any Upload { try inner.beginUpload() }

  func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] {
    try inner.list(kind)
  }

  func generations() throws(StorageError) -> [UInt32] { try inner.generations() }
  func delete(_ name: ObjectName) throws(StorageError) { try inner.delete(name) }
  func setAside(_ name: ObjectName) throws(StorageError) { try inner.setAside(name) }
  func removeAbandonedUploads() throws(StorageError) { try inner.removeAbandonedUploads() }
  func releaseReserve() throws(StorageError) { try inner.releaseReserve() }
  func restoreReserve() throws(StorageError) { try inner.restoreReserve() }
}

/// Passes everything on, and remembers which parts of segments were read.
final class RecordingStorage: PassingStorage {
  let inner: any Storage
  private let read = Mutex<[Range<Int>]>([])
  private let settled = Mutex<[ObjectName.Kind]>([])

  init(_ inner: any Storage) { self.inner = inner }

  var ranges: [Range<Int>] { read.withLock { $0 } }

  /// The kinds that were made durable.
  var settledKinds: [ObjectName.Kind] { settled.withLock { $0 } }

  func forget() { read.withLock { $0 = [] } }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    if case .object(.segment, _) = name {
      read.withLock { $0.append(range ?? 0..<Int.max) }
    }
    return try inner.get(name, range: range)
  }

  func settle(_ kinds: [ObjectName.Kind]) throws(StorageError) {
    settled.withLock { $0 += kinds }
    try inner.settle(kinds)
  }
}

/// Lists what is gone when it is asked for, as a busy repository may.
final class VanishingStorage: PassingStorage {
  let inner: any Storage
  private let active = Mutex(false)

  init(_ inner: any Storage) { self.inner = inner }

  var isActive: Bool {
    get { active.withLock { $0 } }
    set { active.withLock { $0 = newValue } }
  }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    if isActive { throw .notFound(name.path) }
    return try inner.get(name, range: range)
  }
}
