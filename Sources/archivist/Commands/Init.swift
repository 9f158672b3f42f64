import ArgumentParser
import ChunkStore
import StoreCrypto

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a new repository.",
    discussion: """
      archivist init /backup/repo
      pass show backup | ARCHIVIST_PASSPHRASE_FD=0 archivist init /backup/repo
      archivist init --like /backup/repo /mnt/usb/repo

      The key is kept in the repository, under the passphrase: keep a copy of it somewhere else as \
      well, with `archivist key export`. An empty passphrase is an error, unless \
      ARCHIVIST_EMPTY_PASSPHRASE_IS_OK=yes is set.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(
    help: ArgumentHelp(
      "The directory to make it in: one that is empty, or not there yet.", valueName: "repository"))
  var location: BytesArgument?

  @Option(
    name: [.long, .customShort("e")],
    help: """
      aes256-gcm, chacha20-poly1305, authenticated (signed, not encrypted) or none. borg's names \
      repokey and keyfile mean aes256-gcm with the key in the repository or with this client; \
      keyfile-chacha20-poly1305 is understood too.
      """)
  var encryption = EncryptionMode.default

  @Option(
    help: ArgumentHelp(
      "Share the deduplication secret of this repository, and nothing else: what `archivist copy` "
        + "copies from one to the other keeps its chunks, and is not compressed anew.",
      valueName: "repository"))
  var like: BytesArgument?

  @OptionGroup var cost: KeyCostOptions

  @Flag(help: "Make the directories above the repository as well.")
  var makeParentDirs = false

  @Option(
    help: """
      Who may use the repository: private (its owner alone) or group (the group of its directory as \
      well). Otherwise the directory decides, if it is there and its group may write to it, or others \
      may nothing.
      """)
  var permissions: RepositoryPermissions?

  @Option(help: "The permissions that files and directories of the repository lack: 077, say.")
  var umask: FileModeMask?

  func validate() throws {
    if permissions != nil, umask != nil {
      throw ValidationError("--permissions and --umask say the same: give one of them")
    }
  }

  func run() throws {
    let session = Session(global)
    let path = try session.repositoryLocation(location).path
    // Nobody is to think up a passphrase for what cannot be made. A server says it when it makes it.
    if !path.hasPrefix("ssh://") {
      try LocalStorage.demandCreatable(path: path, makesParents: makeParentDirs)
    }
    session.warnOfAnother(at: path)
    // First its passphrase, then the new one.
    let relative = try like.map { try session.openSlots($0, as: .other).slots }
    try relative?.checkSharing(with: encryption.suite)
    let key =
      encryption.suite == .none
      ? nil : try session.newKey(usesExisting: true, cost: cost.kdfCost)
    let storage = try session.makeStorage(
      at: path, makesParents: makeParentDirs,
      mode: permissions?.mode ?? umask?.mode)
    // A key that is there is another repository's.
    if let file = session.directories.onlyKeyFile, encryption.isKeyWithClient,
      try PrivateFile.read(Array(file.utf8)) != nil
    {
      throw CommandFailure(
        "\(name: Array(file.utf8)): BORG_KEY_FILE names a file that is there already: its key would be "
          + "lost", status: .failure(.other))
    }
    let repository = try Repository.create(
      in: storage, suite: encryption.suite, passphrase: key?.passphrase,
      parameters: key?.parameters ?? .default,
      keyPlace: encryption.isKeyWithClient ? .client : .repository,
      keep: { try PrivateFile.write($0, to: Array(session.directories.keyFile($1).utf8)) },
      like: relative, cacheDirectory: session.directories.cache)
    session.tagCache()
    try ClientMemory(session).verify(repository, isNew: true)
    session.report.info("Made repository \(repository.id.hex) in \(name: Array(path.utf8))")
    let keyFile = encryption.isKeyWithClient ? session.directories.keyFile(repository.id) : nil
    session.conclude(.made(repository, path: path, keyFile: keyFile))
    if session.style == .borg, encryption.suite != .none {
      session.report.advice(BorgFigures.keyAdvice(path, keyFile: keyFile))
    }
    if encryption.isKeyWithClient {
      session.report.info(
        "Its key is in \(session.directories.keyFile(repository.id)): "
          + "without that file and the passphrase nobody can read the repository")
    }
  }
}

/// How a repository is sealed, and who keeps its key.
struct EncryptionMode: ExpressibleByArgument, CustomStringConvertible {
  let suite: Suite
  let isKeyWithClient: Bool

  static let `default` = EncryptionMode(suite: .aes256GCM, isKeyWithClient: false)

  init(suite: Suite, isKeyWithClient: Bool) {
    self.suite = suite
    self.isKeyWithClient = isKeyWithClient
  }

  init?(argument: String) {
    var name = argument
    isKeyWithClient = name == "keyfile" || name.hasPrefix("keyfile-")
    for prefix in ["keyfile-", "repokey-"] where name.hasPrefix(prefix) {
      name.removeFirst(prefix.count)
    }
    switch name {
    case "aes256-gcm", "repokey", "keyfile": suite = .aes256GCM
    case "chacha20-poly1305": suite = .chacha20Poly1305
    case "authenticated": suite = .authenticated
    case "none": suite = .none
    default: return nil
    }
  }

  var description: String { (isKeyWithClient ? "keyfile-" : "") + suite.name }
}

/// Who may use a repository.
enum RepositoryPermissions: String, CaseIterable, ExpressibleByArgument {
  case `private`
  case group

  /// The permissions of its directories.
  var mode: UInt32 { self == .group ? 0o2770 : 0o700 }
}

/// Permissions that are taken away, as umask(1) has them.
struct FileModeMask: ExpressibleByArgument {
  /// The permissions left for directories; always all for their owner.
  let mode: UInt32

  init?(argument: String) {
    guard let mask = UInt32(argument, radix: 8), mask <= 0o777 else { return nil }
    mode = 0o777 & ~mask | 0o700
  }
}
