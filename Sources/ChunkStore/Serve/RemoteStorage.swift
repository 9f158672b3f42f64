internal import Glibc
import LinuxSystem
public import ObjectStorage
import StoreCrypto
public import StoreEncoding
import Synchronization

/// A repository on another machine, where `archivist serve` runs.
///
/// A connection that is lost is made again, a few times; what had not been answered is asked
/// again, which no request minds. The leases that were put in the lost connection are gone: the
/// operation that held one finds that out as always.
public final class RemoteStorage: Storage {
  /// The address, as it was given.
  public let location: String
  private let path: String
  private let connect: @Sendable () throws(ConnectionFailure) -> RemoteConnection
  private let spoolDirectory: String
  private let pauses: [Double]
  private let state: Mutex<State>
  private let ahead: ReadAhead
  /// Files of uploads that are over.
  private let spools = Mutex<[LocalFile]>([])
  /// Configurations, which are looked at several times in the beginning, and never change.
  private let configs = Mutex<[UInt32: PendingAnswer]>([:])

  private struct State {
    var connection: RemoteConnection
    /// Of the connections before.
    var past = RemoteConnection.Figures()
    /// The failure, with which threads that lost the same connection make one new one.
    var failure: ConnectionFailure?
    /// The directories that the server found missing when the repository was opened.
    var missingDirectories: [String] = []
  }

  /// The directories to make at the other end before the repository is opened.
  package enum Making: Sendable {
    case nothing, repository, repositoryAndParents
  }

  /// Starts a program that carries a connection; `end` ends it.
  package typealias Carrier =
    @Sendable () throws(ConnectionFailure) -> (channel: Channel, end: @Sendable () -> Void)

  /// Connects to a server.
  ///
  /// - Parameters:
  ///   - location: The address, for people.
  ///   - path: Where the repository is, on that machine.
  ///   - making: Whether it is made now.
  ///   - spoolDirectory: Where uploads are kept until they are committed, in files without a name:
  ///     what had been sent of one is sent again when the connection is lost.
  ///   - pauses: Seconds before each attempt to connect again.
  ///   - carrier: Makes a connection.
  /// - Throws: `StorageError.connection`, or why the repository cannot be opened or made.
  package init(
    location: String, path: String, making: Making = .nothing, spoolDirectory: String,
    pauses: [Double] = [0.2, 1, 3, 10, 20], carrier: @escaping Carrier
  ) throws(StorageError) {
    self.location = location
    self.path = path
    self.spoolDirectory = spoolDirectory
    self.pauses = pauses
    connect = { () throws(ConnectionFailure) in
      let (channel, end) = try carrier()
      return try RemoteConnection(channel, onEnd: end)
    }
    let connection: RemoteConnection
    do throws(ConnectionFailure) { connection = try connect() } catch {
      throw .connection(error)
    }
    state = Mutex(State(connection: connection))
    // The objects that nearly every repository has, and every command begins with, come at the same
    // time.
    let start = SystemClock.monotonicSeconds
    let opened = try connection.begin(
      Self.opening(path, making), limit: DirectoryList.maximumSize)
    let config = try connection.begin(.get(.config(1), nil), limit: Limits.segmentSize)
    let missing = try Self.directories(try opened.wait())
    ahead = ReadAhead(
      capacity: ReadAhead.capacity(roundTrip: SystemClock.monotonicSeconds - start))
    configs.withLock { $0[1] = config }
    state.withLock { $0.missingDirectories = missing }
  }

  deinit {
    do throws(ConnectionFailure) {
      let connection = state.withLock { $0.connection }
      _ = try connection.ask(.goodbye)
    } catch {
      // It has ended already.
    }
    state.withLock { $0.connection.end(.lost("it was closed")) }
  }

  private static func opening(_ path: String, _ making: Making) -> Request {
    .open(path: path, makes: making != .nothing, makesParents: making == .repositoryAndParents)
  }

  private static func directories(_ bytes: [UInt8]) throws(StorageError) -> [String] {
    do throws(FormatError) { return try DirectoryList.decode(bytes) } catch {
      throw .connection(.malformed("\(error)"))
    }
  }

  /// How much was asked, in all connections.
  package var figures: RemoteConnection.Figures {
    state.withLock { $0.past + $0.connection.figures }
  }

  // MARK: Connections

  /// Runs `body` with a connection; with another one, if the first is lost.
  func withConnection<R>(
    _ body: (RemoteConnection) throws(StorageError) -> R
  ) throws(StorageError) -> R {
    var connection = state.withLock { $0.connection }
    var losses = 0
    while true {
      do throws(StorageError) {
        return try body(connection)
      } catch .connection(let failure) where failure.isLoss && losses < 3 {
        losses += 1
        connection = try replace(connection, failure)
      }
    }
  }

  /// Connects again, unless another thread has done that.
  private func replace(
    _ lost: RemoteConnection, _ failure: ConnectionFailure
  ) throws(StorageError) -> RemoteConnection {
    try state.withLock { state throws(StorageError) in
      if state.connection !== lost { return state.connection }
      if let failure = state.failure { throw .connection(failure) }
      for pause in pauses {
        SystemClock.pause(pause)
        do throws(StorageError) {
          let connection: RemoteConnection
          do throws(ConnectionFailure) { connection = try connect() } catch {
            throw .connection(error)
          }
          state.missingDirectories = try Self.directories(
            try connection.answer(
              Self.opening(path, .nothing), limit: DirectoryList.maximumSize))
          state.past = state.past + lost.figures
          state.connection = connection
          ahead.forget()
          return connection
        } catch {
          // The next attempt may do better; the last word is on what was lost first.
          continue
        }
      }
      state.failure = failure
      throw .connection(failure)
    }
  }

  /// Sends a request, and waits for its answer.
  private func ask(_ request: Request, limit: Int = 0) throws(StorageError) -> [UInt8] {
    try withConnection { connection throws(StorageError) in
      try connection.answer(request, limit: limit)
    }
  }

  // MARK: Storage

  /// Reads an object, or takes what was announced.
  public func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    if let range, range.isEmpty {
      // Still an error for a name that is not there.
      return Array(try get(name, range: range.lowerBound..<(range.lowerBound + 1)).prefix(0))
    }
    if let range, case .object(.segment, _) = name {
      let wide = ReadGranule.widened(range)
      let bytes = try read(name, range: wide)
      guard wide != range else { return bytes }
      return Array(bytes.dropFirst(range.lowerBound - wide.lowerBound).prefix(range.count))
    }
    return try read(name, range: range)
  }

  private func read(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    if let range {
      let connection = state.withLock { $0.connection }
      if let bytes = ahead.take(name, range, connection) { return bytes }
    }
    if case .config(let generation) = name, range == nil { return try config(generation) }
    return try ask(.get(name, range), limit: range?.count ?? Limits.segmentSize)
  }

  private func config(_ generation: UInt32) throws(StorageError) -> [UInt8] {
    if let known = configs.withLock({ $0[generation] }) {
      do throws(StorageError) { return try known.wait() } catch {
        // It was not there then, or could not be had over a connection that is lost by now.
        _ = configs.withLock { $0.removeValue(forKey: generation) }
      }
    }
    return try withConnection { connection throws(StorageError) in
      let answer = try connection.begin(
        .get(.config(generation), nil), limit: Limits.segmentSize)
      let bytes = try answer.wait()
      configs.withLock { $0[generation] = answer }
      return bytes
    }
  }

  /// Asks for an object that will be wanted soon.
  public func announce(_ name: ObjectName, range: Range<Int>) {
    let connection = state.withLock { $0.connection }
    guard case .object(.segment, _) = name else {
      return ahead.announce(name, range, connection)
    }
    ahead.announce(name, ReadGranule.widened(range), connection)
  }

  /// The capacity for reads that are under way, or here.
  public var announcedSize: Int { ahead.capacity }

  /// Publishes an object.
  public func put(_ name: ObjectName, _ bytes: [UInt8]) throws(StorageError) {
    guard bytes.count <= Frame.pieceSize else {
      let upload = try beginUpload()
      defer { upload.abort() }
      try upload.write(bytes)
      return try upload.commit(as: name)
    }
    var isRepeated = false
    try withConnection { connection throws(StorageError) in
      let wasRepeated = isRepeated
      isRepeated = true
      try Self.put(name, bytes, connection, isRepeated: wasRepeated)
    }
  }

  private static func put(
    _ name: ObjectName, _ bytes: [UInt8], _ connection: RemoteConnection, isRepeated: Bool
  ) throws(StorageError) {
    do throws(StorageError) {
      _ = try connection.answer(.put(name, bytes))
    } catch {
      guard isRepeated, case .system(_, _, EEXIST) = error else { throw error }
      // Perhaps our own, which had arrived before the connection was lost.
      let there = try connection.answer(.get(name, nil), limit: Limits.segmentSize)
      guard there == bytes else { throw error }
    }
  }

  /// Starts an object that is streamed to the server.
  public func beginUpload() throws(StorageError) -> any Upload {
    if let used = spools.withLock({ $0.popLast() }) {
      return RemoteUpload(storage: self, spool: used)
    }
    return RemoteUpload(storage: self, spool: try spool())
  }

  /// Takes back the file of an upload whose end has arrived: the next one is written over it, which
  /// costs less than another file.
  func reuse(spool: LocalFile) {
    spools.withLock { if $0.count < Self.mostSpools { $0.append(spool) } }
  }

  private static let mostSpools = 3

  /// The paths of files that wait for the next upload.
  package var unusedSpools: [String] { spools.withLock { $0.map(\.path) } }

  /// A file without a name, for as long as it is open.
  private func spool() throws(StorageError) -> LocalFile {
    do throws(StorageError) { return try cachedSpool() } catch {
      // A cache that cannot be used: it is no more than a segment, and memory has room for that.
      return try LocalFile.inMemory()
    }
  }

  private func cachedSpool() throws(StorageError) -> LocalFile {
    try LocalFile.makePrivateDirectories(spoolDirectory)
    let name: String
    do throws(CryptoError) { name = try Digest256.random().hex } catch {
      throw .damaged(spoolDirectory, "no random name could be had: \(error)")
    }
    let path = "\(spoolDirectory)/upload-\(name.prefix(32))"
    let file = try LocalFile.open(path, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    try LocalFile.remove(path)
    return file
  }

  /// The objects of one kind.
  public func list(_ kind: ObjectName.Kind) throws(StorageError) -> [StoredObject] {
    let bytes = try ask(.list(kind), limit: Limits.listing)
    do throws(FormatError) { return try Listing.decode(bytes) } catch {
      throw .connection(.malformed("\(error)"))
    }
  }

  /// The generations of the configuration.
  public func generations() throws(StorageError) -> [UInt32] {
    let bytes = try ask(.generations, limit: Frame.maximumBody)
    var reader = ByteReader(bytes)
    var generations: [UInt32] = []
    do throws(FormatError) {
      while !reader.isAtEnd { generations.append(try reader.integer()) }
    } catch {
      throw .connection(.malformed("\(error)"))
    }
    return generations
  }

  /// Removes an object.
  public func delete(_ name: ObjectName) throws(StorageError) {
    ahead.forget()
    if case .config(let generation) = name {
      _ = configs.withLock { $0.removeValue(forKey: generation) }
    }
    _ = try ask(.delete(name))
  }

  /// Takes an object out of the repository over there.
  public func setAside(_ name: ObjectName) throws(StorageError) {
    ahead.forget()
    _ = try ask(.setAside(name))
  }

  /// Makes what others have put, and deleted, durable over there.
  public func settle(_ kinds: [ObjectName.Kind]) throws(StorageError) {
    _ = try ask(.settle(kinds))
  }

  /// Removes what crashed uploads left over there.
  public func removeAbandonedUploads() throws(StorageError) { _ = try ask(.removeAbandonedUploads) }

  /// The directories that the server found missing when the repository was opened.
  public func missingDirectories() throws(StorageError) -> [String] {
    state.withLock { $0.missingDirectories }
  }

  /// Makes the directories that are missing over there.
  public func makeMissingDirectories() throws(StorageError) {
    _ = try ask(.makeMissingDirectories)
    state.withLock { $0.missingDirectories = [] }
  }

  /// Gives up the reserve over there.
  public func releaseReserve() throws(StorageError) { _ = try ask(.releaseReserve) }

  /// Sets the reserve aside again.
  public func restoreReserve() throws(StorageError) { _ = try ask(.restoreReserve) }
}

extension RemoteConnection {
  /// Sends a request, and waits for its answer.
  package func answer(_ request: Request, limit: Int = 0) throws(StorageError) -> [UInt8] {
    try begin(request, limit: limit).wait()
  }

  /// Sends a request.
  package func begin(_ request: Request, limit: Int = 0) throws(StorageError) -> PendingAnswer {
    do throws(ConnectionFailure) { return try ask(request, limit: limit) } catch {
      throw .connection(error)
    }
  }
}
