/// The words of other backup programs, and of shells, for what archivist does or does not.
enum OtherWords {
  /// The place of something that another program has.
  enum Answer: Equatable {
    /// A command of archivist, with what follows it.
    case command(String)
    /// Something that archivist does not have yet, and the way to do without.
    case notYet(String)
    /// Something that has no command, and the way to do it.
    case way(String)
  }

  /// The place of a command.
  static func command(_ word: String) -> Answer? {
    for (answer, words) in commands where words.contains(word) { return answer }
    return nil
  }

  /// The subcommand that a word means behind a command.
  static func command(_ word: String, of words: [String]) -> String? {
    guard words == ["key"] else { return nil }
    return keyCommands.first { $0.value.contains(word) }?.key
  }

  private static let keyCommands: [String: Set<String>] = [
    "change-passphrase": [
      "passwd", "password", "passphrase", "change-password", "change", "rotate", "set",
    ],
    "list": ["ls", "show", "info", "slots"],
    "add": ["new", "create", "make"],
    "remove": ["rm", "delete", "del", "revoke", "drop"],
    "export": ["backup", "save", "copy", "dump", "print"],
    "import": ["restore", "load", "recover"],
  ]

  /// The place of an option, for whichever command it was given to.
  static func option(_ word: String) -> Answer? {
    for (answer, words) in options where words.contains(word) { return answer }
    return nil
  }

  private static let commands: [(Answer, Set<String>)] = [
    (.command("create"), ["backup", "save", "push", "new", "add", "store", "archive", "put"]),
    (
      .command("extract"),
      ["restore", "recover", "get", "unpack", "pull", "x", "unarchive", "checkout"]
    ),
    (
      .command("list"),
      ["snapshots", "snapshot", "archives", "ls", "dir", "repo-list", "rlist", "log", "history"]
    ),
    (.command("extract --stdout"), ["dump", "cat", "print"]),
    (.command("prune"), ["forget", "expire", "retention", "policy", "thin"]),
    (
      .command("compact"),
      ["gc", "clean", "cleanup", "vacuum", "purge", "maintenance", "repo-compress", "rcompress"]
    ),
    (
      .command("delete"),
      ["rm", "remove", "del", "erase", "repo-delete", "rdelete", "drop", "destroy"]
    ),
    (.command("rename"), ["mv", "move", "ren"]),
    (.command("check"), ["verify", "fsck", "scrub", "test", "validate"]),
    (.command("check --repair"), ["repair", "rebuild-index", "rebuild", "fix", "heal"]),
    (.command("info"), ["stats", "status", "show", "du", "repo-info", "rinfo", "rspace"]),
    (.command("diff"), ["compare", "changes"]),
    (.command("copy"), ["sync", "sync-to", "clone", "replicate", "mirror", "transfer", "cp"]),
    (.command("init"), ["repo-create", "rcreate", "repository", "make", "mkrepo", "initialize"]),
    (
      .command("key change-passphrase"),
      ["passwd", "password", "passphrase", "change-passphrase", "change-password"]
    ),
    (.command("key export"), ["export", "key-export", "export-key"]),
    (.command("key import"), ["import", "key-import", "import-key"]),
    (.command("key list"), ["keys", "slots"]),
    (.command("break-lock"), ["unlock", "lock", "breaklock"]),
    (.command("adopt"), ["trust", "accept", "relocate"]),
    (.command("serve"), ["server", "daemon", "rest-server"]),
    (.command("benchmark"), ["bench", "speed"]),
    (.command("help"), ["man", "usage", "start", "commands", "manual", "?"]),
    (
      .notYet(
        "mounting is not there yet. `archivist list REPOSITORY::ARCHIVE PATH` shows what is in an "
          + "archive, and `archivist extract REPOSITORY::ARCHIVE PATH` restores a part of it"),
      ["mount", "umount", "unmount", "fuse", "browse"]
    ),
    (
      .notYet(
        "changing archives is not there yet. Back up again with other patterns, and delete the old "
          + "archives"),
      ["recreate", "rewrite"]
    ),
    (
      .notYet(
        "tar files are not there yet. `archivist extract` into an empty directory, and tar from there "
          + "does the same"),
      ["export-tar", "import-tar", "tar"]
    ),
    (
      .way(
        "`archivist list REPOSITORY::ARCHIVE PATH` looks for it in one archive; `archivist help patterns` "
          + "says how to search by name"),
      ["find", "search", "grep", "locate"]
    ),
    (
      .way(
        "there is no configuration to edit: options of commands and variables decide, see `archivist help "
          + "environment`"),
      ["config", "configure", "settings", "set", "cache"]
    ),
    (
      .way("a comment says more: `archivist create --comment TEXT`"),
      ["tag", "label", "annotate"]
    ),
    (
      .way(
        "nothing has to be upgraded, unlocked or connected to: name the repository in each command"),
      ["upgrade", "migrate", "connect", "disconnect", "login", "open", "close"]
    ),
    (.way("`archivist --version` prints it"), ["version", "about"]),
  ]

  private static let options: [(Answer, Set<String>)] = [
    (
      .way("the repository is the first argument of each command, or ARCHIVIST_REPO"),
      ["--repo", "--repository", "-r", "--repository-file"]
    ),
    (
      .way("the passphrase comes from ARCHIVIST_PASSCOMMAND or ARCHIVIST_PASSPHRASE_FD"),
      [
        "--password-file", "--password-command", "--password", "--passphrase", "--passcommand",
        "--passphrase-file", "--insecure-no-password",
      ]
    ),
    (
      .way("files are restored into the current directory: go there first, with cd"),
      ["--target", "--to", "--destination", "--output-dir", "--directory", "--into", "--dest"]
    ),
    (.command("--exclude-from"), ["--exclude-file", "--iexclude-file"]),
    (.command("--patterns-from"), ["--files-from", "--include-from"]),
    (.command("--paths-from-stdin"), ["--files-from-raw", "--files-from-verbatim"]),
    (.command("--verify-data"), ["--read-data"]),
    (.command("--sample"), ["--read-data-subset"]),
    (.command("--upload-ratelimit"), ["--limit-upload", "--bwlimit"]),
    (.command("--download-ratelimit"), ["--limit-download"]),
    (.command("--content-from-command"), ["--stdin-from-command"]),
    (.command("--stdin-name"), ["--stdin-filename"]),
    (.command("--last"), ["--latest"]),
    (.command("--comment"), ["--tag", "--description"]),
    (.command("--timestamp"), ["--time"]),
    (.command("--glob-archives"), ["--match-archives", "--archive-glob"]),
    (.command("--keep-hourly"), ["--keep-hours"]),
    (.command("--keep-daily"), ["--keep-days"]),
    (.command("--keep-weekly"), ["--keep-weeks"]),
    (.command("--keep-monthly"), ["--keep-months"]),
    (.command("--keep-yearly"), ["--keep-years", "--keep-annual"]),
    (.command("--dry-run"), ["--simulate", "--no-act", "--just-print"]),
    (.command("--short"), ["--quiet-names", "--compact"]),
    (.way("`archivist compact` frees the space afterwards"), ["--prune"]),
    (
      .way(
        "ARCHIVIST_HOSTNAME is the machine's name for new archives, and a pattern such as "
          + "`-a 'web-*'` chooses archives"), ["--host", "--hostname"]
    ),
  ]
}
