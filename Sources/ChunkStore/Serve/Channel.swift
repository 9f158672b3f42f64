import CLinux
internal import Glibc
import LinuxSystem
package import ObjectStorage
import StoreEncoding
import Synchronization

/// Two descriptors: one to hear the other side, one to speak to it.
///
/// All system calls of the protocol are here. One thread reads at a time; any number may write,
/// and each frame goes out whole.
package final class Channel: Sendable {
  private let input: Int32
  private let output: Int32
  /// The turn of the writers; others sleep until theirs, which takes longer than they should spin.
  private let writing = Monitor()
  private let isEnded = Atomic(false)
  private let buffer = Mutex(Buffer())
  /// How long the other side may be silent, in seconds.
  private let patience: Double
  private let upload: RateLimit?
  private let download: RateLimit?
  /// How much the pipes hold; nothing for what is no pipe.
  private let inputSize: Int
  private let outputSize: Int

  /// Bytes that were read, and not yet asked for: headers, and the beginnings of bodies.
  private struct Buffer {
    var bytes: [UInt8] = []
    var position = 0
    var rest: Int { bytes.count - position }

    /// Small, because what is in here is copied once more.
    static let size = 16 << 10

    /// Takes what there is, at most so much.
    mutating func take(upTo count: Int) -> ArraySlice<UInt8> {
      let end = position + min(count, rest)
      defer { position = end }
      return bytes[position..<end]
    }
  }

  /// Takes over two descriptors, and closes them in the end.
  package init(
    input: Int32, output: Int32, patience: Double = 600, upload: RateLimit? = nil,
    download: RateLimit? = nil
  ) {
    self.input = input
    self.output = output
    self.patience = patience
    self.upload = upload
    self.download = download
    // Large pipes: fewer changes of process. What has none, a socket say, refuses.
    inputSize = max(0, Int(linux_set_pipe_size(input, 1 << 20)))
    outputSize = max(0, Int(linux_set_pipe_size(output, 1 << 20)))
    // A channel that cannot be made non-blocking waits for its reader, who then decides how long.
    _ = linux_set_nonblocking(output)
  }

  deinit {
    _ = close(input)
    if output != input { _ = close(output) }
  }

  /// Ends the reading and the waiting of all threads, within a second.
  package func end() { isEnded.store(true, ordering: .releasing) }

  // MARK: Speaking

  /// Sends a frame, whole.
  package func send(_ frame: Frame) throws(ConnectionFailure) {
    try send(kind: frame.kind, id: frame.id, frame.body[...])
  }

  /// Sends a frame with this body.
  package func send(kind: UInt8, id: UInt32, _ body: ArraySlice<UInt8>) throws(ConnectionFailure) {
    let header = Frame.header(kind: kind, id: id, bodyLength: body.count)
    upload?.take(header.count + body.count)
    try writing.withLock { () throws(ConnectionFailure) in try write(header.span, body.span) }
  }

  /// Whether a stretch of a file can be sent without being read.
  var sendsFiles: Bool { outputSize > 0 }

  /// Sends a frame whose body is a stretch of a file, which does not change until it has arrived.
  ///
  /// - Returns: Why that could not be read: then the rest of the body is zeros, since its length
  ///   was told before.
  package func send(
    kind: UInt8, id: UInt32, _ file: LocalFile, _ range: Range<Int>
  ) throws(ConnectionFailure) -> StorageError? {
    let header = Frame.header(kind: kind, id: id, bodyLength: range.count)
    upload?.take(header.count + range.count)
    return try writing.withLock { () throws(ConnectionFailure) in
      try write(header.span, Span<UInt8>())
      return try write(file, range)
    }
  }

  /// Sends bytes that are no frame: a hello.
  package func send(raw bytes: [UInt8]) throws(ConnectionFailure) {
    try writing.withLock { () throws(ConnectionFailure) in
      try write(bytes.span, Span<UInt8>())
    }
  }

  /// Writes both, as if they were one.
  private func write(
    _ header: Span<UInt8>, _ body: Span<UInt8>
  ) throws(ConnectionFailure) {
    var done = 0
    while done < header.count + body.count {
      let first = header.extracting(droppingFirst: min(done, header.count))
      let second = body.extracting(droppingFirst: max(0, done - header.count))
      let count = unsafe first.withUnsafeBufferPointer { first in
        unsafe second.withUnsafeBufferPointer { second in
          unsafe linux_write_both(
            output, first.baseAddress, first.count, second.baseAddress, second.count)
        }
      }
      guard count < 0 else {
        done += count
        continue
      }
      switch errno {
      case EINTR: break
      case EAGAIN: try waitForRoom()
      default: throw .lost(SystemError.reason(errno))
      }
    }
  }

  private func write(
    _ file: LocalFile, _ range: Range<Int>
  ) throws(ConnectionFailure) -> StorageError? {
    var rest = range
    while !rest.isEmpty {
      let (count, error) = file.splice(rest, to: output)
      if count > 0 {
        rest = (rest.lowerBound + count)..<rest.upperBound
        continue
      }
      switch error {
      case EINTR: break
      case EAGAIN: try waitForRoom()
      case EPIPE: throw .lost(SystemError.reason(error))
      // The end of the file, a bad sector, a file system that cannot do it: reading it tells.
      default: return try writeRead(file, rest)
      }
    }
    return nil
  }

  /// Writes by reading it into memory first.
  private func writeRead(
    _ file: LocalFile, _ range: Range<Int>
  ) throws(ConnectionFailure) -> StorageError? {
    var failure: StorageError?
    var bytes: [UInt8] = []
    do throws(StorageError) {
      bytes = try file.read(from: range.lowerBound, count: range.count)
      if bytes.count < range.count { failure = .damaged(file.path, "ends too early") }
    } catch {
      failure = error
    }
    bytes += repeatElement(0, count: range.count - bytes.count)
    try write(bytes.span, Span<UInt8>())
    return failure
  }

  /// Waits until the other side has taken something; not for ever: one that has gone must not keep
  /// us.
  private func waitForRoom() throws(ConnectionFailure) {
    // Else we would be woken for every little that it takes, and be in its way.
    SystemClock.pause(Self.moment(outputSize))
    try wait(output, Int16(POLLOUT))
  }

  /// Seconds in which nobody fills or empties more than half of a pipe of this size.
  private static func moment(_ size: Int) -> Double { Double(size) / 2e9 }

  // MARK: Hearing

  /// The next frame; `nil` at the end.
  package func receive() throws(ConnectionFailure) -> Frame? {
    guard let (kind, id, length) = try receiveHeader() else { return nil }
    return Frame(kind: kind, id: id, body: try receive(exactly: length))
  }

  /// The header of the next frame, whose body is to be received next; `nil` at the end.
  func receiveHeader() throws(ConnectionFailure) -> (kind: UInt8, id: UInt32, bodyLength: Int)? {
    var header = try receive(upTo: Frame.headerSize)
    if header.isEmpty { return nil }
    try receive(exactly: Frame.headerSize - header.count, appendingTo: &header)
    return try ConnectionFailure.decoding(header) { (reader) throws(FormatError) in
      try Frame.decode(header: &reader)
    }
  }

  /// Receives exactly this many bytes.
  package func receive(exactly count: Int) throws(ConnectionFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    try receive(exactly: count, appendingTo: &bytes)
    return bytes
  }

  /// Appends so many bytes, no fewer: what is not here yet is read to where it belongs.
  package func receive(
    exactly count: Int, appendingTo bytes: inout [UInt8]
  ) throws(ConnectionFailure) {
    try buffer.withLock { buffer throws(ConnectionFailure) in
      let end = bytes.count + count
      bytes.reserveCapacity(end)
      bytes += buffer.take(upTo: count)
      while bytes.count < end {
        // Little, and more of it soon: with what comes behind it that is one call.
        let isMore: Bool
        if end - bytes.count < Buffer.size {
          isMore = try fill(&buffer)
          bytes += buffer.take(upTo: end - bytes.count)
        } else {
          isMore = try read(upTo: end - bytes.count, appendingTo: &bytes)
        }
        guard isMore else { throw .lost("it ended in the middle of a message") }
      }
    }
  }

  /// Receives the bytes that are there, as soon as there are any; none at the end.
  package func receive(upTo count: Int) throws(ConnectionFailure) -> [UInt8] {
    guard count > 0 else { return [] }
    return try buffer.withLock { buffer throws(ConnectionFailure) in
      if buffer.rest == 0 { _ = try fill(&buffer) }
      return Array(buffer.take(upTo: count))
    }
  }

  /// Receives the bytes that arrive within a moment: to be quoted.
  func receiveWhatIsThere(upTo count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    let end = SystemClock.monotonicSeconds + 1
    while bytes.count < count {
      let isBuffered = buffer.withLock { $0.rest > 0 }
      guard isBuffered || isReady(input, Int16(POLLIN), until: end) else { break }
      do throws(ConnectionFailure) {
        let more = try receive(upTo: count - bytes.count)
        if more.isEmpty { break }
        bytes += more
      } catch {
        break  // What there was is quoted.
      }
    }
    return bytes
  }

  /// Reads what is there into an empty buffer; `false` at the end.
  private func fill(_ buffer: inout Buffer) throws(ConnectionFailure) -> Bool {
    buffer.bytes.removeAll(keepingCapacity: true)
    buffer.position = 0
    return try read(upTo: Buffer.size, appendingTo: &buffer.bytes)
  }

  /// Reads what is there, as soon as there is anything; `false` at the end.
  private func read(
    upTo count: Int, appendingTo bytes: inout [UInt8]
  ) throws(ConnectionFailure) -> Bool {
    while true {
      try wait(input, Int16(POLLIN))
      letMoreCome(upTo: count)
      var found = 0
      var code: Int32 = 0
      bytes.append(addingCapacity: count) { output in
        unsafe output.withUnsafeMutableBufferPointer { memory, initialized in
          unsafe found = Glibc.read(input, memory.baseAddress, min(count, memory.count))
          // Never more than the kernel has written.
          if found < 0 { code = errno } else { initialized = found }
        }
      }
      if found < 0, code == EINTR || code == EAGAIN { continue }
      // A socket that was cut off.
      guard found >= 0 else { throw .lost(SystemError.reason(code)) }
      download?.take(found)
      return found > 0
    }
  }

  /// Of much that is awaited, a little is there: more of it comes in a moment, and a call for each
  /// little costs more than that.
  private func letMoreCome(upTo count: Int) {
    guard inputSize > 0, count >= Self.much,
      Int(linux_bytes_in_pipe(input)) < min(count, inputSize / 2)
    else { return }
    SystemClock.pause(Self.moment(inputSize))
  }

  private static let much = 128 << 10

  private func wait(_ descriptor: Int32, _ events: Int16) throws(ConnectionFailure) {
    let end = SystemClock.monotonicSeconds + patience
    while true {
      // Asked first: of a client that never rests, something is always there.
      if isEnded.load(ordering: .acquiring) { throw .lost("it was given up") }
      if isReady(descriptor, events, until: min(end, SystemClock.monotonicSeconds + 0.5)) { return }
      guard SystemClock.monotonicSeconds < end else {
        throw .lost("nothing was heard for \(Int(patience)) seconds")
      }
    }
  }

  private func isReady(_ descriptor: Int32, _ events: Int16, until end: Double) -> Bool {
    let milliseconds = max(0, (end - SystemClock.monotonicSeconds) * 1000)
    var wanted = pollfd(fd: descriptor, events: events, revents: 0)
    return unsafe poll(&wanted, 1, Int32(min(milliseconds, 1e6).rounded(.up))) > 0
  }
}
