import ChunkStore
import Glibc
import LinuxSystem
import Testing

@testable import archivist

@Suite struct `A list of paths` {
  /// The paths that come out of a list, read through a pipe.
  private func sorted(
    _ text: String, delimiter: String = "\n", memory: Int = 32 << 20
  ) throws -> (paths: [String], locations: [String], conflicts: [String], unusable: Int) {
    let directory = try TemporaryDirectory()
    let name = try #require(FileName(bytes("list")))
    try directory.handle.write(bytes(text), to: name)
    let file = try FileDescriptor(opening: name, in: directory.handle, flags: O_RDONLY)
    var list = PathList(delimiter: bytes(delimiter), directory: directory.path, memory: memory)
    var unusable = 0
    try list.read(file.number) { _ in unusable += 1 }
    let paths = try list.sorted()
    var found: [String] = [], locations: [String] = [], conflicts: [String] = []
    while let next = try paths.next({ location, _ in conflicts.append(archivistTests.text(location))
    }) {
      found.append(archivistTests.text(next.path.bytes))
      locations.append(archivistTests.text(next.location))
    }
    // The files of the sorter have no names.
    #expect(DirectoryListing(of: directory.handle).count == 1)
    return (found, locations, conflicts, unusable)
  }

  @Test func `comes in the order of the archive, each path once`() throws {
    let list = try sorted("b\na-b\na/c\n/a\n./a/../a/c\n\n\na\n")
    #expect(list.paths == ["a", "a/c", "a-b", "b"])
    #expect(list.locations == ["/a", "a/c", "a-b", "b"])
    // Two places, one path: the first one that was named stays.
    #expect(list.conflicts == ["a"])
  }

  @Test func `loses what a lone dot strips, and leading dots`() throws {
    let list = try sorted("/srv/./x/y\n../z\n/./q")
    #expect(list.paths == ["q", "x/y", "z"])
    #expect(list.locations == ["/q", "/srv/x/y", "../z"])
  }

  @Test func `may have any delimiter, of several bytes as well`() throws {
    #expect(try sorted("a\0b\n\0c", delimiter: "\0").paths == ["b\n", "a", "c"].sorted())
    let long = String(repeating: "x", count: 40_000)
    let list = try sorted("\(long)|;a|b|;c;|\(long)|;d|", delimiter: "|;")
    #expect(list.paths == ["a|b", "c;|\(long)", "d|", long])
  }

  @Test func `tells of paths that no archive can hold`() throws {
    #expect(try sorted("a\n\(String(repeating: "y", count: 70_000))\nb\0c\nd").unusable == 2)
  }

  @Test func `without its delimiter is refused before it fills the memory`() throws {
    #expect(throws: PathList.Malformed.endlessPath) {
      _ = try sorted(String(repeating: "a\n", count: 1_000_000), delimiter: "\0")
    }
  }

  @Test func `longer than the memory is sorted in parts`() throws {
    var generator = SystemRandomNumberGenerator()
    let numbers = (0..<60_000).map { _ in UInt32.random(in: 0..<40_000, using: &generator) }
    let text = numbers.map { "\($0 % 7)/\($0)" }.joined(separator: "\n")
    // About a hundred files, which are merged at two levels.
    let list = try sorted(text, memory: 32 << 10)
    let expected = try Set(numbers).map { try ArchivePath(bytes("\($0 % 7)/\($0)")) }.sorted()
    #expect(list.paths == expected.map { archivistTests.text($0.bytes) })
    #expect(list.conflicts.isEmpty)
  }

  @Test func `in a directory that cannot be written to is an error that names it`() throws {
    var sorter = RecordSorter(directory: bytes("/proc/nowhere"), memory: 1)
    var failure: SystemError?
    do throws(SystemError) {
      try sorter.add(key: [1], value: [2])
    } catch {
      failure = error
    }
    #expect(failure.map { text($0.path).hasPrefix("/proc/nowhere") } == true)
  }
}

@Suite struct `Escapes` {
  @Test(arguments: [
    (#"\n"#, "\n"), (#"\0"#, "\0"), (#"\x41\101A"#, "AAA"), (#"\\\'"#, #"\'"#), (#"\q"#, #"\q"#),
    (#"a\"#, #"a\"#),
    (#"\0123"#, "\u{0A}3"), ("ä", "ä"), (#"\t\r\v\f\a\b"#, "\t\r\u{0B}\u{0C}\u{07}\u{08}"),
  ])
  func `are read as Python reads them`(_ escaped: String, _ meant: String) {
    #expect(EscapedBytes.unescaped(bytes(escaped)) == bytes(meant))
  }

  @Test func `without their digits are refused`() {
    #expect(EscapedBytes.unescaped(bytes(#"\x4"#)) == nil)
    #expect(EscapedBytes.unescaped(bytes(#"\x+4"#)) == nil)
  }
}
