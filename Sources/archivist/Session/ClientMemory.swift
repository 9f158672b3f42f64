import ChunkStore
import Crypto

/// What this client remembers of repositories: which one is where, and how it is sealed.
///
/// So a storage that puts another repository in the place of the one we know, or takes its
/// encryption away, is noticed. It is remembered too which archives this client has made, because
/// only those are trusted to say which files are unchanged.
///
///     locations/SHA-256 of the path      id
///     repositories/ID                    "suite N", "authority HEX", "generation N", "made ID"*,
///                                        "checkpoint ID"*
struct ClientMemory {
  private let folder: String
  private let environment: Environment

  /// Why a repository is not the one that this client knows.
  enum Mismatch: Error, CustomStringConvertible {
    case replaced(location: String, known: String, found: String, file: String)
    case downgraded(location: String, file: String)
    case otherAuthority(location: String, file: String)
    case rolledBack(location: String, known: UInt32, found: UInt32, file: String)
    case unknownUnencrypted(location: String)
    /// `unreadable` are records of removals, which may say that the archives were deleted.
    case vanished(location: String, archives: [String], unreadable: [Corruption], file: String)

    var description: String {
      switch self {
      case .replaced(let location, let known, let found, let file):
        "\(location): this is repository \(found.prefix(12)), and it used to be "
          + "\(known.prefix(12)): it was replaced. If you did that, remove \(file)"
      case .downgraded(let location, let file):
        "\(location): the repository is not encrypted as it used to be. "
          + "If you know why, remove \(file)"
      case .otherAuthority(let location, let file):
        "\(location): the repository has another owner's key than it used to have. "
          + "If you know why, remove \(file)"
      case .rolledBack(let location, let known, let found, let file):
        "\(location): the repository's configuration is number \(found), and number \(known) has "
          + "been seen: it was rolled back. If you restored an old copy, remove \(file)"
      case .unknownUnencrypted(let location):
        "\(location): this repository is not encrypted, and this client has not seen it before. "
          + "If that is what you expect, set "
          + "ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes"
      case .vanished(let location, let archives, let unreadable, _) where !unreadable.isEmpty:
        "\(location): \(archives.count) archives that this client made are gone "
          + "(\(archives.prefix(3).joined(separator: ", "))). Whether they were deleted is not "
          + "known, because records of that cannot be read:"
          + unreadable.prefix(20).map { "\n  \($0)" }.joined()
      case .vanished(let location, let archives, _, let file):
        "\(location): \(archives.count) archives that this client made are gone, and nobody with "
          + "the key has deleted them: \(archives.prefix(3).joined(separator: ", ")). They were "
          + "taken away, or an old copy of the repository was put in its place. If you did that, "
          + "remove \(file)"
      }
    }
  }

  /// Archives that are remembered for each repository, newest last.
  private static let madeLimit = 1000
  private static let checkpointLimit = 20

  init(_ session: Session) {
    self.init(folder: session.folders.config, environment: session.environment)
  }

  /// Keeps what is remembered beneath `folder`.
  init(folder: String, environment: Environment) {
    self.folder = folder
    self.environment = environment
  }

  private struct Known {
    var suite: UInt8?
    var authority: String?
    var generation: UInt32 = 0
    var made: [String] = []
    var checkpoints: [String] = []
  }

  /// Compares a repository with what is known of it, and remembers what is new.
  ///
  /// - Parameters:
  ///   - repository: The repository, opened.
  ///   - isNew: It was made just now, by this client.
  /// - Throws: `Mismatch` if it is not the repository that this client knows.
  func verify(_ repository: Repository, isNew: Bool = false) throws {
    let id = repository.id.hex
    let locationFile = try locationFile(repository.location)
    if let known = try PrivateFile.read(Array(locationFile.utf8)).map({
      String(decoding: $0, as: UTF8.self)
    }),
      known != id
    {
      guard isNew else {
        throw Mismatch.replaced(
          location: repository.location, known: known, found: id, file: locationFile)
      }
    }
    let file = repositoryFile(id)
    var known = try load(id)
    if let suite = known.suite {
      guard suite == repository.suite.rawValue else {
        throw Mismatch.downgraded(location: repository.location, file: file)
      }
      guard known.authority == Self.hex(repository.authority) else {
        throw Mismatch.otherAuthority(location: repository.location, file: file)
      }
      guard repository.generation >= known.generation else {
        throw Mismatch.rolledBack(
          location: repository.location, known: known.generation,
          found: repository.generation, file: file)
      }
    } else if !repository.suite.encrypts, !isNew,
      environment.text(
        "ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK",
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK") != "yes"
    {
      throw Mismatch.unknownUnencrypted(location: repository.location)
    }
    if known.suite == nil || known.generation < repository.generation {
      known.suite = repository.suite.rawValue
      known.authority = Self.hex(repository.authority)
      known.generation = repository.generation
      try save(known, id)
    }
    if try PrivateFile.read(Array(locationFile.utf8)) != Array(id.utf8) {
      try PrivateFile.write(Array(id.utf8), to: Array(locationFile.utf8))
    }
  }

  /// Compares the archives of a repository with those that this client has made.
  ///
  /// - Returns: What is wrong; `nil` if all are there, or were removed by an owner.
  func vanished(from repository: Repository) throws -> Mismatch? {
    let id = repository.id.hex
    var unreadable: [Corruption] = []
    let gone = try repository.vanished(try load(id).made) { unreadable.append($0) }
    guard !gone.isEmpty else { return nil }
    return .vanished(
      location: repository.location, archives: gone.sorted(), unreadable: unreadable,
      file: repositoryFile(id))
  }

  /// Remembers that this client has made an archive, or a checkpoint of one.
  func remember(_ archive: Archive, in repository: Repository) throws {
    var known = try load(repository.id.hex)
    switch archive.manifest.kind {
    case .archive: known.made = (known.made + [archive.id.hex]).suffix(Self.madeLimit)
    case .checkpoint:
      // Nobody is surprised when one is gone.
      known.checkpoints = (known.checkpoints + [archive.id.hex]).suffix(Self.checkpointLimit)
    }
    try save(known, repository.id.hex)
  }

  /// The ids of archives that this client has made.
  func madeArchives(in repository: Repository) throws -> MadeArchives {
    let known = try load(repository.id.hex)
    return MadeArchives(
      finished: Set(known.made), checkpoints: Set(known.checkpoints))
  }

  private func repositoryFile(_ id: String) -> String { "\(folder)/repositories/\(id)" }

  private func locationFile(_ location: String) throws -> String {
    let text = Array(location.utf8)
    let path = location.hasPrefix("ssh://") ? text : AbsolutePath.of(text)
    return "\(folder)/locations/\(try SHA256.digest(of: path.span).hex)"
  }

  private func load(_ id: String) throws -> Known {
    var known = Known()
    guard let bytes = try PrivateFile.read(Array(repositoryFile(id).utf8)) else { return known }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 2 else { continue }
      switch words[0] {
      case "suite": known.suite = UInt8(words[1])
      case "authority": known.authority = words[1]
      case "generation": known.generation = UInt32(words[1]) ?? 0
      case "made": known.made.append(words[1])
      case "checkpoint": known.checkpoints.append(words[1])
      default: continue
      }
    }
    return known
  }

  private func save(_ known: Known, _ id: String) throws {
    var lines: [String] = []
    if let suite = known.suite { lines.append("suite \(suite)") }
    if let authority = known.authority { lines.append("authority \(authority)") }
    lines.append("generation \(known.generation)")
    lines += known.made.map { "made \($0)" }
    lines += known.checkpoints.map { "checkpoint \($0)" }
    let text = lines.map { $0 + "\n" }.joined()
    try PrivateFile.write(Array(text.utf8), to: Array(repositoryFile(id).utf8))
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
