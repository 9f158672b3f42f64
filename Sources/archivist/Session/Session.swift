import ArgumentParser
import ChunkStore
import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization

/// One run of the program: its messages, its passphrases, its directories.
final class Session {
  let options: GlobalOptions
  /// Whose manners this run has.
  let style: CommandStyle
  let report: Report
  let environment: Environment
  let directories: ClientDirectories
  let output: OutputWriter
  private var passphrases: PassphraseSources
  /// The warnings about objects that cannot be had: several parts of a command may come across one.
  private var warned: Set<[UInt8]> = []
  private var noted: Set<[UInt8]> = []
  /// The server that was connected to last: one connection serves a whole run.
  private var connected: RemoteStorage?

  init(_ options: GlobalOptions) {
    style = CommandStyle.process.withLock { $0 }
    var environment = Environment.process
    environment.isBorgFirst = style == .borg
    self.options = options
    self.environment = environment
    directories = ClientDirectories(environment, style: style)
    let level: Report.Level =
      options.debug
      ? .debug : options.info ? .info : options.quiet ? .error : style == .borg ? .warning : .notice
    report = Report(minimum: level, format: options.logJson ? .json : .text, style: style)
    output = OutputWriter(report: report)
    passphrases = PassphraseSources(environment: environment)
    Exit.readStyle(environment, options.exitCodes)
    let indentation = environment.text("ARCHIVIST_JSON_INDENT", "BORG_JSON_INDENT")
    if let indentation, let count = Int(indentation), (0...80).contains(count) {
      JSON.indentation.store(count, ordering: .relaxed)
    }
    if options.iec { HumanText.usesPowersOf1024.store(true, ordering: .relaxed) }
    Exit.report.withLock { $0 = report }
    Exit.clientDirectories.withLock { $0 = [directories.cache, directories.config] }
  }

  /// `{now}`, `{hostname}` and so on, as of `now`.
  func placeholders(now: Timestamp) -> Placeholders {
    .system(now: now, version: Archivist.version, environment: environment)
  }

  deinit {
    guard let figures = connected?.figures else { return }
    report.debug(
      "The server was asked \(figures.requests) requests in \(figures.roundTrips) round trips")
  }

  // MARK: Repositories

  /// The place that an argument names; it must not name an archive.
  func repositoryLocation(_ argument: BytesArgument?) throws -> RepositoryLocation {
    let location = try self.location(argument)
    if let archive = location.archive, !archive.isEmpty {
      throw RepositoryLocation.Invalid.archiveUnwanted(
        "\(location.path)::\(NameText.replacingInvalid(NameText.display(archive)))")
    }
    return location
  }

  /// The place that an argument names, `{…}` in the path of the repository replaced.
  func location(_ argument: BytesArgument?) throws -> RepositoryLocation {
    if style == .native, let argument { try refuseSingleColon(argument) }
    var location = try RepositoryLocation(argument, environment: environment)
    if location.path.contains("{") {
      let expanded = try placeholders(now: SystemClock.now).expand(Array(location.path.utf8))
      guard let path = String(validating: expanded, as: UTF8.self) else {
        throw RepositoryLocation.Invalid.notUTF8(expanded)
      }
      location.path = path
    }
    return location
  }

  /// Stops at `repo:monday`, which would be a directory of the machine `repo`, where `repo` is a
  /// repository, and at `:monday`.
  private func refuseSingleColon(_ argument: BytesArgument) throws(RepositoryLocation.Invalid) {
    guard let text = String(validating: argument.bytes, as: UTF8.self),
      let colon = text.firstIndex(of: ":"), !text.contains("::")
    else { return }
    let repository = String(text[..<colon])
    let name = String(text[text.index(after: colon)...])
    guard !name.isEmpty, !repository.contains("/"),
      repository.isEmpty || Self.isRepository(repository)
    else { return }
    throw .archiveMeant(
      text, meant: "\(repository)::\(Moment.meant(by: name) ?? name)",
      host: repository.isEmpty ? nil : repository)
  }

  /// The repository and the archive that an argument names, the archive's placeholders not
  /// replaced.
  ///
  /// - Parameters:
  ///   - argument: The argument.
  ///   - next: The one that follows, if there is one, which may be what was meant for an archive.
  ///   - isNew: Whether the archive is to be made.
  /// - Returns: The two.
  /// - Throws: `RepositoryLocation.Invalid`; `CommandFailure` if it names no archive.
  func archiveLocation(
    _ argument: BytesArgument, next: BytesArgument? = nil, isNew: Bool = false
  ) throws -> (path: String, archive: [UInt8]) {
    let location = try self.location(argument)
    guard let archive = location.archive, !archive.isEmpty else {
      throw archiveMissing(location, argument, next: next, isNew: isNew)
    }
    return (location.path, archive)
  }

  /// The failure of an argument that names a repository where an archive is wanted.
  func archiveMissing(
    _ location: RepositoryLocation, _ argument: BytesArgument?, next: BytesArgument?,
    isNew: Bool = false
  ) -> CommandFailure {
    let word = argument?.bytes ?? []
    return CommandFailure(
      "\(line: location.path): "
        + (isNew
          ? MeantLine.naming(newArchiveIn: word)
          : MeantLine.naming(archiveOf: word, next: next?.bytes)))
  }

  /// Which of the repositories of a command one is.
  enum Which {
    /// The one that it works on.
    case own
    /// One that is only read, with a passphrase of its own.
    case other
  }

  /// The place of a repository: a directory, or the server of another machine.
  func storage(at path: String) throws -> any Storage {
    try sayingWhatIsMissing(at: path) {
      guard path.hasPrefix("ssh://") else { return try LocalStorage(path: path) }
      if let known = connected, known.location == path { return known }
      let storage = try connect(path)
      connected = storage
      return storage
    }
  }

  /// Makes the place of a new repository, for whoever `mode` permits it to use it.
  func makeStorage(at path: String, makesParents: Bool, mode: UInt32?) throws -> any Storage {
    guard path.hasPrefix("ssh://") else {
      if makesParents { try PrivateFile.makeDirectories(above: Array(path.utf8)) }
      return try LocalStorage.create(path: path, mode: mode)
    }
    guard mode == nil else {
      throw CommandFailure(
        "--permissions and --umask are for repositories on this machine: on a server, make the "
          + "directory of the repository with the permissions that it is to have, and it takes them"
      )
    }
    return try connect(path, making: makesParents ? .repositoryAndParents : .repository)
  }

  private func connect(
    _ path: String, making: RemoteStorage.Making = .nothing
  ) throws -> RemoteStorage {
    guard let address = RemoteAddress(path) else {
      throw RepositoryLocation.Invalid.unsupported(path)
    }
    let shell = try RemoteShell(options, environment: environment, style: style)
    return try RemoteStorage(
      location: path, path: address.path, making: making,
      spoolDirectory: "\(directories.cache)/uploads"
    ) { () throws(ConnectionFailure) in try shell.connect(to: address) }
  }

  /// Where files without names are made for what does not fit into memory.
  var temporaryDirectory: [UInt8] { Array((environment.text("TMPDIR") ?? "/var/tmp").utf8) }

  /// Opens a repository, with whatever passphrase it takes.
  ///
  /// - Parameters:
  ///   - path: Where it is.
  ///   - which: Which of the command's repositories it is.
  ///   - namesSlots: Whether to warn of what was passed over among the key slots of the storage.
  ///   - remembers: Whether what is made has to be remembered: then it is an error if it cannot be.
  ///   - adopts: Whether it is accepted, whatever this client remembers.
  /// - Returns: The repository.
  /// - Throws: What keeps it from being opened; `ClientMemory.Mismatch` if it is another one.
  func open(
    _ path: String, as which: Which = .own, namesSlots: Bool = true, remembers: Bool = false,
    adopts: Bool = false
  ) throws -> Repository {
    let storage = try storage(at: path)
    let slots = try sayingWhatIsMissing(at: path) { try clientSlots(storage) }
    var tries = 0
    while true {
      var asked: Passphrase?
      do {
        let repository = try Repository.open(
          storage, clientSlots: slots, cacheDirectory: directories.cache
        ) {
          let passphrase = try passphrase(for: path, as: which)
          asked = passphrase
          return passphrase.secret
        }
        tagCache()
        lastPassphrase = asked?.secret
        if !adopts { try verify(repository, remembers: remembers) }
        repository.onCacheFailure { [report, directories] error in
          report.caution(
            "\(name: Array(directories.cache.utf8)): this client's cache cannot be written to "
              + "(\(Self.reason(error))): what is read for it will be read again the next time. "
              + "ARCHIVIST_CACHE_DIR names another directory")
        }
        repository.onLeaseLoss { [report] hasFailed in
          // A connection that was lost ends it as well. What was read is right, and if nothing was
          // missed, nothing was freed.
          guard hasFailed || report.exitStatus != .success else { return }
          report.warning(
            .various,
            "the lease of this operation was taken away while it ran, by `archivist break-lock`, with a "
              + "lost connection, or because nothing was heard of this machine for too long. What was "
              + "read is right; what was reported as missing may have been freed meanwhile: run it again"
          )
        }
        warn(
          of: repository.passedOverSlots.filter { namesSlots || $0.isWithClient },
          in: repository, at: path)
        for directory in try repository.missingDirectories() {
          report.warning(
            .damage,
            "\(path)/\(directory): this directory of the repository is missing, and what was in it is not "
              + "seen. Bring it back; if it is lost, `archivist check --repair` makes it anew")
        }
        return repository
      } catch let error as KeyError where error.isWrongPassphrase {
        tries += 1
        if let asked, asked.isEmpty, !asked.canAskAgain {
          throw PassphraseError.emptyAndWrong(asked.origin)
        }
        guard asked?.canAskAgain == true, tries < 3 else {
          guard which == .other, error == .wrongPassphrase else { throw error }
          throw CommandFailure(
            "\(name: Array(path.utf8)): the passphrase is wrong. That of this repository is taken "
              + "from ARCHIVIST_OTHER_PASSPHRASE, ARCHIVIST_OTHER_PASSCOMMAND or "
              + "ARCHIVIST_OTHER_PASSPHRASE_FD", status: .failure(.wrongPassphrase))
        }
        report.caution("The passphrase is wrong, try again.")
      }
    }
  }

  /// Marks this client's cache as one.
  func tagCache() {
    do throws(SystemError) { try directories.tagCache() } catch {
      // A cache that cannot be written to is told of where it is needed.
      report.debug("\(name: error.path): \(error.reason) (\(error.operation))")
    }
  }

  private static func reason(_ error: StorageError) -> String {
    switch error {
    case .noSpace: SystemError.reason(ENOSPC)
    case .notFound: SystemError.reason(ENOENT)
    case .system(_, _, let code): SystemError.reason(code)
    default: "\(error)"
    }
  }

  /// Compares a repository with what this client remembers of it, and remembers what is new.
  ///
  /// Who restores must not be kept from it by a disk that is full, or not there.
  private func verify(_ repository: Repository, remembers: Bool) throws {
    do {
      if let arrival = try ClientMemory(self).verify(repository) { report.notice("\(arrival)") }
      // Of a repository that is known nothing may have been written.
      if remembers {
        try PrivateFile.demandWritable(Array("\(directories.config)/repositories".utf8))
      }
    } catch let error as SystemError {
      guard remembers else { return cannotRemember(error) }
      throw CommandFailure(
        "\(name: error.path): \(error.reason) (\(error.operation)): what this client remembers of the "
          + "backups that it makes cannot be kept there. ARCHIVIST_CONFIG_DIR names another directory"
      )
    }
  }

  /// The archives that this client remembers, and that are gone from a repository that is only
  /// read; `nil` also where that is not known.
  func vanished(from repository: Repository) throws -> ClientMemory.Mismatch? {
    do {
      return try ClientMemory(self).vanished(from: repository)
    } catch let error as SystemError {
      cannotRemember(error)
      return nil
    }
  }

  private func cannotRemember(_ error: SystemError) {
    let message: Message =
      "\(name: error.path): \(error.reason) (\(error.operation)): what this client remembers of "
      + "repositories cannot be used, so that nobody notices if another one is in this one's place. "
      + "ARCHIVIST_CONFIG_DIR names another directory"
    if warned.insert(message.bytes).inserted { report.caution(message) }
  }

  /// Names what is among the key slots and cannot be used, and how to be rid of it.
  private func warn(of slots: [PassedOverSlot], in repository: Repository, at path: String) {
    for slot in slots.prefix(Self.namedSlots) {
      let found = Corruption(object: slot.name, cause: slot.error)
      guard slot.isWithClient || !found.isUnread else {
        warn(found)
        continue
      }
      let reason = Exit.reason(slot.error)
      let kind: ExitStatus.Warning =
        slot.error is PassedOverSlot.Reason ? .various : .damage
      guard !slot.isWithClient, case .object(_, let id) = slot.name else {
        report.warning(
          kind,
          "\(name: Array(directories.keyFile(repository.id).utf8)): \(reason). It was passed over; "
            + "`archivist key import --keyfile` puts an exported key in its place")
        continue
      }
      report.warning(
        kind,
        "\(slot.name): \(reason). It was passed over; "
          + "`archivist key remove \(name: Array(path.utf8)) \(id.hex.prefix(16))` removes it")
    }
    if slots.count > Self.namedSlots {
      report.warning(
        .various, "\(slots.count - Self.namedSlots) more files among the key slots were passed over"
      )
    }
  }

  /// Of so many key slots that were passed over each one is named.
  private static let namedSlots = 20

  // MARK: Archives

  /// All archives that can be read.
  ///
  /// What is wrong with the others, and with names, is told in a warning: whoever sees a list may
  /// believe that it is all there is.
  func archives(in repository: Repository) throws -> [Archive] {
    try repository.archives { warn(Corruption(object: $0, cause: $1)) }
  }

  /// The purpose of looking up an archive.
  enum Purpose {
    case reading
    /// Then it must be certain that it is the one that is meant.
    case deletion
  }

  /// The archive that the text behind `::` names: by its name, its id, or a time.
  ///
  /// Others that cannot be read are none of its business, unless one of them may be the newest. A
  /// label that cannot be read may be the name of any archive.
  func archive(
    _ text: [UInt8], in repository: Repository, for purpose: Purpose = .reading
  ) throws -> Archive {
    let now = SystemClock.now
    let expanded = try placeholders(now: now).expand(text)
    guard let name = String(validating: expanded, as: UTF8.self) else {
      throw CommandFailure("\(name: expanded): the name of an archive is UTF-8")
    }
    if let moment = try ArchiveMoment(expanded) {
      var unreadable: [Corruption] = []
      let archives = try repository.archives {
        unreadable.append(Corruption(object: $0, cause: $1))
      }
      // A name with an @ in it is a name first.
      if !archives.contains(where: { Array($0.name.utf8) == expanded }) {
        if purpose == .deletion, !unreadable.isEmpty {
          throw RepositoryError.unsafeToDelete(unreadable.map(\.description))
        }
        for other in unreadable { warn(other) }
        let archive = try moment.choose(
          from: archives.filter { $0.manifest.kind == .archive }, now: now)
        report.info("Archive \(name: Array(archive.name.utf8)), id:\(archive.id.hex.prefix(16))")
        return archive
      }
    }
    do {
      return try repository.archive(named: name) { other in
        guard case .object(.label, _) = other.object, !name.hasPrefix("id:") else {
          return note(other)
        }
        guard purpose == .reading else {
          throw RepositoryError.unsafeToDelete(
            ["\(other) (an archive that is named by id:… can be deleted meanwhile)"])
        }
        warn(other)
      }
    } catch RepositoryError.archiveMissing where style == .native {
      throw CommandFailure(
        try archiveMissing(name, in: repository), status: .failure(.archiveMissing))
    }
  }

  /// The message about the name of an archive that is not there: which one was meant, perhaps.
  private func archiveMissing(_ name: String, in repository: Repository) throws -> Message {
    let start: Message = "there is no archive \(name: Array(name.utf8))"
    let place = Array(repository.location.utf8)
    let list = ["archivist", "list"].map { Array($0.utf8) } + [place]
    let known = try repository.archives { note(Corruption(object: $0, cause: $1)) }
      .filter { $0.manifest.kind == .archive }.map(\.name)
    guard !known.isEmpty else { return start + ": there are none yet" }
    if let moment = Moment.meant(by: name) {
      return start + "; did you mean \(shell: [place + Array("::\(moment)".utf8)])?"
    }
    // `diff REPO::A REPO::B`: all are of one repository.
    var bare = name
    while let colons = bare.firstRange(of: "::") { bare = String(bare[colons.upperBound...]) }
    if bare != name, known.contains(bare) {
      return start + ": more archives are named without the repository. Did you mean "
        + "\(name: Array(bare.utf8))?"
    }
    if let near = Suggestion.nearestName(to: name, among: known) {
      return start + "; did you mean \(name: Array(near.utf8))? `\(shell: list)` shows all"
    }
    return start + ": `\(shell: list)` shows those there are"
  }

  /// Says which archives an owner has removed and are still there, or there again.
  func noteReturnedArchives(in repository: Repository) throws {
    let returned = try repository.returnedArchives(problem: warn)
    guard !returned.isEmpty else { return }
    let ids = returned.prefix(8).map { "archives/\($0.hex)" }.joined(separator: ", ")
    report.notice(
      "\(HumanText.count(returned.count, "archive")) that had been deleted came back, with an older "
        + "copy of the repository perhaps, or the deletion was interrupted. They do not count, and "
        + "`archivist compact` removes them: \(ids)" + (returned.count > 8 ? ", …" : ""))
  }

  // MARK: Objects that cannot be had

  /// Tells of an object that is made do without, where that may be noticed in the result.
  func warn(_ object: Corruption) { warn(about: object) }

  /// Tells of something that is made do without, where that may be noticed in the result.
  func warn(about error: any Error) {
    let (message, status) = Exit.describe(error)
    guard warned.insert(message.bytes).inserted else { return }
    report.warning(status.failure == .integrity ? .damage : .various, message)
  }

  /// Tells those who want to know of an object that the command does not need.
  func note(_ object: Corruption) {
    let (message, _) = Exit.describe(object)
    if !warned.contains(message.bytes), noted.insert(message.bytes).inserted {
      report.info(message)
    }
  }

  /// The passphrase that opened the last repository; `nil` if it needed none.
  private(set) var lastPassphrase: Secret?

  func passphrase(for path: String, as which: Which = .own) throws -> Passphrase {
    try passphrases.passphrase(
      prompt: "Enter passphrase for \(path): ", isOther: which == .other)
  }

  /// Says that standard input is read as something else than a passphrase.
  ///
  /// - Throws: A word about what to do if the passphrase is to come from there as well.
  func claimStandardInput(for what: Message) throws {
    guard passphrases.readsDescriptor(STDIN_FILENO) else { return }
    throw CommandFailure(
      "both the passphrase and \(what) are to be read from standard input: take another "
        + "descriptor, as in ARCHIVIST_PASSPHRASE_FD=3 archivist … 3< <(pass show backup)")
  }

  func newPassphrase(usesExisting: Bool) throws -> Secret {
    let isEmptyOK = environment.text(PassphraseSources.emptyVariable) == "yes"
    let found = try passphrases.newPassphrase(
      usesExisting: usesExisting, allowsEmpty: isEmptyOK)
    if let answer = environment.text("ARCHIVIST_DISPLAY_PASSPHRASE", "BORG_DISPLAY_PASSPHRASE"),
      ["1", "true", "y", "yes"].contains(answer.lowercased())
    {
      report.output(
        ["The passphrase is \"\(name: Self.bytes(of: found.secret))\", without the quotes"],
        about: .list)
    }
    return found.secret
  }

  /// A passphrase for the eyes of its owner, who has asked for that.
  private static func bytes(of secret: Secret) -> [UInt8] {
    secret.withBytes { bytes in bytes.indices.map { bytes[$0] } }
  }

  /// The slot that this client keeps for the repository in a storage, if any.
  func clientSlots(_ storage: any Storage) throws -> [[UInt8]] {
    let path = directories.keyFile(try Repository.identify(storage))
    do throws(SystemError) {
      return try PrivateFile.read(Array(path.utf8)).map { [$0] } ?? []
    } catch {
      // The repository may have the key itself.
      report.caution("\(name: error.path): \(error.reason): it is passed over")
      return []
    }
  }
}
