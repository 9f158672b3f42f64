import ArgumentParser
import ChunkStore
import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization

/// How a run ends: what is said, and with which status.
enum Exit {
  /// Exit-code scheme.
  static let style = Mutex(ExitStatus.Style.classic)
  /// Where the last words go.
  static let report = Mutex<Report?>(nil)
  /// Where this client keeps what is its own.
  static let clientDirectories = Mutex<[String]>([])

  /// The action that uses the status at the very end, before the shell is told.
  static let lastWords = Mutex<(@Sendable (ExitStatus, Int32) -> Void)?>(nil)

  /// Decides which numbers the shell gets, by an option or else by the environment.
  static func readStyle(_ environment: Environment, _ option: ExitStatus.Style? = nil) {
    let variable = environment.text("ARCHIVIST_EXIT_CODES", "BORG_EXIT_CODES")
    let wanted = option ?? variable.flatMap(ExitStatus.Style.init(rawValue:)) ?? .classic
    style.withLock { $0 = wanted }
  }

  /// A status that is no error in itself: what warnings make of a run.
  struct WithStatus: Error {
    let status: ExitStatus
  }

  /// Ends the program because of an error.
  static func end(_ error: any Error) -> Never {
    SignalWatch.process.waitIfDying()
    if let ended = error as? WithStatus { leave(ended.status) }
    let (message, status) = describe(error)
    // As in `archivist list | head`: whoever has closed the pipe knows.
    if status == .signal(SIGPIPE) { leave(status) }
    let report = report.withLock { $0 } ?? Report(style: CommandStyle.process.withLock { $0 })
    report.error(message, messageID: status.messageID)
    leave(status)
  }

  static func leave(_ status: ExitStatus) -> Never {
    SignalWatch.process.waitIfDying()
    let code = status.code(style.withLock { $0 })
    lastWords.withLock { $0 }?(status, code)
    exit(code)
  }

  /// The meaning of an error for the person who reads it, and for the shell.
  static func describe(_ error: any Error) -> (Message, ExitStatus) {
    switch error {
    case let error as PassphraseError: ("\(error)", error.exitStatus)
    case CryptoError.noMemory(let bytes):
      (KeyCost.noMemory(bytes, available: AvailableMemory.bytes()), .failure(.other))
    case let error as KeyError: describe(error)
    case let error as StorageError: describe(error)
    case let error as RepositoryError: describe(error)
    case let error as ConnectionFailure: describe(error)
    case let error as Corruption:
      (
        "\(error.description)",
        .failure(isDenied(error.cause) ? .repositoryPermissionDenied : .integrity)
      )
    case let error as CopyError: describe(error)
    case let error as LostItems: (error.message, .failure(.integrity))
    case let error as RepositoryLocation.Invalid: ("\(error)", .failure(.commandLine))
    case let error as ClientMemory.Mismatch: ("\(error)", .failure(.repositoryReplayed))
    case let error as WalkRootError: (describe(error), .failure(.commandLine))
    case let error as PlaceholderError: ("\(error)", .failure(error.failure))
    case let error as FormatTemplateError: ("\(error)", .failure(.template))
    case let error as TimeSelector.NotATime: ("\(error)", .failure(.commandLine))
    case let error as SystemError:
      (
        "\(name: error.path): \(error.reason) (\(error.operation))",
        .failure(error.code == ENOSPC ? .noSpace : .other)
      )
    case OutputError.closedByReader: ("nobody reads the output any more", .signal(SIGPIPE))
    case is Cancelled: describe(RepositoryError.cancelled)
    case let error as CommandFailure: (error.message, error.status)
    case let error as any CustomStringConvertible: ("\(error)", .failure(.other))
    default: ("\(String(describing: error))", .failure(.other))
    }
  }

  private static func text(_ error: any Error) -> String {
    if let error = error as? any CustomStringConvertible { return error.description }
    return String(describing: error)
  }

  private static func isDenied(_ error: any Error) -> Bool {
    guard case StorageError.system(_, _, let code) = error else { return false }
    return code == EACCES || code == EPERM
  }

  /// The fault of an object, as the end of a sentence that begins with it.
  static func reason(_ error: any Error) -> String {
    switch error {
    case StorageError.system(_, let operation, let code):
      "cannot be read: \(SystemError.reason(code)) (\(operation))"
    case StorageError.damaged(_, let what): what
    case let error as Corruption: reason(error.cause)
    default: text(error)
    }
  }

  private static func describe(_ error: KeyError) -> (Message, ExitStatus) {
    switch error {
    case .wrongPassphrase:
      (
        "the passphrase is wrong. If it is lost: `archivist help passphrase`",
        .failure(.wrongPassphrase)
      )
    case .noneOpens(let passedOver):
      (
        "the passphrase is wrong, or it is that of a key slot that cannot be used: "
          + "\(passedOver.prefix(20).joined(separator: ", ")). `archivist check --storage-only` says "
          + "which objects are damaged; `archivist key import` puts an exported key back",
        .failure(.keyInvalid)
      )
    case .passphraseNeeded:
      (
        "the repository needs a passphrase: set ARCHIVIST_PASSPHRASE, ARCHIVIST_PASSCOMMAND or "
          + "ARCHIVIST_PASSPHRASE_FD",
        .failure(.noPassphrase)
      )
    case .noSlot:
      (
        "no key for this repository: neither in it nor in this client's key directory. "
          + "`archivist key import` puts an exported one back", .failure(.keyFileMissing)
      )
    case .tooManySlots(let limit):
      (
        "the repository has \(limit) key slots, which is the most there may be: "
          + "remove one with `archivist key remove`", .failure(.keyInvalid)
      )
    case .unknownSlot(let text):
      (
        "no key slot has an id that begins with '\(line: text)': `archivist key list` shows the ids",
        .failure(.keyInvalid)
      )
    case .ambiguousSlot(let text, let count):
      (
        "\(count) key slots have an id that begins with '\(line: text)': give more of the one that is "
          + "meant", .failure(.keyInvalid)
      )
    case .slotOfOtherRepository(let id):
      ("this key is for another repository, \(id)", .failure(.keyBackupOfOtherRepository))
    case .lastSlot:
      (
        "this is the last key slot: without it nobody could ever open the repository again",
        .failure(.keyInvalid)
      )
    case .openedSlot:
      (
        "this is the key slot that you opened the repository with, and the only one that is known "
          + "to open: give the passphrase of another one to remove it", .failure(.keyInvalid)
      )
    case .beingChanged(let who):
      (
        "no key slot was removed, because another operation is removing one: \(who). Try again when "
          + "it has ended; `archivist break-lock` helps if it never will", .failure(.lockFailed)
      )
    case .slotVanished(let isPutBack):
      (
        "somebody else has removed the key slot that you opened the repository with"
          + (isPutBack
            ? " at the same moment: it was put back, and the other one removed" : "")
          + ". `archivist key list` shows those there are", .failure(.keyInvalid)
      )
    case .wouldBecomePublic:
      (
        "the keys of a repository without encryption are no secret, so it cannot share one with a "
          + "repository that has a passphrase: take --encryption authenticated instead of none",
        .failure(.commandLine)
      )
    }
  }

  private static func describe(_ error: WalkRootError) -> Message {
    switch error {
    case .unusable(let path) where path.isEmpty: CommandFailure.emptyPath.message
    case .unusable(let path) where path.count > ArchivePath.maximumLength || path.contains(0):
      "\(name: Array(path.prefix(200))): no archive can hold a path of more than "
        + "\(ArchivePath.maximumLength) bytes, or with a zero byte in it"
    case .unusable(let path):
      "\(name: path): what stands behind /./ has to lie beneath what stands in front of it: write the "
        + "path without .."
    case .sameArchivedPath(let first, let second):
      "\(name: first.given) and \(name: second.given) are different places that would be archived "
        + "as \(name: first.path.bytes) and \(name: second.path.bytes), one on top of the other: make "
        + "two archives of them, or strip different parts with /./"
    }
  }

  private static func describe(_ error: CopyError) -> (Message, ExitStatus) {
    switch error {
    case .sameRepository:
      (
        "both are the same repository: there is nothing to copy. `archivist init` makes another one",
        .failure(.commandLine)
      )
    case .unreadable(let path, let cause):
      (
        path == .root ? describe(cause).0 : "\(name: path.bytes): \(describe(cause).0)",
        .failure(.integrity)
      )
    }
  }

  private static func describe(_ error: StorageError) -> (Message, ExitStatus) {
    switch error {
    case .notFound(let path):
      (
        "\(line: path): is missing. Run `archivist check` to see what is affected",
        .failure(.objectMissing)
      )
    case .missingDirectory(let path):
      (
        "\(line: path): this directory of the repository is missing, and so is what was in it. Bring it back "
          + "(is a disk not mounted, a copy not complete?); if it is lost, "
          + "`archivist check --repair` makes it anew", .failure(.objectMissing)
      )
    case .missingRepository(let path):
      (
        "\(line: path): there is no repository here. `archivist init \(line: path)` makes one",
        .failure(.repositoryMissing)
      )
    case .deletedInPart(let path):
      (
        "\(line: path): this repository was deleted in part, and nothing in it can be read any more: "
          + "`archivist delete \(line: path)` on its own machine deletes the rest",
        .failure(.notARepository)
      )
    case .notARepository(let path):
      (
        "\(line: path): this is not a repository of archivist, but something else",
        .failure(.notARepository)
      )
    case .repositoryExists(let path):
      ("\(line: path): there is a repository here already", .failure(.repositoryExists))
    case .locationNotEmpty(let path):
      (
        "\(line: path): directory not empty: a repository needs a new or empty one",
        .failure(.pathExists)
      )
    case .missingParent(let path):
      (
        "\(line: path): the directory in which the repository was to be made is not there (is a disk not "
          + "mounted?); `archivist init --make-parent-dirs` makes it as well",
        .failure(.parentDirectoryMissing)
      )
    case .insideRepository(let path, let outer):
      (
        "\(line: path): is inside of the repository \(line: outer): make it elsewhere",
        .failure(.repositoryExists)
      )
    case .noSpace(let path) where isClients(path):
      (
        "\(line: path): the disk is full that this client's own files are on. Nothing in the repository is "
          + "affected; make room there, or name other directories with ARCHIVIST_CACHE_DIR and "
          + "ARCHIVIST_CONFIG_DIR", .failure(.other)
      )
    case .noSpace(let path):
      (
        "\(line: path): the repository's disk is full. Nothing that was backed up before is affected; "
          + "`archivist delete` or `prune`, then `compact`, make room even now",
        .failure(.noSpace)
      )
    case .system(let path, let operation, let code) where code == EACCES || code == EPERM:
      (
        "\(line: path): \(SystemError.reason(code)) (\(operation)). This user may not do that here. If it "
          + "is another user's repository, run archivist as that user, or give it to this one with "
          + "`chown -R`",
        .failure(.repositoryPermissionDenied)
      )
    case .system(let path, let operation, let code):
      ("\(line: path): \(SystemError.reason(code)) (\(operation))", .failure(.other))
    case .damaged(let path, let what): ("\(line: path): \(line: what)", .failure(.integrity))
    case .refused(let what): ("\(line: what)", .failure(.pathNotAllowed))
    case .quotaExceeded(let what):
      (
        "quota exceeded on the server: \(line: what). Nothing that was backed up before is affected",
        .failure(.quotaExceeded)
      )
    case .connection(let failure): describe(failure)
    }
  }

  private static func isClients(_ path: String) -> Bool {
    clientDirectories.withLock { $0 }.contains { path == $0 || path.hasPrefix($0 + "/") }
  }

  private static func describe(_ failure: ConnectionFailure) -> (Message, ExitStatus) {
    switch failure {
    case .lost(let why):
      (
        "the connection to the server was lost: \(line: why). What had been stored is whole, and is "
          + "found again by the next run", .failure(.connectionClosed)
      )
    case .closedBeforeHello:
      (
        "could not start archivist on the server (see ssh's message above). `ssh HOST archivist "
          + "--version` has to work without a question (--rsh and --remote-path name other "
          + "programs)", .failure(.connectionClosedWithHint)
      )
    case .noise(let bytes):
      (
        "unexpected reply from the server: \"\(name: bytes)\". If a shell prints "
          + "this when it starts, silence it for sessions without a terminal: `ssh HOST true` "
          + "must print nothing", .failure(.connectionClosedWithHint)
      )
    case .serverOutdated(let server, let newest, let needed):
      (
        "the server (\(line: server)) speaks version \(newest) of the protocol, and version \(needed) is "
          + "needed: upgrade archivist on the server", .failure(.serverOutdated)
      )
    case .clientOutdated(let server, let oldest, _):
      (
        "the server (\(line: server)) speaks version \(oldest) of the protocol and later ones, which this "
          + "program does not know: upgrade archivist on this machine", .failure(.serverOutdated)
      )
    case .malformed(let what):
      (
        "the server and this program do not understand each other: \(line: what)",
        .failure(.malformedResponse)
      )
    case .unknownRequest(let what):
      ("\(line: what): upgrade archivist on the server", .failure(.unknownRequest))
    }
  }

  private static func describe(_ error: RepositoryError) -> (Message, ExitStatus) {
    switch error {
    case .unknownFeatures(let operation, let names):
      (
        "the repository uses \(names.joined(separator: ", ")), which this version does not know: "
          + "a later version of archivist is needed to \(operation)",
        .failure(.unsupportedFeature)
      )
    case .archiveExists(let name):
      (
        "archive \(name: Array(name.utf8)) exists already: choose another name",
        .failure(.archiveExists)
      )
    case .archiveMissing(let name):
      (
        "there is no archive \(name: Array(name.utf8)): `archivist list` shows those there are",
        .failure(.archiveMissing)
      )
    case .archiveUnreadable(let name, let objects):
      (
        "there is no archive \(name: Array(name.utf8)) among those that can be read. What cannot be "
          + "read may be it, or tell its name:"
          + "\(objects.prefix(20).map { "\n  \($0)" }.joined())\n`archivist list` shows the others",
        .failure(.archiveMissing)
      )
    case .archiveAmbiguous(let name, let ids):
      (
        "there are \(ids.count) archives named \(name: Array(name.utf8)): say which one by "
          + "id:\(ids.map { String($0.hex.prefix(16)) }.joined(separator: " or id:"))",
        .failure(.archiveMissing)
      )
    case .invalidArchiveName(let name):
      (
        "\(name: Array(name.utf8)): not a name for an archive: it must not be empty, hold '/' or "
          + "control characters, begin with '@' or 'id:', or begin or end with a space",
        .failure(.commandLine)
      )
    case .missingChunk(let id):
      (
        "chunk \(id.digest.hex) is missing. Run `archivist check` to see what is affected",
        .failure(.integrity)
      )
    case .damagedChunk(let id, let cause):
      (
        "chunk \(id.digest.hex) is damaged: \(describe(cause).0)", .failure(.integrity)
      )
    case .blockNotVerified:
      (
        "a block of data read back differently from what was stored: nothing of it was published. "
          + "This machine's memory or processor may be faulty: test it before you go on",
        .failure(.integrity)
      )
    case .interrupted: ("the operation was interrupted", .failure(.cancelled))
    case .cancelled: ("the operation was given up", .failure(.cancelled))
    case .leaseLost:
      (
        "this backup was taken for abandoned while it ran (did the machine sleep?), and what it "
          + "had stored may be gone: run it again", .failure(.lockLost)
      )
    case .protectionLost:
      (
        "the lease was taken away while the command ran, by `archivist break-lock` or because nothing "
          + "was heard of this machine for too long: objects may have been freed, and what the command "
          + "has made may be incomplete. Run it again", .failure(.lockLost)
      )
    case .unsafeToDelete(let what):
      (
        "nothing was deleted, because these cannot be read and may refer to anything:\n  "
          + "\(what.prefix(20).joined(separator: "\n  "))\nRun `archivist check`; "
          + "`archivist check --repair` mends what can be, and sets aside what is no object",
        .failure(.checkNeeded)
      )
    }
  }
}

/// An error that a command itself has found.
struct CommandFailure: Error {
  let message: Message
  var status = ExitStatus.failure(.other)

  init(_ message: Message, status: ExitStatus = .failure(.commandLine)) {
    self.message = message
    self.status = status
  }

  /// `""` where a path is expected: in most cases a variable of a script that is not set.
  static let emptyPath = CommandFailure("a path is empty: is a variable not set?")
}
