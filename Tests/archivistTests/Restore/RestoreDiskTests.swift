import ChunkStore
import Glibc
import LinuxSystem
import Testing

@testable import archivist

extension RestoreDisk {
  /// A mark that covers everything there is.
  func everything() throws -> RestoreMark {
    RestoreMark(device: try top.identity().device, moment: Timestamp(seconds: .max))
  }
}

@Suite struct RestoreDiskTests {
  let directory: TemporaryDirectory
  let disk: RestoreDisk

  init() throws {
    directory = try TemporaryDirectory()
    try directory.shell("mkdir t")
    disk = try RestoreDisk(path: directory("t"))
  }

  private var file: String { String(decoding: directory("cache/restored"), as: UTF8.self) }

  private func found(_ name: String) throws -> FileMetadata {
    try disk.top.metadata(of: FileName(name))
  }

  @Test(arguments: [ENOSPC, EDQUOT]) func `a disk that is full takes nothing more`(code: Int32) {
    let failure = disk.failure(.root, SystemError("pwrite", code: code, path: []))
    #expect(failure?.isOutOfFiles == false)
  }

  @Test(arguments: [EROFS, EIO, EACCES, EPERM, ENOENT, EFBIG, ENAMETOOLONG, EINVAL, ENOTCONN])
  func `a target that works has errors of single items`(code: Int32) {
    #expect(disk.failure(.root, SystemError("openat", code: code, path: [])) == nil)
  }

  @Test func `a mark covers what was there, and not what comes or is changed later`() throws {
    try directory.shell("echo old > t/old; echo changed > t/changed; sleep 0.02")
    let marks = try #require(RestoreMarks(disk, file: file), "not on this file system")
    #expect(marks.mark == nil)
    #expect(try marks.advance())
    try directory.shell("sleep 0.02; echo new > t/new; touch -d 2001-01-01 t/changed")
    // As the next run reads it.
    let next = try #require(try RestoreMarks(RestoreDisk(path: directory("t")), file: file))
    let mark = try #require(next.mark)
    #expect(mark == marks.mark)
    #expect(mark.covers(try found("old")))
    #expect(!mark.covers(try found("new")))
    #expect(!mark.covers(try found("changed")))
    var elsewhere = try found("old")
    elsewhere.identity = FileIdentity(device: 1 << 40, inode: elsewhere.identity.inode)
    #expect(!mark.covers(elsewhere))
  }

  @Test func `the mark of another directory says nothing`() throws {
    let marks = try #require(RestoreMarks(disk, file: file))
    #expect(try marks.advance())
    try directory.shell("rm -r t; mkdir t")
    let next = try #require(try RestoreMarks(RestoreDisk(path: directory("t")), file: file))
    #expect(next.mark == nil)
  }

  @Test(arguments: ["", "garbage", "x 1 2", "x 1 2 3"]) func `a file that is no mark says nothing`(
    text: String
  ) throws {
    try directory.shell("mkdir cache; echo '\(text)' > cache/restored")
    #expect(try #require(RestoreMarks(disk, file: file)).mark == nil)
  }

  @Test func `a mark of the future is removed, because the clock was set back`() throws {
    let marks = try #require(RestoreMarks(disk, file: file))
    #expect(try marks.advance())
    try directory.shell("sed -i -E 's/ [0-9]+ / 99999999999 /' cache/restored")
    #expect(try #require(RestoreMarks(disk, file: file)).mark == nil)
    try directory.shell("test ! -e cache/restored")
  }

  @Test func `a cache that cannot be written to keeps no mark, and that is no error`() throws {
    try directory.shell("touch cache")
    let marks = try #require(RestoreMarks(disk, file: file))
    #expect(try !marks.advance())
  }

  @Test func `whoever makes marks ends at once when told so`() throws {
    let marks = try #require(RestoreMarks(disk, file: file))
    let group = ThreadGroup()
    group.start("mark") { try marks.run() }
    marks.end()
    try group.join()
    #expect(marks.mark == nil)
  }
}
