import LinuxSystem
package import ObjectStorage

/// The answer to a request, on its way: many may be, in any order.
package final class PendingAnswer: @unchecked Sendable {
  // Sendable: `result` is touched under the monitor, and `bytes` by one thread at a time: by the
  // one that hears the server until there is a result, then under the monitor.
  private let monitor = Monitor()
  private let limit: Int
  private let lead: Int
  private var bytes: [UInt8] = []
  private var result: Result<Void, StorageError>?

  /// - Parameters:
  ///   - limit: How many bytes the answer may have: no server fills our memory.
  ///   - lead: Room for so many bytes in front of them, which come from elsewhere.
  init(limit: Int, lead: Int = 0) {
    self.limit = limit
    self.lead = lead
  }

  /// Takes in so many bytes, which the server says next.
  package func receive(
    _ count: Int, isLast: Bool, from channel: Channel
  ) throws(ConnectionFailure) {
    guard !isThere else { throw .malformed("an answer to what was answered before") }
    if bytes.isEmpty {
      // Of one that comes in parts, most of what was asked for is expected to come.
      bytes.reserveCapacity(lead + (isLast ? min(count, limit) : min(limit, Self.mostReserved)))
      bytes += repeatElement(0, count: lead)
    }
    guard bytes.count - lead + count <= limit else {
      throw .malformed("an answer is longer than what was asked for")
    }
    try channel.receive(exactly: count, appendingTo: &bytes)
    if isLast { end(.success(())) }
  }

  /// Takes in that the request was not carried out.
  package func fail(_ error: StorageError) { end(.failure(error)) }

  /// Ends the waiting.
  package func fail(_ failure: ConnectionFailure) { end(.failure(.connection(failure))) }

  private func end(_ result: Result<Void, StorageError>) {
    monitor.withLock {
      if self.result == nil { self.result = result }
      monitor.broadcast()
    }
  }

  private static let mostReserved = 16 << 20

  /// Whether there is nothing to wait for.
  package var isThere: Bool { monitor.withLock { result != nil } }

  /// Waits for the answer; `front` belongs into the room before it, if that was made.
  package func wait(front: [UInt8] = []) throws(StorageError) -> [UInt8] {
    try monitor.withLock { () throws(StorageError) in
      while result == nil { monitor.wait() }
      if case .failure(let error) = result { throw error }
      if !front.isEmpty { bytes.replaceSubrange(0..<front.count, with: front) }
      return bytes
    }
  }
}
