public import StoreCrypto
import StoreEncoding

/// Errors thrown by repository operations.
public enum RepositoryError: Error, Sendable {
  /// It uses features that this version does not know.
  case unknownFeatures(String, [String])
  /// There is an archive of this name already.
  case archiveExists(String)
  /// There is no archive of this name.
  case archiveMissing(String)
  /// There is none among the archives that can be read; what cannot be read may be it, or name it.
  case archiveUnreadable(String, [Corruption])
  /// Several archives have this name; they have to be told apart by id.
  case archiveAmbiguous(String, [Digest256])
  /// Text that cannot be the name of an archive.
  case invalidArchiveName(String)
  /// A chunk that is in no segment.
  case missingChunk(ChunkID)
  /// A chunk that cannot be read anywhere.
  case damagedChunk(ChunkID, any Error)
  /// The lease of the running operation was taken away.
  case leaseLost
  /// The lease was taken away that something else than this program relied on.
  case protectionLost
  /// Objects that cannot be read keep us from deleting anything.
  case unsafeToDelete([String])
  /// A block could not be opened again right after it was sealed, or held something else.
  case blockNotVerified
  /// The archive was interrupted: a checkpoint of it can still be made.
  case interrupted
  /// The archive was given up.
  case cancelled
}

extension RepositoryError {
  /// Whether an error concerns a chunk or an object that cannot be read, so that others may be.
  public static func concernsOneObject(_ error: any Error) -> Bool {
    switch error {
    case RepositoryError.missingChunk, RepositoryError.damagedChunk: true
    default: Corruption.isOfOnePlace(error)
    }
  }
}
