import StoreFormat

/// Why an archive cannot be copied, while others may be.
public enum CopyError: Error, Sendable {
  /// Both are the same repository, in the same place.
  case sameRepository
  /// Something that the archive needs cannot be read.
  case unreadable(ArchivePath, any Error)

  /// Runs `body`, which reads from the source, and names the path in the errors that say that
  /// something there is damaged or missing.
  static func locate<R>(_ path: ArchivePath, _ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error where isDamage(error) {
      throw CopyError.unreadable(path, error)
    }
  }

  /// Whether an error says that something of an archive cannot be had.
  static func isDamage(_ error: any Error) -> Bool {
    error is LostItems || RepositoryError.concernsOneObject(error)
  }
}
