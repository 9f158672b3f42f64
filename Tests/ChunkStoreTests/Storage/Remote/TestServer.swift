import CLinux
import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization

@testable import ChunkStore

/// Servers of one repository, each at the other end of a socket pair, or of two pipes.
final class TestServer: Sendable {
  let path: String
  let policies: [ServePolicy]
  let hello: Hello
  /// As ssh has them; connections through pipes cannot be cut.
  let usesPipes: Bool
  /// Whether it refuses what cannot be an object.
  let demandsForm: Bool
  let events = Collected<ServerSession.Event>()
  /// Ends of connections that were made, to be cut.
  private let ends = Mutex<[End]>([])
  private let group = ThreadGroup()

  /// A socket is the channel's, and its number another's when the channel is gone.
  private struct End: Sendable {
    weak let channel: Channel?
    let socket: Int32
  }

  init(
    path: String, policies: [ServePolicy] = [ServePolicy()], hello: Hello = Hello(),
    usesPipes: Bool = false, demandsForm: Bool = false
  ) {
    self.path = path
    self.usesPipes = usesPipes
    self.demandsForm = demandsForm
    self.policies = policies
    self.hello = hello
  }

  /// A connection to a server of its own.
  func connect() throws(ConnectionFailure) -> Channel {
    if usesPipes {
      let (there, back) = (Self.pipe(), Self.pipe())
      serve(Channel(input: there.reading, output: back.writing, patience: 30))
      return Channel(input: back.reading, output: there.writing, patience: 30)
    }
    let (here, there) = Self.socketPair()
    serve(there)
    let channel = Channel(input: here, output: here, patience: 30)
    ends.withLock { $0.append(End(channel: channel, socket: here)) }
    return channel
  }

  func serve(_ socket: Int32, patience: Double = 30) {
    serve(Channel(input: socket, output: socket, patience: patience))
  }

  private func serve(_ channel: Channel) {
    group.start("server") { [policies, hello, demandsForm, events] in
      let session = ServerSession(
        channel, policies: policies, hello: hello, demandsForm: demandsForm
      ) { events.append($0) }
      do { try session.run() } catch { events.append(.did("ended: \(error)")) }
    }
  }

  /// A client of the repository.
  func storage(
    making: RemoteStorage.Making = .nothing, pauses: [Double] = [0.01, 0.01, 0.01]
  ) throws -> RemoteStorage {
    try RemoteStorage(
      location: "test://\(path)", path: path, making: making, spoolDirectory: "\(path).spool",
      pauses: pauses
    ) { [self] () throws(ConnectionFailure) in (try connect(), {}) }
  }

  /// Cuts all connections, as a lost network does: both sides hear the end.
  func cut() {
    for end in ends.withLock({ $0 }) {
      guard let channel = end.channel else { continue }
      withExtendedLifetime(channel) { _ = shutdown(end.socket, Int32(SHUT_RDWR)) }
    }
  }

  /// Waits until `condition` holds, but not for ever.
  func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<1000 {
      if try condition() { return true }
      SystemClock.pause(0.01)
    }
    return false
  }

  /// As the program does: who writes to one that has gone gets an error.
  private static let ignoresBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

  static func socketPair() -> (Int32, Int32) {
    ignoresBrokenPipes
    var ends: [Int32] = [-1, -1]
    _ = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
    return (ends[0], ends[1])
  }

  static func pipe() -> (reading: Int32, writing: Int32) {
    ignoresBrokenPipes
    var ends: [Int32] = [-1, -1]
    _ = unsafe linux_pipe(&ends)
    return (ends[0], ends[1])
  }
}

/// A client that says whatever it likes.
struct RawClient {
  let channel: Channel

  init(_ server: TestServer, opening path: String? = nil) throws {
    channel = try server.connect()
    try channel.send(raw: Hello().encoded)
    _ = try Hello.read(from: channel)
    if let path { _ = try ask(.open(path: path, makes: false, makesParents: false)) }
  }

  /// Sends a request, and hears what comes back.
  func ask(_ request: Request, id: UInt32 = 7) throws -> Answer? {
    try channel.send(request.frame(id: id))
    return try hear()
  }

  func hear() throws -> Answer? { try channel.receive().map { try Answer(decoding: $0) } }

  /// Streams an object, and asks for a name for it.
  func upload(_ bytes: [UInt8], as name: ObjectName) throws -> Answer? {
    try channel.send(Request.begin.frame(id: 9))
    try channel.send(Request.piece(bytes).frame(id: 9))
    return try ask(.commit(name), id: 9)
  }
}

extension Answer? {
  /// Whether the server has said no, for a reason of policy.
  var isRefusal: Bool {
    switch self {
    case .failed(.refused), .failed(.quotaExceeded): true
    default: false
    }
  }

  var isDone: Bool { if case .done = self { true } else { false } }
}
