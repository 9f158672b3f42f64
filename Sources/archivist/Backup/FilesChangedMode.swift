import ArgumentParser

/// How it is known that a file changed while it was read, as borg's `--files-changed` has it.
enum FilesChangedMode: String, CaseIterable, ExpressibleByArgument, Sendable {
  case ctime
  case mtime
  case disabled

  /// Says whether a file is not what it was when it was opened.
  func isChanged(_ opened: FileMetadata, _ now: FileMetadata) -> Bool {
    switch self {
    case .ctime: now.ctime != opened.ctime || now.size != opened.size
    case .mtime: now.mtime != opened.mtime || now.size != opened.size
    case .disabled: false
    }
  }
}
