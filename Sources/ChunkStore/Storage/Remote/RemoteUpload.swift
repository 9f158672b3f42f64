/// An object on its way to a server.
///
/// Pieces are sent without waiting; only `commit` does. What was sent is kept until then, and sent
/// again where the connection was lost.
final class RemoteUpload: Upload {
  private let storage: RemoteStorage
  /// Pieces are sent out of it, so what was written does not change before all has arrived.
  private let spool: LocalFile
  private var size = 0
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

  init(storage: RemoteStorage, spool: LocalFile) {
    self.storage = storage
    self.spool = spool
  }

  deinit { abort() }

  func write(_ bytes: [UInt8]) throws(StorageError) {
    try spool.write(bytes.span, at: size)
    size += bytes.count
    try storage.withConnection { connection throws(StorageError) in
      try send(connection, fresh: bytes)
    }
  }

  func commit(as name: ObjectName) throws(StorageError) {
    try storage.withConnection { connection throws(StorageError) in
      try send(connection, fresh: [])
      guard let current else { return }
      try call { () throws(ConnectionFailure) in
        try current.connection.send(.commit(name), id: current.id)
      }
      _ = try current.answer.wait()
    }
    current = nil
    // A connection that we take for lost may still be carrying it.
    if connections == 1 { storage.reuse(spool: spool) }
  }

  func abort() {
    guard let current else { return }
    self.current = nil
    current.connection.forget(current.id)
    do throws(ConnectionFailure) {
      try current.connection.send(.abort, id: current.id)
    } catch {
      // A server that has lost us removes what there is of it.
    }
  }

  /// Sends what this connection has not been sent yet; `fresh` is the end of it.
  private func send(_ connection: RemoteConnection, fresh: [UInt8]) throws(StorageError) {
    if current?.connection !== connection {
      current = nil
      connections += 1
      try call { () throws(ConnectionFailure) in
        let (id, answer) = try connection.beginUpload()
        current = Current(connection: connection, id: id, answer: answer)
      }
    }
    guard var upload = current else { return }
    defer { if current != nil { current = upload } }
    // An answer before the end is an error: the disk over there is full, say.
    if upload.answer.isThere { _ = try upload.answer.wait() }
    while upload.sent < size {
      let count = min(size - upload.sent, Frame.pieceSize)
      if connection.sendsFiles, count >= Self.shortestUncopied {
        try connection.send(
          piece: upload.sent..<(upload.sent + count), of: spool, id: upload.id)
      } else {
        let piece = try piece(upload.sent, count, fresh)
        try call { () throws(ConnectionFailure) in
          try connection.send(piece: piece, id: upload.id)
        }
      }
      upload.sent += count
    }
  }

  /// A piece of what is to be sent; what is fresh need not be read back.
  private func piece(
    _ position: Int, _ count: Int, _ fresh: [UInt8]
  ) throws(StorageError) -> ArraySlice<UInt8> {
    let start = position - (size - fresh.count)
    if start >= 0 { return fresh[start..<(start + count)] }
    let bytes = try spool.read(from: position, count: count)
    guard bytes.count == count else { throw .damaged(spool.path, "ends too early") }
    return bytes[...]
  }

  /// What is shorter is copied: a page of a pipe holds a page of a file, or all that is short.
  private static let shortestUncopied = 16 << 10

  private func call(_ body: () throws(ConnectionFailure) -> Void) throws(StorageError) {
    do throws(ConnectionFailure) { try body() } catch { throw .connection(error) }
  }
}
