extension BorgOption {
  /// The option that a command knows by a name; `nil` if that is in no table.
  ///
  /// In front of the command only the common options may stand; what they mean is the command's business.
  static func named(_ name: String, _ command: [String], isInFront: Bool = false) -> BorgOption? {
    let shared = common.first { $0.names.contains(name) }
    if isInFront, shared == nil { return nil }
    return options(of: command.joined(separator: " ")).first { $0.names.contains(name) } ?? shared
  }

  /// The options of every command, which may stand in front of it.
  static let common: [BorgOption] = [
    .flag("--critical", meaning: .replaced { line, _ in line.level = .error }),
    .flag("--error", meaning: .replaced { line, _ in line.level = .error }),
    .flag("--warning", meaning: .replaced { line, _ in line.level = .warning }),
    .flag("--info", "-v", "--verbose", meaning: .replaced { line, _ in line.level = .info }),
    .flag("--debug", meaning: .replaced { line, _ in line.level = .debug }),
    .value("--debug-topic", meaning: .dropped),
    .flag("--progress", "-p"),
    .flag("--iec"),
    .flag("--log-json"),
    .value("--lock-wait"),
    .flag("--bypass-lock", meaning: .dropped),
    .flag("--show-version", meaning: .replaced { line, _ in line.settings.showsVersion = true }),
    .flag("--show-rc", meaning: .replaced { line, _ in line.settings.showsStatus = true }),
    .value("--umask", meaning: .dropped),
    .value("--remote-path"),
    .value("--remote-ratelimit", meaning: .renamed("--upload-ratelimit")),
    .value("--upload-ratelimit"),
    .value("--remote-buffer", meaning: .dropped),
    .value("--upload-buffer", meaning: .dropped),
    .flag("--consider-part-files", meaning: .dropped),
    .value("--debug-profile", meaning: .dropped),
    .value("--rsh"),
    .flag("--version", "-V", meaning: .kept),
    .flag("--help", "-h", meaning: .kept),
    // archivist's own.
    .flag("--quiet", "-q", meaning: .replaced { line, _ in line.level = .error }),
    .value("--exit-codes"),
    .value("--download-ratelimit"),
  ]

  /// The options of one command besides; archivist's own options with a value stand in the tables
  /// too, so that the value is not taken for something else.
  static func options(of command: String) -> [BorgOption] {
    switch command {
    case "init": initialization
    case "create": creation
    case "extract": extraction
    case "check": check
    case "compact":
      [
        .flag("--dry-run", "-n"), .flag("--cleanup-commits", meaning: .dropped),
        .value("--threshold"),
      ]
    case "list": archiveSelection + patterns + [.value("--format"), .value("--as-of")]
    case "info": archiveSelection
    case "diff": difference
    case "delete": deletion
    case "prune": pruning
    case "key add": [.value("--note")]
    case "serve":
      [
        .value("--restrict-to-path"), .value("--restrict-to-repository"),
        .flag("--append-only"), .value("--storage-quota"), .value("--umask"),
      ]
    default: []
    }
  }

  /// The tables that have no name here belong to commands whose options are archivist's as well.
  private static let archiveNames: [BorgOption] = [
    .value("--prefix", "-P"), .value("--glob-archives", "-a"),
  ]

  private static let archiveSelection: [BorgOption] =
    archiveNames + [.value("--sort-by"), .value("--first"), .value("--last")]

  private static let patterns: [BorgOption] = [
    .value("--exclude", "-e"), .value("--exclude-from"), .value("--pattern"),
    .value("--patterns-from"),
  ]

  /// Old names of options on metadata.
  private static let oldNames: [BorgOption] = [
    .flag("--numeric-owner", meaning: .renamed("--numeric-ids")),
    .flag("--nobsdflags", meaning: .renamed("--noflags")),
  ]

  private static let figures: [BorgOption] = [
    .flag(
      "--stats", "-s",
      meaning: .replaced { line, _ throws(CommandFailure) in try line.addFigures("--stats") }),
    .flag(
      "--quick-stats",
      meaning: .replaced { line, _ throws(CommandFailure) in try line.addFigures("--quick-stats") }),
  ]

  private static let initialization: [BorgOption] = [
    .value(
      "--encryption", "-e",
      meaning: .replaced { line, value throws(CommandFailure) in try line.addEncryption(value) }),
    .flag(
      "--append-only",
      meaning: .replaced { line, _ in
        line.say(
          "--append-only: not a property of a repository here: `archivist serve --append-only`, bound "
            + "to the client's key in ~/.ssh/authorized_keys, is what keeps a client from removing "
            + "anything. This repository can be changed by whoever may write to it")
      }),
    .value(
      "--storage-quota",
      meaning: .replaced { line, _ in
        line.say(
          "--storage-quota: not a property of a repository here: `archivist serve --storage-quota`, "
            + "on the machine that stores it, is what limits its size. This repository has no limit"
        )
      }),
    .flag("--make-parent-dirs"),
    .value(
      "--import-related-secrets",
      meaning: .replaced { _, _ throws(CommandFailure) in
        throw CommandFailure(
          "--import-related-secrets: not known here: `archivist init --like REPOSITORY` shares what "
            + "deduplication needs with another repository")
      }),
    .value("--umask"),
    .value("--like"), .value("--permissions"),
  ]

  private static let creation: [BorgOption] =
    patterns + figures + oldNames + [
      .flag("--dry-run", "-n"),
      .value("--filter"),
      .flag("--no-cache-sync", meaning: .dropped),
      .flag(
        "--no-files-cache",
        meaning: .replaced { line, _ in line.add("--files-cache", Array("disabled".utf8)) }),
      .value("--stdin-name"), .value("--stdin-user"), .value("--stdin-group"),
      .value("--stdin-mode"),
      .value("--paths-delimiter"),
      .value("--exclude-if-present"),
      .flag("--keep-exclude-tags", "--keep-tag-files"),
      .flag("--exclude-dataless", meaning: .dropped),
      .flag("--one-file-system", "-x"),
      // Times of access are kept only if they are asked for.
      .flag("--noatime", meaning: .dropped),
      // Holes are always found.
      .flag("--sparse", meaning: .dropped),
      .value("--files-cache"), .value("--files-changed"),
      .value("--comment"), .value("--timestamp"),
      .value("--checkpoint-interval", "-c"),
      .value("--checkpoint-volume", meaning: .dropped),
      .value(
        "--chunker-params",
        meaning: .replaced { line, value throws(CommandFailure) in try line.addChunker(value) }),
      .value(
        "--compression", "-C",
        meaning: .replaced { line, value throws(CommandFailure) in try line.addCompression(value) }),
      .value("--parent"), .value("--series"),
    ]

  private static let extraction: [BorgOption] =
    patterns + oldNames + [.flag("--dry-run", "-n"), .value("--strip-components")]

  private static let check: [BorgOption] =
    archiveSelection + [
      .flag("--save-space", meaning: .dropped), .value("--max-duration"), .value("--sample"),
    ]

  private static let difference: [BorgOption] =
    patterns + oldNames + [
      // Contents that may be cut in other places are compared byte by byte.
      .flag("--same-chunker-params", meaning: .dropped),
      .value("--sort-by"),
    ]

  private static let deletion: [BorgOption] =
    archiveSelection + figures + [
      .flag("--dry-run", "-n"),
      .flag("--force"),
      .flag("--save-space", meaning: .dropped),
      .value("--checkpoint-interval", "-c", meaning: .dropped),
    ]

  private static let pruning: [BorgOption] =
    archiveNames + figures + [
      .flag("--dry-run", "-n"),
      .flag("--force", meaning: .dropped),
      .flag("--save-space", meaning: .dropped),
      .value("--checkpoint-interval", "-c", meaning: .dropped),
      .value("--keep-within"), .value("--keep-last"), .value("--keep-secondly"),
      .value("--keep-minutely"),
      .value("--keep-hourly", "-H"), .value("--keep-daily", "-d"), .value("--keep-weekly", "-w"),
      .value("--keep-monthly", "-m"), .value("--keep-13weekly"), .value("--keep-3monthly"),
      .value("--keep-yearly", "-y"),
      .value("--group-by"),
    ]

  /// Why a command of borg's cannot be run; `nil` if it is none, or there.
  static func absent(_ command: [String]) -> CommandFailure? {
    let name = command.joined(separator: " ")
    let remedy: Message? =
      switch name {
      case "mount", "umount":
        "`archivist extract` restores one file as quickly as everything, and `list` shows what there is"
      case "export-tar": "`archivist extract` and tar do it in two steps"
      case "import-tar": "unpacking it and `archivist create` do it in two steps"
      case "recreate": "archives stay as they are made; `create` with other patterns makes new ones"
      case "config": "repositories have no settings"
      case "upgrade": "repositories need none"
      case "debug": "`archivist check` looks into repositories"
      case "version": "`--version` says what this is"
      case "key migrate-to-repokey": "`key export` and `key import` move a key"
      case "key export-related-secrets": "`archivist init --like` shares what deduplication needs"
      default: nil
      }
    return remedy.map { CommandFailure("\(name): borg's command is not there: \($0)") }
  }
}
