import Synchronization

/// Reads that were announced, and are under way or here already.
///
/// So a link with a long way keeps full: the callers know what they will read next. An announced
/// read is handed out once. What is here is bounded: when it is full, nothing is announced until
/// something was taken, or has lain here for too long.
final class ReadAhead: Sendable {
  private let state = Mutex(State())

  /// Bytes that may be under way or waiting.
  private static let capacity = 32 << 20
  private static let mostReads = 4096
  /// What was not taken for so many seconds is not wanted any more.
  private static let patience = 60.0
  /// So many that were taken last are not asked for again: several chunks share a block.
  private static let mostTaken = 64

  private struct Key: Hashable {
    var name: ObjectName
    var start: Int
  }

  private struct Read {
    var range: Range<Int>
    var answer: PendingAnswer
    var time: Double
  }

  private struct State {
    var reads: [Key: Read] = [:]
    var taken: [Key] = []
    var size = 0

    mutating func remove(_ key: Key) -> Read? {
      guard let read = reads.removeValue(forKey: key) else { return nil }
      size -= read.range.count
      return read
    }

    /// Lets go of what nobody has come for.
    mutating func removeForgotten(now: Double) {
      for (key, read) in reads where now - read.time > ReadAhead.patience { _ = remove(key) }
    }
  }

  /// Asks for a range, unless that has been done.
  func announce(_ name: ObjectName, _ range: Range<Int>, _ connection: RemoteConnection) {
    let key = Key(name: name, start: range.lowerBound)
    let isWanted = state.withLock { state in
      guard !range.isEmpty, state.reads[key] == nil, !state.taken.contains(key) else {
        return false
      }
      let isFull = { (state: State) in
        state.size + range.count > Self.capacity || state.reads.count >= Self.mostReads
      }
      if isFull(state) { state.removeForgotten(now: Clock.monotonicSeconds) }
      return !isFull(state)
    }
    guard isWanted else { return }
    do throws(ConnectionFailure) {
      let answer = try connection.ask(.get(name, range), limit: range.count)
      state.withLock { state in
        _ = state.remove(key)
        state.reads[key] = Read(
          range: range, answer: answer, time: Clock.monotonicSeconds)
        state.size += range.count
      }
    } catch {
      // Whoever wants it asks again, and hears why it cannot be had.
    }
  }

  /// What was announced, waited for; `nil` if it was not, or could not be had that way.
  func take(_ name: ObjectName, _ range: Range<Int>) -> [UInt8]? {
    let key = Key(name: name, start: range.lowerBound)
    let read = state.withLock { state in
      guard let read = state.remove(key) else { return Read?.none }
      state.taken.append(key)
      if state.taken.count > Self.mostTaken { state.taken.removeFirst() }
      return read
    }
    guard let read else { return nil }
    do throws(StorageError) {
      let bytes = try read.answer.wait()
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
