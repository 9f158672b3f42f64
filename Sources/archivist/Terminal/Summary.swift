import ChunkStore
import StoreCrypto

/// The last words of a command to a person at a terminal: what it did.
///
/// Nobody reads them where standard error is not a terminal, so that a job of cron stays silent, and
/// nobody asked for them with `--quiet` or `--log-json`. A command that prints its result on standard
/// output anyway has none.
enum Summary {
  case made(Repository, path: String, keyFile: String?)
  case created(Archive, warnings: Int)
  case restored(items: Int, failed: Int, bytes: UInt64, directory: [UInt8], warnings: Int)
  case verified(items: Int, bytes: UInt64, warnings: Int)
  case deleted(archives: Int, path: String)
  case deletedRepository(path: String)
  case pruned(archives: Int, kept: Int, isDryRun: Bool, path: String)
  case renamed(from: [UInt8], to: [UInt8])
  case copied(Message)
  case removedSlot(String)
  case changedPassphrase
  case exportedKey(to: [UInt8])
  case importedKey(keyFile: String?)
  case noLeases

  /// The line, or lines: each is a sentence of its own.
  var lines: [Message] {
    switch self {
    case .made(let repository, let path, let keyFile):
      Self.made(repository, path: path, keyFile: keyFile)
    case .created(let archive, let warnings): [Self.created(archive, warnings: warnings)]
    case .restored(let items, let failed, let bytes, let directory, let warnings):
      [
        "Restored \(HumanText.count(items - failed, "item")), \(HumanText.size(bytes)), in "
          + "\(name: directory)"
          + (failed > 0 ? "; \(failed) not restored" : "") + "\(Self.warnings(warnings))."
      ]
    case .verified(let items, let bytes, let warnings):
      [
        "Verified \(HumanText.count(items, "item")), \(HumanText.size(bytes)), and wrote nothing"
          + "\(Self.warnings(warnings))."
      ]
    case .deleted(let archives, let path):
      ["Deleted \(HumanText.count(archives, "archive")). \(Self.compact(path))"]
    case .deletedRepository(let path): ["Deleted the repository \(line: path)."]
    case .pruned(let archives, let kept, true, _):
      ["Would delete \(HumanText.count(archives, "archive")) and keep \(kept)."]
    case .pruned(let archives, let kept, false, let path):
      [
        "Deleted \(HumanText.count(archives, "archive")), kept \(kept)."
          + (archives > 0 ? " \(Self.compact(path))" : "")
      ]
    case .renamed(let old, let new): ["Renamed archive \(name: old) to \(name: new)."]
    case .copied(let figures): [figures]
    case .removedSlot(let id):
      ["Removed key slot \(id): its passphrase no longer opens the repository."]
    case .changedPassphrase:
      ["Changed the passphrase. Exported keys keep the old one: export the key again."]
    case .exportedKey(let path):
      [
        "Exported the key to \(name: path). It opens with the same passphrase."
      ]
    case .importedKey(let keyFile):
      [
        keyFile.map { "Imported the key: it is now in \(line: $0)." }
          ?? "Imported the key: it is in the repository again."
      ]
    case .noLeases: ["No operation had a lease: nothing was changed."]
    }
  }

  private static func made(_ repository: Repository, path: String, keyFile: String?) -> [Message] {
    let suite = repository.suite
    let sealed: Message =
      suite.encrypts
      ? "\(suite.name), key in " + (keyFile.map { "\(line: $0)" } ?? "the repository")
      : suite == .none ? "not encrypted" : "signed, not encrypted"
    let made: Message =
      "Made repository \(repository.id.hex.prefix(12)) in \(line: path): \(sealed)."
    guard suite != .none else { return [made] }
    return [
      made,
      "Without the passphrase nobody can open it, and nobody can help. Do now:",
      "  archivist key add \(line: path)            adds a second passphrase",
      "  archivist key export \(line: path) FILE    keeps a copy of the key elsewhere",
    ]
  }

  private static func created(_ archive: Archive, warnings: Int) -> Message {
    let figures = archive.manifest.statistics
    return "Created archive \(name: Array(archive.name.utf8)): "
      + "\(HumanText.count(figures.files, "file")), \(HumanText.size(figures.originalSize)); "
      + "\(HumanText.size(figures.newSize)) new, \(HumanText.size(figures.storedSize)) stored"
      + "\(Self.warnings(warnings))."
  }

  private static func compact(_ path: String) -> Message {
    "`archivist compact \(line: path)` frees the space."
  }

  /// The number of warnings, as the end of a sentence.
  private static func warnings(_ count: Int) -> Message {
    count == 0 ? "" : "; \(HumanText.count(count, "warning"))"
  }
}

extension Session {
  /// Tells a person at a terminal what the command did.
  func conclude(_ summary: @autoclosure () -> Summary) {
    guard report.speaksToPeople, style == .native else { return }
    for line in summary().lines { report.notice(line) }
  }
}
