import Crypto
import Synchronization

/// A storage some of whose directories are missing, as whoever reads it sees it: without what was in
/// them.
///
/// That they are missing is told by `missingDirectories`; whoever writes or deletes stops at it.
final class IncompleteStorage: Storage {
  private let inner: any Storage
  private let missing: Mutex<[String]>

  /// Wraps a storage; the storage itself, if no directory is missing.
  static func wrapping(_ storage: any Storage) throws(StorageError) -> any Storage {
    let missing = try storage.missingDirectories()
    return missing.isEmpty ? storage : IncompleteStorage(storage, missing: missing)
  }

  private init(_ inner: any Storage, missing: [String]) {
    self.inner = inner
    self.missing = Mutex(missing)
  }

  private func isMissing(_ kind: ObjectName.Kind) -> Bool {
    missing.withLock { $0.contains(kind.rawValue) }
  }

  /// Those that were missing in the beginning, also if they have come back: what has been read is
  /// without them.
  func missingDirectories() throws(StorageError) -> [String] { missing.withLock { $0 } }

  func makeMissingDirectories() throws(StorageError) {
    try inner.makeMissingDirectories()
    missing.withLock { $0 = [] }
  }

  func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] {
    isMissing(kind) ? [] : try inner.list(kind)
  }

  func names(_ kind: ObjectName.Kind) throws(StorageError) -> [(id: Digest256, size: Int?)] {
    isMissing(kind) ? [] : try inner.names(kind)
  }

  func settle(_ kinds: [ObjectName.Kind]) throws(StorageError) {
    try inner.settle(kinds.filter { !isMissing($0) })
  }

  // MARK: Passed on

  var location: String { inner.location }
  var announcedSize: Int { inner.announcedSize }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    try inner.get(name, range: range)
  }

  func announce(_ name: ObjectName, range: Range<Int>) { inner.announce(name, range: range) }

  func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) {
    try inner.put(name, bytes)
  }

  func beginUpload() throws(StorageError) -> any Upload { try inner.beginUpload() }
  func size(_ name: ObjectName) throws(StorageError) -> Int { try inner.size(name) }
  func generations() throws(StorageError) -> [UInt32] { try inner.generations() }
  func delete(_ name: ObjectName) throws(StorageError) { try inner.delete(name) }
  func setAside(_ name: ObjectName) throws(StorageError) { try inner.setAside(name) }
  func removeAbandonedUploads() throws(StorageError) { try inner.removeAbandonedUploads() }
  func releaseReserve() throws(StorageError) { try inner.releaseReserve() }
  func restoreReserve() throws(StorageError) { try inner.restoreReserve() }
}
