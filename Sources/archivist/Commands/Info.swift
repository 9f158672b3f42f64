import ArgumentParser
import ChunkStore
import StoreCrypto

struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show figures of a repository or of archives.",
    discussion: """
      archivist info /backup/repo
      archivist info /backup/repo::2026-11-21
      archivist info --json --last 1 /backup/repo

      Of several archives there are three lines each; of one, all that is known.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions
  @OptionGroup var selection: ArchiveSelectionOptions

  @Argument(help: .repositoryOrArchive)
  var location: BytesArgument?

  @Flag(help: "Print as JSON.")
  var json = false

  func run() throws {
    let session = Session(global)
    let location = try session.location(self.location)
    let repository = try session.open(location.path)
    try repository.reading("info", problem: session.note) {
      // Without any, figures of the whole repository would be taken for theirs.
      var archives: [Archive]?
      if let name = location.archive, !name.isEmpty {
        archives = [try session.archive(name, in: repository)]
      } else if selection.isGiven {
        archives = try selection.select(
          try session.archives(in: repository).filter(session.isShown), session,
          unmatched: .warning)
      }
      let figures = try archives?.map {
        ($0, try repository.figures(of: $0, problem: session.warn(about:)))
      }
      if json {
        try printJSON(figures, repository, session)
      } else {
        try printText(figures, repository, session)
      }
    }
    try session.output.finish()
  }

  private func printJSON(
    _ archives: [(Archive, ArchiveFigures)]?, _ repository: Repository, _ session: Session
  ) throws {
    var members: [(String, JSON)] = []
    if let archives {
      members.append(
        (
          "archives",
          .array(archives.map { ArchiveJSON.archive($0, $1, long: true) })
        ))
    }
    members += [
      ArchiveJSON.cache(
        session.directories, repository, try repository.totals(problem: session.warn(about:))),
      ArchiveJSON.encryption(repository, session), try ArchiveJSON.repository(repository),
    ]
    if archives == nil { members.append(("security_dir", .string(session.directories.config))) }
    try session.output.write(JSON.object(members).lines() + [0x0a])
  }

  private func printText(
    _ archives: [(Archive, ArchiveFigures)]?, _ repository: Repository, _ session: Session
  ) throws {
    if session.style == .borg {
      let totals = try repository.totals(problem: session.warn(about:))
      let lines =
        archives.map { BorgFigures.archives($0, totals) }
        ?? BorgFigures.repository(repository, session, totals)
      for line in lines { try session.output.write(line.bytes + [0x0a]) }
      return
    }
    // One archive is told all about; of several a person wants to see them all.
    let isShort = (archives?.count ?? 0) > 1
    for (archive, figures) in archives ?? [] {
      guard !isShort else {
        for line in ArchiveText.brief(archive, figures) {
          try session.output.write(line.bytes + [0x0a])
        }
        continue
      }
      try session.output.write(ArchiveText.figures(archive, figures))
      try session.output.write(
        Message("Command line: ").bytes + NameText.commandLine(archive.manifest.commandLine)
          + Array("\n\n".utf8))
    }
    guard archives == nil else { return }
    let totals = try repository.totals(problem: session.warn(about:))
    let all = try session.archives(in: repository)
    let count = all.count { $0.manifest.kind == .archive }
    var lines: [Message] = [
      "Repository ID: \(repository.id.hex)",
      "Location: \(name: AbsolutePath.of(Array(repository.location.utf8)))",
      "Encryption: \(repository.suite.name)",
      "Archives: \(count)",
      "All archives: \(ArchiveText.size(totals.originalSize)), "
        + "compressed \(ArchiveText.size(totals.compressedSize))",
      "Stored once:  \(ArchiveText.size(totals.uniqueSize)), "
        + "compressed \(ArchiveText.size(totals.uniqueCompressedSize))",
      "On disk: \(ArchiveText.size(totals.segmentSize)) in \(HumanText.count(totals.segments, "segment"))",
      "Chunks: \(totals.uniqueChunks), referred to \(HumanText.count(totals.chunks, "time"))",
    ]
    // Rewriting segments for less is not worth it.
    if totals.unusedSize >= 16 << 10 {
      lines.append(
        "In no archive: \(ArchiveText.size(totals.unusedSize))"
          + (count == all.count
            ? ", of deleted archives or unfinished backups: `archivist compact` frees it"
            : ". An interrupted backup, run again, reuses what it has stored; `archivist compact` frees the "
              + "rest, and after 7 days all of it"))
    }
    for line in lines { try session.output.write(line.bytes + [0x0a]) }
  }
}
