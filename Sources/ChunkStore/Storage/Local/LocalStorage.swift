public import Crypto
internal import Glibc
import Synchronization

/// A repository in a folder of this machine.
///
/// An object is written under `tmp/`, made durable, renamed to its name without replacing
/// anything, and its folder made durable: so it is there wholly or not at all.
public final class LocalStorage: Storage {
  /// The folder, as it was given.
  public let location: String
  private let root: String
  private let mode: mode_t
  private let openFiles = OpenFileCache(capacity: OpenFiles.share(8, most: 64))

  private static let uploads = "tmp"
  private static let reserve = "reserve"
  private static let reserveSize = 16 << 20
  /// A crashed upload older than this is nobody's any more.
  private static let abandonedAfter: Int64 = 24 * 3600

  /// Opens the folder of a repository.
  ///
  /// - Throws: `StorageError.missingRepository` if there is nothing at `path`, and
  ///   `StorageError.notARepository` if it is something else.
  public init(path: String) throws(StorageError) {
    location = path
    root = path.hasSuffix("/") && path.count > 1 ? String(path.dropLast()) : path
    guard let status = try LocalFile.status(root) else { throw .missingRepository(path) }
    guard status.isDirectory else { throw .notARepository(path) }
    let config = try LocalFile.status("\(root)/\(ObjectName.configFolder)")
    guard config?.isDirectory == true else {
      throw try LocalFile.names(in: root).isEmpty ? .missingRepository(path) : .notARepository(path)
    }
    mode = status.mode
  }

  /// Makes the folders of a new repository in a folder that is empty or not there.
  ///
  /// - Throws: `StorageError.locationNotEmpty` if there is anything at `path` already.
  public static func create(path: String) throws(StorageError) -> LocalStorage {
    let root = path.hasSuffix("/") && path.count > 1 ? String(path.dropLast()) : path
    if let status = try LocalFile.status(root) {
      guard status.isDirectory, try LocalFile.names(in: root).isEmpty else {
        throw .locationNotEmpty(path)
      }
    } else {
      try LocalFile.makeDirectory(root, mode: 0o700)
      // Or a power cut takes the repository away with all that was ever put into it.
      try LocalFile.synchronizeDirectory("\(root)/..")
    }
    guard let status = try LocalFile.status(root) else { throw .missingRepository(path) }
    let folders =
      [uploads] + ObjectName.Kind.allCases.map(\.rawValue)
      + (0...255).map { "segments/" + String(UInt8($0), radix: 16).leftPadded(to: 2) }
    for folder in folders + [ObjectName.configFolder] {
      try LocalFile.makeDirectory("\(root)/\(folder)", mode: status.mode)
    }
    let readme = try LocalFile.open(
      "\(root)/README", flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    try readme.setMode(status.mode & 0o666)
    try readme.write(
      Array(
        """
        This folder is an archivist repository: encrypted, deduplicated backups.
        Do not change anything in it by hand. It may be copied as a whole.

        """.utf8
      ).span)
    try readme.synchronize()
    let storage = try LocalStorage(path: path)
    try storage.restoreReserve()
    try LocalFile.synchronizeDirectory("\(root)/segments")
    try LocalFile.synchronizeDirectory(root)
    return storage
  }

  /// Device and inode of the repository's folder: a backup never descends into it.
  public func identity() throws(StorageError) -> (device: UInt64, inode: UInt64) {
    guard let status = try LocalFile.status(root) else { throw .missingRepository(location) }
    return (status.device, status.inode)
  }

  /// Reads an object; files of segments stay open for a while.
  public func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    if let range {
      return try file(name).read(from: range.lowerBound, count: range.count)
    }
    let file = try LocalFile.openObject(path(name))
    let size = try file.status().size
    guard size <= Limits.segmentSize else {
      throw .damaged(path(name), "is larger than any object")
    }
    return try file.read(from: 0, count: size)
  }

  /// The file that an object is in.
  func file(_ name: ObjectName) throws(StorageError) -> LocalFile {
    guard case .object(.segment, _) = name else {
      return try LocalFile.openObject(path(name))
    }
    // Segments are read in many small pieces: their files stay open for a while.
    return try openFiles.file(name) { () throws(StorageError) in
      try LocalFile.openObject(path(name))
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
    let folder = "\(root)/\(kind.rawValue)"
    guard kind == .segment else { return try list(in: folder, prefix: []) }
    var objects: [StoredObject] = []
    for name in try LocalFile.names(in: folder) where Self.isPrefix(name) {
      objects += try list(in: "\(folder)/\(String(decoding: name, as: UTF8.self))", prefix: name)
    }
    return objects
  }

  private func list(
    in folder: String, prefix: [UInt8]
  ) throws(StorageError) -> [StoredObject] {
    var objects: [StoredObject] = []
    let entries = try LocalFile.entries(in: folder) {
      $0.starts(with: prefix) && Digest256(hex: $0) != nil
    }
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
    let folder = "\(root)/\(kind.rawValue)"
    var found: [(id: Digest256, size: Int?)] = []
    guard kind == .segment else {
      try LocalFile.forEachName(in: folder) { name in
        if let id = Digest256(hex: name) { found.append((id, nil)) }
      }
      return found
    }
    for prefix in try LocalFile.names(in: folder) where Self.isPrefix(prefix) {
      let part = "\(folder)/\(String(decoding: prefix, as: UTF8.self))"
      try LocalFile.forEachName(in: part) { name in
        guard name.count > 2, name[0] == prefix[0], name[1] == prefix[1],
          let id = Digest256(hex: name)
        else { return }
        found.append((id, nil))
      }
    }
    return found
  }

  /// The size of a file.
  public func size(_ name: ObjectName) throws(StorageError) -> Int {
    let path = path(name)
    guard let status = try LocalFile.status(path) else { throw .notFound(path) }
    return Self.size(status)
  }

  private static func size(_ status: LocalFile.Status) -> Int {
    status.kind == .file ? status.size : 0
  }

  /// The generations of the configuration, ascending.
  public func generations() throws(StorageError) -> [UInt32] {
    try LocalFile.names(in: "\(root)/\(ObjectName.configFolder)")
      .compactMap { ObjectName.generation($0) }.sorted()
  }

  /// Whether a folder of segments has this name: two hexadecimal digits.
  private static func isPrefix(_ name: [UInt8]) -> Bool {
    name.count == 2
      && name.allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
      }
  }

  /// Removes an object.
  public func delete(_ name: ObjectName) throws(StorageError) {
    openFiles.forget(name)
    try LocalFile.remove(path(name))
  }

  /// Makes the folders of these kinds durable.
  public func settle(_ kinds: [ObjectName.Kind]) throws(StorageError) {
    for kind in kinds {
      let folder = "\(root)/\(kind.rawValue)"
      var folders = [folder]
      if kind == .segment {
        folders += try LocalFile.names(in: folder).filter(Self.isPrefix)
          .map { "\(folder)/\(String(decoding: $0, as: UTF8.self))" }
      }
      for folder in folders {
        // A copy may have dropped empty folders.
        guard try LocalFile.status(folder)?.isDirectory == true else { continue }
        try LocalFile.synchronizeDirectory(folder)
      }
    }
  }

  /// Removes files that have lain under `tmp/` for longer than a day.
  public func removeAbandonedUploads() throws(StorageError) {
    let folder = "\(root)/\(Self.uploads)"
    let limit = Clock.now.earlier(bySeconds: Self.abandonedAfter)
    for name in try LocalFile.names(in: folder) {
      let path = "\(folder)/\(String(decoding: name, as: UTF8.self))"
      guard let status = try LocalFile.status(path), !status.isDirectory,
        status.modified < limit
      else { continue }
      try LocalFile.remove(path)
    }
  }

  /// Removes the reserve file.
  public func releaseReserve() throws(StorageError) {
    try LocalFile.remove("\(root)/\(Self.reserve)")
  }

  /// Makes the reserve file again, if there is room for it.
  public func restoreReserve() throws(StorageError) {
    let path = "\(root)/\(Self.reserve)"
    if try LocalFile.status(path) != nil { return }
    do throws(StorageError) {
      let file = try LocalFile.open(path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
      do throws(StorageError) {
        try file.setMode(mode & 0o666)
        try file.reserve(Self.reserveSize)
      } catch {
        // No room for it, or no way to set space aside on this file system: go without.
        try LocalFile.remove(path)
      }
    } catch .noSpace {
      // Not even for its name.
    } catch .system(_, _, EEXIST) {
      // Another process has just done the same.
    }
  }

  /// What the objects, and the uploads under way, take.
  func usedBytes() throws(StorageError) -> Int {
    var used = 0
    for kind in ObjectName.Kind.allCases {
      for object in try list(kind) { used += object.size }
    }
    for folder in [Self.uploads, ObjectName.configFolder] {
      for name in try LocalFile.names(in: "\(root)/\(folder)") {
        let path = "\(root)/\(folder)/\(String(decoding: name, as: UTF8.self))"
        used += try LocalFile.status(path)?.size ?? 0
      }
    }
    return used
  }

  /// Waits until no other process counts what is used here.
  func lockForQuota() throws(StorageError) -> LocalFile {
    let folder = try LocalFile.open(root, flags: O_RDONLY | O_DIRECTORY)
    try folder.lock()
    return folder
  }

  fileprivate func path(_ name: ObjectName) -> String { "\(root)/\(name.path)" }

  fileprivate func temporaryPath() throws(StorageError) -> String {
    do throws(CryptoError) {
      return "\(root)/\(Self.uploads)/\(try Digest256.random().hex.prefix(32))"
    } catch {
      throw .damaged("\(root)/\(Self.uploads)", "no random name could be had: \(error)")
    }
  }

  fileprivate func openTemporary(_ path: String) throws(StorageError) -> LocalFile {
    let flags = O_WRONLY | O_CREAT | O_EXCL
    let file: LocalFile
    do throws(StorageError) {
      file = try LocalFile.open(path, flags: flags, mode: 0o600)
    } catch .notFound {
      try makeFolder(Self.uploads)
      file = try LocalFile.open(path, flags: flags, mode: 0o600)
    }
    try file.setMode(mode & 0o666)
    return file
  }

  /// Makes a folder that is missing: a copy that dropped empty folders, say.
  private func makeFolder(_ name: String) throws(StorageError) {
    var folder = root
    for component in name.split(separator: "/") {
      let parent = folder
      folder += "/\(component)"
      try LocalFile.makeDirectory(folder, mode: mode)
      try LocalFile.synchronizeDirectory(parent)
    }
  }

  fileprivate func publish(
    _ temporary: String, as name: ObjectName, size: Int
  ) throws(StorageError) {
    let target = path(name)
    let folder = String(name.path[..<(name.path.lastIndex(of: "/") ?? name.path.endIndex)])
    var done: Bool
    do throws(StorageError) {
      done = try LocalFile.renameIfAbsent(temporary, to: target)
    } catch .notFound {
      try makeFolder(folder)
      done = try LocalFile.renameIfAbsent(temporary, to: target)
    }
    if !done {
      guard case .object(let kind, _) = name, kind.isContentAddressed else {
        throw .system(path: target, operation: "rename", code: EEXIST)
      }
      if try LocalFile.status(target)?.size == size {
        try LocalFile.remove(temporary)
      } else {
        // Its name says what it should hold, and it is cut short: the whole one takes its place.
        try LocalFile.rename(temporary, to: target)
        openFiles.forget(name)
      }
    }
    try LocalFile.synchronizeDirectory("\(root)/\(folder)")
  }
}

/// An object being written under `tmp/`.
private final class LocalUpload: Upload {
  private let storage: LocalStorage
  private let path: String
  private let file: LocalFile
  private var size = 0
  private var flushed = 0
  private var isOpen = true

  /// Write-back starts whenever this much is new, so that the final fsync finds little to do.
  private static let writebackInterval = 8 << 20

  init(storage: LocalStorage) throws(StorageError) {
    self.storage = storage
    path = try storage.temporaryPath()
    file = try storage.openTemporary(path)
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
    try storage.publish(path, as: name, size: size)
    isOpen = false
  }

  func abort() {
    guard isOpen else { return }
    isOpen = false
    LocalFile.discard(path)
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
  func leftPadded(to length: Int) -> String {
    String(repeating: "0", count: max(0, length - utf8.count)) + self
  }
}
