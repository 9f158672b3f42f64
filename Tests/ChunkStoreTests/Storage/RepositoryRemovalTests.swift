import Glibc
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct RepositoryRemovalTests {
  let directory: TemporaryDirectory
  let root: String
  let storage: LocalStorage

  init() throws {
    directory = try TemporaryDirectory()
    root = "\(directory.path)/r"
    storage = try LocalStorage.create(path: root)
    try storage.put(.config(1), [1])
    for kind in ObjectName.Kind.allCases {
      let bytes = Array(kind.rawValue.utf8)
      try storage.put(.object(kind, try SHA256.digest(of: bytes.span)), bytes)
    }
    // Left over: of an upload, of the probe of a file system, and of a repair.
    let digits = String(repeating: "0123456789abcdef", count: 2)
    try directory.write("r/tmp/\(digits)", [1])
    try directory.write("r/tmp/\(digits)-1", [1])
    try LocalFile.makeDirectory("\(root)/aside", mode: 0o700)
    try directory.write("r/aside/index-\(digits)\(digits)", [1])
    try directory.write("r/aside/segments-01-\(digits)\(digits)", [1])
    try directory.write("r/aside/config-00000001", [1])
  }

  @Test func `everything of a repository goes`() throws {
    let removal = storage.removal()
    let survey = try removal.survey()
    // A configuration, an object of each kind, five that are left over; a text and the reserve.
    #expect(survey.files == 1 + ObjectName.Kind.allCases.count + 5 + 2)
    #expect(survey.others.isEmpty)
    try removal.begin()
    #expect(try removal.finish(at: "\(root)/") == nil)
    #expect(try directory.names() == [])
  }

  @Test func `nothing else goes, wherever it lies`() throws {
    let others = [
      "notes", "segments/notes", "segments/00/a", "index/.index.X1", "keys/k",
      "aside/notes", "tmp/notes", "locks/0123", "archives/deep/er/file",
    ]
    for directory in ["archives/deep", "archives/deep/er", "segments/xyz"] {
      try LocalFile.makePrivateDirectories("\(root)/\(directory)")
    }
    for other in others { try directory.write("r/\(other)", [2]) }
    // The name of an object, and a directory or a link.
    let hex = String(repeating: "ab", count: 32)
    try LocalFile.makePrivateDirectories("\(root)/index/\(hex)")
    #expect(unsafe symlink("/etc/passwd", "\(root)/labels/\(hex)") == 0)
    let survey = try storage.removal().survey()
    let found = survey.others.map { String(decoding: $0, as: UTF8.self) }.sorted()
    #expect(
      found
        == (others.dropLast() + ["archives/deep", "segments/xyz", "index/\(hex)", "labels/\(hex)"])
        .sorted())
    try storage.removal().begin()
    let obstacle = try storage.removal().finish(at: root)
    #expect(obstacle == .system(path: root, operation: "rmdir", code: ENOTEMPTY))
    for other in others { #expect(try directory.read("r/\(other)") == [2]) }
    #expect(try LocalFile.status("\(root)/segments/01") == nil)
  }

  @Test func `what lies among the configurations is refused before anything goes`() throws {
    try directory.write("r/config/notes", [2])
    let error = #expect(throws: StorageError.self) { try storage.removal().survey() }
    guard case .refused(let text) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(text.hasPrefix("\(root)/config/notes: "))
  }

  @Test func `an interrupted removal says what it is, and is gone on with`() throws {
    try storage.removal().begin()
    #expect(throws: StorageError.deletedInPart(root)) { try LocalStorage(path: root) }
    #expect(throws: StorageError.deletedInPart(root)) { try LocalStorage.create(path: root) }
    try LocalFile.remove("\(root)/reserve")
    let removal = try RepositoryRemoval(continuedAt: root)
    #expect(try removal.survey().others.isEmpty)
    try removal.begin()
    #expect(try removal.finish(at: root) == nil)
    #expect(try directory.names() == [])
  }

  @Test func `nothing is removed where something cannot be`() throws {
    try LocalFile.rename("\(root)/index", to: "\(directory.path)/elsewhere")
    #expect(unsafe symlink("../elsewhere", "\(root)/index") == 0)
    #expect(throws: StorageError.self) { try storage.removal().survey() }
    try LocalFile.remove("\(root)/index")
    try LocalFile.rename("\(directory.path)/elsewhere", to: "\(root)/index")
    try LocalFile.makePrivateDirectories("\(root)/config.deleted")
    #expect(throws: StorageError.self) { try storage.removal().survey() }
    #expect(unsafe rmdir("\(root)/config.deleted") == 0)
    guard geteuid() != 0 else { return }
    #expect(unsafe chmod("\(root)/segments/07", 0o500) == 0)
    #expect(throws: StorageError.self) { try storage.removal().survey() }
  }

  @Test func `a directory without a removal that was begun is no rest of a repository`() throws {
    #expect(throws: StorageError.missingRepository(root)) {
      try RepositoryRemoval(continuedAt: root)
    }
  }
}
