import Glibc
import StoreCrypto
import Testing

@testable import ChunkStore

@Suite struct LocalStorageTests {
  let directory: TemporaryDirectory
  let root: String
  let storage: LocalStorage

  init() throws {
    directory = try TemporaryDirectory()
    root = "\(directory.path)/r"
    storage = try LocalStorage.create(path: root)
    try storage.put(.config(1), [1])
  }

  private func mode(_ path: String) throws -> mode_t? {
    try LocalFile.status("\(root)/\(path)")?.mode
  }

  private func put(_ bytes: [UInt8], _ kind: ObjectName.Kind = .segment) throws -> ObjectName {
    let name = ObjectName.object(kind, try SHA256.digest(of: bytes.span))
    try storage.put(name, bytes)
    return name
  }

  @Test func `objects lie in the directories of their kind, segments in 256 of them`() throws {
    let name = try put([1, 2, 3])
    guard case .object(_, let id) = name else { return }
    #expect(name.path == "segments/\(id.hex.prefix(2))/\(id.hex)")
    #expect(try directory.read("r/\(name.path)") == [1, 2, 3])
    #expect(try directory.names(in: "r/segments").count == 256)
    #expect(ObjectName.config(7).path == "config/00000007")
    #expect(ObjectName.config(.max).path == "config/4294967295")
    #expect(ObjectName.object(.lease, id).path == "locks/\(id.hex)")
  }

  @Test func `a directory with anything in it is no place for a new repository`() throws {
    #expect(throws: StorageError.repositoryExists(root)) { try LocalStorage.create(path: root) }
    for inner in ["\(root)/x", "\(root)/segments/x", "\(root)/no/where"] {
      #expect(throws: StorageError.insideRepository(inner, root)) {
        try LocalStorage.create(path: inner)
      }
    }
    try LocalFile.makePrivateDirectories("\(directory.path)/full")
    try directory.write("full/.hidden", [])
    #expect(throws: StorageError.locationNotEmpty("\(directory.path)/full")) {
      try LocalStorage.create(path: "\(directory.path)/full")
    }
    #expect(try directory.names(in: "full") == [".hidden"])
    #expect(throws: StorageError.self) {
      try LocalStorage.create(path: "\(directory.path)/full/.hidden")
    }
    let missing = "\(directory.path)/no/where"
    #expect(throws: StorageError.missingParent(missing)) { try LocalStorage.create(path: missing) }
  }

  @Test func `what was begun to be made is no repository, and is gone on with`() throws {
    func expectUsable(_ place: String, _ isUsable: Bool = true) throws {
      if isUsable {
        #expect(throws: StorageError.self) {
          guard try LocalStorage(path: place).generations().isEmpty else { return }
          throw StorageError.missingRepository(place)
        }
        #expect(try LocalStorage.create(path: place).missingDirectories() == [])
      } else {
        #expect(throws: StorageError.locationNotEmpty(place)) {
          try LocalStorage.create(path: place)
        }
      }
    }
    // Each of what is made, alone, and all of it but one.
    let made = try directory.names(in: "r")
    for (number, name) in made.enumerated() {
      let one = "\(directory.path)/one-\(number)", rest = "\(directory.path)/rest-\(number)"
      _ = try LocalStorage.create(path: rest)
      try LocalFile.makePrivateDirectories(one)
      try LocalFile.rename("\(rest)/\(name)", to: "\(one)/\(name)")
      for place in [one, rest] { try expectUsable(place) }
    }
    // An object, or anything else, makes it something that is somebody's.
    for name in ["index/x", "segments/00/x", "config/x", "other", "segments/x", "doomed/x"] {
      let place = "\(directory.path)/\(name.replacing("/", with: "-"))"
      _ = try LocalStorage.create(path: place)
      try LocalFile.makePrivateDirectories("\(place)/\(name)")
      try expectUsable(place, false)
    }
  }

  @Test func `a repository belongs to its owner alone, unless its directory is a group's`() throws {
    for (number, (there, asked, wanted))
      in ([
        (nil, nil, 0o700), (0o755, nil, 0o700), (0o700, nil, 0o700), (0o750, nil, 0o750),
        (0o777, nil, 0o700),
        (0o2775, nil, 0o2770), (0o755, 0o2770, 0o2770), (nil, 0o750, 0o750), (0o770, 0o700, 0o700),
      ] as [(mode_t?, UInt32?, mode_t)]).enumerated()
    {
      let place = "\(directory.path)/\(number)"
      if let there {
        try LocalFile.makeDirectory(place, mode: there)
        #expect(unsafe chmod(place, there) == 0)
      }
      func expectMode(_ name: String, _ mode: mode_t) throws {
        #expect(try LocalFile.status("\(place)/\(name)")?.mode == mode, "\(number): \(name)")
      }
      let storage = try LocalStorage.create(path: place, mode: asked)
      let id = try SHA256.digest(of: [UInt8]([1]).span)
      try storage.put(.object(.index, id), [1])
      try LocalStorage(path: place).put(.object(.archive, id), [1])
      for name in ["segments", "segments/00", "config", "tmp"] { try expectMode(name, wanted) }
      for name in ["README", "reserve", "index/\(id.hex)", "archives/\(id.hex)"] {
        try expectMode(name, wanted & 0o666)
      }
      try expectMode(".", asked.map { mode_t($0) } ?? there ?? 0o700)
    }
  }

  @Test func `a name whose file has gone has no size, and a directory is of none`() throws {
    var random = PseudoRandomBytes(seed: 1)
    let segment = random.digest()
    let name = ObjectName.object(.segment, segment)
    #expect(throws: StorageError.notFound("\(root)/\(name.path)")) { try storage.size(name) }
    // A link that leads nowhere cannot be told from a file by its name.
    #expect(unsafe symlink("nowhere", "\(root)/\(name.path)") == 0)
    #expect(try storage.names(.segment).map(\.id) == [segment])
    #expect(throws: StorageError.notFound("\(root)/\(name.path)")) { try storage.size(name) }
    TemporaryDirectory.remove("\(root)/\(name.path)")
    try LocalFile.makePrivateDirectories("\(root)/\(name.path)")
    #expect(try storage.size(name) == 0)
  }

  @Test(arguments: [ObjectName.Kind.archive, .segment, .lease])
  func `what has the name of an object and is none is listed, and never waited for`(
    kind: ObjectName.Kind
  ) throws {
    var random = PseudoRandomBytes(seed: 5)
    let whole = try put([1, 2, 3], kind)
    func path() -> (ObjectName, String) {
      let name = ObjectName.object(kind, random.digest())
      return (name, "\(root)/\(name.path)")
    }
    var planted: Set<ObjectName> = [whole]
    func plant(_ make: (String) throws -> Void) throws {
      let (name, path) = path()
      try make(path)
      planted.insert(name)
      let error = #expect(throws: StorageError.self) { try storage.get(name, range: 0..<10) }
      #expect(error?.isOfOneObject == true, "\(String(describing: error))")
      #expect(throws: StorageError.self) { try storage.get(name, range: nil) }
      #expect(throws: StorageError.self) { try storage.file(name) }
    }
    try plant { try LocalFile.makePrivateDirectories($0) }
    try plant { #expect(unsafe mkfifo($0, 0o600) == 0) }
    try plant { #expect(unsafe symlink("nowhere", $0) == 0) }
    try plant { #expect(unsafe symlink("/dev/zero", $0) == 0) }
    try plant { path in #expect(unsafe symlink(path, path) == 0) }
    #expect(
      Set(try storage.list(kind).map { ObjectName.object(kind, $0.id) }) == planted)
    #expect(
      Set(try storage.names(kind).map { ObjectName.object(kind, $0.id) }) == planted)
    #expect(try storage.list(kind).filter { $0.size > 0 }.count == 1)
  }

  @Test func `settling passes over directories of segments that a copy has dropped`() throws {
    let name = try put([1, 2, 3])
    TemporaryDirectory.remove("\(root)/segments/00")
    try storage.settle([.archive, .segment, .index])
    #expect(try storage.get(name, range: nil) == [1, 2, 3])
    TemporaryDirectory.remove("\(root)/archives")
    #expect(throws: StorageError.missingDirectory("\(root)/archives")) {
      try storage.settle([.archive])
    }
  }

  @Test func `an empty directory, with or without a slash behind, is one`() throws {
    try LocalFile.makePrivateDirectories("\(directory.path)/empty")
    _ = try LocalStorage.create(path: "\(directory.path)/empty/")
    #expect(throws: Never.self) { try LocalStorage(path: "\(directory.path)/empty") }
    #expect(throws: Never.self) { try LocalStorage(path: "\(directory.path)/empty/") }
  }

  @Test func `where there is no repository is said so`() throws {
    let nothing = "\(directory.path)/nothing"
    #expect(throws: StorageError.missingRepository(nothing)) { try LocalStorage(path: nothing) }
    for path in [directory.path, "\(root)/README"] {
      #expect(throws: StorageError.notARepository(path)) { try LocalStorage(path: path) }
    }
  }

  @Test func `files with foreign names are no objects`() throws {
    let name = try put([1])
    guard case .object(_, let id) = name else { return }
    let hex = id.hex
    var random = PseudoRandomBytes(seed: 1)
    let other = random.digest().hex
    for foreign in [
      "segments/note.txt", "segments/ab/\(hex.dropLast())", "segments/ab/\(hex)0",
      "segments/ab/\(hex.uppercased())", "segments/ab/.\(hex)", "segments/\(other)",
      "segments/ab/\(hex.dropLast())g", "index/\(hex).tmp", "archives/lost+found",
    ] {
      try directory.write("r/\(foreign)", [1, 2, 3])
    }
    // In the directory of another: found under its name it cannot be.
    let elsewhere = other.hasPrefix("ab") ? "cd" : "ab"
    try directory.write("r/segments/\(elsewhere)/\(other)", [1])
    // A second copy does not make two of one.
    let twin = hex.hasPrefix("ab") ? "cd" : "ab"
    try directory.write("r/segments/\(twin)/\(hex)", [1])
    try directory.write("r/segments/xy", [1])
    #expect(try storage.list(.segment).map(\.id) == [id])
    #expect(try storage.list(.index).isEmpty)
    #expect(try storage.list(.archive).isEmpty)
    #expect(try storage.names(.segment).map(\.id) == [id])
    #expect(try storage.names(.index).isEmpty)
    #expect(try storage.names(.archive).isEmpty)
    for foreign in ["1", "00000002.tmp", "0000000a", "000000003", "-0000001", "99999999999"] {
      try directory.write("r/config/\(foreign)", [1])
    }
    #expect(try storage.generations() == [1])
  }

  @Test(arguments: [0o700, 0o750, 0o770, 0o2770] as [mode_t])
  func `modes follow the directory of the repository`(mode: mode_t) throws {
    let path = "\(directory.path)/shared"
    try LocalFile.makeDirectory(path, mode: mode)
    let storage = try LocalStorage.create(path: path)
    let bytes: [UInt8] = [1, 2, 3]
    let name = ObjectName.object(.segment, try SHA256.digest(of: bytes.span))
    try storage.put(name, bytes)
    try storage.put(.config(1), bytes)
    TemporaryDirectory.remove("\(path)/index")
    try storage.makeMissingDirectories()
    let index = ObjectName.object(.index, try SHA256.digest(of: bytes.span))
    try storage.put(index, bytes)
    for made in [name.path, index.path, "config/00000001", "README", "reserve"] {
      #expect(try LocalFile.status("\(path)/\(made)")?.mode == mode & 0o666, "\(made)")
    }
    for made in ["segments", "segments/ab", "config", "tmp", "locks", "index"] {
      #expect(try LocalFile.status("\(path)/\(made)")?.mode == mode, "\(made)")
    }
  }

  @Test func `a repository is made for its owner alone`() throws {
    #expect(try mode("") == 0o700)
    #expect(try mode("segments/00") == 0o700)
    #expect(try mode("config/00000001") == 0o600)
  }

  @Test(arguments: ObjectName.Kind.allCases)
  func `a directory that is missing is no empty one, and nothing but a repair makes it`(
    kind: ObjectName.Kind
  ) throws {
    TemporaryDirectory.remove("\(root)/\(kind.rawValue)")
    let bytes: [UInt8] = [1, 2, 3]
    let name = ObjectName.object(kind, try SHA256.digest(of: bytes.span))
    let missing = StorageError.missingDirectory("\(root)/\(kind.rawValue)")
    for storage in [storage, try LocalStorage(path: root)] {
      #expect(try storage.missingDirectories() == [kind.rawValue])
      #expect(throws: missing) { try storage.list(kind) }
      #expect(throws: missing) { try storage.names(kind) }
      #expect(throws: missing) { try storage.settle([kind]) }
      #expect(throws: StorageError.self) { try storage.put(name, bytes) }
      #expect(throws: StorageError.self) { try storage.get(name, range: nil) }
      try storage.delete(name)
    }
    #expect(try LocalFile.status("\(root)/\(kind.rawValue)") == nil)
    #expect(try directory.names(in: "r/tmp").isEmpty)
    try storage.makeMissingDirectories()
    #expect(try storage.missingDirectories().isEmpty)
    try storage.put(name, bytes)
    #expect(try storage.list(kind).count == 1)
  }

  @Test func `a file in the place of a directory is no directory`() throws {
    TemporaryDirectory.remove("\(root)/archives")
    try directory.write("r/archives", [1])
    #expect(try storage.missingDirectories() == ["archives"])
    #expect(throws: StorageError.missingDirectory("\(root)/archives")) {
      try storage.list(.archive)
    }
    #expect(throws: StorageError.self) { try storage.makeMissingDirectories() }
    #expect(try directory.read("r/archives") == [1])
  }

  @Test func `without a directory for uploads nothing is put, and it is said`() throws {
    TemporaryDirectory.remove("\(root)/tmp")
    #expect(try storage.missingDirectories() == ["tmp"])
    #expect(throws: StorageError.missingDirectory("\(root)/tmp")) { try put([1]) }
    #expect(throws: StorageError.missingDirectory("\(root)/tmp")) { try storage.beginUpload() }
    try storage.makeMissingDirectories()
    _ = try put([1])
  }

  @Test func `a directory of segments that a copy has dropped is made, among others`() throws {
    let bytes: [UInt8] = [1, 2, 3]
    let id = try SHA256.digest(of: bytes.span)
    TemporaryDirectory.remove("\(root)/segments/\(id.hex.prefix(2))")
    #expect(try storage.missingDirectories().isEmpty)
    #expect(try storage.get(try put(bytes), range: nil) == bytes)
    #expect(try mode("segments/\(id.hex.prefix(2))") == 0o700)
  }

  @Test func `an empty directory is not that of the segments: a disk was mounted there`() throws {
    for name in try directory.names(in: "r/segments") {
      TemporaryDirectory.remove("\(root)/segments/\(name)")
    }
    #expect(try storage.missingDirectories() == ["segments"])
    #expect(throws: StorageError.self) { try put([1, 2, 3]) }
    #expect(try directory.names(in: "r/segments").isEmpty)
    try storage.makeMissingDirectories()
    #expect(try directory.names(in: "r/segments").count == 256)
    _ = try put([1, 2, 3])
  }

  @Test func `a repository that is open is the directory, wherever its path leads`() throws {
    let old = try put([1])
    let upload = try storage.beginUpload()
    try upload.write([2])
    #expect(unsafe rename(root, "\(directory.path)/moved") == 0)
    // A directory beneath the mount point of a disk that has gone.
    try LocalFile.makePrivateDirectories(root)
    #expect(try storage.get(old, range: nil) == [1])
    let second = ObjectName.object(.segment, try SHA256.digest(of: [UInt8(2)].span))
    try upload.commit(as: second)
    let third = try put([3], .archive)
    try storage.restoreReserve()
    try storage.removeAbandonedUploads()
    #expect(try storage.list(.segment).count == 2)
    #expect(try directory.names(in: "r").isEmpty)
    let moved = try LocalStorage(path: "\(directory.path)/moved")
    for name in [old, second, third] { #expect(try !moved.get(name, range: nil).isEmpty) }
  }

  @Test func `nothing is made anew of a repository that was removed while it is open`() throws {
    TemporaryDirectory.remove(root)
    try LocalFile.makePrivateDirectories(root)
    #expect(throws: StorageError.self) { try put([1]) }
    #expect(throws: StorageError.self) { try storage.list(.archive) }
    #expect(try directory.names(in: "r").isEmpty)
  }

  @Test func `what crashed uploads left is removed after a day, and not before`() throws {
    try directory.write("r/tmp/old", [1])
    try directory.write("r/tmp/new", [1])
    try LocalFile.makePrivateDirectories("\(root)/tmp/directory")
    for name in ["old", "directory"] {
      var times = [
        timespec(tv_sec: 1_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000, tv_nsec: 0),
      ]
      _ = unsafe utimensat(AT_FDCWD, "\(root)/tmp/\(name)", &times, 0)
    }
    let upload = try storage.beginUpload()
    try upload.write([1])
    try storage.removeAbandonedUploads()
    // A directory is nothing that an upload leaves.
    #expect(try directory.names(in: "r/tmp").filter { $0.count < 10 } == ["directory", "new"])
    try upload.commit(as: .object(.index, try SHA256.digest(of: [UInt8(1)].span)))
    #expect(try storage.list(.index).count == 1)
  }

  @Test func `a segment that is open elsewhere can be deleted, and is gone then`() throws {
    let name = try put([UInt8](repeating: 1, count: 5000))
    #expect(try storage.get(name, range: 0..<10).count == 10)
    let other = try LocalStorage(path: root)
    #expect(try other.get(name, range: 0..<10).count == 10)
    try storage.delete(name)
    #expect(throws: StorageError.self) { try storage.get(name, range: 0..<10) }
    // Who had it open may go on reading: what he reads is what was there.
    if let bytes = try? other.get(name, range: 0..<10) {
      #expect(bytes == [UInt8](repeating: 1, count: 10))
    }
    #expect(try other.list(.segment).isEmpty)
  }

  @Test func `more segments than files may be open are read in pieces`() throws {
    var names: [ObjectName] = []
    for number in 0..<200 {
      names.append(try put([UInt8](repeating: UInt8(number), count: 100)))
    }
    for round in 0..<2 {
      for (number, name) in names.enumerated() {
        #expect(
          try storage.get(name, range: 10..<20) == [UInt8](repeating: UInt8(number), count: 10),
          "round \(round)")
      }
    }
  }

  @Test func `an object larger than any is damage, not a reason to take all memory`() throws {
    let name = try put([1], .archive)
    let file = try LocalFile.open("\(root)/\(name.path)", flags: O_WRONLY)
    try file.write([UInt8(1)].span)
    _ = unsafe truncate("\(root)/\(name.path)", 1 << 40)
    let error = #expect(throws: StorageError.self) { try storage.get(name, range: nil) }
    guard case .damaged = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `the reserve is given up, and set aside again`() throws {
    #expect(try LocalFile.status("\(root)/reserve")?.size == 16 << 20)
    try storage.releaseReserve()
    #expect(try LocalFile.status("\(root)/reserve") == nil)
    try storage.releaseReserve()
    try storage.restoreReserve()
    try storage.restoreReserve()
    #expect(try LocalFile.status("\(root)/reserve")?.size == 16 << 20)
  }

  @Test func `threads that set the reserve aside at once do not mind each other`() throws {
    let failures = Collected<String>()
    onThreads(4) { [storage] _ in
      for _ in 0..<20 {
        do {
          try storage.releaseReserve()
          try storage.restoreReserve()
        } catch {
          failures.append("\(error)")
        }
      }
    }
    #expect(failures.values.isEmpty)
  }

  @Test func `errors name the file and what was tried`() throws {
    let error = #expect(throws: StorageError.self) {
      try storage.get(.object(.archive, PseudoRandomBytes.one), range: nil)
    }
    guard case .notFound(let path) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(path.hasPrefix("\(root)/archives/"))
  }

  @Test func `the directory is known by device and inode`() throws {
    let identity = try storage.identity()
    #expect(try identity == LocalStorage(path: "\(root)/").identity())
    #expect(identity.inode == (try LocalFile.status(root)?.inode))
  }
}

@Suite struct ObjectNameTests {
  @Test(arguments: [("00000001", 1), ("4294967295", .max), ("99999999", 99_999_999)])
  func `generations are numbers in one spelling`(name: String, number: UInt32) {
    #expect(ObjectName.generation(Array(name.utf8)) == number)
    #expect(ObjectName.config(number).path == "config/\(name)")
  }

  @Test(arguments: [
    "", "1", "0000001", "000000001", "4294967296", "0000000x", "+0000001", "٠٠٠٠٠٠٠١",
  ])
  func `other spellings are none`(name: String) {
    #expect(ObjectName.generation(Array(name.utf8)) == nil)
  }
}

extension PseudoRandomBytes {
  fileprivate static var one: Digest256 {
    var random = PseudoRandomBytes(seed: 1)
    return random.digest()
  }
}
