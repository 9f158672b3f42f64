import ChunkStore
import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// A file that comes from no file system: what standard input or a command delivers.
struct StreamedFile: Sendable {
  /// The item, still without content.
  var item: Item
  /// Its content.
  let source: any ContentSource
}

/// Standard input as a content.
final class InputContent: ContentSource {
  /// A pipe does not say how much will come; as large as can be is read like a large file.
  let expectedSize = UInt64.max

  private let size = Mutex<UInt64?>(nil)

  /// Whether it was read to its end, and nothing came.
  var wasEmpty: Bool { size.withLock { $0 == 0 } }

  func open() throws -> any ContentStream {
    // A number of its own: closing it leaves standard input what it is.
    let number = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
    guard number >= 0 else { throw SystemError.last("dup", Array("standard input".utf8)) }
    return Stream(
      PipeStream(FileDescriptor(owning: number), path: Array("standard input".utf8)), of: self)
  }

  func isWorthReading(afterAttempt attempt: Int) -> Bool { false }

  private final class Stream: ContentStream {
    private let input: PipeStream
    private let content: InputContent

    init(_ input: PipeStream, of content: InputContent) {
      self.input = input
      self.content = content
    }

    func read(_ count: Int) throws -> [UInt8] { try input.read(count) }

    func finish() throws -> ContentSummary {
      let summary = try input.finish()
      content.size.withLock { $0 = summary.size }
      return summary
    }
  }
}

/// The output of a command as a content.
///
/// Of a command that fails nobody knows what is missing: whoever publishes the archive asks for
/// `failure` first.
final class CommandContent: ContentSource {
  private let words: [[UInt8]]
  private let failed = Mutex<ChildProcess.Failure?>(nil)

  let expectedSize = UInt64.max

  init(_ words: [[UInt8]]) { self.words = words }

  /// Why the command gave no content to rely on, once it has ended.
  var failure: ChildProcess.Failure? { failed.withLock { $0 } }

  func open() throws -> any ContentStream {
    let process: ChildProcess
    do throws(ChildProcess.Failure) {
      process = try ChildProcess(words)
    } catch {
      failed.withLock { $0 = error }
      return EmptyStream()
    }
    return Stream(process, words[0], self)
  }

  func isWorthReading(afterAttempt attempt: Int) -> Bool { false }

  private final class Stream: ContentStream {
    private let output: PipeStream
    private var process: ChildProcess?
    private let command: CommandContent

    init(_ process: consuming ChildProcess, _ name: [UInt8], _ command: CommandContent) {
      output = PipeStream(FileDescriptor(owning: process.output), path: name)
      self.process = consume process
      self.command = command
    }

    func read(_ count: Int) throws -> [UInt8] {
      do {
        return try output.read(count)
      } catch RepositoryError.interrupted {
        process.take()?.giveUp()
        throw RepositoryError.interrupted
      }
    }

    func finish() throws -> ContentSummary {
      if let process = process.take() {
        let signals = SignalWatch.process
        do throws(ChildProcess.Failure) {
          try process.wait(unlessInterrupted: signals)
        } catch {
          // A signal of a terminal is for the command as well, and may reach us a moment later.
          if !signals.waitForEnd(seconds: 0.3) { command.failed.withLock { $0 = error } }
        }
        if signals.waitForEnd(seconds: 0) { throw RepositoryError.interrupted }
      }
      return try output.finish()
    }
  }

  private final class EmptyStream: ContentStream {
    func read(_ count: Int) throws -> [UInt8] { [] }
    func finish() throws -> ContentSummary { ContentSummary(size: 0) }
  }
}

/// A device or a FIFO whose content is read like that of a regular file.
struct SpecialContent: ContentSource {
  let entry: WalkEntry
  /// The entry is a symbolic link to the device or FIFO.
  let isLink: Bool
  /// Whether the file is a FIFO: opening it must not wait for a writer, because `PipeStream` does.
  let isFIFO: Bool

  let expectedSize = UInt64.max

  func open() throws -> any ContentStream {
    let flags =
      O_RDONLY | O_NOCTTY | O_CLOEXEC | (isLink ? 0 : O_NOFOLLOW) | (isFIFO ? O_NONBLOCK : 0)
    let number = retryingInterrupts {
      unsafe linux_openat(entry.directory.number, entry.name.terminated, flags, 0)
    }
    guard number >= 0 else { throw SystemError.last("openat", entry.path.bytes) }
    let file = FileDescriptor(owning: number)
    guard try file.metadata().isSpecial else {
      throw SystemError("openat", code: ESTALE, path: entry.path.bytes)
    }
    return PipeStream(file, path: entry.path.bytes)
  }

  // A FIFO changes because it is written to, and a device has no times of its own.
  func isWorthReading(afterAttempt attempt: Int) -> Bool { false }
}

extension FileMetadata {
  /// Whether this is a device or a FIFO, which has a content only on request.
  var isSpecial: Bool { kind == .blockDevice || kind == .characterDevice || kind == .fifo }
}

/// Reads a descriptor from where it stands to its end, which may come late or never: a signal ends
/// the waiting.
final class PipeStream: ContentStream {
  private let file: FileDescriptor
  private let path: [UInt8]
  private var size: UInt64 = 0

  init(_ file: consuming FileDescriptor, path: [UInt8]) {
    self.file = file
    self.path = path
  }

  func read(_ count: Int) throws -> [UInt8] {
    var failure: (any Error)?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        // Inside the buffer, because `filled` is smaller than its size.
        let rest = unsafe UnsafeMutableRawBufferPointer(
          UnsafeMutableBufferPointer(rebasing: buffer[filled..<count]))
        do throws(RepositoryError) {
          try SignalWatch.process.waitForInput(file.number)
        } catch {
          failure = error
          break
        }
        let got = retryingInterrupts {
          unsafe Glibc.read(file.number, rest.baseAddress, rest.count)
        }
        if got < 0 {
          // Nothing is there after all, of a pipe that does not wait.
          if errno == EAGAIN { continue }
          failure = SystemError.last("read", path)
        }
        if got <= 0 { break }
        filled += got
      }
    }
    if let failure { throw failure }
    size += UInt64(bytes.count)
    return bytes
  }

  func finish() throws -> ContentSummary { ContentSummary(size: size) }
}
