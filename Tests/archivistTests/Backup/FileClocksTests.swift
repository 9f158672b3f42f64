import ChunkStore
import Glibc
import Testing

@testable import archivist

@Suite struct FileClocksTests {
  let now = Timestamp(seconds: 1_000_000)

  private func entry(
    _ path: String, _ change: (inout FileMetadata, FileMetadata) -> Void = { _, _ in }
  ) throws -> WalkEntry {
    let (directory, name) = try WalkRoot(bytes(path)).open()
    var metadata = try directory.metadata(of: name)
    change(&metadata, try directory.metadata())
    return WalkEntry(
      path: try ArchivePath(bytes("f")), root: 0, metadata: metadata, linkTarget: nil,
      extendedAttributes: [], directory: directory, name: name)
  }

  @Test func `each file has the clock of its own file system`() throws {
    let directory = try TemporaryDirectory()
    try directory.shell("touch f")
    var clocks = FileClocks()
    for _ in 0..<2 {
      #expect(clocks.clock(of: try entry("/proc/version")) == .absent)
      #expect(clocks.clock(of: try entry(text(directory("f")))) == .ours)
    }
  }

  @Test func `another machine's clock may be an hour off, and a coarse one two seconds`() {
    let before = FileClocks.settledBefore(now)
    func tells(_ age: Int64, _ clock: FileClocks.Clock, _ which: FilesCacheMode.Time = .ctime)
      -> Bool
    {
      FileClocks.tells(now.earlier(bySeconds: age), which, settledBefore: before, clock)
    }
    #expect(!tells(2, .ours) && tells(3, .ours))
    #expect(!tells(3602, .foreign) && tells(3603, .foreign))
    #expect(!tells(9999, .none) && tells(9999, .none, .mtime))
    #expect(!tells(9999, .absent) && !tells(9999, .absent, .mtime))
  }
}
