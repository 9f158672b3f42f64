import ChunkStore
import Glibc
import LinuxSystem
import Testing

@testable import archivist

@Suite struct FileMetadataTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test func `a file says its mode, owner, size and times to the nanosecond`() throws {
    try directory.shell(
      "printf hello > f; chown 12:34 f; chmod 4750 f; touch -d '1969-12-31 23:59:58.123456789Z' f")
    let found = try directory.handle.metadata(of: FileName("f"))
    #expect(found.mode == 0o104750)
    #expect(found.kind == .regular)
    #expect((found.uid, found.gid) == (12, 34))
    #expect(found.size == 5)
    #expect(found.mtime == Timestamp(seconds: -2, nanoseconds: 123_456_789))
    #expect(found.linkCount == 1)
    #expect(found.birthtime != nil)
    #expect(!found.mayHaveHoles)
  }

  @Test func `a symbolic link is looked at, not followed`() throws {
    try directory.shell("ln -s /nowhere l")
    let name = try FileName("l")
    #expect(try directory.handle.metadata(of: name).kind == .symbolicLink)
    #expect(try directory.handle.linkTarget(name) == bytes("/nowhere"))
    #expect(throws: SystemError.self) { try directory.handle.directory(name) }
  }

  @Test func `the longest link target that Linux takes is read in full`() throws {
    let target = [UInt8](repeating: UInt8(ascii: "x"), count: 4095)
    let made = unsafe symlinkat(target + [0], directory.handle.number, bytes("l") + [0])
    try #require(made == 0)
    #expect(try directory.handle.linkTarget(FileName("l")) == target)
  }

  @Test func `a device says its numbers, and its item carries them`() throws {
    try directory.shell("mknod c c 5 300; mknod b b 259 1048575")
    let c = try directory.handle.metadata(of: FileName("c"))
    #expect(c.kind == .characterDevice)
    #expect(c.deviceNumbers == Item.Device(major: 5, minor: 300))
    let b = try directory.handle.metadata(of: FileName("b"))
    let item = b.item(at: try ArchivePath(bytes("dev/b")), names: nil, recording: [])
    #expect(item.kind == .blockDevice)
    #expect(item.device == Item.Device(major: 259, minor: 1_048_575))
  }

  @Test func `an item holds ctime, inode and atime only on request`() throws {
    try directory.shell("touch f; chown 0:0 f")
    let found = try directory.handle.metadata(of: FileName("f"))
    let path = try ArchivePath(bytes("f"))
    let lean = found.item(at: path, names: nil, recording: [])
    #expect(lean.ctime == nil && lean.inode == nil && lean.atime == nil && lean.birthtime == nil)
    #expect(lean.user.isEmpty && lean.group.isEmpty)
    let full = found.item(
      at: path, names: OwnerNames(), recording: [.ctime, .inode, .atime, .birthtime])
    #expect(full.ctime == found.ctime)
    #expect(full.inode == found.identity.inode)
    #expect(full.atime == found.atime)
    #expect(full.birthtime == found.birthtime)
    #expect(full.user == bytes("root") && full.group == bytes("root"))
  }

  @Test func `a file with storage for less than its size may have holes`() throws {
    try directory.shell(
      "truncate -s 1M sparse; head -c 1M /dev/urandom > full; truncate -s 0 empty")
    #expect(try directory.handle.metadata(of: FileName("sparse")).mayHaveHoles)
    #expect(try !directory.handle.metadata(of: FileName("full")).mayHaveHoles)
    #expect(try !directory.handle.metadata(of: FileName("empty")).mayHaveHoles)
  }

  @Test func `a missing file is an error that names the call and the reason`() throws {
    let error = #expect(throws: SystemError.self) {
      try directory.handle.metadata(of: FileName("none"))
    }
    #expect(error == SystemError("statx", code: ENOENT, path: bytes("none")))
    #expect(error?.reason == "No such file or directory")
  }

  @Test(arguments: ["", ".", "..", "a/b", "/", "a\0b"])
  func `a name that reaches beyond its directory is refused`(_ name: String) {
    #expect(FileName(bytes(name)) == nil)
  }

  @Test(arguments: ["...", ".a", "a", "..a", "\u{e4}"])
  func `a name that only looks special is taken`(_ name: String) {
    #expect(FileName(bytes(name)).map { Array($0.bytes) } == bytes(name))
  }
}

@Suite struct OwnerNamesTests {
  let names = OwnerNames()

  @Test func `root is found by number and by name`() {
    for _ in 0..<2 {
      #expect(names.user(0) == bytes("root"))
      #expect(names.group(0) == bytes("root"))
      #expect(names.userID(named: bytes("root")) == 0)
      #expect(names.groupID(named: bytes("root")) == 0)
    }
  }

  @Test func `an owner without a name has an empty one, and the reverse has no number`() {
    for _ in 0..<2 {
      #expect(names.user(4_000_000_001).isEmpty)
      #expect(names.group(4_000_000_001).isEmpty)
      #expect(names.userID(named: bytes("no such user")) == nil)
      #expect(names.groupID(named: []) == nil)
      #expect(names.userID(named: [0x72, 0, 0xff]) == nil)
    }
  }
}

@Suite struct FileSystemKindTests {
  @Test(arguments: ["/", "/dev/shm", "."])
  func `what this machine keeps itself is local`(_ path: String) throws {
    #expect(try FileSystemKind(of: DirectoryHandle(path: bytes(path))).clock == .ours)
  }

  @Test(arguments: ["/proc", "/proc/sys", "/sys", "/sys/kernel"])
  func `what the kernel makes up is known`(_ path: String) throws {
    #expect(try FileSystemKind(of: DirectoryHandle(path: bytes(path))) == .kernel)
  }

  @Test(arguments: [0x9660, 0x7371_7368, 0xE0F5_E1E2])
  func `images have whatever times they were made with`(_ magic: UInt32) {
    #expect(FileSystemKind(magic: magic).clock == .none)
  }

  @Test(arguments: [0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x6573_5546, 0x0102_1997, 0x00C3_6400])
  func `NFS, SMB, FUSE, 9P and Ceph have clocks of their own`(_ magic: UInt32) {
    #expect(FileSystemKind(magic: magic).clock == .foreign)
  }

  @Test func `what nobody knows is not trusted`() {
    #expect(FileSystemKind(magic: 0x1234_5678) == .remote)
  }
}
