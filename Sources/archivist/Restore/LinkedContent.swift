import Synchronization

/// The content that the names of a group of hard links share, while it is being restored.
///
/// The file with the content is written by any thread, while another one makes the other names.
final class LinkedContent: Sendable {
  private enum State {
    case open
    case complete(FileMetadata)
    case lost
  }

  private let state = Mutex(State.open)

  /// Whether the content could not be restored: no more names are made then.
  var isLost: Bool { state.withLock { if case .lost = $0 { true } else { false } } }

  /// The file that has the content, once it is complete and has its name.
  var complete: FileMetadata? {
    state.withLock { if case .complete(let made) = $0 { made } else { nil } }
  }

  /// Says that the content could not be restored.
  func lose() { state.withLock { $0 = .lost } }

  /// Says that the content is there, under its name.
  func finish(_ made: FileMetadata) { state.withLock { $0 = .complete(made) } }
}
