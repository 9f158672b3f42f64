import ChunkStore
import CLinux
import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization

/// A regular file that stands where an item is to be restored.
///
/// It is kept if it has the item's content, and then gets what it lacks of the metadata. Otherwise
/// a new file takes its place, all at once, when it is complete: the old one is never written to,
/// because it may have other names, outside of the target too. A file with other names is never
/// kept, for the same reason; nor is one that somebody else may have open for writing.
///
/// It belongs to one thread.
final class ExistingFile: Sendable {
  private let context: RestoreContext
  private let directory: DirectoryHandle
  private let name: FileName
  /// The content it shares with its other names in the archive, if it has some there.
  private let linked: LinkedContent?
  private let parent: UnfinishedDirectory?
  /// Whether its directory knows that nothing more comes.
  private let isSettled = Atomic(false)

  init(
    _ name: FileName, in directory: DirectoryHandle, context: RestoreContext,
    linked: LinkedContent? = nil, parent: UnfinishedDirectory?
  ) {
    self.name = name
    self.linked = linked
    self.directory = directory
    self.context = context
    self.parent = parent
    parent?.begin()
  }

  /// The content of the file; `nil` if it cannot be read.
  func content() -> OldContent? {
    do throws(SystemError) {
      return OldContent(try OpenedFile(name, in: directory))
    } catch {
      return nil  // Whatever it holds, it is replaced.
    }
  }

  /// Says whether the file may be kept if it has an item's content, and may have it, as far as that
  /// is known without reading.
  func mayBeKept(_ file: borrowing OpenedFile, as item: Item) -> Bool {
    // A group of hard links is made anew: nobody knows what other names the old ones have.
    linked == nil && file.metadata.linkCount == 1 && file.metadata.size == item.content?.size
      && context.isNobodyElses(file, item)
  }

  /// Says whether an interrupted restore has finished the file, and the disk has all of it: the time
  /// is set last.
  func isFinished(_ file: borrowing OpenedFile, _ item: Item) -> Bool {
    file.metadata.mtime == item.mtime
      && context.options.finished?.covers(file.metadata) ?? false
  }

  /// Keeps the file.
  ///
  /// - Returns: What the system did not take of the metadata.
  func keep(_ file: borrowing OpenedFile, _ item: Item) -> [RestoreProblem] {
    context.correct(item, file.descriptor.number) + settle()
  }

  /// Makes the file that is to take this one's place.
  func replacement(_ item: Item) throws(SystemError) -> RestoredFile {
    let temporary = try name.temporary()
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY
    // A run that was killed may have left one behind.
    let number = try directory.replacing(temporary, "openat") {
      unsafe linux_openat(directory.number, temporary.terminated, flags, 0o600)
    }
    context.applyEarlyFlags(item, to: number)
    return RestoredFile(
      owning: number, context: context, directory: directory, name: temporary, replacing: name,
      linked: linked, parent: parent)
  }

  /// Nothing more comes, and nothing was made.
  func done() -> [RestoreProblem] {
    linked?.lose()
    return settle()
  }

  private func settle() -> [RestoreProblem] {
    isSettled.exchange(true, ordering: .acquiringAndReleasing) ? [] : parent?.end() ?? []
  }
}

extension FileName {
  /// The name of what is to take the place of a file: one of its own for each file, and the same one in
  /// each run, so that nothing piles up.
  func temporary() throws(SystemError) -> FileName {
    do {
      let bytes = Array(self.bytes)
      let digest = try SHA256.digest(of: bytes.span).hex.prefix(32)
      if let name = FileName(Array(".archivist-\(digest)".utf8)) { return name }
    } catch {
      // Without memory for a hash there is none for a file.
    }
    throw SystemError("openat", code: ENOMEM, path: bytes)
  }
}
