import CLinux
internal import Glibc
import ObjectStorage
import Synchronization

/// Where a run of an index is written.
enum RunPlace: Equatable, Sendable {
  /// In the cache, where the next operation finds it.
  case cache(String)
  /// In another directory, in a file without a name.
  case temporary(String)
  /// In a file that is memory.
  case memory
}

/// The places for runs, in the order in which they are tried: who reads needs an index, and need not
/// have a disk.
///
/// A place that has failed is not tried again.
final class RunPlaces: Sendable {
  private struct State {
    var rest: [RunPlace]
    var failure: StorageError?
    var told: (@Sendable (StorageError) -> Void)?
  }

  private let state: Mutex<State>

  /// A cache, else a directory for temporary files, else memory.
  init(cache directory: String) {
    let own = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? ""
    let temporary = (own.isEmpty ? [] : [own]) + ["/var/tmp", "/tmp"]
    state = Mutex(
      State(rest: [.cache(directory)] + temporary.map { .temporary($0) } + [.memory]))
  }

  /// Tells why the cache is not written to, once, if it is not.
  func onFailure(_ body: @escaping @Sendable (StorageError) -> Void) {
    let known = state.withLock { state in
      state.told = body
      return state.failure
    }
    if let known { body(known) }
  }

  /// Runs `body` with a place; with the next one, if that cannot be written to.
  ///
  /// - Throws: What has nothing to do with the place, and what keeps even the last one from working.
  func writing<R>(_ body: (RunPlace) throws -> R) throws -> R {
    while true {
      let place = state.withLock { $0.rest.first } ?? .memory
      do {
        return try body(place)
      } catch let error as StorageError where place != .memory {
        giveUp(place, error)
      }
    }
  }

  /// Does not try this place again.
  func giveUp(_ place: RunPlace, _ error: StorageError) {
    let told = state.withLock { state in
      state.rest.removeAll { $0 == place }
      guard case .cache = place, state.failure == nil else {
        return nil as (@Sendable (StorageError) -> Void)?
      }
      state.failure = error
      return state.told
    }
    told?(error)
  }
}
