import CLinux
import Crypto
internal import Glibc

/// Owns one descriptor of a file or folder of a local repository or cache.
///
/// All system calls on such files are here, so that every one has its error number turned into
/// a `StorageError` that names the path. Unsafe pointers live for the duration of one call.
/// Shared by reference: threads read from one file at the same time, each at its own offset.
final class LocalFile: Sendable {
  private let descriptor: Int32
  let path: String

  private init(_ descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { _ = close(descriptor) }

  /// Opens a file or folder.
  static func open(_ path: String, flags: Int32, mode: mode_t = 0) throws(StorageError) -> LocalFile
  {
    while true {
      let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
      if descriptor >= 0 { return LocalFile(descriptor, path: path) }
      if errno != EINTR { throw .last("open", path) }
    }
  }

  /// Opens the file that an object stands in, for reading.
  ///
  /// Anything may lie under the name of an object. What is no file is never opened: a FIFO would
  /// be waited for, and a device may begin to move.
  static func openObject(_ path: String) throws(StorageError) -> LocalFile {
    guard let status = try status(path) else {
      throw isSymbolicLink(path)
        ? .damaged(path, "is a symbolic link to nothing") : .notFound(path)
    }
    guard status.kind == .file else {
      throw .damaged(path, "is a \(status.kind.rawValue), not a file")
    }
    return try open(path, flags: O_RDONLY)
  }

  /// Appends all of `bytes` where the file's position is.
  func write(_ bytes: Span<UInt8>) throws(StorageError) {
    var done = 0
    while done < bytes.count {
      let rest = bytes.extracting(done..<bytes.count)
      let written = unsafe rest.withUnsafeBufferPointer {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if written < 0 {
        if errno == EINTR { continue }
        throw .last("write", path)
      }
      done += written
    }
  }

  /// Writes all of `bytes` from `offset` on.
  func write(_ bytes: Span<UInt8>, at offset: Int) throws(StorageError) {
    var done = 0
    while done < bytes.count {
      let rest = bytes.extracting(done..<bytes.count)
      let written = unsafe rest.withUnsafeBufferPointer {
        unsafe pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset + done))
      }
      if written < 0 {
        if errno == EINTR { continue }
        throw .last("write", path)
      }
      done += written
    }
  }

  /// Makes a stretch of the file the content of a pipe, as far as there is room, without a copy:
  /// what is changed in it before it is read from the pipe is read as changed.
  ///
  /// - Returns: How many bytes, or a negative number; then the error number may be about either.
  func splice(_ range: Range<Int>, to pipe: Int32) -> (count: Int, error: Int32) {
    let count = linux_splice_from_file(descriptor, Int64(range.lowerBound), pipe, range.count)
    return (count, count < 0 ? errno : 0)
  }

  /// Asks the kernel to start reading a stretch of the file.
  func startReading(_ range: Range<Int>) {
    linux_start_reading(descriptor, Int64(range.lowerBound), Int64(range.count))
  }

  /// Reads up to `count` bytes from `offset`; fewer only at the end of the file.
  func read(from offset: Int, count: Int) throws(StorageError) -> [UInt8] {
    var failure: StorageError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      // `initialized` never exceeds what the kernel has written.
      while initialized < count {
        let got = unsafe pread(
          descriptor, buffer.baseAddress.map { unsafe $0 + initialized }, count - initialized,
          off_t(offset + initialized))
        if got < 0 {
          if errno == EINTR { continue }
          failure = .last("read", path)
          return
        }
        if got == 0 { return }
        initialized += got
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Reads numbers of eight bytes, in the byte order of the machine, without keeping them; `nil`
  /// where the file ends before them.
  ///
  /// For whoever reads very few, very often: nothing is allocated for up to 1 KiB.
  func withWords<R>(
    from offset: Int, count: Int, _ body: (Span<UInt64>) -> R
  ) throws(StorageError) -> R? {
    let size = count * MemoryLayout<UInt64>.size
    let result = unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: count) {
      buffer -> Result<R?, StorageError> in
      var done = 0
      while done < size {
        // Never behind the buffer, and only what the kernel has written is read.
        let rest = unsafe UnsafeMutableRawBufferPointer(buffer)[done..<size]
        let got = unsafe pread(
          descriptor, UnsafeMutableRawBufferPointer(rebasing: rest).baseAddress, size - done,
          off_t(offset + done))
        if got < 0 {
          if errno == EINTR { continue }
          return .failure(.last("read", path))
        }
        if got == 0 { return .success(nil) }
        done += got
      }
      return .success(body(unsafe buffer.span))
    }
    return try result.get()
  }

  /// Sorts of what may have a name.
  enum Kind: String {
    case file, directory, socket, device, FIFO
    case link = "symbolic link"
  }

  struct Status {
    var size: Int
    var mode: mode_t
    var modified: Timestamp
    var kind: Kind
    var device: UInt64
    var inode: UInt64

    var isDirectory: Bool { kind == .directory }

    init(_ info: stat) {
      kind =
        switch info.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .link
        case S_IFSOCK: .socket
        case S_IFIFO: .FIFO
        default: .device
        }
      size = Int(info.st_size)
      mode = info.st_mode & 0o7777
      modified = Timestamp(
        seconds: Int64(info.st_mtim.tv_sec),
        nanoseconds: UInt32(truncatingIfNeeded: info.st_mtim.tv_nsec))
      device = UInt64(info.st_dev)
      inode = UInt64(info.st_ino)
    }
  }

  func status() throws(StorageError) -> Status {
    var info = stat()
    guard unsafe fstat(descriptor, &info) == 0 else { throw .last("stat", path) }
    return Status(info)
  }

  static func status(_ path: String) throws(StorageError) -> Status? {
    var info = stat()
    if unsafe stat(path, &info) == 0 { return Status(info) }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw .last("stat", path)
  }

  static func isSymbolicLink(_ path: String) -> Bool {
    var info = stat()
    return unsafe lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFLNK
  }

  /// Makes the file's bytes, or the folder's entries, survive a power cut.
  func synchronize() throws(StorageError) {
    guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
  }

  /// Asks the kernel to start writing a stretch of the file out.
  ///
  /// A hint: errors show in `fsync`.
  func startWriteback(offset: Int, count: Int) {
    _ = linux_start_writeback(descriptor, Int64(offset), Int64(count))
  }

  func setMode(_ mode: mode_t) throws(StorageError) {
    guard fchmod(descriptor, mode) == 0 else { throw .last("chmod", path) }
  }

  func reserve(_ size: Int) throws(StorageError) {
    guard linux_fallocate(descriptor, 0, 0, Int64(size)) == 0 else {
      throw .last("fallocate", path)
    }
  }

  /// Waits until nobody else has the lock of this file or folder.
  func lock() throws(StorageError) {
    while flock(descriptor, LOCK_EX) != 0 {
      if errno != EINTR { throw .last("flock", path) }
    }
  }

  /// Lets go of the lock.
  func unlock() { _ = flock(descriptor, LOCK_UN) }

  /// Maps the whole file for reading.
  func map(_ count: Int) throws(StorageError) -> MappedBytes {
    let address = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw .last("mmap", path)
    }
    return unsafe MappedBytes(address, count: count)
  }

  // MARK: Names

  static func makeDirectory(_ path: String, mode: mode_t) throws(StorageError) {
    if unsafe mkdir(path, mode) == 0 {
      // Whatever the umask took away is given back: repositories are shared by group.
      guard unsafe chmod(path, mode) == 0 else { throw .last("chmod", path) }
    } else if errno != EEXIST {
      throw .last("mkdir", path)
    }
  }

  /// Makes a folder and those above it that are missing, for this user alone.
  static func makePrivateDirectories(_ path: String) throws(StorageError) {
    var prefix = path.hasPrefix("/") ? "/" : ""
    for component in path.split(separator: "/") {
      let parent = prefix
      prefix += (prefix.isEmpty || prefix.hasSuffix("/") ? "" : "/") + component
      if unsafe mkdir(prefix, 0o700) == 0 {
        // What is kept beneath it may not be disposable: a key, in a folder beside ours.
        try synchronizeDirectory(parent.isEmpty ? "." : parent)
      } else if errno != EEXIST, errno != EISDIR {
        throw .last("mkdir", prefix)
      }
    }
  }

  static func remove(_ path: String) throws(StorageError) {
    if unsafe unlink(path) != 0, errno != ENOENT { throw .last("unlink", path) }
  }

  /// Removes a file of ours that nobody needs; one that stays is found as abandoned later.
  static func discard(_ path: String) { _ = unsafe unlink(path) }

  static func rename(_ from: String, to: String) throws(StorageError) {
    guard unsafe Glibc.rename(from, to) == 0 else { throw .last("rename", to) }
  }

  /// Renames unless `to` exists; says whether it did.
  static func renameIfAbsent(_ from: String, to: String) throws(StorageError) -> Bool {
    if unsafe linux_rename_noreplace(AT_FDCWD, from, AT_FDCWD, to) == 0 { return true }
    if errno == EEXIST { return false }
    // Some file systems (FUSE, old NFS) know no RENAME_NOREPLACE: a hard link never replaces.
    guard errno == EINVAL || errno == ENOSYS || errno == ENOTSUP else { throw .last("rename", to) }
    if unsafe link(from, to) == 0 {
      try remove(from)
      return true
    }
    if errno == EEXIST { return false }
    // Nor links: names here are hashes or random, so a name that is there is the same object.
    guard errno == EPERM || errno == ENOTSUP || errno == ENOSYS else { throw .last("link", to) }
    if try status(to) != nil { return false }
    try rename(from, to: to)
    return true
  }

  /// The names in a folder, as bytes, without `.` and `..`; none if there is no such folder.
  static func names(in path: String) throws(StorageError) -> [[UInt8]] {
    var names: [[UInt8]] = []
    try forEachName(in: path) { name in
      var copy: [UInt8] = []
      copy.reserveCapacity(name.count)
      for index in name.indices { copy.append(name[index]) }
      names.append(copy)
    }
    return names
  }

  /// Calls `body` with each name in a folder, but `.` and `..`; not at all if there is no such
  /// folder.
  static func forEachName(
    in path: String, _ body: (_ name: Span<UInt8>) -> Void
  ) throws(StorageError) {
    guard let stream = unsafe opendir(path) else {
      if errno == ENOENT { return }
      throw .last("open", path)
    }
    defer { _ = unsafe closedir(stream) }
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        if errno != 0 { throw .last("readdir", path) }
        return
      }
      unsafe withUnsafeBytes(of: &entry.pointee.d_name) { field in
        // The kernel ends each name with a zero, within d_name, and it stays until the next one is
        // asked for.
        let bytes = unsafe field.bindMemory(to: UInt8.self)
        let end = unsafe bytes.firstIndex(of: 0) ?? bytes.count
        let name = unsafe bytes.span.extracting(..<end)
        let isSpecial = end <= 2 && name.indices.allSatisfy { name[$0] == UInt8(ascii: ".") }
        if !isSpecial { body(name) }
      }
    }
  }

  /// What is in a folder; nothing if there is no such folder.
  ///
  /// Asked relative to the folder, whose path need not be looked up for each entry. Without a
  /// status is what is there and cannot be looked at, such as a link to nothing.
  static func entries(
    in path: String, where isWanted: ([UInt8]) -> Bool
  ) throws(StorageError) -> [(name: [UInt8], status: Status?)] {
    var entries: [(name: [UInt8], status: Status?)] = []
    let names = try names(in: path).filter(isWanted)
    guard !names.isEmpty else { return [] }
    let folder = try LocalFile.open(path, flags: O_RDONLY | O_DIRECTORY)
    for name in names {
      var info = stat()
      let terminated = name.map { CChar(bitPattern: $0) } + [0]
      if unsafe fstatat(folder.descriptor, terminated, &info, 0) == 0 {
        entries.append((name, Status(info)))
        continue
      }
      let error = StorageError.last(
        "stat", "\(path)/\(String(decoding: name, as: UTF8.self))")
      // Gone since it was listed, unless it is a link whose end is not there.
      let isThere =
        unsafe fstatat(folder.descriptor, terminated, &info, AT_SYMLINK_NOFOLLOW) == 0
      if error.isOfOneObject || isThere {
        entries.append((name, nil))
      } else if case .notFound = error {
        continue
      } else {
        throw error
      }
    }
    return entries
  }

  /// Makes a folder's entries survive a power cut.
  static func synchronizeDirectory(_ path: String) throws(StorageError) {
    try LocalFile.open(path, flags: O_RDONLY | O_DIRECTORY).synchronize()
  }
}

/// Bytes of a file, mapped for reading, until the last user lets go.
///
/// Sound, because every access is checked against `count`, and because only files are mapped
/// that are never modified: written aside, renamed into place, replaced as a whole.
@safe final class MappedBytes: @unchecked Sendable {
  // Immutable after init, and the pages are read-only: any thread may read.
  private let address: UnsafeRawPointer
  private let base: UnsafeMutableRawPointer
  let count: Int

  fileprivate init(_ address: UnsafeMutableRawPointer, count: Int) {
    unsafe base = address
    unsafe self.address = UnsafeRawPointer(address)
    self.count = count
  }

  deinit { _ = unsafe munmap(base, count) }

  /// A number in the byte order of the machine, as local files have it.
  @inline(__always)
  func load<T: FixedWidthInteger>(_ offset: Int, as type: T.Type) -> T {
    precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size)
    return unsafe address.loadUnaligned(fromByteOffset: offset, as: type)
  }

  /// 32 bytes as a digest.
  func digest(_ offset: Int) -> Digest256 {
    Digest256(
      bigEndianWords: load(offset, as: UInt64.self).bigEndian,
      load(offset + 8, as: UInt64.self).bigEndian,
      load(offset + 16, as: UInt64.self).bigEndian,
      load(offset + 24, as: UInt64.self).bigEndian)
  }

  /// Takes the first pages out of this process's memory; the next access brings them back.
  func letGo(_ range: PartialRangeUpTo<Int>) {
    // A hint: of a file that is mapped for reading, nothing is lost.
    _ = unsafe madvise(base, max(0, min(range.upperBound, count)), MADV_DONTNEED)
  }

  /// A copy of some bytes.
  func bytes(_ range: Range<Int>) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return unsafe Array(
      UnsafeRawBufferPointer(
        rebasing: UnsafeRawBufferPointer(
          start: address, count: count)[range]))
  }
}

extension StorageError {
  /// The error that `errno` speaks of now.
  static func last(_ operation: String, _ path: String) -> StorageError {
    let code = errno
    return switch code {
    case ENOSPC, EDQUOT: .noSpace(path)
    case ENOENT: .notFound(path)
    default: .system(path: path, operation: operation, code: code)
    }
  }

  /// What the system says about an error number.
  public static func reason(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    // The XSI version, which fills the buffer with a text that ends in a zero.
    _ = unsafe strerror_r(code, &buffer, buffer.count)
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
