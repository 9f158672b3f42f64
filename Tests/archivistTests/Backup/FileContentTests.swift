import ChunkStore
import Glibc
import Testing

@testable import archivist

@Suite struct FileContentTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func content(_ path: String, on kind: FileSystemKind? = nil) throws -> FileContent {
    let (directory, name) = try WalkRoot(bytes(path)).open()
    let metadata = try directory.metadata(of: name)
    let entry = WalkEntry(
      path: try ArchivePath(bytes("f")), root: 0, metadata: metadata, linkTarget: nil,
      extendedAttributes: [], directory: directory, name: name)
    var clocks = FileClocks()
    return FileContent(
      entry: entry, fileSystem: kind ?? clocks.kind(of: entry), changes: .ctime,
      makeItem: { metadata, _ in
        metadata.item(at: entry.path, names: nil, recording: [])
      }, failed: { Issue.record("\($0)") })
  }

  /// Reads as the chunker does: in one go, and one byte more.
  private func read(
    _ path: String, on kind: FileSystemKind? = nil, meanwhile: () throws -> Void = {}
  ) throws -> (text: String, summary: ContentSummary) {
    let content = try content(path, on: kind)
    let stream = try content.open()
    try meanwhile()
    var bytes = try stream.read(Int(content.expectedSize) + 1)
    if bytes.count > content.expectedSize {
      while true {
        let more = try stream.read(1 << 16)
        if more.isEmpty { break }
        bytes += more
      }
    }
    return (text(bytes), try stream.finish())
  }

  private func shellOutput(_ script: String) throws -> String {
    try directory.shell("\(script) > .out")
    return try text(OpenedFile(FileName(".out"), in: directory.handle).read(1 << 20, at: 0))
  }

  @Test(
    arguments: [
      // Of size 0; gives all at once or nothing; of size 4096; a list of links to it.
      "/proc/version", "/proc/cpuinfo", "/proc/sys/kernel/pid_max", "/proc/self/limits",
      "/sys/kernel/mm/transparent_hugepage/enabled",
    ], [nil, FileSystemKind.remote])
  func `what states another size is read to its end, and has not changed`(
    _ path: String, _ kind: FileSystemKind?
  ) throws {
    // Where it is not known what the size means, sizes of 0 and too large ones are found out.
    let (content, summary) = try read(path, on: kind)
    #expect(!content.isEmpty)
    #expect(summary.size == content.utf8.count)
    #expect(summary.holes.isEmpty)
    #expect(!summary.changedWhileRead)
    if !path.contains("self"), !path.contains("cpuinfo") {
      #expect(try content == shellOutput("cat \(path)"))
    }
  }

  @Test func `reading the log of the kernel would take it away`() throws {
    #expect(throws: FileContent.Refusal.consumed) { try content("/proc/kmsg").open() }
  }

  @Test func `what has no end is left out`() throws {
    #expect(throws: FileContent.Refusal.endless) { try read("/proc/self/pagemap") }
  }

  @Test(arguments: [FileSystemKind.local, .remote])
  func `a log that grows ends where it did when it was opened`(_ kind: FileSystemKind) throws {
    try directory.shell("echo first > f")
    let (content, summary) = try read(text(directory("f")), on: kind) {
      try directory.shell("echo second >> f")
    }
    #expect(content == "first\n")
    #expect(summary.size == 6)
    #expect(summary.changedWhileRead)
  }

  @Test(arguments: [FileSystemKind.local, .remote])
  func `a file that is cut short has changed`(_ kind: FileSystemKind) throws {
    try directory.shell("echo first > f")
    let (content, summary) = try read(text(directory("f")), on: kind) {
      try directory.shell("printf fi > f")
    }
    #expect(content == "fi")
    #expect(summary.size == 2)
    #expect(summary.changedWhileRead)
  }

  @Test(arguments: [FileSystemKind.local, .remote])
  func `holes and what is between them are as they are`(_ kind: FileSystemKind) throws {
    try directory.shell("truncate -s 1M f; echo end >> f; truncate -s 2M f; touch empty")
    let (content, summary) = try read(text(directory("f")), on: kind)
    #expect(content.hasPrefix("end\n"))
    #expect(summary.size == 2 << 20)
    #expect(summary.holes.count == 2)
    #expect(!summary.changedWhileRead)
    #expect(try read(text(directory("empty")), on: kind).summary.size == 0)
  }
}
