import ArgumentParser
import ChunkStore
import Crypto

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
      "The folder to make it in: one that is empty, or not there yet.", valueName: "repository"))
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

  @Flag(help: "Make the folders above the repository as well.")
  var makeParentDirs = false

  func run() throws {
    let session = Session(global)
    let path = try session.repositoryLocation(location).path
    // First its passphrase, then the new one.
    let relative = try like.map { try session.openSlots($0, as: .other).slots }
    try relative?.checkSharing(with: encryption.suite)
    let passphrase =
      encryption.suite == .none ? nil : try session.newPassphrase(usesExisting: true)
    let storage = try session.makeStorage(at: path, makesParents: makeParentDirs)
    let (repository, slot) = try Repository.create(
      in: storage, suite: encryption.suite, passphrase: passphrase,
      keyPlace: encryption.isKeyWithClient ? .client : .repository, like: relative,
      cacheFolder: session.folders.cache)
    if let slot {
      try PrivateFile.write(slot, to: Array(session.folders.keyFile(repository.id).utf8))
    }
    try ClientMemory(session).verify(repository, isNew: true)
    session.report.info("Made repository \(repository.id.hex) in \(name: Array(path.utf8))")
    if encryption.isKeyWithClient {
      session.report.info(
        "Its key is in \(session.folders.keyFile(repository.id)): "
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
