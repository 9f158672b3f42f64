import LinuxSystem
package import ObjectStorage
import StoreEncoding
import Synchronization

/// A connection to a server, seen from the client: requests go out from any thread, and a thread
/// of its own hands the answers to those who wait.
///
/// That thread never waits for anything but the server, so a server that answers is never blocked.
package final class RemoteConnection: Sendable {
  private let channel: Channel
  /// Told once when the connection has ended: ends the program that carried it.
  private let onEnd: @Sendable () -> Void
  private let state = Mutex(State())
  private let threads = ThreadGroup()
  private let ended = Event()

  private struct State {
    var pending: [UInt32: PendingAnswer] = [:]
    var last: UInt32 = 0
    var failure: ConnectionFailure?
    var figures = Figures()
  }

  /// The figures of the requests so far.
  package struct Figures: Equatable, Sendable {
    /// Requests that were sent.
    package var requests = 0
    /// Requests that were sent while no other was under way: each costs a round trip.
    package var roundTrips = 0

    package static func + (a: Figures, b: Figures) -> Figures {
      Figures(requests: a.requests + b.requests, roundTrips: a.roundTrips + b.roundTrips)
    }
  }

  /// Says hello, and hears the server's.
  ///
  /// - Parameters:
  ///   - channel: Where the server is.
  ///   - hello: What is said.
  ///   - keepAlive: Seconds between two signs of life.
  ///   - onEnd: Told once when the connection has ended.
  /// - Throws: `ConnectionFailure` if that is no server, or speaks another version.
  package init(
    _ channel: Channel, hello: Hello = Hello(), keepAlive: Double = 20,
    onEnd: @escaping @Sendable () -> Void = {}
  ) throws(ConnectionFailure) {
    self.channel = channel
    self.onEnd = onEnd
    do throws(ConnectionFailure) {
      try channel.send(raw: hello.encoded)
      let server = try Hello.read(from: channel)
      guard hello.common(with: server) != nil else {
        throw server.newest < hello.oldest
          ? .serverOutdated(
            server: server.software, newest: server.newest, needed: hello.oldest)
          : .clientOutdated(
            server: server.software, oldest: server.oldest, newest: server.newest)
      }
    } catch {
      onEnd()
      // A pipe that nobody reads is how a program looks that could not even be started.
      if case .lost = error { throw .closedBeforeHello }
      throw error
    }
    threads.start("answers") { [weak self, channel] in
      while let self, try self.receiveAnswer(channel) {}
    }
    threads.start("keep alive") { [weak self, ended] in
      var next = SystemClock.monotonicSeconds + keepAlive
      while !ended.wait(until: next) {
        self?.sayAlive()
        next = SystemClock.monotonicSeconds + keepAlive
      }
    }
  }

  deinit { end(.lost("it was closed")) }

  package var figures: Figures { state.withLock { $0.figures } }

  /// Sends a request, whose answer may have so many bytes, with room for others in front of them.
  package func ask(
    _ request: Request, limit: Int = 0, lead: Int = 0
  ) throws(ConnectionFailure) -> PendingAnswer {
    let answer = PendingAnswer(limit: limit, lead: lead)
    let id = try register(answer)
    try send(request, id: id)
    return answer
  }

  /// Sends the first request of an upload; the pieces, and the end, have the same id.
  package func beginUpload() throws(ConnectionFailure) -> (id: UInt32, answer: PendingAnswer) {
    let answer = PendingAnswer(limit: 0)
    let id = try register(answer)
    try send(.begin, id: id)
    return (id, answer)
  }

  /// Sends a request with the id of an upload.
  package func send(_ request: Request, id: UInt32) throws(ConnectionFailure) {
    try ending { () throws(ConnectionFailure) in try channel.send(request.frame(id: id)) }
  }

  /// Sends a piece of an upload.
  package func send(piece: ArraySlice<UInt8>, id: UInt32) throws(ConnectionFailure) {
    try ending { () throws(ConnectionFailure) in
      try channel.send(kind: Request.pieceCode, id: id, piece)
    }
  }

  /// Whether pieces of an upload can be sent out of a file.
  var sendsFiles: Bool { channel.sendsFiles }

  /// Sends a piece of an upload that is in a file, and does not change until it has arrived.
  ///
  /// - Throws: `StorageError.connection`, or why the file could not be read: then the upload is
  ///   spoiled.
  package func send(piece range: Range<Int>, of file: LocalFile, id: UInt32) throws(StorageError) {
    var failure: StorageError?
    do throws(ConnectionFailure) {
      try ending { () throws(ConnectionFailure) in
        failure = try channel.send(kind: Request.pieceCode, id: id, file, range)
      }
    } catch {
      throw .connection(error)
    }
    if let failure { throw failure }
  }

  /// Runs `body`; when that fails, the connection has ended.
  private func ending(
    _ body: () throws(ConnectionFailure) -> Void
  ) throws(ConnectionFailure) {
    do throws(ConnectionFailure) { try body() } catch {
      end(error)
      throw error
    }
  }

  /// Nobody waits for an answer to this id any more.
  package func forget(_ id: UInt32) { state.withLock { _ = $0.pending.removeValue(forKey: id) } }

  private func register(_ answer: PendingAnswer) throws(ConnectionFailure) -> UInt32 {
    try state.withLock { state throws(ConnectionFailure) in
      if let failure = state.failure { throw failure }
      state.figures.requests += 1
      if state.pending.isEmpty { state.figures.roundTrips += 1 }
      repeat { state.last &+= 1 } while state.pending[state.last] != nil || state.last == 0
      state.pending[state.last] = answer
      return state.last
    }
  }

  private func sayAlive() {
    do throws(ConnectionFailure) {
      // Nobody waits for the answer: that it comes is what keeps the connection.
      try channel.send(Request.ping.frame(id: 0))
    } catch {
      end(error)
    }
  }

  /// Hands on one answer; `false` at the end.
  private func receiveAnswer(_ channel: Channel) throws(ConnectionFailure) -> Bool {
    do throws(ConnectionFailure) {
      guard let (kind, id, length) = try channel.receiveHeader() else {
        throw .lost("the server closed it")
      }
      let pending = state.withLock { $0.pending[id] }
      if let pending, Answer.isContent(kind) {
        try pending.receive(length, isLast: kind == Answer.doneCode, from: channel)
        if kind == Answer.partCode { return true }
      } else {
        let frame = Frame(kind: kind, id: id, body: try channel.receive(exactly: length))
        // A sign of life, or an answer to what was given up.
        guard let pending else { return true }
        let answer: Answer
        do throws(FormatError) { answer = try Answer(decoding: frame) } catch {
          throw ConnectionFailure.malformed("\(error)")
        }
        if case .failed(let error) = answer { pending.fail(error) }
      }
      forget(id)
      return true
    } catch {
      end(error)
      return false
    }
  }

  /// Ends the connection: whoever waits is told.
  package func end(_ failure: ConnectionFailure) {
    let waiting = state.withLock { state -> [PendingAnswer]? in
      guard state.failure == nil else { return nil }
      state.failure = failure
      defer { state.pending = [:] }
      return Array(state.pending.values)
    }
    guard let waiting else { return }
    ended.set()
    channel.end()
    for answer in waiting { answer.fail(failure) }
    onEnd()
  }
}
