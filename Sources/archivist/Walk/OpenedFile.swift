import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// A regular file that is open for reading.
///
/// What it says about itself counts, not what the walk saw before: the name may have been given to
/// another file since. Reading always names a position, so that several threads may share the file.
struct OpenedFile: ~Copyable, Sendable {
  /// The open file.
  let descriptor: FileDescriptor
  /// The metadata at the time it was opened.
  let metadata: FileMetadata
  /// Why its flags are not among that.
  let flagsFailure: SystemError?

  /// Opens the file `name` in a directory.
  ///
  /// - Throws: `ELOOP` for a symbolic link, `ESTALE` for anything else that is no regular file
  ///   (any longer), and whatever opening says.
  init(_ name: FileName, in directory: DirectoryHandle) throws(SystemError) {
    // Should the name belong to a FIFO by now, opening it must not wait for a writer.
    let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY
    let descriptor: FileDescriptor
    do throws(SystemError) {
      descriptor = try FileDescriptor(opening: name, in: directory, flags: flags | linux_O_NOATIME)
    } catch {
      // O_NOATIME is for owners of the file only.
      guard error.code == EPERM else { throw error }
      descriptor = try FileDescriptor(opening: name, in: directory, flags: flags)
    }
    var metadata = try descriptor.metadata()
    let failure = metadata.addInodeFlags(of: descriptor.number)
    guard metadata.kind == .regular else {
      throw SystemError("openat", code: ESTALE, path: name.bytes)
    }
    self.descriptor = descriptor
    self.metadata = metadata
    flagsFailure = failure
  }

  /// Reads up to `count` bytes; fewer only at the end of the file.
  func read(_ count: Int, at offset: UInt64) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    _ = try read(count, at: offset, into: &bytes)
    return bytes
  }

  /// Appends up to `count` bytes to `bytes`.
  ///
  /// - Returns: How many: fewer only at the end of the file.
  func read(
    _ count: Int, at offset: UInt64, into bytes: inout [UInt8]
  ) throws(SystemError) -> Int {
    let before = bytes.count
    try bytes.append(addingCapacity: count) { output throws(SystemError) in
      try unsafe output.withUnsafeMutableBufferPointer { buffer, filled throws(SystemError) in
        filled = unsafe try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      }
    }
    return bytes.count - before
  }

  /// Fills `buffer` from the file.
  ///
  /// - Returns: The bytes read: fewer than fit only at the end of the file.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(SystemError) -> Int {
    var filled = 0
    while filled < buffer.count {
      let (sum, overflow) = offset.addingReportingOverflow(UInt64(filled))
      guard !overflow, let position = off_t(exactly: sum) else {
        throw SystemError("pread", code: EOVERFLOW, path: [])
      }
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      let count = retryingInterrupts {
        unsafe pread(descriptor.number, rest.baseAddress, rest.count, position)
      }
      if count < 0 { throw .last("pread", []) }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// Tells the system that the file will be read from start to end.
  func willReadInOrder() { advise(POSIX_FADV_SEQUENTIAL) }

  /// Tells the system that nobody here needs what is cached of the file.
  func willNotReadAgain() { advise(POSIX_FADV_DONTNEED) }

  private func advise(_ advice: Int32) {
    // Advice only: a file system that does not take it reads as well without.
    _ = posix_fadvise(descriptor.number, 0, 0, advice)
  }
}

extension WalkEntry {
  /// Opens the file for reading.
  ///
  /// If `OpenedFile.metadata.identity` is not that of `metadata`, the name belongs to another file
  /// by now: then everything that is archived has to come from the opened one, attributes too.
  func openForReading() throws(SystemError) -> OpenedFile {
    try OpenedFile(name, in: directory)
  }
}
