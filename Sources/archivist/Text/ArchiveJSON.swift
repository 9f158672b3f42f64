import ChunkStore
import StoreCrypto

/// Archives and repositories in the JSON that borg documents, so that tools which read borg's
/// output read ours.
enum ArchiveJSON {
  static func archive(_ archive: Archive, _ figures: ArchiveFigures, long: Bool) -> JSON {
    let manifest = archive.manifest
    var members: [(String, JSON)] = []
    if long { members.append(("chunker_params", chunker(manifest.chunker))) }
    members.append(("command_line", commandLine(manifest)))
    if long { members.append(("comment", .string(manifest.comment))) }
    if long, !manifest.workingDirectory.isEmpty {
      members += JSON.members("cwd", manifest.workingDirectory)
    }
    members += [
      ("duration", .number(duration(manifest))),
      ("end", .string(time(manifest.end))),
    ]
    if long { members.append(("hostname", .string(manifest.hostname))) }
    members += [
      ("id", .string(archive.id.hex)),
      ("limits", .object([("max_archive_size", .number(0))])),
      ("name", .string(archive.name)),
      ("start", .string(time(manifest.start))),
      (
        "stats",
        .object([
          ("compressed_size", .unsigned(figures.compressedSize)),
          ("deduplicated_size", .unsigned(figures.deduplicatedSize)),
          ("nfiles", .unsigned(figures.files)),
          ("original_size", .unsigned(figures.originalSize)),
        ])
      ),
    ]
    if long { members.append(("username", .string(manifest.username))) }
    return .object(members)
  }

  static func commandLine(_ manifest: ArchiveManifest) -> JSON {
    .array(manifest.commandLine.map { .string(NameText.replacingInvalid($0)) })
  }

  static func repository(_ repository: Repository) throws -> (String, JSON) {
    // The caller has told of those that cannot be read.
    let newest = try repository.archives { _, _ in }.map(\.manifest.end).max()
    return (
      "repository",
      .object([
        ("id", .string(repository.id.hex)),
        ("last_modified", .string(time(newest ?? Timestamp(seconds: 0)))),
        (
          "location",
          .string(
            NameText.replacingInvalid(AbsolutePath.of(Array(repository.location.utf8))))
        ),
      ])
    )
  }

  /// How a repository is encrypted: in borg's style in borg's word, with the cipher beside it.
  static func encryption(_ repository: Repository, _ session: Session) -> (String, JSON) {
    let name = repository.suite.name
    guard session.style == .borg, repository.suite.encrypts else {
      return ("encryption", .object([("mode", .string(name))]))
    }
    let file = session.directories.keyFile(repository.id)
    var members: [(String, JSON)] = [("cipher", .string(name))]
    if PrivateFile.isThere(Array(file.utf8)) {
      members += [("keyfile", .string(file)), ("mode", .string("keyfile"))]
    } else {
      members.append(("mode", .string("repokey")))
    }
    return ("encryption", .object(members))
  }

  static func cache(
    _ directories: ClientDirectories, _ repository: Repository, _ totals: RepositoryTotals
  ) -> (String, JSON) {
    (
      "cache",
      .object([
        ("path", .string("\(directories.cache)/\(repository.id.hex)")),
        (
          "stats",
          .object([
            ("total_chunks", .unsigned(totals.chunks)),
            ("total_csize", .unsigned(totals.compressedSize)),
            ("total_size", .unsigned(totals.originalSize)),
            ("total_unique_chunks", .unsigned(totals.uniqueChunks)),
            ("unique_csize", .unsigned(totals.uniqueCompressedSize)),
            ("unique_size", .unsigned(totals.uniqueSize)),
          ])
        ),
      ])
    )
  }

  static func duration(_ manifest: ArchiveManifest) -> Double {
    Double(manifest.end.seconds - manifest.start.seconds)
      + (Double(manifest.end.nanoseconds) - Double(manifest.start.nanoseconds)) / 1e9
  }

  static func time(_ time: Timestamp) -> String {
    TimeText.json(CivilTime(time, in: .local))
  }

  /// `buzhash,19,23,21,4095` as a list: numbers are numbers.
  private static func chunker(_ text: String) -> JSON {
    .array(
      text.split(separator: ",").map { word in
        Int64(word).map { .integer($0) } ?? .string(String(word))
      })
  }
}

extension Suite {
  /// The name on the command line and in JSON.
  var name: String {
    switch self {
    case .aes256GCM: "aes256-gcm"
    case .chacha20Poly1305: "chacha20-poly1305"
    case .authenticated: "authenticated"
    case .none: "none"
    }
  }
}
