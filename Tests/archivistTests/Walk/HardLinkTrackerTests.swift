import ChunkStore
import Glibc
import Testing

@testable import archivist

@Suite struct HardLinkTrackerTests {
  let directory: TemporaryDirectory
  let start = Timestamp(seconds: 1_000_000)

  init() throws { directory = try TemporaryDirectory() }

  /// An entry of the directory, on a file system of a kind.
  private func entry(
    _ name: String,
    _ change: (inout FileMetadata) -> Void = { _ in }
  ) throws -> WalkEntry {
    let name = try FileName(name)
    var metadata = try directory.handle.metadata(of: name)
    change(&metadata)
    return WalkEntry(
      path: try ArchivePath(Array(name.bytes)), root: 0, metadata: metadata, linkTarget: nil,
      extendedAttributes: [], directory: directory.handle, name: name)
  }

  @Test(arguments: [FileSystemKind.local, .remote])
  func `names of one file share the first path, links and devices among them`(
    _ kind: FileSystemKind
  ) throws {
    try directory.shell(
      "touch a; ln a b; ln a z; ln -s t l; ln -P l m; mkfifo p; ln p q; mkdir d; touch lone")
    var tracker = HardLinkTracker(startedAt: start)
    var groups: [String: String] = [:]
    for name in ["a", "b", "d", "l", "lone", "m", "p", "q", "z"] {
      groups[name] = tracker.group(of: try entry(name), on: kind).map { text($0.bytes) }
    }
    #expect(groups == ["a": "a", "b": "a", "z": "a", "l": "l", "m": "l", "p": "p", "q": "p"])
    #expect(tracker.count == 0)
  }

  @Test func `a file with names elsewhere is remembered`() throws {
    try directory.shell("touch a; ln a b")
    var tracker = HardLinkTracker(startedAt: start)
    #expect(tracker.group(of: try entry("a"), on: .local) != nil)
    #expect(tracker.count == 1)
  }

  @Test func `the next file with the number of one that is gone begins a group of its own`() throws
  {
    try directory.shell("touch a; ln a b; touch c; ln c d")
    let old = try entry("a").metadata
    var tracker = HardLinkTracker(startedAt: start)
    _ = tracker.group(of: try entry("a"), on: .local)
    let (c, d) = (
      try entry("c") { $0.identity = old.identity }, try entry("d") { $0.identity = old.identity }
    )
    #expect(tracker.group(of: c, on: .local)?.bytes == bytes("c"))
    #expect(tracker.group(of: d, on: .local)?.bytes == bytes("c"))
  }

  @Test func `made within one tick of the clock, they are told apart by their generations`() throws
  {
    try directory.shell("touch a; ln a b; touch c; ln c d")
    let old = try entry("a").metadata
    // Both are younger than the walk.
    var tracker = HardLinkTracker(startedAt: start)
    _ = tracker.group(of: try entry("a"), on: .local)
    // A copy of the metadata alone: the generation is asked of the file, which is another one.
    let c = try entry("c") { $0 = old }
    #expect(tracker.group(of: c, on: .local)?.bytes == bytes("c"))
  }

  @Test func `names that come and go meanwhile do not part those that are left`() throws {
    try directory.shell("touch a; ln a b; ln a c; ln a d")
    // Files are older than the walk, which began in the future.
    var tracker = HardLinkTracker(startedAt: Timestamp(seconds: 1 << 40))
    #expect(tracker.group(of: try entry("a"), on: .local)?.bytes == bytes("a"))
    try directory.shell("ln a e; rm a")
    #expect(tracker.group(of: try entry("b"), on: .local)?.bytes == bytes("a"))
    try directory.shell("rm b")
    #expect(tracker.group(of: try entry("c"), on: .local)?.bytes == bytes("a"))
    #expect(tracker.group(of: try entry("d"), on: .local)?.bytes == bytes("a"))
    #expect(tracker.group(of: try entry("e"), on: .local)?.bytes == bytes("a"))
  }

  @Test func `without birth times and generations, times and size have to be alike`() throws {
    try directory.shell("touch a; ln a b; ln a c")
    var tracker = HardLinkTracker(startedAt: start)
    _ = tracker.group(of: try entry("a"), on: .remote)
    #expect(tracker.group(of: try entry("b"), on: .remote)?.bytes == bytes("a"))
    let changed = try entry("c") { $0.size += 1 }
    #expect(tracker.group(of: changed, on: .remote)?.bytes == bytes("c"))
  }
}
