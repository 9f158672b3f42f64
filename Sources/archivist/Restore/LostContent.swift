import ChunkStore

/// The description of a file's loss, for people.
enum LostContent {
  /// More stretches than this are not listed one by one.
  private static let most = 8

  /// `nil` if nothing is known to be lost.
  ///
  /// - Throws: Errors of the storage.
  static func description(_ content: Item.Content?, in repository: Repository) throws -> String? {
    guard let content, repository.hasKnownDamage else { return nil }
    let ranges = try repository.lostRanges(of: content)
    guard !ranges.isEmpty else { return nil }
    let shown = ranges.prefix(most).map { "\($0.lowerBound) to \($0.upperBound - 1)" }
    let more = ranges.count > most ? " and \(ranges.count - most) more stretches" : ""
    return "bytes \(shown.joined(separator: ", "))\(more) are lost"
  }

  /// Whether an error says that a chunk cannot be had.
  static func isLoss(_ error: any Error) -> Bool {
    switch error {
    case RepositoryError.missingChunk, RepositoryError.damagedChunk: true
    default: false
    }
  }
}
