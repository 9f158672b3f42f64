import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// A file of sorted records, which has no name and goes when nobody has it open any more.
///
///     file := (key length:u32 value length:u32 key value)*     in the byte order of the machine
final class RecordFile {
  private static let bufferSize = 1 << 16

  private let descriptor: FileDescriptor
  private let directory: [UInt8]
  private var buffer: [UInt8] = []

  /// Makes a file in a directory, for its owner only.
  init(in directory: [UInt8]) throws(SystemError) {
    self.directory = directory
    var tries = 0
    while true {
      let name = "/archivist-\(getpid())-\(UInt64.random(in: 0...(.max)))"
      let path = directory + Array(name.utf8)
      let number = retryingInterrupts {
        unsafe withCString(path) {
          unsafe linux_open($0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
      }
      if number >= 0 {
        descriptor = FileDescriptor(owning: number)
        guard unsafe withCString(path, { unsafe unlink($0) }) == 0 else {
          throw .last("unlink", path)
        }
        return
      }
      tries += 1
      guard errno == EEXIST, tries < 10 else { throw .last("open", path) }
    }
  }

  /// Adds a record behind those that are there.
  func append(_ record: SortedRecord) throws(SystemError) {
    for length in [UInt32(record.key.count), UInt32(record.value.count)] {
      for shift: UInt32 in [0, 8, 16, 24] {
        buffer.append(UInt8(truncatingIfNeeded: length >> shift))
      }
    }
    buffer += record.key
    buffer += record.value
    if buffer.count >= Self.bufferSize { try flush() }
  }

  /// Writes what is not written yet.
  func flush() throws(SystemError) {
    let code = writeAll(buffer, to: descriptor.number)
    guard code == 0 else { throw SystemError("write", code: code, path: directory) }
    buffer.removeAll(keepingCapacity: true)
  }

  /// Reads the records from the start.
  func reader() throws(SystemError) -> Reader { Reader(file: self) }

  /// A place in a file.
  struct Reader: RecordSource {
    fileprivate let file: RecordFile
    private var buffer: [UInt8] = []
    /// Where the next record begins in the buffer.
    private var start = 0
    /// Where in the file what follows the buffer is.
    private var offset: off_t = 0

    fileprivate init(file: RecordFile) { self.file = file }

    mutating func next() throws(SystemError) -> SortedRecord? {
      guard try has(8) else { return nil }
      let keyLength = length(at: start), valueLength = length(at: start + 4)
      guard try has(8 + keyLength + valueLength) else {
        // Nobody else has the file: its disk has lost a part of it.
        throw SystemError("read", code: EIO, path: file.directory)
      }
      let middle = start + 8 + keyLength
      let record = SortedRecord(
        key: Array(buffer[(start + 8)..<middle]),
        value: Array(buffer[middle..<(middle + valueLength)]))
      start = middle + valueLength
      return record
    }

    private func length(at index: Int) -> Int {
      var length = 0
      for i in 0..<4 { length |= Int(buffer[index + i]) << (8 * i) }
      return length
    }

    /// Makes sure that so many bytes are in the buffer; `false` if the file ends before.
    private mutating func has(_ count: Int) throws(SystemError) -> Bool {
      while buffer.count - start < count {
        if start > 0 {
          buffer.removeFirst(start)
          start = 0
        }
        var part = [UInt8](repeating: 0, count: max(RecordFile.bufferSize, count))
        let size = part.count
        let read = retryingInterrupts {
          unsafe pread(file.descriptor.number, &part, size, offset)
        }
        if read < 0 { throw .last("read", file.directory) }
        if read == 0 { return false }
        buffer += part[..<read]
        offset += off_t(read)
      }
      return true
    }
  }
}
