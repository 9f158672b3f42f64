import ChunkStore

extension ClientMemory {
  /// Why a repository is not the one that this client knows.
  enum Mismatch: Error, CustomStringConvertible {
    case replaced(location: String, known: String, found: String)
    /// It is known as well, and less protected than the one that used to be here.
    case weaker(location: String, known: String, found: String)
    case downgraded(location: String)
    case otherAuthority(location: String)
    case rolledBack(location: String, known: UInt32, found: UInt32)
    case unknownUnencrypted(location: String)
    case vanished(Vanished)

    /// Archives that have to be there, and are not.
    struct Vanished {
      var location: String
      var archives: [String]
      /// Records of removals, which may say that the archives were deleted.
      var unreadable: [Corruption]
      /// Where the first of them was made, if none was made in this place.
      var elsewhere: String?
    }

    /// Whether nothing that could not be read may explain it.
    var isCertain: Bool {
      if case .vanished(let vanished) = self { vanished.unreadable.isEmpty } else { true }
    }

    var description: String {
      switch self {
      case .replaced(let location, let known, let found):
        "\(location): this is repository \(found.prefix(12)), which this client does not know, and it "
          + "used to be \(known.prefix(12)): it was replaced. If you did that, \(Self.adopt(location))"
      case .weaker(let location, let known, let found):
        "\(location): this is repository \(found.prefix(12)), which is less protected than "
          + "\(known.prefix(12)), which used to be here. If you put it there, \(Self.adopt(location))"
      case .downgraded(let location):
        "\(location): the repository is not encrypted as it used to be. "
          + "If you know why, \(Self.adopt(location))"
      case .otherAuthority(let location):
        "\(location): the repository has another owner's key than it used to have. "
          + "If you know why, \(Self.adopt(location))"
      case .rolledBack(let location, let known, let found):
        "\(location): the repository's configuration is number \(found), and number \(known) has "
          + "been seen: it was rolled back. If you restored an old copy, \(Self.adopt(location))"
      case .unknownUnencrypted(let location):
        "\(location): this repository is not encrypted, and this client has not seen it before. "
          + "If that is what you expect, set "
          + "ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes"
      case .vanished(let vanished): vanished.description
      }
    }

    private static func adopt(_ location: String) -> String {
      "`archivist adopt \(location)` accepts it"
    }
  }
}

extension ClientMemory.Mismatch.Vanished: CustomStringConvertible {
  var description: String {
    let some = archives.prefix(3).joined(separator: ", ")
    let many = archives.count > 1
    let these =
      "\(HumanText.count(archives.count, "archive")) that this client made \(many ? "are" : "is")"
    let them = many ? "them" : "it"
    if !unreadable.isEmpty {
      return "\(location): \(these) missing (\(some)). Whether a deletion was recorded is not "
        + "known, because these records cannot be read:"
        + unreadable.prefix(20).map { "\n  \($0)" }.joined()
    }
    let missing = "\(location): \(these) missing without a deletion record: \(some)."
    if let elsewhere {
      return "\(missing) This client made \(them) in \(elsewhere). If that is another copy of this "
        + "repository, the two were written to apart from each other: `archivist adopt \(location)` keeps "
        + "them apart, and `archivist copy \(elsewhere) \(location)` brings what is missing and is still "
        + "there. If not, somebody removed \(them)"
    }
    return "\(missing) Somebody removed \(them), or put another copy of the repository, perhaps an "
      + "older one, in its place. If you did that, `archivist adopt \(location)` keeps it apart from the one that "
      + "was here, and `archivist copy OTHER \(location)` brings what is missing from where that one is now"
  }
}
