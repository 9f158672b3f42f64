internal import Glibc
import LinuxSystem
import ObjectStorage
internal import StoreCrypto
import StoreEncoding

/// An object that cannot be had, and why: it is damaged, of another repository, or cannot be read.
///
/// Only this object is concerned: whatever can be had without it is had. A storage that is out of
/// reach never becomes a corruption, so that nothing is concluded from what was not seen.
public struct Corruption: Error, Sendable {
  /// The object.
  public let object: ObjectName
  /// The fault of the object.
  public let cause: any Error

  /// Names an object, and the error that it was met with.
  public init(object: ObjectName, cause: any Error) {
    self.object = object
    self.cause = (cause as? Corruption)?.cause ?? cause
  }

  /// Whether the bytes could not be read, so that nothing is known of them.
  ///
  /// They may be whole, and another attempt or another user may get them: nothing is deleted or
  /// replaced because of it.
  public var isUnread: Bool { cause is StorageError }

  /// Whether somebody else may have read the object: another user, a later version of the program,
  /// or anybody at another time.
  var mayBeReadByOthers: Bool {
    switch cause {
    case StorageError.system, FormatError.unknownVersion, FormatError.unknownAlgorithm,
      FormatError.unknownCriticalField:
      true
    default: false
    }
  }

  /// Runs `body`, and names the object in the errors that are about it alone.
  static func locate<R>(_ object: ObjectName, _ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error where isCause(error) {
      throw Corruption(object: object, cause: error)
    }
  }

  /// Whether an error says that one object cannot be had, while others can.
  ///
  /// This is the one place that decides it. An object that is not there at all is for the caller
  /// to judge: most were deleted since they were listed.
  static func isCause(_ error: any Error) -> Bool {
    switch error {
    case is FormatError, is CryptoError: true
    case let error as StorageError: error.isOfOneObject
    default: false
    }
  }

  /// Whether an error speaks of one place only, so that another one is worth a try.
  static func isOfOnePlace(_ error: any Error) -> Bool {
    switch error {
    case is Corruption, StorageError.notFound: true
    default: isCause(error)
    }
  }
}

extension Corruption {
  /// The fault, as the end of a sentence that begins with the object.
  static func text(of error: any Error) -> String {
    switch error {
    case let error as FormatError: error.description
    case let error as Corruption: text(of: error.cause)
    case StorageError.notFound: "is missing"
    case StorageError.system(_, let operation, let code):
      "\(SystemError.reason(code)) (\(operation))"
    case StorageError.damaged(_, let what): what
    case RepositoryError.missingChunk: "is missing"
    case RepositoryError.damagedChunk(_, let cause): text(of: cause)
    default: "\(error)"
    }
  }
}

extension Corruption: CustomStringConvertible {
  /// The object, what is wrong with it, and what can be done about it.
  public var description: String { "\(path): \(Corruption.text(of: cause)). \(remedy)" }

  /// Where the object is: for people who look for the file.
  private var path: String {
    switch cause {
    case StorageError.system(let path, _, _), StorageError.damaged(let path, _):
      path.hasSuffix(object.path) ? path : object.path
    default: object.path
    }
  }

  /// The way out, as a sentence.
  private var remedy: String {
    switch cause {
    case StorageError.system(_, _, let code) where code == EACCES || code == EPERM:
      "This user may not read it, but perhaps another one: give it to the owner of the repository "
        + "with `chown`"
    case StorageError.system:
      "The disk, or the way to it, may be failing: try again; if it stays so, \(loss)"
    case StorageError.damaged:
      "Move it out of the repository, and \(loss)"
    case FormatError.unknownVersion, FormatError.unknownAlgorithm,
      FormatError.unknownCriticalField:
      "A later version of archivist may know it"
    default: loss.prefix(1).uppercased() + loss.dropFirst()
    }
  }

  /// The remedy if the object stays as it is.
  private var loss: String {
    let copy = "copy it back from another copy of the repository"
    return switch object {
    case .config, .object(.removal, _), .object(.quarantine, _): copy
    case .object(.key, _):
      "\(copy), or put an exported key back with `archivist key import`"
    case .object(.archive, let id):
      "\(copy), or give the archive up with `archivist delete --damaged "
        + "REPOSITORY::id:\(id.hex)`"
    case .object(.label, _):
      "\(copy), or rename archives that have lost their names: `archivist check --repair` "
        + "removes a damaged one"
    case .object(.index, _):
      "`archivist check --repair` makes a damaged one anew; until then every command reads the "
        + "segments instead"
    case .object(.segment, _):
      "\(copy); `archivist check --verify-data` says which files need it"
    case .object(.doomed, _):
      "remove it while no other archivist works on the repository: `archivist compact` makes a new "
        + "one"
    case .object(.lease, _): "`archivist break-lock` removes it, if nothing runs"
    }
  }
}
