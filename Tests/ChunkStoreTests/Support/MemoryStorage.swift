import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization

@testable import ChunkStore

/// A storage that forgets everything with its process.
final class MemoryStorage: Storage {
  let location = "memory"
  private let objects = Mutex<[ObjectName: (bytes: [UInt8], date: Timestamp)]>([:])
  private let aside = Mutex<[ObjectName: [UInt8]]>([:])

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    guard let bytes = objects.withLock({ $0[name]?.bytes }) else { throw .notFound(name.path) }
    guard let range else { return bytes }
    return Array(bytes[range.clamped(to: 0..<bytes.count)])
  }

  func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) {
    let isNew = objects.withLock { objects in
      if let known = objects[name] {
        guard case .object(let kind, _) = name, kind.isContentAddressed else { return false }
        if known.bytes.count == bytes.count { return true }
      }
      objects[name] = (bytes, SystemClock.now)
      return true
    }
    guard isNew else { throw .system(path: name.path, operation: "put", code: EEXIST) }
  }

  func beginUpload() throws(StorageError) -> any Upload { MemoryUpload(storage: self) }

  func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] {
    objects.withLock { objects in
      objects.compactMap { name, object in
        guard case .object(kind, let id) = name else { return nil }
        return StoredObject(id: id, size: object.bytes.count, date: object.date)
      }
    }
  }

  func generations() throws(StorageError) -> [UInt32] {
    objects.withLock { objects in
      objects.keys.compactMap { if case .config(let number) = $0 { number } else { nil } }.sorted()
    }
  }

  func delete(_ name: ObjectName) throws(StorageError) {
    objects.withLock { $0[name] = nil }
  }

  func setAside(_ name: ObjectName) throws(StorageError) {
    guard let object = objects.withLock({ $0.removeValue(forKey: name) }) else { return }
    aside.withLock { $0[name] = object.bytes }
  }

  /// The names of objects that were set aside.
  var setAsideNames: [ObjectName] { aside.withLock { Array($0.keys) } }

  func removeAbandonedUploads() throws(StorageError) {}
  func releaseReserve() throws(StorageError) {}
  func restoreReserve() throws(StorageError) {}

  // MARK: What an attacker, or a bad disk, can do

  /// Puts other bytes in the place of an object.
  func replace(_ name: ObjectName, _ bytes: [UInt8]) {
    objects.withLock { $0[name] = (bytes, SystemClock.now) }
  }

  /// Makes all that is there a day older.
  func age() throws {
    objects.withLock { objects in
      for name in objects.keys {
        objects[name]?.date = SystemClock.now.earlier(bySeconds: 24 * 3600)
      }
    }
  }

  /// Says that an object was put so many seconds ago.
  func setAge(_ name: ObjectName, seconds: Int64) {
    objects.withLock { $0[name]?.date = SystemClock.now.earlier(bySeconds: seconds) }
  }

  var names: [ObjectName] { objects.withLock { Array($0.keys) } }
}

private final class MemoryUpload: Upload {
  private let storage: MemoryStorage
  private var bytes: [UInt8] = []

  init(storage: MemoryStorage) { self.storage = storage }

  func write(_ bytes: [UInt8]) throws(StorageError) { self.bytes += bytes }
  func commit(as name: ObjectName) throws(StorageError) { try storage.put(name, bytes) }
  func abort() { bytes = [] }
}
