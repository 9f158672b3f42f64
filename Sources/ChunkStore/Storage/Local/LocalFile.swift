package import CLinux
internal import Glibc
public import StoreCrypto
package import StoreEncoding

/// Owns one descriptor of a file or directory of a local repository or cache.
///
/// All system calls on such files are here, and those on their names in `LocalDirectory`, so that every
/// one has its error number turned into a `StorageError` that names the path. Unsafe pointers live
/// for the duration of one call.
/// Shared by reference: threads read from one file at the same time, each at its own offset.
public final class LocalFile: Sendable {
  private let descriptor: Int32
  package let path: String

  /// Takes over a descriptor.
  package init(_ descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { _ = close(descriptor) }

  /// Appends all of `bytes` where the file's position is.
  package func write(_ bytes: Span<UInt8>) throws(StorageError) {
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
  package func write(_ bytes: Span<UInt8>, at offset: Int) throws(StorageError) {
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
  package func splice(_ range: Range<Int>, to pipe: Int32) -> (count: Int, error: Int32) {
    let count = linux_splice_from_file(descriptor, Int64(range.lowerBound), pipe, range.count)
    return (count, count < 0 ? errno : 0)
  }

  /// Asks the kernel to start reading a stretch of the file.
  package func startReading(_ range: Range<Int>) {
    linux_start_reading(descriptor, Int64(range.lowerBound), Int64(range.count))
  }

  /// Reads up to `count` bytes from `offset`; fewer only at the end of the file.
  package func read(from offset: Int, count: Int) throws(StorageError) -> [UInt8] {
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
  @inlinable
  public func withWords<R>(
    from offset: Int, count: Int, _ body: (Span<UInt64>) -> R
  ) throws(StorageError) -> R? {
    let result = unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: count) {
      buffer -> Result<R?, StorageError> in
      do throws(StorageError) {
        guard try unsafe fill(buffer, from: offset) else { return .success(nil) }
        return .success(body(unsafe buffer.span))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Reads as many bytes as there is room for; `false` where the file ends before them.
  @usableFromInline
  func fill(
    _ buffer: UnsafeMutableBufferPointer<UInt64>, from offset: Int
  ) throws(StorageError) -> Bool {
    let size = buffer.count * MemoryLayout<UInt64>.size
    var done = 0
    while done < size {
      // Never behind the buffer, and only what the kernel has written is read.
      let rest = unsafe UnsafeMutableRawBufferPointer(buffer)[done..<size]
      let got = unsafe pread(
        descriptor, UnsafeMutableRawBufferPointer(rebasing: rest).baseAddress, size - done,
        off_t(offset + done))
      if got < 0 {
        if errno == EINTR { continue }
        throw .last("read", path)
      }
      if got == 0 { return false }
      done += got
    }
    return true
  }

  /// Sorts of what may have a name.
  package enum Kind: String {
    case file, directory, socket, device, FIFO
    case link = "symbolic link"

    init(mode: mode_t) {
      self =
        switch mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .link
        case S_IFSOCK: .socket
        case S_IFIFO: .FIFO
        default: .device
        }
    }
  }

  package struct Status {
    package var size: Int
    package var mode: mode_t
    package var modified: Timestamp
    package var kind: Kind
    package var device: UInt64
    package var inode: UInt64
    /// The bytes that the file system has set aside for it.
    package var allocated: Int

    package var isDirectory: Bool { kind == .directory }

    package init(_ info: stat) {
      kind = Kind(mode: info.st_mode)
      size = Int(info.st_size)
      mode = info.st_mode & 0o7777
      modified = Timestamp(
        seconds: Int64(info.st_mtim.tv_sec),
        nanoseconds: UInt32(truncatingIfNeeded: info.st_mtim.tv_nsec))
      device = UInt64(info.st_dev)
      inode = UInt64(info.st_ino)
      allocated = Int(clamping: info.st_blocks) * 512
    }
  }

  package func status() throws(StorageError) -> Status {
    var info = stat()
    guard unsafe fstat(descriptor, &info) == 0 else { throw .last("stat", path) }
    return Status(info)
  }

  /// Makes the file's bytes, or the directory's entries, survive a power cut.
  package func synchronize() throws(StorageError) {
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

  package func reserve(_ size: Int) throws(StorageError) {
    guard linux_fallocate(descriptor, 0, 0, Int64(size)) == 0 else {
      throw .last("fallocate", path)
    }
  }

  /// Waits until nobody else has the lock of this file or directory.
  package func lock() throws(StorageError) {
    while flock(descriptor, LOCK_EX) != 0 {
      if errno != EINTR { throw .last("flock", path) }
    }
  }

  /// Lets go of the lock.
  package func unlock() { _ = flock(descriptor, LOCK_UN) }

  /// Maps the whole file for reading.
  package func map(_ count: Int) throws(StorageError) -> MappedBytes {
    let address = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw .last("mmap", path)
    }
    return unsafe MappedBytes(address, count: count)
  }

  /// A file without a name in a directory, which goes when nobody has it open any more.
  package static func unnamed(in directory: String) throws(StorageError) -> LocalFile {
    try open(directory, flags: O_RDWR | linux_O_TMPFILE | O_EXCL, mode: 0o600)
  }

  /// A file that is memory.
  package static func inMemory() throws(StorageError) -> LocalFile {
    let descriptor = linux_memory_file()
    guard descriptor >= 0 else { throw .last("memfd_create", "memory") }
    return LocalFile(descriptor, path: "memory")
  }

  // MARK: Names

  /// Opens a file or directory.
  package static func open(_ path: String, flags: Int32, mode: mode_t = 0) throws(StorageError)
    -> LocalFile
  {
    try LocalDirectory.working.open(path, flags: flags, mode: mode)
  }

  package static func status(_ path: String) throws(StorageError) -> Status? {
    try LocalDirectory.working.status(path)
  }

  static func isSymbolicLink(_ path: String) -> Bool {
    var info = stat()
    return unsafe lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFLNK
  }

  package static func makeDirectory(_ path: String, mode: mode_t) throws(StorageError) {
    try LocalDirectory.working.makeDirectory(path, mode: mode)
  }

  /// Makes a directory and those above it that are missing, for this user alone.
  package static func makePrivateDirectories(_ path: String) throws(StorageError) {
    var prefix = path.hasPrefix("/") ? "/" : ""
    for component in path.split(separator: "/") {
      let parent = prefix
      prefix += (prefix.isEmpty || prefix.hasSuffix("/") ? "" : "/") + component
      if unsafe mkdir(prefix, 0o700) == 0 {
        // Files kept beneath it may not be disposable: a key, in a directory beside ours.
        try synchronizeDirectory(parent.isEmpty ? "." : parent)
      } else if errno != EEXIST, errno != EISDIR {
        throw .last("mkdir", prefix)
      }
    }
  }

  package static func remove(_ path: String) throws(StorageError) {
    try LocalDirectory.working.remove(path)
  }

  /// Removes a file of ours that nobody needs; one that stays is found as abandoned later.
  package static func discard(_ path: String) { LocalDirectory.working.discard(path) }

  package static func rename(_ from: String, to: String) throws(StorageError) {
    try LocalDirectory.working.rename(from, to: to)
  }

  /// The names in a directory, as bytes, without `.` and `..`; none if there is no such directory.
  package static func names(in path: String) throws(StorageError) -> [[UInt8]] {
    do throws(StorageError) { return try LocalDirectory.working.names(in: path) } catch .notFound {
      return []
    }
  }

  /// Makes a directory's entries survive a power cut.
  package static func synchronizeDirectory(_ path: String) throws(StorageError) {
    try LocalDirectory.working.synchronize(path)
  }
}

/// Bytes of a file, mapped for reading, until the last user lets go.
///
/// Sound, because every access is checked against `count`, and because only files are mapped
/// that are never modified: written aside, renamed into place, replaced as a whole.
@safe public final class MappedBytes: @unchecked Sendable {
  // Immutable after init, and the pages are read-only: any thread may read.
  @usableFromInline let address: UnsafeRawPointer
  private let base: UnsafeMutableRawPointer
  /// Bytes of the file.
  public let count: Int

  fileprivate init(_ address: UnsafeMutableRawPointer, count: Int) {
    unsafe base = address
    unsafe self.address = UnsafeRawPointer(address)
    self.count = count
  }

  deinit { _ = unsafe munmap(base, count) }

  /// A number in the byte order of the machine, as local files have it.
  @inline(__always)
  @inlinable
  public func load<T: FixedWidthInteger>(_ offset: Int, as type: T.Type) -> T {
    precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size)
    return unsafe address.loadUnaligned(fromByteOffset: offset, as: type)
  }

  /// 32 bytes as a digest.
  @inlinable
  public func digest(_ offset: Int) -> Digest256 {
    Digest256(
      bigEndianWords: load(offset, as: UInt64.self).bigEndian,
      load(offset + 8, as: UInt64.self).bigEndian,
      load(offset + 16, as: UInt64.self).bigEndian,
      load(offset + 24, as: UInt64.self).bigEndian)
  }

  /// Takes the first pages out of this process's memory; the next access brings them back.
  package func letGo(_ range: PartialRangeUpTo<Int>) {
    // A hint: of a file that is mapped for reading, nothing is lost.
    _ = unsafe madvise(base, max(0, min(range.upperBound, count)), MADV_DONTNEED)
  }

  /// A copy of some bytes.
  package func bytes(_ range: Range<Int>) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return unsafe Array(
      UnsafeRawBufferPointer(
        rebasing: UnsafeRawBufferPointer(
          start: address, count: count)[range]))
  }
}

extension StorageError {
  /// The error that `errno` speaks of now.
  package static func last(_ operation: String, _ path: String) -> StorageError {
    let code = errno
    return switch code {
    case ENOSPC, EDQUOT: .noSpace(path)
    case ENOENT: .notFound(path)
    default: .system(path: path, operation: operation, code: code)
    }
  }
}
