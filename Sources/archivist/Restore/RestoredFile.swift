import ChunkStore
import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// A regular file that is being restored.
///
/// Any number of threads may write at the same time, each to places of its own. One of them
/// finishes the file, when all have written. A file that nobody finishes is removed.
final class RestoredFile: Sendable {
  private let number: Int32
  private let isOpen = Atomic(true)
  private let context: RestoreContext
  private let directory: DirectoryHandle
  private let name: FileName
  /// The name that it gets when it is complete, if that is another one.
  private let finalName: FileName?
  private let parent: UnfinishedDirectory?
  private let birth: Birth
  /// The content shared with its other names, if it has some.
  private let linked: LinkedContent?
  /// Whether it has the name of the file that it replaces.
  private let isInPlace = Atomic(false)
  /// Whether it is complete, or removed.
  private let isSettled = Atomic(false)
  /// Whether its directory still waits for it.
  private let isCounted = Atomic(true)
  /// Where the file ends as it was written.
  private let end = Atomic<UInt64>(0)

  /// Takes over a file that was just made, open for writing, under `name` in `directory`.
  ///
  /// - Parameters:
  ///   - number: The open file.
  ///   - context: Gives it its metadata.
  ///   - directory: Where it is.
  ///   - name: Its name there.
  ///   - finalName: The name of the file that it replaces when it is complete.
  ///   - birth: What it got when it was made.
  ///   - linked: Learns when the file is removed, for the sake of its other names.
  ///   - parent: The directory, if it is restored as well; it knows of the file already.
  init(
    owning number: Int32, context: RestoreContext, directory: DirectoryHandle, name: FileName,
    replacing finalName: FileName? = nil, birth: Birth = .unknown,
    linked: LinkedContent? = nil, parent: UnfinishedDirectory? = nil
  ) {
    self.number = number
    self.context = context
    self.directory = directory
    self.name = name
    self.finalName = finalName
    self.birth = birth
    self.linked = linked
    self.parent = parent
  }

  /// Removes the file, whose content could not be restored.
  ///
  /// - Parameter item: What it was made for.
  /// - Returns: What the system did not take, of its directory as well.
  func discard(_ item: Item) -> [RestoreProblem] {
    var problems: [RestoreProblem] = []
    do throws(SystemError) {
      try remove()
    } catch {
      // It may be there under a name that nobody knows.
      let isAside = finalName != nil && !isInPlace.load(ordering: .acquiring)
      let aside = isAside ? try? item.path.parent?.appending(name.bytes) : nil
      problems = [RestoreProblem(path: aside ?? item.path, aspect: .remains, error: error)]
    }
    return problems + settle()
  }

  private func remove() throws(SystemError) {
    guard !isSettled.exchange(true, ordering: .acquiringAndReleasing) else { return }
    // Other names first: none is made of a file that is about to go.
    linked?.lose()
    let name = isInPlace.load(ordering: .acquiring) ? finalName ?? name : name
    try directory.remove(name)
  }

  deinit {
    do throws(SystemError) {
      try remove()
    } catch {
      // The run has ended by an error, and says so.
    }
    if isOpen.load(ordering: .acquiring) { _ = Glibc.close(number) }
    // Its directory waits for nobody any more; what it lacks is said of the run as a whole.
    _ = settle()
  }

  private func settle() -> [RestoreProblem] {
    isCounted.exchange(false, ordering: .acquiringAndReleasing) ? parent?.end() ?? [] : []
  }

  /// The metadata of the file.
  func metadata() throws(SystemError) -> FileMetadata { try FileMetadata(descriptor: number) }

  /// Writes bytes to their place.
  func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      let position = try Self.position(offset, written)
      let rest = bytes.extracting(written...)
      let count = unsafe rest.withUnsafeBufferPointer { buffer in
        retryingInterrupts {
          unsafe pwrite(number, buffer.baseAddress, buffer.count, position)
        }
      }
      if count < 0 { throw .last("pwrite", []) }
      // Nothing written and no reason given would go on for ever.
      if count == 0 { throw SystemError("pwrite", code: EIO, path: []) }
      written += count
    }
    end.max(offset + UInt64(written), ordering: .relaxed)
  }

  /// Makes a stretch read as zeros.
  func writeHole(_ hole: Item.Hole) throws(SystemError) {
    // Bytes that nobody writes are a hole already; behind the last data, `finish` sets the size.
    if context.options.keepsHoles || hole.length == 0 { return }
    let start = try Self.position(hole.offset, 0)
    guard let length = Int64(exactly: hole.length) else {
      throw SystemError("fallocate", code: EFBIG, path: [])
    }
    if retryingInterrupts({ linux_fallocate(number, 0, Int64(start), length) }) == 0 {
      end.max(hole.end, ordering: .relaxed)
      return
    }
    guard errno == EOPNOTSUPP || errno == ENOSYS else { throw .last("fallocate", []) }
    let zeros = [UInt8](repeating: 0, count: 1 << 18)
    var done: UInt64 = 0
    while done < hole.length {
      let count = Int(min(UInt64(zeros.count), hole.length - done))
      try write(zeros.span.extracting(first: count), at: hole.offset + done)
      done += UInt64(count)
    }
  }

  /// Sets the size and gives the file all of its metadata: call it once, when all is written.
  ///
  /// - Parameters:
  ///   - item: The item that the file was made for.
  ///   - size: The size; that of the item's content, unless less could be restored.
  /// - Returns: What the system did not take.
  /// - Throws: Why the content may not be there as written.
  func finish(_ item: Item, size: UInt64) throws(SystemError) -> [RestoreProblem] {
    guard isOpen.load(ordering: .acquiring) else {
      throw SystemError("ftruncate", code: EBADF, path: [])
    }
    // Who writes the last part says so before `finish` is called.
    if end.load(ordering: .relaxed) != size {
      let end = try Self.position(size, 0)
      guard retryingInterrupts({ ftruncate(number, end) }) == 0 else {
        throw .last("ftruncate", [])
      }
    }
    let made = try linked.map { _ throws(SystemError) in try metadata() }
    var problems = context.apply(item, to: .open(number), birth)
    if let finalName { try takePlace(of: finalName) }
    // Another name cannot be given to what is immutable: such a group waits for the end.
    if item.hardLinkGroup == nil || item.flags.isDisjoint(with: RestoreContext.blockingFlags) {
      problems += context.applyFlags(item, to: number)
    }
    // Some file systems tell only now that writing has failed. Linux lets go of the number whatever
    // it says.
    guard isOpen.exchange(false, ordering: .acquiringAndReleasing) else {
      throw SystemError("close", code: EBADF, path: [])
    }
    guard Glibc.close(number) == 0 || errno == EINTR else { throw .last("close", []) }
    isSettled.store(true, ordering: .releasing)
    if let made { linked?.finish(made) }
    return problems + settle()
  }

  /// Gives the file the name of the one that it replaces.
  private func takePlace(of old: FileName) throws(SystemError) {
    // Some file systems tell only at closing that writing has failed: the old file must not be
    // gone by then.
    let copy = fcntl(number, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, Glibc.close(copy) == 0 || errno == EINTR else { throw .last("close", []) }
    func rename() -> Int32 {
      unsafe renameat(directory.number, name.terminated, directory.number, old.terminated)
    }
    if rename() == 0 { return isInPlace.store(true, ordering: .releasing) }
    let failure = SystemError.last("renameat", old.bytes)
    guard failure.code == EPERM else { throw failure }
    try context.unlock(old, in: directory)
    guard rename() == 0 else { throw .last("renameat", old.bytes) }
    isInPlace.store(true, ordering: .releasing)
  }

  private static func position(_ offset: UInt64, _ more: Int) throws(SystemError) -> off_t {
    let (sum, overflow) = offset.addingReportingOverflow(UInt64(more))
    guard !overflow, let position = off_t(exactly: sum) else {
      throw SystemError("pwrite", code: EFBIG, path: [])
    }
    return position
  }
}
