import Synchronization

/// Whether the content that the names of a group of hard links share could be restored.
///
/// The file with the content is written by any thread, while another one makes the other names.
final class LinkedContent: Sendable {
  private let lost = Atomic(false)

  /// Whether the content could not be restored: no more names are made then.
  var isLost: Bool { lost.load(ordering: .acquiring) }

  /// Says that the content could not be restored.
  func lose() { lost.store(true, ordering: .releasing) }
}
