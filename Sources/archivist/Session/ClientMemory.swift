import ChunkStore
import LinuxSystem
import StoreCrypto

/// This client's memory of repositories: which one is where, and how it is sealed.
///
/// So a storage that puts another repository in the place of the one we know, or takes its
/// encryption away, is noticed. It is remembered too which archives this client has made, because
/// only those are trusted to say which files are unchanged.
///
///     locations/SHA-256 of the path      ids of the repositories that were there
///     repositories/ID                    `RememberedRepository`
///
/// Any number of processes may use it at the same time.
struct ClientMemory {
  private let directory: String
  private let environment: Environment

  /// The number of repositories that may take turns at a place.
  private static let turnsLimit = 64

  init(_ session: Session) {
    self.init(directory: session.directories.config, environment: session.environment)
  }

  /// Keeps what is remembered beneath `directory`.
  init(directory: String, environment: Environment) {
    self.directory = directory
    self.environment = environment
  }

  // MARK: Repositories

  /// A repository that is known, and is in a place where it has not been before.
  struct Arrival: CustomStringConvertible {
    var location: String
    var repository: String
    /// Where it is known from, if that was remembered.
    var knownFrom: String?
    /// The repository that used to be in the place.
    var other: String?

    var description: String {
      if let other {
        return "\(location): this is repository \(repository.prefix(12))"
          + (knownFrom.map { ", which this client knows from \($0)" } ?? "")
          + ". So far it was \(other.prefix(12)); from now on it may be either"
      }
      return "\(location): this client knows this repository"
        + (knownFrom.map { " from \($0)" } ?? "")
        + ". If it was moved, all is well. If this is a copy that is to be written to on its own, run "
        + "`archivist adopt \(location)` first"
    }
  }

  /// Compares a repository with what is known of it, and remembers what is new.
  ///
  /// - Parameters:
  ///   - repository: The repository, opened.
  ///   - isNew: It was made just now, by this client.
  /// - Returns: What a person may want to know: that it was somewhere else before.
  /// - Throws: `Mismatch` if it is not the repository that this client knows.
  @discardableResult
  func verify(_ repository: Repository, isNew: Bool = false) throws -> Arrival? {
    let id = repository.id.hex
    let place = try Place(repository.location)
    let there = try repositories(at: place)
    let known = try load(id)
    let isReplacement = !there.isEmpty && !there.contains(id) && !isNew
    if isReplacement, known.suite == nil, let other = there.last {
      throw Mismatch.replaced(location: repository.location, known: other, found: id)
    }
    try compare(repository, known, place, isNew: isNew)
    if isReplacement, let other = there.last {
      let strongest = try there.compactMap { try Self.strength(load($0).suite) }.max() ?? 0
      if (Self.strength(known.suite) ?? 0) < strongest {
        throw Mismatch.weaker(location: repository.location, known: other, found: id)
      }
    }
    let isArrival = !there.contains(id)
    if known.suite == nil || isArrival
      || known.copies.count == 1
        && known.copies[0].generation < repository.generation
    {
      try update(id) { known in
        known.suite = repository.suite.rawValue
        known.authority = Self.hex(repository.authority)
        if known.copies.count == 1 { known.copies[0].generation = repository.generation }
        if isNew { known.copies[0].places = [place.key] }
        known.note(place.path, as: place.key)
        if isArrival { known.seen = place.key }
      }
    }
    guard isArrival else { return nil }
    try put(id, at: place)
    guard known.suite != nil, !isNew else { return nil }
    return Arrival(
      location: repository.location, repository: id, knownFrom: known.path(of: known.seen),
      other: there.last)
  }

  private func compare(
    _ repository: Repository, _ known: RememberedRepository, _ place: Place, isNew: Bool
  ) throws {
    guard let suite = known.suite else {
      guard
        repository.suite.encrypts || isNew
          || environment.text(
            "ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK",
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK") == "yes"
      else { throw Mismatch.unknownUnencrypted(location: repository.location) }
      return
    }
    guard suite == repository.suite.rawValue else {
      throw Mismatch.downgraded(location: repository.location)
    }
    guard known.authority == Self.hex(repository.authority) else {
      throw Mismatch.otherAuthority(location: repository.location)
    }
    let generation = known.candidates(at: place.key).map(\.generation).min() ?? 0
    guard repository.generation >= generation else {
      throw Mismatch.rolledBack(
        location: repository.location, known: generation, found: repository.generation)
    }
  }

  /// How much a suite protects: contents, or against forgery alone.
  private static func strength(_ suite: UInt8?) -> Int? {
    switch suite.flatMap(Suite.init) {
    case .aes256GCM, .chacha20Poly1305: 2
    case .authenticated: 1
    case .some(.none): 0
    case nil: nil
    }
  }

  /// Accepts what is in a place, whatever was known of that: as a repository, and as a copy of it.
  ///
  /// - Parameters:
  ///   - repository: The repository, opened.
  ///   - isOnly: Whether what was in the place before, and other copies, are no more.
  /// - Returns: What there is to say about it.
  /// - Throws: `SystemError`, and errors of the storage.
  func adopt(_ repository: Repository, isOnly: Bool) throws -> RememberedRepository.Adoption {
    let id = repository.id.hex
    let place = try Place(repository.location)
    var adoption: RememberedRepository.Adoption?
    while true {
      let expected = try load(id)
      let absent = try repository.absent(Set(expected.copies.flatMap(\.made).map(\.id)))
      let found = expected.recognize(
        at: place.key, vanished: absent.vanished, removed: absent.removed)
      let mayHaveMoved = hasMoved(found.copy, to: place, expected)
      try update(id) { known in
        // A backup may have ended, or another copy been adopted, since we looked.
        guard known.copies == expected.copies else { return }
        known.suite = repository.suite.rawValue
        known.authority = Self.hex(repository.authority)
        known.note(place.path, as: place.key)
        known.seen = place.key
        var done = known.adopt(
          at: place.key, found: found, absent: absent.vanished.union(absent.removed),
          generation: repository.generation, isOnly: isOnly, mayHaveMoved: mayHaveMoved)
        done.forgotten = done.forgotten.compactMap { known.path(of: $0) }
        adoption = done
      }
      guard let adoption else { continue }
      try put(id, at: place, isOnly: isOnly)
      return adoption
    }
  }

  /// Whether nothing is left of a copy in the places where it was before.
  private func hasMoved(
    _ copy: RememberedRepository.Copy, to place: Place, _ known: RememberedRepository
  ) -> Bool {
    copy.places.allSatisfy { key in
      if key == place.key { return true }
      guard let path = known.path(of: key), !path.hasPrefix("ssh://") else { return false }
      return !PrivateFile.isThere(Array(path.utf8))
    }
  }

  // MARK: Places

  /// A repository that was in a place, in which none is found now.
  struct Absent: Equatable {
    var repository: String
    /// When this client made its last backup there; `nil` if it made none, or that is not known.
    var lastBackup: Timestamp?
    /// The other places in which it was.
    var others: [String] = []
  }

  /// The repositories that were in a place, the one that was used last at the end.
  ///
  /// - Parameter location: The path, or the URL.
  /// - Returns: What is remembered of them.
  /// - Throws: `SystemError`.
  func absent(from location: String) throws -> [Absent] {
    let place = try Place(location)
    let all = try repositories(at: place).map { id in
      let known = try load(id)
      let seconds = known.lastBackups.last { $0.key == place.key }?.seconds
      return Absent(
        repository: id, lastBackup: seconds.map { Timestamp(seconds: $0) },
        others: try known.paths.filter { key, path in
          try key != place.key && repositories(at: Place(path)).contains(id)
        }.map(\.path))
    }
    // Where two take turns, the order in which they came says nothing.
    let never = Timestamp(seconds: .min)
    return all.enumerated().sorted { a, b in
      (a.element.lastBackup ?? never, a.offset) < (b.element.lastBackup ?? never, b.offset)
    }.map(\.element)
  }

  /// The paths and URLs of all places in which repositories were.
  ///
  /// - Throws: `SystemError`.
  func places() throws -> [String] {
    let files = Array("\(directory)/repositories".utf8)
    guard PrivateFile.isThere(files) else { return [] }
    let listing = DirectoryListing(of: try DirectoryHandle(path: files))
    var paths: Set<String> = []
    // Beside them may be one that is being written.
    for index in 0..<listing.count where listing.name(index).count == 2 * Digest256.size {
      let id = String(decoding: listing.name(index), as: UTF8.self)
      for (_, path) in try load(id).paths where try repositories(at: Place(path)).contains(id) {
        paths.insert(path)
      }
    }
    return paths.sorted()
  }

  /// Forgets that a repository was in its place.
  func forget(_ repository: Repository) throws {
    let place = try Place(repository.location)
    let id = repository.id.hex
    try PrivateFile.update(locationFile(place)) { old in
      Array(Self.lines(old).filter { $0 != id }.map { $0 + "\n" }.joined().utf8)
    }
  }

  // MARK: Archives

  /// Which of the copies of a repository one is, and what is missing of that.
  struct Recognition {
    fileprivate var found: RememberedRepository.Recognition
    /// The number of the copy.
    var copy: Int { found.copy.number }
    /// The mismatch; `nil` if all is there, or was removed by an owner.
    var mismatch: Mismatch?
  }

  /// Compares the archives of a repository with those that this client has made.
  ///
  /// - Parameters:
  ///   - repository: The repository.
  ///   - archives: Those that are certainly there, so that nobody need look for them.
  /// - Returns: What it is, and what is wrong with that.
  /// - Throws: `SystemError`, and errors of the storage.
  func recognize(_ repository: Repository, having archives: [Archive] = []) throws -> Recognition {
    let place = try Place(repository.location)
    var unreadable: [Corruption] = []
    let (known, found) = try recognition(of: repository, at: place, having: archives) {
      unreadable.append($0)
    }
    guard !found.missing.isEmpty else { return Recognition(found: found) }
    let places = Set(found.missing.map(\.place))
    let elsewhere = places.contains(place.key) ? nil : known.path(of: places.first ?? nil)
    return Recognition(
      found: found,
      mismatch: .vanished(
        Mismatch.Vanished(
          location: repository.location, archives: found.missing.map(\.id).sorted(),
          unreadable: unreadable, elsewhere: elsewhere)))
  }

  /// The archives that this client has made and that are missing; `nil` if all are there, or were
  /// removed by an owner.
  func vanished(from repository: Repository) throws -> Mismatch? {
    try recognize(repository).mismatch
  }

  private func recognition(
    of repository: Repository, at place: Place, having archives: [Archive] = [],
    problem: (Corruption) -> Void = { _ in }
  ) throws -> (RememberedRepository, RememberedRepository.Recognition) {
    let known = try load(repository.id.hex)
    let wanted = Set(known.candidates(at: place.key).flatMap(\.made).map(\.id))
      .subtracting(archives.map(\.id.hex))
    let absent =
      wanted.isEmpty
      ? Repository.AbsentArchives() : try repository.absent(wanted, problem: problem)
    return (
      known,
      known.recognize(at: place.key, vanished: absent.vanished, removed: absent.removed)
    )
  }

  /// Remembers that this client has made an archive, or a checkpoint of one.
  ///
  /// - Parameters:
  ///   - archive: What was made.
  ///   - repository: Where.
  ///   - recognition: What that was found to be before; `nil` to find it out.
  /// - Throws: `SystemError`, and errors of the storage.
  func remember(
    _ archive: Archive, in repository: Repository, as recognition: Recognition? = nil
  ) throws {
    let place = try Place(repository.location)
    guard archive.manifest.kind == .archive else {
      // Nobody is surprised when one is gone.
      return try update(repository.id.hex) { $0.add(checkpoint: archive.id.hex) }
    }
    var found =
      try recognition?.found ?? self.recognition(of: repository, at: place).1
    while true {
      var isNoted = false
      try update(repository.id.hex) { known in
        // Somebody may have adopted a copy since it was recognized.
        guard known.confirms(found, at: place.key) || known.hasForgotten(found, at: place.key)
        else { return }
        known.note(place.path, as: place.key)
        known.noteBackup(at: place.key, seconds: SystemClock.now.seconds)
        known.add(archive.id.hex, at: place.key, to: found, generation: repository.generation)
        isNoted = true
      }
      if isNoted { return }
      found = try self.recognition(of: repository, at: place).1
    }
  }

  /// Forgets archives that were made in a place and deleted there, if another copy may be in another
  /// place: that one never had them, and nothing in it says that they were deleted.
  ///
  /// - Throws: `SystemError`.
  func forget(_ deleted: [Archive], in repository: Repository) throws {
    let place = try Place(repository.location)
    let ids = Set(deleted.map(\.id.hex))
    func isShared(_ copy: RememberedRepository.Copy) -> Bool {
      copy.places.contains { $0 != place.key }
        && copy.made.contains { $0.place == place.key && ids.contains($0.id) }
    }
    guard try load(repository.id.hex).copies.contains(where: isShared) else { return }
    try update(repository.id.hex) { $0.forget(ids, at: place.key) }
  }

  /// The ids of archives that this client has made.
  func madeArchives(in repository: Repository) throws -> MadeArchives {
    let known = try load(repository.id.hex)
    return MadeArchives(
      finished: Set(known.copies.flatMap(\.made).map(\.id)), checkpoints: Set(known.checkpoints))
  }

  // MARK: Files

  /// Where a repository is.
  private struct Place {
    /// The path, all links resolved, or the URL.
    let path: String
    let digest: String

    /// The key that stands for it where it is named often.
    var key: String { String(digest.prefix(16)) }

    init(_ location: String) throws {
      let text = Array(location.utf8)
      let bytes = location.hasPrefix("ssh://") ? text : AbsolutePath.of(text)
      path = String(decoding: bytes, as: UTF8.self)
      digest = try SHA256.digest(of: bytes.span).hex
    }
  }

  private func load(_ id: String) throws -> RememberedRepository {
    guard let bytes = try PrivateFile.read(repositoryFile(id)) else { return .init() }
    return RememberedRepository(decoding: bytes)
  }

  private func update(_ id: String, _ change: (inout RememberedRepository) -> Void) throws {
    try PrivateFile.update(repositoryFile(id)) { old in
      var known = old.map(RememberedRepository.init(decoding:)) ?? RememberedRepository()
      change(&known)
      return known.encoded == old ? nil : known.encoded
    }
  }

  private func repositoryFile(_ id: String) -> [UInt8] {
    Array("\(directory)/repositories/\(id)".utf8)
  }

  private func locationFile(_ place: Place) -> [UInt8] {
    Array("\(directory)/locations/\(place.digest)".utf8)
  }

  /// The repositories that have been in a place, the one that came last at the end.
  private func repositories(at place: Place) throws -> [String] {
    try Self.lines(PrivateFile.read(locationFile(place)))
  }

  private func put(_ id: String, at place: Place, isOnly: Bool = false) throws {
    try PrivateFile.update(locationFile(place)) { old in
      let others = isOnly ? [] : Self.lines(old).filter { $0 != id }
      return Array((others + [id]).suffix(Self.turnsLimit).map { $0 + "\n" }.joined().utf8)
    }
  }

  private static func lines(_ bytes: [UInt8]?) -> [String] {
    String(decoding: bytes ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
