/// The answer to a request, on its way: many may be, in any order.
final class PendingAnswer: @unchecked Sendable {
  // Sendable: all state is touched under the monitor.
  private let monitor = Monitor()
  private let limit: Int
  private var bytes: [UInt8] = []
  private var result: Result<Void, StorageError>?

  /// - Parameter limit: How many bytes the answer may have: no server fills our memory.
  init(limit: Int) { self.limit = limit }

  /// Takes in a part; `true` if it was the last one.
  func receive(_ answer: Answer) throws(ConnectionFailure) -> Bool {
    try monitor.withLock { () throws(ConnectionFailure) in
      switch answer {
      case .part(let more), .done(let more):
        guard bytes.count + more.count <= limit else {
          throw .malformed("an answer is longer than what was asked for")
        }
        if bytes.isEmpty { bytes = more } else { bytes += more }
        if case .part = answer { return false }
        result = .success(())
      case .failed(let error):
        result = .failure(error)
      }
      monitor.broadcast()
      return true
    }
  }

  /// Ends the waiting.
  func fail(_ failure: ConnectionFailure) {
    monitor.withLock {
      if result == nil { result = .failure(.connection(failure)) }
      monitor.broadcast()
    }
  }

  /// Whether there is nothing to wait for.
  var isThere: Bool { monitor.withLock { result != nil } }

  /// Waits for the answer.
  func wait() throws(StorageError) -> [UInt8] {
    try monitor.withLock { () throws(StorageError) in
      while result == nil { monitor.wait() }
      if case .failure(let error) = result { throw error }
      return bytes
    }
  }
}
