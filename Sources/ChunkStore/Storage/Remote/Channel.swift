import CLinux
internal import Glibc
import Synchronization

/// Two descriptors: one to hear the other side, one to speak to it.
///
/// All system calls of the protocol are here. One thread reads at a time; any number may write,
/// and each frame goes out whole.
package final class Channel: Sendable {
  private let input: Int32
  private let output: Int32
  private let writing = Mutex<Void>(())
  private let isEnded = Atomic(false)
  private let buffer = Mutex(Buffer())
  /// How long the other side may be silent, in seconds.
  private let patience: Double
  private let upload: RateLimit?
  private let download: RateLimit?

  private struct Buffer {
    var bytes: [UInt8] = []
    var position = 0
    var rest: Int { bytes.count - position }
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
    _ = linux_set_pipe_size(input, 1 << 20)
    _ = linux_set_pipe_size(output, 1 << 20)
  }

  deinit {
    _ = close(input)
    if output != input { _ = close(output) }
  }

  /// Ends the reading and the waiting of all threads, within a second.
  func end() { isEnded.store(true, ordering: .releasing) }

  // MARK: Speaking

  /// Sends a frame, whole.
  func send(_ frame: Frame) throws(ConnectionFailure) {
    upload?.take(frame.body.count + Frame.headerSize)
    try writing.withLock { _ throws(ConnectionFailure) in
      if frame.body.count <= 4096 {
        try write((frame.header + frame.body).span)
      } else {
        try write(frame.header.span)
        try write(frame.body.span)
      }
    }
  }

  /// Sends bytes that are no frame: a hello.
  func send(raw bytes: [UInt8]) throws(ConnectionFailure) {
    try writing.withLock { _ throws(ConnectionFailure) in try write(bytes.span) }
  }

  private func write(_ bytes: Span<UInt8>) throws(ConnectionFailure) {
    var done = 0
    while done < bytes.count {
      // Not forever: a peer that has gone must not keep us.
      try wait(output, Int16(POLLOUT))
      let rest = bytes.extracting(done..<bytes.count)
      let count = unsafe rest.withUnsafeBufferPointer {
        unsafe linux_write_now(output, $0.baseAddress, min($0.count, 64 << 10))
      }
      if count < 0 {
        if errno == EINTR || errno == EAGAIN { continue }
        throw .lost(StorageError.reason(errno))
      }
      done += count
    }
  }

  // MARK: Hearing

  /// The next frame; `nil` at the end.
  func receive() throws(ConnectionFailure) -> Frame? {
    guard let header = try receiveHeader() else { return nil }
    let (kind, id, length) = try ConnectionFailure.decoding(header) {
      (reader) throws(FormatError) in try Frame.decode(header: &reader)
    }
    return Frame(kind: kind, id: id, body: try receive(exactly: length))
  }

  private func receiveHeader() throws(ConnectionFailure) -> [UInt8]? {
    let first = try receive(upTo: Frame.headerSize)
    if first.isEmpty { return nil }
    return first.count == Frame.headerSize
      ? first : first + (try receive(exactly: Frame.headerSize - first.count))
  }

  /// So many bytes, no fewer.
  func receive(exactly count: Int) throws(ConnectionFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      let more = try receive(upTo: count - bytes.count)
      guard !more.isEmpty else { throw .lost("it ended in the middle of a message") }
      bytes += more
    }
    return bytes
  }

  /// What is there, as soon as there is anything; nothing at the end.
  func receive(upTo count: Int) throws(ConnectionFailure) -> [UInt8] {
    guard count > 0 else { return [] }
    return try buffer.withLock { buffer throws(ConnectionFailure) in
      if buffer.rest == 0 {
        buffer.bytes = try read()
        buffer.position = 0
      }
      let end = buffer.position + min(count, buffer.rest)
      defer { buffer.position = end }
      return Array(buffer.bytes[buffer.position..<end])
    }
  }

  /// What arrives within a moment: to be quoted.
  func receiveWhatIsThere(upTo count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    let end = Clock.monotonicSeconds + 1
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

  private func read() throws(ConnectionFailure) -> [UInt8] {
    while true {
      try wait(input, Int16(POLLIN))
      var code: Int32 = 0
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, initialized in
        let count = unsafe Glibc.read(input, buffer.baseAddress, buffer.count)
        // Never more than the kernel has written.
        if count < 0 { code = errno } else { initialized = count }
      }
      if code == EINTR || code == EAGAIN { continue }
      // A socket that was cut off.
      guard code == 0 else { throw .lost(StorageError.reason(code)) }
      download?.take(bytes.count)
      return bytes
    }
  }

  private func wait(_ descriptor: Int32, _ events: Int16) throws(ConnectionFailure) {
    let end = Clock.monotonicSeconds + patience
    while !isReady(descriptor, events, until: min(end, Clock.monotonicSeconds + 0.5)) {
      if isEnded.load(ordering: .acquiring) { throw .lost("it was given up") }
      guard Clock.monotonicSeconds < end else {
        throw .lost("nothing was heard for \(Int(patience)) seconds")
      }
    }
  }

  private func isReady(_ descriptor: Int32, _ events: Int16, until end: Double) -> Bool {
    let milliseconds = max(0, (end - Clock.monotonicSeconds) * 1000)
    var wanted = pollfd(fd: descriptor, events: events, revents: 0)
    return unsafe poll(&wanted, 1, Int32(min(milliseconds, 1e6).rounded(.up))) > 0
  }
}
