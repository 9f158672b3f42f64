/// An object on its way to a server.
///
/// Pieces are sent without waiting; only `commit` does. What was sent is kept until then, and sent
/// again where the connection was lost.
final class RemoteUpload: Upload {
  private let storage: RemoteStorage
  private let spool: LocalFile
  private var size = 0
  private var current: Current?

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
    try spool.write(bytes.span)
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

  /// Sends what this connection has not been sent yet; `fresh`, the end of it, need not be read
  /// back.
  private func send(_ connection: RemoteConnection, fresh: [UInt8]) throws(StorageError) {
    if current?.connection !== connection {
      current = nil
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
      let start = upload.sent - (size - fresh.count)
      let piece =
        start >= 0
        ? fresh[start..<(start + count)] : try spool.read(from: upload.sent, count: count)[...]
      guard piece.count == count else { throw .damaged(spool.path, "ends too early") }
      try call { () throws(ConnectionFailure) in
        try connection.send(piece: piece, id: upload.id)
      }
      upload.sent += count
    }
  }

  private func call(_ body: () throws(ConnectionFailure) -> Void) throws(StorageError) {
    do throws(ConnectionFailure) { try body() } catch { throw .connection(error) }
  }
}
