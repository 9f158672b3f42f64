package import StoreCrypto
package import StoreEncoding
import Synchronization

/// A storage some of whose directories are missing, as whoever reads it sees it: without what was in
/// them.
///
/// That they are missing is told by `missingDirectories`; whoever writes or deletes stops at it.
package final class IncompleteStorage: Storage {
  private let inner: any Storage
  private let missing: Mutex<[String]>

  /// Wraps a storage; the storage itself, if no directory is missing.
  package static func wrapping(_ storage: any Storage) throws(StorageError) -> any Storage {
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
  package func missingDirectories() throws(StorageError) -> [String] { missing.withLock { $0 } }

  package func makeMissingDirectories() throws(StorageError) {
    try inner.makeMissingDirectories()
    missing.withLock { $0 = [] }
  }

  package func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] {
    isMissing(kind) ? [] : try inner.list(kind)
  }

  package func names(_ kind: ObjectName.Kind) throws(StorageError) -> [(id: Digest256, size: Int?)]
  {
    isMissing(kind) ? [] : try inner.names(kind)
  }

  package func settle(_ kinds: [ObjectName.Kind]) throws(StorageError) {
    try inner.settle(kinds.filter { !isMissing($0) })
  }

  // MARK: Passed on

  package var location: String { inner.location }
  package var announcedSize: Int { inner.announcedSize }

  package func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    try inner.get(name, range: range)
  }

  package func announce(_ name: ObjectName, range: Range<Int>) {
    inner.announce(name, range: range)
  }

  package func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) {
    try inner.put(name, bytes)
  }

  package func beginUpload() throws(StorageError) -> any Upload { try inner.beginUpload() }
  package func size(_ name: ObjectName) throws(StorageError) -> Int { try inner.size(name) }
  package func generations() throws(StorageError) -> [UInt32] { try inner.generations() }
  package func delete(_ name: ObjectName) throws(StorageError) { try inner.delete(name) }
  package func setAside(_ name: ObjectName) throws(StorageError) { try inner.setAside(name) }
  package func removeAbandonedUploads() throws(StorageError) { try inner.removeAbandonedUploads() }
  package func releaseReserve() throws(StorageError) { try inner.releaseReserve() }
  package func restoreReserve() throws(StorageError) { try inner.restoreReserve() }
}
