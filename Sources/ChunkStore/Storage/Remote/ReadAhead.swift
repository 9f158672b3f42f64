import Synchronization

/// Reads that were announced, and are under way or here already.
///
/// So a link with a long way keeps full: the callers know what they will read next. An announced
/// read is handed out once. What is here is bounded: what has no room waits, in the order in which
/// it was announced, until something was taken, or has lain here for too long. Ranges that overlap,
/// as those of neighbouring blocks do, are fetched once.
final class ReadAhead: Sendable {
  private let state = Mutex(State())

  /// Bytes that may be under way or waiting to be taken: more than any link holds.
  fileprivate static let capacity = 12 << 20
  fileprivate static let mostReads = 4096
  /// What was not taken for so many seconds is not wanted any more.
  fileprivate static let patience = 60.0
  /// So many that were taken last are not asked for again: several chunks share a block.
  private static let mostTaken = 64

  fileprivate struct Key: Hashable {
    var name: ObjectName
    var start: Int
  }

  /// Bytes that an answer holds, or will hold.
  fileprivate struct Piece {
    /// Where they are in the object.
    var range: Range<Int>
    var answer: PendingAnswer
    /// Where the answer begins in the object.
    var start: Int
  }

  /// What was announced, and asked for.
  fileprivate struct Read {
    var range: Range<Int>
    /// Ascending, without gaps.
    var pieces: [Piece]
    /// Bytes that were asked for because of it.
    var size: Int
    var time: Double
  }

  fileprivate struct State {
    var reads: [ObjectName: [Read]] = [:]
    var count = 0
    var size = 0
    /// What has no room yet, and which of it is still wanted.
    var waiting: [(key: Key, range: Range<Int>)] = []
    var nextWaiting = 0
    var wanted: Set<Key> = []
    var taken: [Key] = []
  }

  /// Asks for a range, unless that has been done.
  func announce(_ name: ObjectName, _ range: Range<Int>, _ connection: RemoteConnection) {
    guard !range.isEmpty else { return }
    let key = Key(name: name, start: range.lowerBound)
    state.withLock { state in
      guard !state.isKnown(key), state.wanted.count < Self.mostReads else { return }
      state.waiting.append((key, range))
      state.wanted.insert(key)
      state.ask(connection)
    }
  }

  /// What was announced, waited for; `nil` if it was not, or could not be had that way.
  func take(_ name: ObjectName, _ range: Range<Int>, _ connection: RemoteConnection) -> [UInt8]? {
    let key = Key(name: name, start: range.lowerBound)
    let read = state.withLock { state in
      state.wanted.remove(key)
      let read = state.remove(key)
      if read != nil {
        state.taken.append(key)
        if state.taken.count > Self.mostTaken { state.taken.removeFirst() }
      }
      state.ask(connection)
      return read
    }
    guard let read else { return nil }
    do throws(StorageError) {
      let bytes = try read.bytes()
      // Shorter than what was asked for: the object ends there, so more of it is the same.
      guard range.count <= read.range.count || bytes.count < read.range.count else { return nil }
      return bytes.count > range.count ? Array(bytes.prefix(range.count)) : bytes
    } catch {
      return nil  // The caller's own request tells the reason.
    }
  }

  /// Lets go of everything: the connection is another one, or the repository has changed.
  func forget() { state.withLock { $0 = State() } }
}

extension ReadAhead.State {
  func isKnown(_ key: ReadAhead.Key) -> Bool {
    wanted.contains(key) || taken.contains(key)
      || reads[key.name]?.contains { $0.range.lowerBound == key.start } ?? false
  }

  mutating func remove(_ key: ReadAhead.Key) -> ReadAhead.Read? {
    guard let index = reads[key.name]?.firstIndex(where: { $0.range.lowerBound == key.start }),
      let read = reads[key.name]?.remove(at: index)
    else { return nil }
    if reads[key.name]?.isEmpty ?? false { reads[key.name] = nil }
    count -= 1
    size -= read.size
    return read
  }

  /// Asks for what has been waiting longest, as long as there is room.
  mutating func ask(_ connection: RemoteConnection) {
    while nextWaiting < waiting.count {
      let (key, range) = waiting[nextWaiting]
      if wanted.contains(key) {
        if isFull(for: range) { removeForgotten() }
        guard !isFull(for: range) else { break }
        wanted.remove(key)
        ask(key.name, range, connection)
      }
      nextWaiting += 1
    }
    if nextWaiting == waiting.count || nextWaiting > 1024 {
      waiting.removeFirst(nextWaiting)
      nextWaiting = 0
    }
  }

  private func isFull(for range: Range<Int>) -> Bool {
    count > 0 && size + range.count > ReadAhead.capacity || count >= ReadAhead.mostReads
  }

  /// Lets go of what nobody has come for.
  private mutating func removeForgotten() {
    let now = Clock.monotonicSeconds
    for (name, reads) in reads {
      for read in reads where now - read.time > ReadAhead.patience {
        _ = remove(ReadAhead.Key(name: name, start: read.range.lowerBound))
      }
    }
  }

  private mutating func ask(
    _ name: ObjectName, _ range: Range<Int>, _ connection: RemoteConnection
  ) {
    // What others have asked for already, at either end, comes with their answers.
    var own = range
    var before: [ReadAhead.Piece] = []
    while let piece = piece(of: name, at: own.lowerBound, within: own) {
      before.append(piece)
      own = piece.range.upperBound..<own.upperBound
    }
    var after: [ReadAhead.Piece] = []
    while let piece = piece(of: name, at: own.upperBound - 1, within: own) {
      after.insert(piece, at: 0)
      own = own.lowerBound..<piece.range.lowerBound
    }
    var pieces = before
    if !own.isEmpty {
      do throws(ConnectionFailure) {
        let answer = try connection.ask(.get(name, own), limit: own.count)
        pieces.append(ReadAhead.Piece(range: own, answer: answer, start: own.lowerBound))
      } catch {
        return  // Whoever wants it asks again, and hears why it cannot be had.
      }
    }
    pieces += after
    reads[name, default: []].append(
      ReadAhead.Read(
        range: range, pieces: pieces, size: own.count, time: Clock.monotonicSeconds))
    count += 1
    size += own.count
  }

  /// The part of `range` that comes with a read that was asked for already, and holds `position`.
  private func piece(
    of name: ObjectName, at position: Int, within range: Range<Int>
  ) -> ReadAhead.Piece? {
    guard range.contains(position) else { return nil }
    for read in reads[name] ?? [] where read.range.contains(position) {
      for piece in read.pieces where piece.range.contains(position) {
        return ReadAhead.Piece(
          range: piece.range.clamped(to: range), answer: piece.answer, start: piece.start)
      }
    }
    return nil
  }
}

extension ReadAhead.Read {
  /// Waits for all that belongs to it.
  func bytes() throws(StorageError) -> [UInt8] {
    if pieces.count == 1, pieces[0].start == range.lowerBound, size == range.count {
      return try pieces[0].answer.wait()
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count)
    for piece in pieces {
      let found = try piece.answer.wait()
      let wanted = (piece.range.lowerBound - piece.start)..<(piece.range.upperBound - piece.start)
      bytes += found[wanted.clamped(to: 0..<found.count)]
      // The object ends here.
      if found.count < wanted.upperBound { break }
    }
    return bytes
  }
}
