import LinuxSystem
import ObjectStorage
import StoreEncoding

/// An object on its way to a server.
///
/// What is written is kept in a file, and sent out of it: where it is much by a thread of its own,
/// so that whoever writes goes on with his work. Only `commit` waits. What was sent is kept until
/// then, and sent again where the connection was lost.
final class RemoteUpload: Upload {
  private let storage: RemoteStorage
  private let transfer: Transfer
  /// The thread that sends, if there is one.
  private var sender: ThreadGroup?

  /// The size below which `commit` sends an object.
  private static let shortestSentAhead = 1 << 20

  init(storage: RemoteStorage, spool: LocalFile) {
    self.storage = storage
    transfer = Transfer(storage, spool)
  }

  deinit { abort() }

  package func write(_ bytes: [UInt8]) throws(StorageError) {
    let size = try transfer.append(bytes)
    if sender == nil, size >= Self.shortestSentAhead {
      let group = ThreadGroup()
      group.start("send") { [transfer] in transfer.sendWhatComes() }
      // Without a thread more, all is sent by `commit`.
      if group.failure == nil { sender = group }
    }
    if sender != nil { try transfer.waitForRoom() }
  }

  package func commit(as name: ObjectName) throws(StorageError) {
    transfer.end(givingUp: false)
    try join()
    try storage.withConnection { connection throws(StorageError) in
      try transfer.commit(as: name, over: connection)
    }
  }

  package func abort() {
    transfer.end(givingUp: true)
    do throws(StorageError) { try join() } catch {
      // Nobody wants to know any more.
    }
    transfer.abort()
  }

  /// Waits for the thread that sends.
  ///
  /// - Throws: What it failed with.
  private func join() throws(StorageError) {
    if let sender {
      // Nothing is thrown on that thread: its error is asked for.
      try? sender.join()
      self.sender = nil
    }
    try transfer.failed()
  }
}

/// The state shared between the thread that writes and the one that sends.
///
/// Sendable: what both of them use is touched under the monitor; the rest by the one that sends, and
/// by the other one when that has ended.
private final class Transfer: @unchecked Sendable {
  private let storage: RemoteStorage
  /// The spool file, which does not change before all has arrived.
  private let spool: LocalFile

  private let monitor = Monitor()
  private var written = 0
  private var sent = 0
  private var isEnded = false
  private var isGivenUp = false
  private var failure: StorageError?

  private var current: Current?
  /// How many it was sent in.
  private var connections = 0

  private struct Current {
    let connection: RemoteConnection
    let id: UInt32
    let answer: PendingAnswer
    /// Bytes that were sent in this connection.
    var sent = 0
  }

  /// Maximum lead of the writer over the sender.
  private static let mostUnsent = 8 << 20
  /// The length below which bytes are copied: a page of a pipe holds a page of a file, or all that
  /// is short.
  private static let shortestUncopied = 16 << 10

  init(_ storage: RemoteStorage, _ spool: LocalFile) {
    self.storage = storage
    self.spool = spool
  }

  // MARK: Whoever writes

  /// Keeps more of it; says how much that is by now.
  func append(_ bytes: [UInt8]) throws(StorageError) -> Int {
    let start = monitor.withLock { written }
    try spool.write(bytes.span, at: start)
    return monitor.withLock {
      written += bytes.count
      monitor.broadcast()
      return written
    }
  }

  /// Waits until most of what was written has been sent.
  func waitForRoom() throws(StorageError) {
    monitor.withLock {
      guard isFull else { return }
      StageTimes.waiting(for: .output) { while isFull { monitor.wait() } }
    }
    try failed()
  }

  private var isFull: Bool { failure == nil && written - sent > Self.mostUnsent }

  /// Says that nothing more comes; with `givingUp`, that nothing more is to be sent.
  func end(givingUp: Bool) {
    monitor.withLock {
      isEnded = true
      if givingUp { isGivenUp = true }
      monitor.broadcast()
    }
  }

  /// - Throws: What kept the thread that sends from going on.
  func failed() throws(StorageError) {
    if let failure = monitor.withLock({ failure }) { throw failure }
  }

  // MARK: Whoever sends

  /// Sends what was written, until nothing more comes.
  func sendWhatComes() {
    do throws(StorageError) {
      while let end = next() {
        try storage.withConnection { connection throws(StorageError) in
          try send(upTo: end, over: connection)
        }
      }
    } catch {
      monitor.withLock {
        failure = error
        monitor.broadcast()
      }
    }
  }

  /// The end of what was written, when there is more than was sent; `nil` behind the last.
  private func next() -> Int? {
    monitor.withLock {
      if sent == written, !isEnded {
        StageTimes.waiting(for: .input) {
          while sent == written, !isEnded { monitor.wait() }
        }
      }
      return isGivenUp || sent == written ? nil : written
    }
  }

  /// Sends what this connection has not been sent yet, up to here.
  private func send(upTo end: Int, over connection: RemoteConnection) throws(StorageError) {
    if current?.connection !== connection {
      current = nil
      connections += 1
      try call { () throws(ConnectionFailure) in
        let (id, answer) = try connection.beginUpload()
        current = Current(connection: connection, id: id, answer: answer)
      }
    }
    guard var upload = current else { return }
    defer { current = upload }
    while upload.sent < end, note(upload.sent) {
      // An answer before the end is an error: the disk over there is full, say.
      if upload.answer.isThere { _ = try upload.answer.wait() }
      let count = min(end - upload.sent, Frame.pieceSize)
      if connection.sendsFiles, count >= Self.shortestUncopied {
        try connection.send(
          piece: upload.sent..<(upload.sent + count), of: spool, id: upload.id)
      } else {
        let piece = try spool.read(from: upload.sent, count: count)
        guard piece.count == count else { throw .damaged(spool.path, "ends too early") }
        try call { () throws(ConnectionFailure) in
          try connection.send(piece: piece[...], id: upload.id)
        }
      }
      upload.sent += count
    }
    _ = note(upload.sent)
  }

  /// Says how much was sent; `false` if no more is to be.
  private func note(_ count: Int) -> Bool {
    monitor.withLock {
      sent = count
      monitor.broadcast()
      return !isGivenUp
    }
  }

  func commit(as name: ObjectName, over connection: RemoteConnection) throws(StorageError) {
    try send(upTo: monitor.withLock { written }, over: connection)
    guard let upload = current else { return }
    try call { () throws(ConnectionFailure) in
      try upload.connection.send(.commit(name), id: upload.id)
    }
    _ = try upload.answer.wait()
    current = nil
    // A connection that we take for lost may still be carrying it.
    if connections == 1 { storage.reuse(spool: spool) }
  }

  func abort() {
    guard let upload = current else { return }
    current = nil
    upload.connection.forget(upload.id)
    do throws(ConnectionFailure) {
      try upload.connection.send(.abort, id: upload.id)
    } catch {
      // A server that has lost us removes what there is of it.
    }
  }

  private func call(_ body: () throws(ConnectionFailure) -> Void) throws(StorageError) {
    do throws(ConnectionFailure) { try body() } catch { throw .connection(error) }
  }
}
