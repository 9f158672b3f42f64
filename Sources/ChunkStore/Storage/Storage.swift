public import StoreCrypto
public import StoreEncoding

/// A store of immutable, named objects: bytes under a name, written once and whole.
///
/// Every storage keeps these promises, and one suite of tests holds each one to them:
///
/// 1. A name is absent or complete. No reader ever sees part of an object.
/// 2. Nothing is modified in place. Putting a name that exists changes nothing that was whole.
/// 3. Once `put` or `commit` has returned, the object survives a power cut.
/// 4. Any number of threads may call any method at the same time.
/// 5. What was put is seen by the next `get` and the next `list`.
/// 6. What `list` has shown of a kind, and that it no longer shows what is gone, survives a power
///    cut once `settle` has returned: what others have put may be seen before it is durable.
public protocol Storage: Sendable {
  /// The name by which people know this storage: a directory, an address.
  var location: String { get }

  /// The bytes of an object, or of a part of it; shorter where the object ends earlier.
  ///
  /// - Throws: `StorageError.notFound` for a name that is not there.
  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8]

  /// Says that a part of an object will be read soon, so that it may be on its way already.
  ///
  /// Promises nothing, and never waits for an answer.
  func announce(_ name: ObjectName, range: Range<Int>)

  /// Maximum bytes of prefetched data held; 0 if not prefetching.
  var announcedSize: Int { get }

  /// Publishes an object.
  func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError)

  /// Starts an object that is too large to be held in memory, and whose name is not known yet.
  func beginUpload() throws(StorageError) -> any Upload

  /// The objects of one kind, in no particular order. Files with names of another form are no
  /// objects; what has the name of an object is listed also if it cannot be read.
  func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject]

  /// The names that `list` would show, without the sizes where these cost more than the names.
  func names(_ kind: ObjectName.Kind) throws(StorageError) -> [(id: Digest256, size: Int?)]

  /// The size of an object, for those that `names` does not tell.
  ///
  /// - Throws: `StorageError.notFound` for a name that is not there.
  func size(_ name: ObjectName) throws(StorageError) -> Int

  /// The generations of the configuration that are there, ascending.
  func generations() throws(StorageError) -> [UInt32]

  /// Removes an object; one that is not there is no error.
  func delete(_ name: ObjectName) throws(StorageError)

  /// Takes an object out of the repository without destroying it: to where nobody looks for
  /// objects, and people find it. One that is not there is no error.
  func setAside(_ name: ObjectName) throws(StorageError)

  /// Flushes the kinds' directories, so that listed objects and deletions survive a power cut.
  ///
  /// Needed before a segment of another writer is referred to, and before what a deleted archive
  /// referred to is deleted.
  func settle(_ kinds: [ObjectName.Kind]) throws(StorageError)

  /// Removes what crashed uploads left behind, if it has lain there longer than a day by the
  /// storage's clock.
  func removeAbandonedUploads() throws(StorageError)

  /// The directories that are missing: those of kinds, by their names, and `tmp`.
  ///
  /// What was in them cannot be seen, and to list one of them fails.
  func missingDirectories() throws(StorageError) -> [String]

  /// Makes the directories that are missing, as a repair does when what was in them is given up.
  func makeMissingDirectories() throws(StorageError)

  /// Gives up the space that was set aside for removing things from a full disk.
  func releaseReserve() throws(StorageError)

  /// Sets that space aside again, if there is room.
  func restoreReserve() throws(StorageError)
}

extension Storage {
  /// Nothing: for storages in which nothing is seen, or gone, before it is durable.
  public func settle(_ kinds: [ObjectName.Kind]) throws(StorageError) {}

  /// None: for storages without directories.
  public func missingDirectories() throws(StorageError) -> [String] { [] }

  /// Nothing: for storages without directories.
  public func makeMissingDirectories() throws(StorageError) {}

  /// Nothing: for storages that are near.
  public func announce(_ name: ObjectName, range: Range<Int>) {}

  /// With sizes: for storages whose listings have them at no cost.
  public func names(
    _ kind: ObjectName.Kind
  ) throws(StorageError) -> [(id: Digest256, size: Int?)] {
    try list(kind).map { ($0.id, $0.size) }
  }

  /// From a listing: where `names` tells all sizes, this is hardly ever asked.
  public func size(_ name: ObjectName) throws(StorageError) -> Int {
    guard case .object(let kind, let id) = name,
      let object = try list(kind).first(where: { $0.id == id })
    else { throw .notFound(name.path) }
    return object.size
  }

  /// Removes what is of no use any more; where nothing may be removed, it stays.
  package func deleteIfPermitted(_ name: ObjectName) throws(StorageError) {
    do throws(StorageError) {
      try delete(name)
    } catch .refused {
      // An append-only server: whoever prunes there removes it.
    }
  }

  /// Zero: for storages that are near.
  public var announcedSize: Int { 0 }
}

/// An object on its way into a storage.
///
/// Confined to one thread at a time.
public protocol Upload: AnyObject {
  /// Appends bytes.
  func write(_ bytes: [UInt8]) throws(StorageError)
  /// Makes everything durable, and visible under `name`.
  func commit(as name: ObjectName) throws(StorageError)
  /// Gives up; nothing remains. Harmless after `commit`.
  func abort()
}

/// An object in a listing.
public struct StoredObject: Hashable, Sendable {
  /// Its name within its kind.
  public var id: Digest256
  /// Its size in bytes.
  public var size: Int
  /// When the storage says that it was made.
  public var date: Timestamp

  /// Makes an entry of a listing.
  public init(id: Digest256, size: Int, date: Timestamp) {
    self.id = id
    self.size = size
    self.date = date
  }
}

/// An operation that a storage could not do, and its object.
public enum StorageError: Error, Equatable, Sendable {
  /// No object has this name.
  case notFound(String)
  /// A directory of the repository is not there: a path.
  case missingDirectory(String)
  /// There is no repository here.
  case missingRepository(String)
  /// A repository was here, and its removal was begun and not finished.
  case deletedInPart(String)
  /// There is something here, and it is no repository.
  case notARepository(String)
  /// There is a repository where a new one was to be made.
  case repositoryExists(String)
  /// Something is in the way of a new repository.
  case locationNotEmpty(String)
  /// The directory is missing in which a new repository was to be made.
  case missingParent(String)
  /// A new repository, the first path, would be inside of another one, the second.
  case insideRepository(String, String)
  /// The disk, or the quota, is full.
  case noSpace(String)
  /// The system refused: the path, what was tried, and its error number.
  case system(path: String, operation: String, code: Int32)
  /// A file with the name of an object is no file, or larger than any object: the path, and which.
  case damaged(String, String)
  /// The storage does not permit it: what, and why.
  case refused(String)
  /// The quota is exhausted.
  case quotaExceeded(String)
  /// The server cannot be talked to.
  case connection(ConnectionFailure)
}
