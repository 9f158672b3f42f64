import ArgumentParser
import ChunkStore
import StoreCrypto

struct Key: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Manage who can open a repository.",
    discussion: """
      The keys of a repository are in slots, each under a passphrase of its own.

      archivist key export /backup/repo /safe/place/repo.key
      archivist key change-passphrase /backup/repo
      """,
    subcommands: [
      KeyList.self, KeyAdd.self, KeyRemove.self, KeyChangePassphrase.self, KeyExport.self,
      KeyImport.self,
    ])
}

extension Session {
  /// A repository, and its key slots.
  func openSlots(
    _ argument: BytesArgument?, as which: Which = .own, namesSlots: Bool = true
  ) throws -> (slots: KeySlots, repository: Repository) {
    let path = try repositoryLocation(argument).path
    let repository = try open(path, as: which, namesSlots: namesSlots)
    let slots = try KeySlots(
      repository, clientSlots: try clientSlots(try storage(at: path)),
      passphrase: lastPassphrase)
    return (slots, repository)
  }
}

struct KeyList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the key slots of a repository.",
    discussion: "archivist key list /backup/repo")

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: .repository)
  var location: BytesArgument?

  func run() throws {
    let session = Session(global)
    let table = KeySlotTable(try session.openSlots(location).slots.entries())
    for line in table.lines { try session.output.write(line + "\n") }
    try session.output.finish()
  }
}

struct KeyAdd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Add a passphrase that opens the repository.",
    discussion: """
      archivist key add --note 'recovery, in the safe' /backup/repo

      The new passphrase comes from ARCHIVIST_NEW_PASSPHRASE, ARCHIVIST_NEW_PASSCOMMAND or \
      ARCHIVIST_NEW_PASSPHRASE_FD, else from the terminal. An empty one is an error, unless \
      ARCHIVIST_EMPTY_PASSPHRASE_IS_OK=yes is set.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: .repository)
  var location: BytesArgument?

  @Option(help: "What the slot is for; shown by `key list`.")
  var note = ""

  @OptionGroup var cost: KeyCostOptions

  func run() throws {
    let session = Session(global)
    let (slots, _) = try session.openSlots(location)
    let key = try session.newKey(usesExisting: false, cost: cost.kdfCost)
    let id = try slots.add(
      passphrase: key.passphrase, note: note, parameters: key.parameters)
    try session.output.write("Added key slot \(id.hex.prefix(KeySlotTable.idLength)).\n")
    try session.output.finish()
  }
}

struct KeyRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove a passphrase.",
    discussion: """
      archivist key list /backup/repo
      archivist key remove /backup/repo 3f9a
      ARCHIVIST_REPO=/backup/repo archivist key remove 3f9a

      The slot that you open the repository with stays: give the passphrase of another one to remove \
      it. What `key list` shows as not usable can be removed, too.

      Whoever has a copy of the slot and its passphrase can still open copies of the repository.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: .repository)
  var location: BytesArgument?

  @Argument(help: "The slot: the beginning of its id, as `key list` shows it.")
  var slot: BytesArgument?

  func validate() throws {
    if location == nil { throw ValidationError("the slot is missing: `key list` shows their ids") }
  }

  func run() throws {
    let session = Session(global)
    // One argument is the slot, which there has to be.
    let repository = self.slot == nil ? nil : location
    let slot = String(decoding: (self.slot ?? location)?.bytes ?? [], as: UTF8.self)
    // Who removes what cannot be used need not be warned of it.
    try session.openSlots(repository, namesSlots: false).slots.remove(slot)
    session.conclude(.removedSlot(slot))
  }
}

struct KeyChangePassphrase: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "change-passphrase", abstract: "Give the slot that you open another passphrase.",
    discussion: """
      archivist key change-passphrase /backup/repo
      archivist key change-passphrase --kdf-cost 18 /backup/repo

      The new passphrase may be the old one, to change what a guess of it costs. It comes from \
      ARCHIVIST_NEW_PASSPHRASE, ARCHIVIST_NEW_PASSCOMMAND or ARCHIVIST_NEW_PASSPHRASE_FD, else from \
      the terminal. An empty one is an error, unless ARCHIVIST_EMPTY_PASSPHRASE_IS_OK=yes is set.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: .repository)
  var location: BytesArgument?

  @OptionGroup var cost: KeyCostOptions

  func run() throws {
    let session = Session(global)
    let (slots, repository) = try session.openSlots(location)
    let key = try session.newKey(usesExisting: false, cost: cost.kdfCost)
    let new = try slots.changePassphrase(to: key.passphrase, parameters: key.parameters)
    if let new {
      try PrivateFile.write(new, to: Array(session.directories.keyFile(repository.id).utf8))
    }
    session.conclude(.changedPassphrase)
  }
}

struct KeyExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Copy the key slot that you open to a file.",
    discussion: """
      archivist key export /backup/repo /safe/place/repo.key
      archivist key export --paper /backup/repo > page.txt
      archivist key export --qr-html /backup/repo page.html
      ARCHIVIST_REPO=/backup/repo archivist key export :: /safe/place/repo.key

      The copy opens with the same passphrase. Without any slot, a repository is lost.

      The file has to be a new one: nothing that is there is replaced. A device or a pipe, such as \
      /dev/stdout, is written to.
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(
    help: ArgumentHelp(
      "The repository's directory; if left out, or :: in front of a file, ARCHIVIST_REPO.",
      valueName: "repository"))
  var location: BytesArgument?

  @Argument(
    help: "The file to write, which must not be there yet; without it, or -: standard output.")
  var path: BytesArgument?

  @Flag(help: "Write a page that can be printed, and typed in again.")
  var paper = false

  @Flag(
    help: """
      Write a page for a browser, to print: the key as with --paper, and as a QR code. The program \
      qrencode makes the code, and has to be installed.
      """)
  var qrHtml = false

  func validate() throws {
    if paper, qrHtml { throw ValidationError("--qr-html: the page has what --paper writes in it") }
  }

  func run() throws {
    let session = Session(global)
    let (slots, repository) = try openSlots(session)
    let slot = slots.export()
    let isWithClient = try slots.entries().contains { $0.isOpened && $0.isWithClient }
    let text =
      try qrHtml
      ? KeyPage.html(slot, repository: repository.id.hex, isWithClient: isWithClient)
      : paper
        ? PaperKey.page(slot, repository: repository.id.hex, isWithClient: isWithClient)
        : PaperKey.file(slot, isWithClient: isWithClient)
    if let path, path.bytes != Array("-".utf8) {
      try PrivateFile.export(text, to: path.bytes)
      session.conclude(.exportedKey(to: path.bytes))
    } else {
      try session.output.write(text)
    }
    try session.output.finish()
  }

  private func openSlots(_ session: Session) throws -> (slots: KeySlots, repository: Repository) {
    do {
      return try session.openSlots(location)
    } catch let failure as CommandFailure where failure.status == .failure(.repositoryMissing) {
      guard let location, path == nil,
        RepositoryLocation.isInEnvironment(session.environment)
      else { throw failure }
      throw CommandFailure(
        "\(name: location.bytes): there is no repository here. If it is the file to write: `archivist key "
          + "export :: \(name: location.bytes)` takes the repository of ARCHIVIST_REPO",
        status: .failure(.repositoryMissing))
    }
  }
}

struct KeyImport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Put an exported key slot back.",
    discussion: """
      archivist key import /backup/repo /safe/place/repo.key
      ARCHIVIST_REPO=/backup/repo archivist key import /safe/place/repo.key
      """)

  @OptionGroup(title: "Common Options") var global: GlobalOptions

  @Argument(help: .repository)
  var location: BytesArgument?

  @Argument(
    help: """
      The file that `key export` wrote, with or without --paper, or what a QR code says; - is standard \
      input.
      """)
  var path: BytesArgument?

  @Flag(help: "Type in a page that `key export --paper` wrote, line by line.")
  var paper = false

  @Flag(help: "Keep the key with this client, also if it was exported from the repository.")
  var keyfile = false

  @Flag(help: "Keep the key in the repository, also if a client has kept it.")
  var repokey = false

  func validate() throws {
    if keyfile, repokey {
      throw ValidationError("--keyfile and --repokey: the key is kept in one of the places")
    }
    if paper, path != nil {
      throw ValidationError("--paper: a page in a file is read without it")
    }
    if !paper, location == nil { throw ValidationError("the file is missing, or --paper") }
  }

  func run() throws {
    let session = Session(global)
    // One argument is the file, unless the key is typed in.
    let isFile = path == nil && !paper
    if isFile, !RepositoryLocation.isInEnvironment(session.environment) {
      throw CommandFailure("the file is missing, or --paper", status: .failure(.commandLine))
    }
    let location = isFile ? nil : self.location
    let path = isFile ? self.location : self.path
    let text = try Self.text(path)
    let name = path?.bytes ?? Array("--paper".utf8)
    let slot = try Self.slot(text, name: name)
    let place = try session.repositoryLocation(location).path
    let storage = try session.storage(at: place)
    let repository = try session.sayingWhatIsMissing(at: place) {
      try Repository.identify(storage)
    }
    guard try KeySlots.repositoryID(ofSlot: slot) == repository else {
      throw CommandFailure(
        "\(name: name): this key is for another repository",
        status: .failure(.keyBackupOfOtherRepository))
    }
    // A key that is kept apart from the repository is meant to be.
    guard keyfile || PaperKey.isWithClient(text) && !repokey else {
      _ = try KeySlots.import(slot, into: storage)
      return session.conclude(.importedKey(keyFile: nil))
    }
    let file = session.directories.keyFile(repository)
    try PrivateFile.write(slot, to: Array(file.utf8))
    session.conclude(.importedKey(keyFile: file))
  }

  /// The key as it was exported, from wherever that is.
  private static func text(_ path: BytesArgument?) throws -> [UInt8] {
    guard let path else { return try TypedKey.read() }
    let isInput = path.bytes == Array("-".utf8)
    guard let text = try PrivateFile.read(isInput ? Array("/dev/stdin".utf8) : path.bytes) else {
      throw CommandFailure("\(name: path.bytes): there is no such file")
    }
    return text
  }

  private static func slot(_ text: [UInt8], name: [UInt8]) throws -> [UInt8] {
    do throws(PaperKey.Invalid) {
      return try PaperKey.parse(text)
    } catch {
      throw CommandFailure(
        "\(name: name): \(error)", status: .failure(.notAKeyBackup))
    }
  }
}
