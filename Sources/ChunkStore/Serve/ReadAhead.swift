import LinuxSystem
import ObjectStorage
package import StoreEncoding
import Synchronization

/// Reads that were announced, and are under way or here already.
///
/// So a link with a long way keeps full: the callers know what they will read next. An announced
/// read is handed out once. What is here is bounded: what has no room waits, in the order in which
/// it was announced, until something was taken, or has lain here for too long. Ranges that overlap,
/// as those of neighbouring blocks do, are fetched once.
package final class ReadAhead: Sendable {
  /// Bytes that may be under way or here.
  package let capacity: Int
  private let state: Mutex<State>

  /// Bytes that may be under way or waiting to be taken: what a few threads work on and wait for,
  /// and what the link holds.
  package static func capacity(roundTrip seconds: Double) -> Int {
    min(mostCapacity, leastCapacity + Int(min(seconds, 1) * bytesPerSecond))
  }

  /// Three stretches of the length that the blocks of large files have.
  private static let leastCapacity = 7 << 20
  private static let mostCapacity = 12 << 20
  /// More than a link with a long way usually carries.
  private static let bytesPerSecond = 100e6

  fileprivate static let mostReads = 4096
  /// The seconds after which an answer that nobody took is no longer wanted.
  fileprivate static let patience = 60.0
  /// The number of answers taken last that are not asked for again: several chunks share a block.
  private static let mostTaken = 64

  fileprivate struct Key: Hashable {
    var name: ObjectName
    var start: Int
  }

  /// Bytes that are here, or will be.
  fileprivate struct Piece {
    /// Where they are in the object.
    var range: Range<Int>
    var source: Source
    /// Where the source begins in the object.
    var start: Int
  }

  fileprivate enum Source {
    case answer(PendingAnswer)
    case bytes([UInt8])
  }

  /// A read that was announced, and asked for.
  fileprivate struct Read {
    var range: Range<Int>
    /// The pieces that come with the answers to others, in front of and behind what was asked for
    /// because of this one; all ascending, without gaps.
    var before: [Piece]
    var own: Piece?
    var after: [Piece]
    var time: Double

    var size: Int { own?.range.count ?? 0 }
  }

  fileprivate struct State {
    let capacity: Int
    var reads: [ObjectName: [Read]] = [:]
    var count = 0
    var size = 0
    /// The announcements that have no room yet, and which part of each is still wanted.
    var waiting: [(key: Key, range: Range<Int>)] = []
    var nextWaiting = 0
    var wanted: Set<Key> = []
    var taken: [Key] = []
  }

  package init(capacity: Int) {
    self.capacity = capacity
    state = Mutex(State(capacity: capacity))
  }

  /// Asks for a range, unless that has been done.
  package func announce(_ name: ObjectName, _ range: Range<Int>, _ connection: RemoteConnection) {
    guard !range.isEmpty else { return }
    let key = Key(name: name, start: range.lowerBound)
    state.withLock { state in
      guard !state.isKnown(key), state.wanted.count < Self.mostReads else { return }
      state.waiting.append((key, range))
      state.wanted.insert(key)
      state.ask(connection)
    }
  }

  /// Takes an announced range, waiting for it; `nil` if it was not announced, or could not be had
  /// that way.
  package func take(_ name: ObjectName, _ range: Range<Int>, _ connection: RemoteConnection)
    -> [UInt8]?
  {
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
      if let own = read.own { state.withLock { $0.detach(own, of: name) } }
      // Shorter than what was asked for: the object ends there, so more of it is the same.
      guard range.count <= read.range.count || bytes.count < read.range.count else { return nil }
      return bytes.count > range.count ? Array(bytes.prefix(range.count)) : bytes
    } catch {
      return nil  // The caller's own request tells the reason.
    }
  }

  /// Lets go of everything: the connection is another one, or the repository has changed.
  package func forget() { state.withLock { $0 = State(capacity: capacity) } }
}

extension ReadAhead.State {
  func isKnown(_ key: ReadAhead.Key) -> Bool {
    wanted.contains(key) || taken.contains(key)
      || reads[key.name]?.contains { $0.range.lowerBound == key.start } ?? false
  }

  package mutating func remove(_ key: ReadAhead.Key) -> ReadAhead.Read? {
    guard let index = reads[key.name]?.firstIndex(where: { $0.range.lowerBound == key.start }),
      let read = reads[key.name]?.remove(at: index)
    else { return nil }
    if reads[key.name]?.isEmpty ?? false { reads[key.name] = nil }
    count -= 1
    size -= read.size
    return read
  }

  /// Asks for what has been waiting longest, as long as there is room.
  package mutating func ask(_ connection: RemoteConnection) {
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
    count > 0 && size + range.count > capacity || count >= ReadAhead.mostReads
  }

  /// Lets go of what nobody has come for.
  private mutating func removeForgotten() {
    let now = SystemClock.monotonicSeconds
    for (name, reads) in reads {
      for read in reads where now - read.time > ReadAhead.patience {
        _ = remove(ReadAhead.Key(name: name, start: read.range.lowerBound))
      }
    }
  }

  private mutating func ask(
    _ name: ObjectName, _ range: Range<Int>, _ connection: RemoteConnection
  ) {
    // The parts that others have asked for already, at either end, come with their answers.
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
    var asked: ReadAhead.Piece?
    if !own.isEmpty {
      do throws(ConnectionFailure) {
        // With room for what comes before it, so that all is in one place without a copy.
        let answer = try connection.ask(
          .get(name, own), limit: own.count, lead: own.lowerBound - range.lowerBound)
        asked = ReadAhead.Piece(range: own, source: .answer(answer), start: range.lowerBound)
      } catch {
        return  // Whoever wants it asks again, and hears why it cannot be had.
      }
    }
    reads[name, default: []].append(
      ReadAhead.Read(
        range: range, before: before, own: asked, after: after, time: SystemClock.monotonicSeconds))
    count += 1
    size += own.count
  }

  /// Gives those who share an answer that was taken what they need of it, so that they do not keep
  /// all of it.
  mutating func detach(_ taken: ReadAhead.Piece, of name: ObjectName) {
    guard case .answer(let answer) = taken.source, answer.isThere, var sharing = reads[name]
    else { return }
    reads[name] = nil
    for index in sharing.indices {
      for piece in sharing[index].before.indices {
        sharing[index].before[piece].detach(from: answer)
      }
      for piece in sharing[index].after.indices {
        sharing[index].after[piece].detach(from: answer)
      }
    }
    reads[name] = sharing
  }

  /// The part of `range` that comes with a read that was asked for already, and holds `position`.
  private func piece(
    of name: ObjectName, at position: Int, within range: Range<Int>
  ) -> ReadAhead.Piece? {
    guard range.contains(position) else { return nil }
    for read in reads[name] ?? [] where read.range.contains(position) {
      for var piece in read.pieces where piece.range.contains(position) {
        piece.range = piece.range.clamped(to: range)
        return piece
      }
    }
    return nil
  }
}

extension ReadAhead.Read {
  package var pieces: [ReadAhead.Piece] { before + (own.map { [$0] } ?? []) + after }

  /// Waits for all that belongs to it.
  package func bytes() throws(StorageError) -> [UInt8] {
    var bytes: [UInt8] = []
    for piece in before {
      let found = try piece.bytes()
      bytes += found
      // The object ends here.
      if found.count < piece.range.count { return bytes }
    }
    if let own, case .answer(let answer) = own.source {
      bytes = try answer.wait(front: bytes)
      if bytes.count < own.range.upperBound - range.lowerBound { return bytes }
    }
    for piece in after {
      let found = try piece.bytes()
      bytes += found
      if found.count < piece.range.count { break }
    }
    return bytes
  }
}

extension ReadAhead.Piece {
  /// Waits for them; fewer where the object ends.
  package func bytes() throws(StorageError) -> ArraySlice<UInt8> {
    let found =
      switch source {
      case .answer(let answer): try answer.wait()
      case .bytes(let bytes): bytes
      }
    let wanted = (range.lowerBound - start)..<(range.upperBound - start)
    return found[wanted.clamped(to: 0..<found.count)]
  }

  /// Keeps a copy of what it needs of an answer that is there.
  mutating func detach(from taken: PendingAnswer) {
    guard case .answer(let answer) = source, answer === taken else { return }
    do throws(StorageError) {
      source = .bytes(Array(try bytes()))
      start = range.lowerBound
    } catch {
      // It has failed: whoever waits for it hears that from it.
    }
  }
}
