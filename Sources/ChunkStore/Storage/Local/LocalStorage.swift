internal import Glibc
import LinuxSystem
public import StoreCrypto
public import StoreEncoding
import Synchronization

/// A repository in a directory of this machine.
///
/// 1. An object is written under `tmp/`, made durable, renamed to its name without replacing
///    anything, and its directory made durable: so it is there wholly or not at all.
/// 2. The repository is the directory that was opened, wherever its path leads later: when its disk is
///    unmounted meanwhile, nothing is written beneath the mount point.
/// 3. A directory that is missing is never taken for an empty one, and only `create` and
///    `makeMissingDirectories` make it.
public final class LocalStorage: Storage {
  /// The directory, as it was given.
  public let location: String
  let root: LocalDirectory
  private let mode: mode_t
  private let openFiles = OpenFileCache(capacity: OpenFiles.share(8, most: 64))
  /// Whether it is known that listings are not out of date.
  private let listsFreshly = Mutex(false)

  package static let uploads = "tmp"
  static let aside = "aside"
  package static let reserve = "reserve"
  package static let probe = "probe"
  private static let reserveSize = 16 << 20
  /// The size of the directories and the reserve of a new repository.
  package static let emptySize = reserveSize + 2 << 20
  /// A crashed upload older than this is nobody's any more.
  private static let abandonedAfter: Int64 = 24 * 3600
  /// The parts that the listing of segments is divided into.
  static let segmentDirectories = (0...255).map {
    "segments/" + String(UInt8($0), radix: 16).leftPadded(to: 2)
  }

  /// Opens the directory of a repository.
  ///
  /// - Throws: `StorageError.missingRepository` if there is nothing at `path`,
  ///   `StorageError.deletedInPart` if its removal was begun, and `StorageError.notARepository` if it is
  ///   something else.
  public init(path: String) throws(StorageError) {
    location = path
    guard let found = try LocalFile.status(path) else { throw .missingRepository(path) }
    guard found.isDirectory else { throw .notARepository(path) }
    root = try LocalDirectory(path: Self.withoutSlash(path))
    guard let configs = try root.status(ObjectName.configDirectory), configs.isDirectory else {
      if try RepositoryRemoval.isBegun(root) { throw .deletedInPart(path) }
      throw try Self.isUnused(root) ? .missingRepository(path) : .notARepository(path)
    }
    // The mode of the directory itself may be another: it may have been there before.
    mode = configs.mode
  }

  /// Device and inode of the repository's directory: a backup never descends into it.
  public func identity() throws(StorageError) -> (device: UInt64, inode: UInt64) {
    let status = try root.status()
    return (status.device, status.inode)
  }

  // MARK: Directories

  /// The directories that a repository has, but for that of the configurations, without which it is
  /// none, and those in `segments/`.
  package static let directories = [uploads] + ObjectName.Kind.allCases.map(\.rawValue)

  /// The directories that are not there.
  ///
  /// `segments/` without any directory in it is none either: what it was is mounted elsewhere.
  public func missingDirectories() throws(StorageError) -> [String] {
    var missing: [String] = []
    for directory in Self.directories where try !root.isDirectory(directory) {
      missing.append(directory)
    }
    let segments = ObjectName.Kind.segment.rawValue
    if !missing.contains(segments), try segmentPrefixes().isEmpty { missing.append(segments) }
    return missing
  }

  /// Makes the directories that are not there.
  public func makeMissingDirectories() throws(StorageError) {
    for directory in Self.directories + Self.segmentDirectories
    where try !root.isDirectory(directory) {
      try root.makeDirectory(directory, mode: mode)
      // Something else may have the name.
      guard try root.isDirectory(directory) else {
        throw .system(path: root.path(directory), operation: "mkdir", code: EEXIST)
      }
    }
    try root.synchronize(ObjectName.Kind.segment.rawValue)
    try root.synchronize()
  }

  /// Says that a directory is missing, if that is why there is nothing of a name in it.
  private func inDirectory<R>(
    _ directory: String, _ body: () throws(StorageError) -> R
  ) throws(StorageError) -> R {
    do throws(StorageError) { return try body() } catch {
      switch error {
      case .notFound, .system(_, _, ENOTDIR):
        guard try root.isDirectory(directory) else { throw .missingDirectory(root.path(directory)) }
      default: break
      }
      throw error
    }
  }

  /// The names in `segments/` that are those of directories of segments.
  private func segmentPrefixes() throws(StorageError) -> [[UInt8]] {
    let directory = ObjectName.Kind.segment.rawValue
    return try inDirectory(directory) { () throws(StorageError) in try root.names(in: directory) }
      .filter(Self.isPrefix)
  }

  private static func segmentDirectory(_ prefix: [UInt8]) -> String {
    "\(ObjectName.Kind.segment.rawValue)/\(String(decoding: prefix, as: UTF8.self))"
  }

  /// Reads an object; files of segments stay open for a while.
  public func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    if let range {
      return try file(name).read(from: range.lowerBound, count: range.count)
    }
    let file = try root.openObject(name.path)
    let size = try file.status().size
    guard size <= Limits.segmentSize else {
      throw .damaged(file.path, "is larger than any object")
    }
    return try file.read(from: 0, count: size)
  }

  /// The file that an object is in.
  package func file(_ name: ObjectName) throws(StorageError) -> LocalFile {
    guard case .object(.segment, _) = name else {
      return try root.openObject(name.path)
    }
    // Segments are read in many small pieces: their files stay open for a while.
    return try openFiles.file(name) { () throws(StorageError) in
      try root.openObject(name.path)
    }
  }

  /// Publishes an object: written aside, made durable, renamed.
  public func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) {
    let upload = try LocalUpload(storage: self)
    defer { upload.abort() }
    try upload.write(bytes)
    try upload.commit(as: name)
  }

  /// Starts an object under `tmp/`.
  public func beginUpload() throws(StorageError) -> any Upload { try LocalUpload(storage: self) }

  /// Lists what has the name of an object.
  ///
  /// Also what is no file, or cannot be looked at: it has no size, and whoever reads it hears why.
  public func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] {
    guard kind == .segment else { return try list(in: kind.rawValue, prefix: []) }
    var objects: [StoredObject] = []
    for prefix in try segmentPrefixes() {
      objects += try list(in: Self.segmentDirectory(prefix), prefix: prefix)
    }
    return objects
  }

  private func list(
    in directory: String, prefix: [UInt8]
  ) throws(StorageError) -> [StoredObject] {
    let entries = try inDirectory(directory) { () throws(StorageError) in
      try root.entries(in: directory) { $0.starts(with: prefix) && Digest256(hex: $0) != nil }
    }
    var objects: [StoredObject] = []
    for (name, status) in entries {
      guard let id = Digest256(hex: name) else { continue }
      objects.append(
        StoredObject(
          id: id, size: status.map(Self.size) ?? 0,
          date: status?.modified ?? Timestamp(seconds: 0)))
    }
    return objects
  }

  /// Names alone: to ask for the size of each file takes much longer than to list them.
  public func names(
    _ kind: ObjectName.Kind
  ) throws(StorageError) -> [(id: Digest256, size: Int?)] {
    var found: [(id: Digest256, size: Int?)] = []
    let directory = kind.rawValue
    guard kind == .segment else {
      try inDirectory(directory) { () throws(StorageError) in
        try root.forEachName(in: directory) { name in
          if let id = Digest256(hex: name) { found.append((id, nil)) }
        }
      }
      return found
    }
    for prefix in try segmentPrefixes() {
      let part = Self.segmentDirectory(prefix)
      try inDirectory(part) { () throws(StorageError) in
        try root.forEachName(in: part) { name in
          guard name.count > 2, name[0] == prefix[0], name[1] == prefix[1],
            let id = Digest256(hex: name)
          else { return }
          found.append((id, nil))
        }
      }
    }
    return found
  }

  /// The size of a file.
  public func size(_ name: ObjectName) throws(StorageError) -> Int {
    guard let status = try root.status(name.path) else { throw .notFound(root.path(name.path)) }
    return Self.size(status)
  }

  private static func size(_ status: LocalFile.Status) -> Int {
    status.kind == .file ? status.size : 0
  }

  /// The generations of the configuration, ascending.
  public func generations() throws(StorageError) -> [UInt32] {
    try root.names(in: ObjectName.configDirectory)
      .compactMap { ObjectName.generation($0) }.sorted()
  }

  /// Whether a directory of segments has this name: two hexadecimal digits.
  static func isPrefix(_ name: [UInt8]) -> Bool {
    name.count == 2
      && name.allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
      }
  }

  /// Removes an object.
  public func delete(_ name: ObjectName) throws(StorageError) {
    openFiles.forget(name)
    try root.remove(name.path)
  }

  /// Moves an object to `aside/`, under its kind and name.
  public func setAside(_ name: ObjectName) throws(StorageError) {
    let target = "\(Self.aside)/\(name.path.replacing("/", with: "-"))"
    openFiles.forget(name)
    try root.makeDirectory(Self.aside, mode: mode)
    do throws(StorageError) {
      try root.rename(name.path, to: target)
    } catch .notFound {
      return
    }
    try root.synchronize(Self.aside)
    try root.synchronize()
    try root.synchronize(String(name.path[..<(name.path.lastIndex(of: "/") ?? name.path.endIndex)]))
  }

  /// Makes the directories of these kinds durable.
  public func settle(_ kinds: [ObjectName.Kind]) throws(StorageError) {
    for kind in kinds {
      let directory = kind.rawValue
      try inDirectory(directory) { () throws(StorageError) in try root.synchronize(directory) }
      guard kind == .segment else { continue }
      for prefix in try segmentPrefixes() { try root.synchronize(Self.segmentDirectory(prefix)) }
    }
  }

  /// Removes files that have lain under `tmp/` for longer than a day, by the storage's clock: that
  /// of this machine may be wrong by days.
  public func removeAbandonedUploads() throws(StorageError) {
    let found = try inDirectory(Self.uploads) { () throws(StorageError) in
      try root.entries(in: Self.uploads) { _ in true }
    }.filter { $0.status?.isDirectory == false }
    guard !found.isEmpty else { return }
    let limit = try present().earlier(bySeconds: Self.abandonedAfter)
    for (name, status) in found where status.map({ $0.modified < limit }) ?? false {
      try root.remove("\(Self.uploads)/\(String(decoding: name, as: UTF8.self))")
    }
  }

  /// The storage's time: the date that it gives to what is made now.
  package func present() throws(StorageError) -> Timestamp {
    let name = try temporaryName()
    let file = try openTemporary(name)
    defer { root.discard(name) }
    return try file.status().modified
  }

  /// Removes the reserve file.
  public func releaseReserve() throws(StorageError) {
    do throws(StorageError) { try demandFreshListings() } catch .noSpace {
      // A file that is given up is needed first.
    }
    try root.remove(Self.reserve)
  }

  /// Makes the reserve file again, if there is room for it.
  public func restoreReserve() throws(StorageError) {
    if try root.status(Self.reserve) != nil { return }
    do throws(StorageError) {
      let file = try root.open(Self.reserve, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
      do throws(StorageError) {
        try file.setMode(mode & 0o666)
        try file.reserve(Self.reserveSize)
      } catch {
        // No room for it, or no way to set space aside on this file system: go without.
        try root.remove(Self.reserve)
      }
    } catch .noSpace {
      // Not even for its name.
    } catch .system(_, _, EEXIST) {
      // Another process has just done the same.
    }
  }

  // MARK: Uploads

  fileprivate func temporaryName() throws(StorageError) -> String {
    do throws(CryptoError) {
      return "\(Self.uploads)/\(try Digest256.random().hex.prefix(32))"
    } catch {
      throw .damaged(root.path(Self.uploads), "no random name could be had: \(error)")
    }
  }

  /// Refuses to store anything where listings are late.
  ///
  /// Whoever relies on a listing has put a lease, or something else, before; so this comes first.
  fileprivate func demandFreshListings() throws(StorageError) {
    guard !listsFreshly.withLock({ $0 }) else { return }
    try inDirectory(Self.uploads) { () throws(StorageError) in
      try ListingProbe.demand(root, trying: temporaryName())
    }
    listsFreshly.withLock { $0 = true }
  }

  fileprivate func openTemporary(_ name: String) throws(StorageError) -> LocalFile {
    let file = try inDirectory(Self.uploads) { () throws(StorageError) in
      try root.open(name, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    }
    try file.setMode(mode & 0o666)
    return file
  }

  fileprivate func discard(_ temporary: String) { root.discard(temporary) }

  fileprivate func publish(
    _ temporary: String, as name: ObjectName, size: Int
  ) throws(StorageError) {
    let target = name.path
    let directory = String(target[..<(target.lastIndex(of: "/") ?? target.endIndex)])
    var done: Bool
    do throws(StorageError) {
      done = try root.renameIfAbsent(temporary, to: target)
    } catch .notFound {
      guard try root.status(temporary) != nil else {
        throw .damaged(
          root.path(temporary), "was removed before the object in it was whole: run this again")
      }
      try makeSegmentDirectory(directory)
      done = try root.renameIfAbsent(temporary, to: target)
    }
    if !done {
      guard case .object(let kind, _) = name, kind.isContentAddressed else {
        throw .system(path: root.path(target), operation: "rename", code: EEXIST)
      }
      if try root.status(target)?.size == size {
        try root.remove(temporary)
      } else {
        // Its name says what it should hold, and it is cut short: the whole one takes its place.
        try root.rename(temporary, to: target)
        openFiles.forget(name)
      }
    }
    try root.synchronize(directory)
  }

  /// Makes one of the directories in `segments/`, which copies without empty directories lack.
  ///
  /// - Throws: `StorageError.missingDirectory` for any other directory, and where none of them is there:
  ///   then these are not the segments, but what is beneath a disk that was mounted here, say.
  private func makeSegmentDirectory(_ directory: String) throws(StorageError) {
    guard Self.segmentDirectories.contains(directory), try !segmentPrefixes().isEmpty else {
      throw .missingDirectory(root.path(directory))
    }
    try root.makeDirectory(directory, mode: mode)
    try root.synchronize(ObjectName.Kind.segment.rawValue)
  }
}

/// An object being written under `tmp/`.
private final class LocalUpload: Upload {
  private let storage: LocalStorage
  private let name: String
  private let file: LocalFile
  private var size = 0
  private var flushed = 0
  private var isOpen = true

  /// Write-back starts whenever this much is new, so that the final fsync finds little to do.
  private static let writebackInterval = 8 << 20

  init(storage: LocalStorage) throws(StorageError) {
    self.storage = storage
    try storage.demandFreshListings()
    name = try storage.temporaryName()
    file = try storage.openTemporary(name)
  }

  deinit { abort() }

  func write(_ bytes: [UInt8]) throws(StorageError) {
    try file.write(bytes.span)
    size += bytes.count
    if size - flushed >= Self.writebackInterval {
      file.startWriteback(offset: flushed, count: size - flushed)
      flushed = size
    }
  }

  func commit(as name: ObjectName) throws(StorageError) {
    try file.synchronize()
    try storage.publish(self.name, as: name, size: size)
    isOpen = false
  }

  func abort() {
    guard isOpen else { return }
    isOpen = false
    storage.discard(name)
  }
}

/// Segment files that were read from lately.
private final class OpenFileCache: Sendable {
  private let capacity: Int
  private let state = Mutex<(entries: [ObjectName: LocalFile], order: [ObjectName])>(([:], []))

  init(capacity: Int) { self.capacity = capacity }

  func file(
    _ name: ObjectName, open: () throws(StorageError) -> LocalFile
  ) throws(StorageError) -> LocalFile {
    if let known = state.withLock({ $0.entries[name] }) { return known }
    let entry = try open()
    state.withLock { state in
      if state.entries.updateValue(entry, forKey: name) == nil { state.order.append(name) }
      if state.order.count > capacity {
        state.entries[state.order.removeFirst()] = nil
      }
    }
    return entry
  }

  func forget(_ name: ObjectName) {
    state.withLock { state in
      state.entries[name] = nil
      state.order.removeAll { $0 == name }
    }
  }
}

extension String {
  /// The text with zeros in front, at least `length` characters long.
  package func leftPadded(to length: Int) -> String {
    String(repeating: "0", count: max(0, length - utf8.count)) + self
  }
}
