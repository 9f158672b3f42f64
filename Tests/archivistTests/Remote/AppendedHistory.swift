import Glibc
import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore
@testable import archivist

/// A repository on a server, with some days of history, the keys of which somebody else has too.
struct AppendedHistory {
  let directory: TemporaryDirectory
  let path: String
  let local: LocalStorage
  /// The contents of archives by their names: a daily one, until some days ago.
  private(set) var contents: [String: [String: [UInt8]]] = [:]

  private static let passphrase = "open sesame"
  private static let day: Int64 = 24 * 3600

  init() throws {
    directory = try TemporaryDirectory()
    path = text(directory("repository"))
    local = try LocalStorage.create(path: path)
    _ = try Repository.create(
      in: local, suite: .aes256GCM, passphrase: Self.secret(),
      parameters: ScryptParameters(logN: 15, r: 8, p: 1), cacheDirectory: text(directory("maker")))
    var random = SystemRandomNumberGenerator()
    var files: [String: [UInt8]] = [:]
    for number in 0..<12 { files["file\(number)"] = Self.bytes(30_000, &random) }
    for age in (3...8).reversed() {
      files["file\(age)"] = Self.bytes(60_000, &random)
      files["new\(age)"] = Self.bytes(20_000, &random)
      try backUp("day-\(age)", files, daysAgo: Int64(age))
      contents["day-\(age)"] = files
    }
  }

  static func bytes(_ count: Int, _ random: inout SystemRandomNumberGenerator) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  private static func secret() -> Secret {
    let bytes = Array(passphrase.utf8)
    return Secret(copying: bytes.span)
  }

  /// Opens it where it is, with all rights; as a machine that remembers nothing, unless named.
  func open(_ cache: String? = nil) throws -> Repository {
    let cache = try cache ?? Digest256.random().hex
    let repository = try Repository.open(local, cacheDirectory: text(directory(cache))) {
      Self.secret()
    }
    _ = try repository.refresh()
    return repository
  }

  private func backUp(_ name: String, _ files: [String: [UInt8]], daysAgo: Int64) throws {
    let builder = try ArchiveBuilder(try open("maker"), options: ArchiveBuilder.Options()) { _, _ in
    }
    let made = SystemClock.now.earlier(bySeconds: daysAgo * Self.day)
    for path in files.keys.sorted() {
      try builder.add(
        Item(
          path: try ArchivePath(Array(path.utf8)), mode: 0o100644, uid: 1, gid: 1,
          mtime: Timestamp(seconds: 1_600_000_000)),
        content: HeldContent(bytes: files[path] ?? []))
    }
    let archive = try builder.finish {
      $0.name = name
      $0.series = "day"
      $0.start = made
      $0.end = made
    }
    try setAge(.object(.archive, archive.id), seconds: daysAgo * Self.day)
  }

  /// Says that an object was put so long ago.
  func setAge(_ name: ObjectName, seconds: Int64) throws {
    var times = [timespec](repeating: timespec(), count: 2)
    times[0].tv_sec = Int(SystemClock.now.earlier(bySeconds: seconds).seconds)
    times[1].tv_sec = times[0].tv_sec
    try #require(unsafe utimensat(AT_FDCWD, "\(path)/\(name.path)", times, 0) == 0)
  }

  /// Makes everything a week older, as if nobody had noticed until now; archives apart, whose age
  /// decides what is kept.
  func age() throws {
    for kind in ObjectName.Kind.allCases where kind != .archive {
      for object in try local.list(kind) {
        try setAge(.object(kind, object.id), seconds: 10 * Self.day)
      }
    }
  }

  /// The archives that rules keep, whatever else there is.
  func kept(_ rules: KeepRules, among archives: [Archive], in repository: Repository) throws
    -> PrunePlan<Archive>
  {
    let stored = try repository.archiveDates()
    return PrunePlan(
      archives: archives.map {
        PruneCandidate($0, stored: stored[$0.id], .byHost)
      }, rules: rules, now: SystemClock.now, zone: .utc)
  }

  /// Everything that these archives hold is what it was, for one that sees it for the first time.
  func expectWhole(
    _ names: some Collection<String>, _ comment: Comment,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let repository = try open()
    let reader = try ContentReader(repository)
    let archives = try repository.archives { _, _ in }
    for name in names {
      // Others may have taken the name as well.
      let isThere = try archives.contains { archive in
        guard archive.name == name else { return false }
        do {
          return try files(of: archive, in: repository, reader) == contents[name]
        } catch is RepositoryError {
          return false  // A forged one.
        }
      }
      #expect(isThere, "\(comment): \(name)", sourceLocation: location)
    }
  }

  private func files(
    of archive: Archive, in repository: Repository, _ reader: ContentReader
  ) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    var items = try repository.items(of: archive)
    while let item = try items.next() {
      guard let content = item.content else { continue }
      var bytes: [UInt8] = []
      var chunks = try repository.chunks(of: content)
      while let chunk = try chunks.next() { bytes += try reader.read(chunk) }
      files[item.path.description] = bytes
    }
    return files
  }
}

/// A content in memory.
private struct HeldContent: ContentSource {
  let bytes: [UInt8]
  var expectedSize: UInt64 { UInt64(bytes.count) }
  func open() throws -> any ContentStream { HeldStream(bytes) }
  func isWorthReading(afterAttempt attempt: Int) -> Bool { false }
}

private final class HeldStream: ContentStream {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func read(_ count: Int) throws -> [UInt8] {
    let piece = Array(bytes[position..<min(bytes.count, position + count)])
    position += piece.count
    return piece
  }

  func finish() throws -> ContentSummary { ContentSummary(size: UInt64(position)) }
}

/// A client of `archivist serve --append-only` that has the keys, and says whatever it likes.
final class HostileClient {
  let keys: KeyRing
  private let channel: Channel
  private let group = ThreadGroup()

  init(_ history: AppendedHistory) throws {
    keys = try history.open().keys
    var ends: [Int32] = [-1, -1]
    try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    let policy = ServePolicy(
      paths: [text(history.directory.path)], isAppendOnly: true)
    group.start("server") { [there = ends[1]] in
      try ServerSession(
        Channel(input: there, output: there), policies: [policy], software: "test"
      ).run()
    }
    channel = Channel(input: ends[0], output: ends[0], patience: 60)
    try channel.send(raw: Hello().encoded)
    _ = try Hello.read(from: channel)
    try #require(try isDone(.open(path: history.path, makes: false, makesParents: false)))
  }

  deinit { try? channel.send(Request.goodbye.frame(id: 1)) }

  /// Sends a request; whether it was carried out.
  func isDone(_ request: Request, id: UInt32 = 7) throws -> Bool {
    try channel.send(request.frame(id: id))
    while let frame = try channel.receive() {
      switch try Answer(decoding: frame) {
      case .part: continue
      case .done: return true
      case .failed: return false
      }
    }
    return false
  }

  /// Streams an object, and asks for a name for it; whether it got that.
  func upload(_ bytes: [UInt8], as name: ObjectName) throws -> Bool {
    try channel.send(Request.begin.frame(id: 9))
    for start in stride(from: 0, to: bytes.count, by: Frame.pieceSize) {
      let piece = Array(bytes[start..<min(bytes.count, start + Frame.pieceSize)])
      try channel.send(Request.piece(piece).frame(id: 9))
    }
    return try isDone(.commit(name), id: 9)
  }

  /// An object of this type, with whatever body.
  func sealed(_ body: [UInt8], as type: ObjectType) throws -> [UInt8] {
    try SealedObject.seal(body, as: type, keys: keys)
  }

  /// Adds a sealed object; whether it was taken.
  @discardableResult
  func forge(_ body: [UInt8], as type: ObjectType, in kind: ObjectName.Kind) throws -> Bool {
    let bytes = try sealed(body, as: type)
    return try upload(bytes, as: try Self.name(of: bytes, kind))
  }

  static func name(of bytes: [UInt8], _ kind: ObjectName.Kind) throws -> ObjectName {
    .object(
      kind, kind.isContentAddressed ? try SHA256.digest(of: bytes.span) : try Digest256.random())
  }
}
