import StoreFormat
import Synchronization

/// The first item that could not be archived, noted by any thread.
final class FailedItems: Sendable {
  private let failure = Mutex<(path: ArchivePath, error: any Error)?>(nil)

  /// Which one, and why; `nil` if there was none.
  var first: (path: ArchivePath, error: any Error)? { failure.withLock { $0 } }

  func note(_ outcome: ArchiveBuilder.Outcome) {
    guard case .failed(let path, let error) = outcome else { return }
    failure.withLock { if $0 == nil { $0 = (path, error) } }
  }
}
