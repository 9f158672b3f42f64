import LinuxSystem
import ObjectStorage
import StoreCrypto
import StoreEncoding
import Synchronization

/// A connection to a client, seen from the server: hears requests, and answers them in any order.
///
/// One thread hears; uploads are written as they arrive; everything else is done by a few others.
/// A server is given no key and asks for none.
package final class ServerSession: Sendable {
  private let channel: Channel
  private let policies: [ServePolicy]
  private let hello: Hello
  private let demandsForm: Bool
  private let log: @Sendable (Event) -> Void
  private let work = BoundedQueue<Work>(capacity: mostWaiting)
  private let repository = Mutex<ServedRepository?>(nil)
  private let counts = Mutex<[String: Int]>([:])

  private static let threads = 4
  /// Bytes of requests that wait for a thread.
  ///
  /// With more, the client is not heard: what a disk does not take stays with whoever sends it.
  private static let mostWaiting = 16 << 20
  /// The least size that a request counts for.
  private static let leastRequest = 16 << 10
  /// The size up to which an object is read and sent in one frame.
  private static let longestCopy = 64 << 10
  /// More uploads than this at a time are no backup.
  private static let mostUploads = 64

  /// An event that is worth telling.
  package enum Event: Equatable, Sendable {
    /// The client works with this repository, by its canonical path.
    case opened(String)
    /// An archive was added, or something that is no lease removed.
    case did(String)
    /// The client was refused something.
    case refused(String)
    /// The end: how many requests of each sort there were; how many leases were ended because the
    /// client was lost.
    case ended(requests: [String: Int], lostLeases: Int?)
  }

  private enum Work: Sendable {
    case request(Request, UInt32, ServedRepository)
    case commit(ServedUpload, ObjectName, UInt32)
  }

  /// Serves one client.
  ///
  /// - Parameters:
  ///   - channel: Where it is.
  ///   - policies: What it may do; all of them have to permit it.
  ///   - software: What the server calls itself.
  ///   - log: Told what happens, by any thread.
  package convenience init(
    _ channel: Channel, policies: [ServePolicy], software: String,
    log: @escaping @Sendable (Event) -> Void = { _ in }
  ) {
    self.init(channel, policies: policies, hello: Hello(software: software), log: log)
  }

  /// Makes a session; `demandsForm` says whether bytes that cannot be an object are refused, which
  /// they are not in tests of how bytes are carried.
  package init(
    _ channel: Channel, policies: [ServePolicy], hello: Hello, demandsForm: Bool = true,
    log: @escaping @Sendable (Event) -> Void = { _ in }
  ) {
    self.channel = channel
    self.policies = policies
    self.hello = hello
    self.demandsForm = demandsForm
    self.log = log
  }

  /// Serves until the client is gone.
  ///
  /// - Throws: `ConnectionFailure` for a client that makes no sense.
  package func run() throws {
    try channel.send(raw: hello.encoded)
    // Each side finds out for itself whether there is a version that both speak.
    guard hello.common(with: try Hello.read(from: channel)) != nil else { return }
    let group = ThreadGroup()
    group.onFailure { [channel, work] in
      work.cancel()
      channel.end()
    }
    for number in 0..<Self.threads {
      group.start("serve \(number)") { [self] in
        while let next = work.pop() { try perform(next) }
      }
    }
    var isGoodbye = false
    var failure: ConnectionFailure?
    do throws(ConnectionFailure) {
      isGoodbye = try hear()
    } catch {
      failure = error
    }
    work.close()
    if failure != nil { work.cancel() }
    do { try group.join() } catch {
      // Its answers cannot be sent any more, which the thread that hears finds out as well.
    }
    var lost: Int?
    if !isGoodbye { lost = try repository.withLock { $0 }?.releaseLeases() ?? 0 }
    log(.ended(requests: counts.withLock { $0 }, lostLeases: lost))
    if let failure, !failure.isLoss { throw failure }
  }

  /// Hears the client until it goes; `true` if it has said goodbye.
  private func hear() throws(ConnectionFailure) -> Bool {
    var uploads: [UInt32: ServedUpload] = [:]
    defer { for upload in uploads.values { upload.abort() } }
    while let frame = try channel.receive() {
      let request: Request?
      do throws(FormatError) { request = try Request(decoding: frame) } catch {
        throw ConnectionFailure.malformed("\(error)")
      }
      guard let request else {
        try answer(
          .failed(
            .connection(
              .unknownRequest("request \(frame.kind) is not known to \(hello.software)"))),
          frame.id)
        continue
      }
      count(request)
      switch request {
      case .goodbye: return true
      case .ping: try answer(.done([]), frame.id)
      case .open(let path, let makes, let makesParents):
        try open(path, makes: makes, makesParents: makesParents, frame.id)
      case .piece(let bytes):
        try attempt(frame.id) { () throws(StorageError) in
          // One that has failed has been answered; the rest of it is passed over.
          try uploads[frame.id]?.write(bytes)
        } onFailure: {
          uploads.removeValue(forKey: frame.id)?.abort()
        }
      case .abort: uploads.removeValue(forKey: frame.id)?.abort()
      case .begin:
        try attempt(frame.id) { () throws(StorageError) in
          guard uploads.count < Self.mostUploads, uploads[frame.id] == nil else {
            throw .refused("more uploads at a time than a backup has")
          }
          uploads[frame.id] = try opened().beginUpload()
        }
      case .commit(let name):
        guard let upload = uploads.removeValue(forKey: frame.id) else { continue }
        try push(.commit(upload, name, frame.id))
      default:
        try attempt(frame.id) { () throws(StorageError) in
          let repository = try opened()
          do throws(Cancelled) {
            try work.push(
              .request(request, frame.id, repository),
              cost: max(Self.leastRequest, frame.body.count))
          } catch {
            throw .connection(.lost("the server has given up"))
          }
        }
      }
    }
    return false
  }

  private func push(_ next: Work) throws(ConnectionFailure) {
    do throws(Cancelled) { try work.push(next, cost: Self.leastRequest) } catch {
      throw .lost("the server has given up")
    }
  }

  private func opened() throws(StorageError) -> ServedRepository {
    guard let repository = repository.withLock({ $0 }) else {
      throw .refused("no repository was opened")
    }
    return repository
  }

  private func open(
    _ path: String, makes: Bool, makesParents: Bool, _ id: UInt32
  ) throws(ConnectionFailure) {
    var missing: [String] = []
    try attempt(id) { () throws(StorageError) in
      // One repository for a connection: its leases, and its uploads, belong to it.
      guard repository.withLock({ $0 == nil }) else { throw .refused("a second repository") }
      let served = try ServedRepository(
        path: path, makes: makes, makesParents: makesParents, policies: policies,
        demandsForm: demandsForm)
      missing = try served.storage.missingDirectories()
      repository.withLock { $0 = served }
      log(.opened(served.path))
    } onSuccess: { () throws(ConnectionFailure) in
      try answer(.done(DirectoryList.encode(missing)), id)
    }
  }

  /// Runs `body`, and answers with its error.
  private func attempt(
    _ id: UInt32, _ body: () throws(StorageError) -> Void, onFailure: () -> Void = {},
    onSuccess: () throws(ConnectionFailure) -> Void = {}
  ) throws(ConnectionFailure) {
    do throws(StorageError) { try body() } catch {
      onFailure()
      try refuse(error, id)
      return
    }
    try onSuccess()
  }

  private func refuse(_ error: StorageError, _ id: UInt32) throws(ConnectionFailure) {
    switch error {
    case .refused(let what), .quotaExceeded(let what): log(.refused(what))
    default: break
    }
    try answer(.failed(error), id)
  }

  private func answer(_ answer: Answer, _ id: UInt32) throws(ConnectionFailure) {
    try channel.send(answer.frame(id: id))
  }

  private func count(_ request: Request) {
    guard let word = request.word else { return }
    counts.withLock { $0[word, default: 0] += 1 }
  }

  // MARK: On the threads

  private func perform(_ next: Work) throws(ConnectionFailure) {
    switch next {
    case .commit(let upload, let name, let id):
      try attempt(id) { () throws(StorageError) in
        try upload.commit(as: name)
        note("added", name)
      } onSuccess: { () throws(ConnectionFailure) in
        try answer(.done([]), id)
      }
    case .request(.get(let name, let range), let id, let repository):
      try send(name, range, id, repository)
    case .request(.list(let kind), let id, let repository):
      var objects: [StoredObject] = []
      try attempt(id) { () throws(StorageError) in
        objects = try repository.list(kind)
      } onSuccess: { () throws(ConnectionFailure) in
        var rest = objects[...]
        while rest.count > Listing.entriesInPart {
          try answer(.part(Listing.encode(rest.prefix(Listing.entriesInPart))), id)
          rest = rest.dropFirst(Listing.entriesInPart)
        }
        try answer(.done(Listing.encode(rest)), id)
      }
    case .request(let request, let id, let repository):
      var result: [UInt8] = []
      try attempt(id) { () throws(StorageError) in
        result = try perform(request, repository)
      } onSuccess: { () throws(ConnectionFailure) in
        try answer(.done(result), id)
      }
    }
  }

  private func perform(
    _ request: Request, _ repository: ServedRepository
  ) throws(StorageError) -> [UInt8] {
    switch request {
    case .put(let name, let bytes):
      try repository.put(name, bytes)
      note("added", name)
    case .delete(let name):
      try repository.delete(name)
      note("removed", name)
    case .setAside(let name):
      try repository.setAside(name)
      note("set aside", name)
    case .generations:
      var writer = ByteWriter()
      for generation in try repository.generations() { writer.integer(generation) }
      return writer.bytes
    case .settle(let kinds): try repository.settle(kinds)
    case .removeAbandonedUploads: try repository.removeAbandonedUploads()
    case .releaseReserve: try repository.releaseReserve()
    case .restoreReserve: try repository.restoreReserve()
    case .makeMissingDirectories: try repository.makeMissingDirectories()
    case .open, .get, .begin, .piece, .commit, .abort, .list, .ping, .goodbye: break
    }
    return []
  }

  /// Tells of what an owner may want to know of afterwards.
  private func note(_ verb: String, _ name: ObjectName) {
    switch name {
    case .object(.lease, _): break
    case .object(let kind, _) where verb == "added" && kind != .archive && kind != .key: break
    default: log(.did("\(verb) \(name)"))
    }
  }

  /// Sends an object piece by piece, so that memory does not depend on its size.
  private func send(
    _ name: ObjectName, _ range: Range<Int>?, _ id: UInt32, _ repository: ServedRepository
  ) throws(ConnectionFailure) {
    let range = range ?? 0..<(Limits.segmentSize + 1)
    if channel.sendsFiles, range.count > Self.longestCopy {
      return try sendUncopied(name, range, id, repository)
    }
    var position = range.lowerBound
    let end = range.upperBound
    while true {
      let piece = position..<min(end, position + Frame.pieceSize)
      let bytes: [UInt8]
      do throws(StorageError) {
        bytes = try repository.get(name, range: piece)
      } catch {
        return try refuse(error, id)
      }
      position += bytes.count
      guard bytes.count == piece.count, position < end else {
        return try answer(.done(bytes), id)
      }
      try answer(.part(bytes), id)
    }
  }

  /// Sends an object without ever having it in our memory.
  private func sendUncopied(
    _ name: ObjectName, _ range: Range<Int>, _ id: UInt32, _ repository: ServedRepository
  ) throws(ConnectionFailure) {
    let file: LocalFile
    var rest: Range<Int>
    var short: [UInt8]?
    do throws(StorageError) {
      let (found, size) = try repository.file(name)
      file = found
      rest = range.clamped(to: 0..<max(0, size))
      if rest.count <= Self.longestCopy {
        short = try file.read(from: rest.lowerBound, count: rest.count)
      }
    } catch {
      return try refuse(error, id)
    }
    if let short { return try answer(.done(short), id) }
    // One answer at a time is sent: those that wait for their turn are read meanwhile.
    file.startReading(rest)
    while !rest.isEmpty {
      let end = min(rest.upperBound, rest.lowerBound + Frame.maximumBody)
      // Always a part: should it turn out to be unreadable, the answer is that.
      let failure = try channel.send(
        kind: Answer.partCode, id: id, file, rest.lowerBound..<end)
      if let failure { return try refuse(failure, id) }
      rest = end..<rest.upperBound
    }
    try answer(.done([]), id)
  }
}

extension Request {
  /// The word for it in a log; pieces and signs of life are not counted.
  fileprivate var word: String? {
    switch self {
    case .get: "get"
    case .put, .commit: "put"
    case .list, .generations: "list"
    case .delete: "delete"
    case .setAside: "set aside"
    case .open, .begin, .piece, .abort, .settle, .removeAbandonedUploads, .releaseReserve,
      .restoreReserve, .makeMissingDirectories, .ping, .goodbye:
      nil
    }
  }
}
