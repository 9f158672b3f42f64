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
      case .chunk(_, number: _, let assembly) where shared.interruption.isSet:
        assembly.fail(RepositoryError.interrupted)
      case .chunk(let bytes, let number, let assembly):
        let reference = try lane.add(bytes)
        try lane.endBlock()
        try assembly.add(reference, number: number, store: nodes)
      case .batch(let jobs):
        let states = try jobs.map(store)
        try lane.endBlock()
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
      let summary = try chunker.cut(job.source) { chunk in
        do {
          try list.add(
            try lane.add(chunk), keys: shared.repository.keys, store: nodes)
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

  /// Reads large files, cuts them, and hands the chunks to the workers.
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
          // An earlier attempt's chunks stay without an end, and nobody hears of them.
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
      let summary = try chunker.cut(job.source) { chunk in
        if shared.interruption.isSet { throw RepositoryError.interrupted }
        do throws(RepositoryError) {
          try shared.work.push(
            .chunk(chunk, number: count, of: assembly), cost: chunk.count)
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

  /// Puts the chunks of one large file, which are stored in any order, into their own.
  ///
  /// Sendable: all state is touched under the monitor.
  final class Assembly: @unchecked Sendable {
    private let slot: Slot
    private let shared: Shared
    private let monitor = Monitor()
    private var list = ChunkListWriter()
    private var next = 0
    private var early: [Int: ChunkReference] = [:]
    private var end: (total: Int, summary: ContentSummary)?

    init(_ slot: Slot, shared: Shared) {
      self.slot = slot
      self.shared = shared
    }

    func add(_ chunk: ChunkReference, number: Int, store: NodeWriter) throws {
      try monitor.withLock {
        early[number] = chunk
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
      while let chunk = early.removeValue(forKey: next) {
        try list.add(chunk, keys: shared.repository.keys, store: store)
        next += 1
      }
      guard let end, next == end.total else { return }
      slot.fill(slot.state(try list.finish(store: store), end.summary))
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

extension Chunker {
  private static let pieceSize = 256 << 10

  /// Reads a content to its end, and passes on its chunks.
  ///
  /// What is read ends up where the chunk will be: only what was read beyond its end is copied.
  fileprivate mutating func cut(
    _ source: any ContentSource, _ body: ([UInt8]) throws -> Void
  ) throws -> ContentSummary {
    let stream = try source.open()
    reset()
    // A small file is read in one piece, and one byte more tells that it has ended.
    let firstPiece = Int(min(source.expectedSize, UInt64(Self.pieceSize - 1))) + 1
    let room = usualChunkSize + Self.pieceSize
    var buffer: [UInt8] = []
    buffer.reserveCapacity(firstPiece < Self.pieceSize ? firstPiece : room)
    try stream.read(firstPiece, into: &buffer)
    var isLast = buffer.count < firstPiece
    while true {
      if let length = try cut(buffer.span, isLast: isLast) {
        var rest: [UInt8] = []
        if length < buffer.count {
          rest.reserveCapacity(max(room, buffer.count - length))
          rest += buffer[length...]
          buffer.removeLast(buffer.count - length)
        } else if !isLast {
          rest.reserveCapacity(room)
        }
        try body(buffer)
        buffer = rest
      } else if isLast {
        return try stream.finish()
      } else {
        let count = buffer.count
        if buffer.capacity < count + Self.pieceSize { buffer.reserveCapacity(2 * buffer.capacity) }
        try stream.read(Self.pieceSize, into: &buffer)
        isLast = buffer.count == count
      }
    }
  }
}
