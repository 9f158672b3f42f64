import ChunkStore
import StoreCrypto

/// Figures as borg shows them to people, and to programs that read that.
enum BorgFigures {
  private static let rule: Message = Message(String(repeating: "-", count: 78))

  /// Of an archive that was made just now.
  static func created(
    _ archive: Archive, _ figures: ArchiveFigures, _ totals: RepositoryTotals?,
    in repository: Repository
  ) -> [Message] {
    [
      rule,
      "Repository: \(name: AbsolutePath.of(Array(repository.location.utf8)))",
      "Archive name: \(name: Array(archive.name.utf8))",
      "Archive fingerprint: \(archive.id.hex)",
      "Time (start): \(time(archive.manifest.start))",
      "Time (end):   \(time(archive.manifest.end))",
      "Duration: \(duration(archive))",
      "Number of files: \(figures.files)",
      "Utilization of max. archive size: 0%",
      rule,
    ] + table([this(figures)], totals) + [rule]
  }

  /// Of archives that are asked for by `info`.
  static func archives(
    _ archives: [(Archive, ArchiveFigures)], _ totals: RepositoryTotals
  ) -> [Message] {
    var lines: [Message] = []
    for (number, (archive, figures)) in archives.enumerated() {
      let manifest = archive.manifest
      lines += [
        "Archive name: \(name: Array(archive.name.utf8))",
        "Archive fingerprint: \(archive.id.hex)",
        "Comment: \(name: Array(manifest.comment.utf8))",
        "Hostname: \(name: Array(manifest.hostname.utf8))",
        "Username: \(name: Array(manifest.username.utf8))",
        "Time (start): \(time(manifest.start))",
        "Time (end): \(time(manifest.end))",
        "Duration: \(duration(archive))",
        "Number of files: \(figures.files)",
      ]
      if !manifest.workingDirectory.isEmpty {
        lines.append("Working Directory: \(name: manifest.workingDirectory)")
      }
      lines += [
        "Command line: \(name: NameText.commandLine(manifest.commandLine))",
        "Utilization of maximum supported archive size: 0%",
        rule,
      ]
      lines += table([this(figures)], totals)
      if number + 1 < archives.count { lines.append("") }
    }
    return lines
  }

  /// Of a repository.
  static func repository(
    _ repository: Repository, _ session: Session, _ totals: RepositoryTotals
  ) -> [Message] {
    let directories = session.directories
    let keyFile = directories.keyFile(repository.id)
    let isKeyFile = PrivateFile.isThere(Array(keyFile.utf8))
    var lines: [Message] = [
      "Repository ID: \(repository.id.hex)",
      "Location: \(name: AbsolutePath.of(Array(repository.location.utf8)))",
    ]
    if repository.suite.encrypts {
      lines.append(
        "Encrypted: Yes (\(isKeyFile ? "key file" : "repokey"), \(repository.suite.name))")
      if isKeyFile { lines.append("Key file: \(name: Array(keyFile.utf8))") }
    } else {
      lines.append("Encrypted: No")
    }
    lines += [
      "Cache: \(name: Array("\(directories.cache)/\(repository.id.hex)".utf8))",
      "Security dir: \(name: Array(directories.config.utf8))",
      rule,
    ]
    return lines + table([], totals)
  }

  /// Advice about the key of a new repository.
  static func keyAdvice(_ path: String, keyFile: String?) -> [Message] {
    let program = CommandStyle.programName
    let place: Message = keyFile.map { "in \(name: Array($0.utf8))" } ?? "in the repository"
    let repository = Message(text: NameText.commandLine([Array(path.utf8)]))
    return [
      "",
      "IMPORTANT: you will need both KEY AND PASSPHRASE to access this repo!",
      "",
      "The key is \(place), under the passphrase. You should:",
      "1. Export the key and store the result at a safe place:",
      "   \(program) key export         \(repository) encrypted-key-backup",
      "   \(program) key export --paper \(repository) encrypted-key-backup.txt",
      "2. Write down the passphrase and store it at a safe place.",
      "",
    ]
  }

  /// Of archives that were deleted.
  static func deleted(_ row: Row, _ totals: RepositoryTotals?) -> [Message] {
    [rule] + table([row], totals) + [rule]
  }

  /// One line of the table.
  struct Row {
    var label: String
    var original: Int64
    var compressed: Int64
    var deduplicated: Int64

    fileprivate var text: Message {
      line(
        label, HumanText.size(original), HumanText.size(compressed), HumanText.size(deduplicated))
    }
  }

  private static func this(_ figures: ArchiveFigures) -> Row {
    Row(
      label: "This archive:", original: Int64(clamping: figures.originalSize),
      compressed: Int64(clamping: figures.compressedSize),
      deduplicated: Int64(clamping: figures.deduplicatedSize))
  }

  private static func all(_ totals: RepositoryTotals) -> Row {
    Row(
      label: "All archives:", original: Int64(clamping: totals.originalSize),
      compressed: Int64(clamping: totals.compressedSize),
      deduplicated: Int64(clamping: totals.uniqueCompressedSize))
  }

  /// Rows, and those of the repository below them, if they are wanted.
  private static func table(_ rows: [Row], _ totals: RepositoryTotals?) -> [Message] {
    let lines =
      [line("", "Original size", "Compressed size", "Deduplicated size")] + rows.map(\.text)
    guard let totals else { return lines }
    return lines + [
      all(totals).text, "", line("", "Unique chunks", "Total chunks"),
      line("Chunk index:", "\(totals.uniqueChunks)", "\(totals.chunks)"),
    ]
  }

  private static func line(_ label: String, _ columns: String...) -> Message {
    func pad(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.utf8.count))
    }
    return Message(
      label + pad(label, 15) + columns.map { " " + pad($0, 20) + $0 }.joined())
  }

  private static func time(_ time: Timestamp) -> String {
    TimeText.list(CivilTime(time, in: .local))
  }

  private static func duration(_ archive: Archive) -> String {
    HumanText.duration(nanoseconds: Int64(ArchiveJSON.duration(archive.manifest) * 1e9))
  }
}
