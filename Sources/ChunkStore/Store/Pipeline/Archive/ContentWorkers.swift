import LinuxSystem
import StoreEncoding
import StoreFormat

extension ArchiveBuilder {
  /// Gives chunks their ids, and stores the new ones.
  ///
  /// Confined to one thread.
  final class Worker {
    private let shared: Shared
    private let lane: ChunkLane
    private let nodes: NodeWriter
    private var chunker: Chunker

    init(_ shared: Shared) throws {
      let chunker = try Chunker(
        parameters: shared.options.chunker, keys: shared.repository.keys.chunker)
      self.shared = shared
      lane = try ChunkLane(shared.writer, compression: shared.options.compression)
      nodes = try NodeWriter(shared.writer)
      self.chunker = chunker
    }

    func run(_ work: Work) throws {
      switch work {
      case .piece(_, number: _, let assembly) where shared.interruption.isSet:
        assembly.fail(RepositoryError.interrupted)
      case .piece(let piece, let number, let assembly):
        let chunks = try lane.add(piece)
        try lane.endBlock()
        try assembly.add(chunks, number: number, store: nodes)
      case .batch(let jobs):
        let states = try jobs.map(store)
        try lane.endBlock()
        try nodes.endBlock()
        // The tree takes an item when what it refers to is on its way, and not before.
        for (job, state) in zip(jobs, states) { job.slot.fill(state) }
        shared.wake()
      }
    }

    /// Reads a small file.
    ///
    /// It may have grown since it was looked at.
    private func store(_ job: Job) throws -> Slot.State {
      if shared.interruption.isSet { return .failed(RepositoryError.interrupted) }
      do {
        let (chunks, summary) = try ArchiveBuilder.readAtRest(job.source) { try read(job) }
        return job.slot.state(chunks, summary)
      } catch let failure as StoreFailure {
        throw failure.cause
      } catch {
        return .failed(error)
      }
    }

    private func read(_ job: Job) throws -> (Item.ChunkList, ContentSummary) {
      var list = ChunkListWriter()
      let summary = try chunker.cut(job.source) { piece in
        do {
          for chunk in try lane.add(piece) {
            try list.add(chunk, keys: shared.repository.keys, store: nodes)
          }
        } catch {
          throw StoreFailure(cause: error)
        }
      }
      do {
        return (try list.finish(store: nodes), summary)
      } catch {
        throw StoreFailure(cause: error)
      }
    }
  }

  /// Reads large files, cuts them, and hands the pieces to the workers.
  ///
  /// Confined to one thread.
  final class LargeFileReader {
    private let shared: Shared
    private let nodes: NodeWriter
    private var chunker: Chunker

    init(_ shared: Shared) throws {
      let chunker = try Chunker(
        parameters: shared.options.chunker, keys: shared.repository.keys.chunker)
      self.shared = shared
      nodes = try NodeWriter(shared.writer)
      self.chunker = chunker
    }

    func run(_ job: Job) throws {
      if shared.interruption.isSet {
        job.slot.fill(.failed(RepositoryError.interrupted))
        return
      }
      let found: (end: (assembly: Assembly, count: Int), summary: ContentSummary)
      do {
        found = try ArchiveBuilder.readAtRest(job.source) {
          // An earlier attempt's pieces stay without an end, and nobody hears of them.
          let assembly = Assembly(job.slot, shared: shared)
          let (count, summary) = try read(job, into: assembly)
          return ((assembly, count), summary)
        }
      } catch let failure as StoreFailure {
        throw failure.cause
      } catch {
        job.slot.fill(.failed(error))
        shared.wake()
        return
      }
      let (assembly, count) = found.end
      try assembly.end(total: count, summary: found.summary, store: nodes)
    }

    private func read(
      _ job: Job, into assembly: Assembly
    ) throws -> (count: Int, summary: ContentSummary) {
      var count = 0
      let summary = try chunker.cut(job.source) { piece in
        if shared.interruption.isSet { throw RepositoryError.interrupted }
        do throws(Cancelled) {
          try shared.work.push(
            .piece(piece, number: count, of: assembly), cost: piece.bytes.count)
        } catch {
          // Nobody takes it any more.
          if shared.interruption.isSet { throw RepositoryError.interrupted }
          throw StoreFailure(cause: error)
        }
        count += 1
      }
      return (count, summary)
    }
  }

  /// Puts the pieces of one large file, which are stored in any order, into their own.
  ///
  /// Sendable: all state is touched under the monitor.
  final class Assembly: @unchecked Sendable {
    private let slot: Slot
    private let shared: Shared
    private let monitor = Monitor()
    private var list = ChunkListWriter()
    private var next = 0
    private var early: [Int: [ChunkReference]] = [:]
    private var end: (total: Int, summary: ContentSummary)?

    init(_ slot: Slot, shared: Shared) {
      self.slot = slot
      self.shared = shared
    }

    func add(_ chunks: [ChunkReference], number: Int, store: NodeWriter) throws {
      try monitor.withLock {
        early[number] = chunks
        try advance(store)
      }
    }

    func end(total: Int, summary: ContentSummary, store: NodeWriter) throws {
      try monitor.withLock {
        end = (total, summary)
        try advance(store)
      }
    }

    func fail(_ error: any Error) {
      slot.fill(.failed(error))
      shared.wake()
    }

    private func advance(_ store: NodeWriter) throws {
      while let chunks = early.removeValue(forKey: next) {
        for chunk in chunks { try list.add(chunk, keys: shared.repository.keys, store: store) }
        next += 1
      }
      var whole: Slot.State?
      if let end, next == end.total {
        whole = slot.state(try list.finish(store: store), end.summary)
      }
      // The tree takes an item when what it refers to is on its way, and not before.
      try store.endBlock()
      guard let whole else { return }
      slot.fill(whole)
      shared.wake()
    }
  }

  /// Reads a content; again while it changes meanwhile, if that is worth it.
  ///
  /// - Throws: What keeps it from being read the first time, and any `StoreFailure`.
  private static func readAtRest<R>(
    _ source: any ContentSource, _ read: () throws -> (R, ContentSummary)
  ) throws -> (R, ContentSummary) {
    var found = try read()
    var attempt = 1
    while found.1.changedWhileRead, source.isWorthReading(afterAttempt: attempt) {
      do {
        found = try read()
      } catch let failure as StoreFailure {
        throw failure
      } catch {
        // It changed, and has vanished since: what was read of it is what there is.
        return found
      }
      attempt += 1
    }
    return found
  }

  /// An error of the repository, told apart from those of the file that is read.
  private struct StoreFailure: Error {
    let cause: any Error
  }
}

/// Chunks that follow each other in a content: what is new of them becomes a block.
struct ContentPiece: Sendable {
  /// The chunks, one behind the other.
  var bytes: [UInt8]
  /// Where each of them ends.
  var ends: [Int]
}

extension Chunker {
  /// How much is read at a time.
  private static let readSize = 256 << 10

  /// Reads a content to its end, and passes on its chunks, as many at a time as fit a block.
  ///
  /// What is read ends up where the piece will be: only what was read beyond its end is copied.
  fileprivate mutating func cut(
    _ source: any ContentSource, _ body: (ContentPiece) throws -> Void
  ) throws -> ContentSummary {
    let stream = try source.open()
    reset()
    // A small file is read in one go, and one byte more tells that it has ended.
    let firstRead = Int(min(source.expectedSize, UInt64(Self.readSize - 1))) + 1
    var buffer: [UInt8] = []
    buffer.reserveCapacity(firstRead < Self.readSize ? firstRead : room)
    try stream.read(firstRead, into: &buffer)
    var isLast = buffer.count < firstRead
    var ends: [Int] = []
    /// Passes on what has been cut up to a chunk's end.
    func pass() throws {
      guard let end = ends.last else { return }
      var rest: [UInt8] = []
      if !isLast || end < buffer.count { rest.reserveCapacity(max(room, buffer.count - end)) }
      rest += buffer[end...]
      buffer.removeLast(buffer.count - end)
      try body(ContentPiece(bytes: buffer, ends: ends))
      buffer = rest
      ends.removeAll(keepingCapacity: true)
    }
    while true {
      let start = ends.last ?? 0
      if let length = try cut(buffer.span.extracting(start...), isLast: isLast) {
        if start + length > ChunkLane.pieceSize { try pass() }
        let end = (ends.last ?? 0) + length
        ends.append(end)
        // Most of the next ones would not fit any more.
        if end > ChunkLane.pieceSize - usualChunkSize { try pass() }
      } else if isLast {
        try pass()
        return try stream.finish()
      } else {
        let count = buffer.count
        if buffer.capacity < count + Self.readSize { buffer.reserveCapacity(2 * buffer.capacity) }
        try stream.read(Self.readSize, into: &buffer)
        isLast = buffer.count == count
      }
    }
  }

  /// Room for what is usually read until a piece has ended.
  private var room: Int { max(ChunkLane.pieceSize, usualChunkSize) + Self.readSize }
}
