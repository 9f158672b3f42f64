import Testing

@testable import ChunkStore

@Suite struct ArchivePathTests {
  private func path(_ text: String) throws -> ArchivePath { try ArchivePath(Array(text.utf8)) }

  @Test func `a directory is followed by its whole subtree`() throws {
    let sorted = ["", "a", "a/b", "a/b/c", "a/b.c", "a ", "a!", "a-b", "a.b", "a0", "ab", "b"]
    let paths = try sorted.map { try path($0) }
    #expect(paths.shuffled().sorted() == paths)
    for (earlier, later) in zip(paths, paths.dropFirst()) {
      #expect(earlier < later)
      #expect(!(later < earlier))
    }
  }

  @Test(arguments: Seed.each(4))
  func `the order is that of the components, one after the other`(seed: Seed) throws {
    var random = seed.generator
    for _ in 0..<2000 {
      let a = try random.path(depth: 0...4)
      // Neighbours: much in common, then something else.
      var bytes = Array(a.bytes.prefix(random.int(0...a.bytes.count)))
      bytes += random.once(in: 2) ? random.fileName() : try random.path().bytes
      guard let b = try? ArchivePath(bytes) else { continue }
      let byComponents = a.components.map(Array.init).lexicographicallyPrecedes(
        b.components.map(Array.init)
      ) { $0.lexicographicallyPrecedes($1) }
      #expect((a < b) == byComponents)
      #expect((b < a) == (!byComponents && a != b))
    }
  }

  @Test(arguments: [
    "/", "/etc", "etc/", "a//b", "//", ".", "..", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b",
    "\0", "a\0", "a/\0/b", "a/b\0c",
  ])
  func `a path that leads elsewhere is refused`(text: String) {
    #expect(throws: FormatError.unsafePath) { try path(text) }
    #expect(throws: FormatError.unsafePath) {
      try path("home").appending(Array(text.utf8))
    }
  }

  @Test func `an empty name is refused`() {
    #expect(throws: FormatError.unsafePath) { try path("home").appending([]) }
  }

  @Test(arguments: ["...", "..a", ".a", "a.", "a..", "a/.../b", " ", "-", "\\", "a\nb", "\u{1}"])
  func `names that only look odd are names`(text: String) throws {
    #expect(try path(text).bytes == Array(text.utf8))
  }

  @Test func `names need not be UTF-8`() throws {
    let bytes: [UInt8] = [0xff, 0xfe, 0x2f, 0xc3]
    #expect(try ArchivePath(bytes).bytes == bytes)
  }

  @Test func `normal forms of one name are two names`() throws {
    let composed = try path("caf\u{e9}")
    let decomposed = try path("cafe\u{301}")
    // As strings they are equal: that is what paths must not be.
    #expect("caf\u{e9}" == "cafe\u{301}")
    #expect(composed != decomposed)
    #expect(decomposed < composed)
    #expect(Set([composed, decomposed]).count == 2)
  }

  @Test func `65,535 bytes are the most`() throws {
    let longest = [UInt8](repeating: 0x61, count: 65_535)
    #expect(try ArchivePath(longest).bytes.count == 65_535)
    #expect(throws: FormatError.unsafePath) { try ArchivePath(longest + [0x61]) }
    let directory = try ArchivePath([UInt8](repeating: 0x61, count: 65_533))
    #expect(try directory.appending([0x62]).bytes.count == 65_535)
    #expect(throws: FormatError.unsafePath) { try directory.appending([0x62, 0x62]) }
  }

  @Test func `what is within a directory is what its components say`() throws {
    let etc = try path("etc")
    for within in ["etc", "etc/passwd", "etc/a/b"] { #expect(try path(within).isWithin(etc)) }
    for outside in ["", "et", "etc2", "etc ", "etc-/a", "usr/etc"] {
      #expect(try !path(outside).isWithin(etc))
    }
    #expect(etc.isWithin(.root))
    #expect(ArchivePath.root.isWithin(.root))
  }

  @Test(arguments: Seed.each(2))
  func `a subtree is one stretch of the order`(seed: Seed) throws {
    var random = seed.generator
    let paths = try random.items(400).map(\.path)
    for directory in paths {
      let within = paths.indices.filter { paths[$0].isWithin(directory) }
      guard let first = within.first, let last = within.last else { continue }
      #expect(last - first + 1 == within.count)
      #expect(paths[first] == directory)
    }
  }

  @Test func `parent, name and components take a path apart`() throws {
    let deep = try path("a/b/c")
    #expect(try deep.parent == path("a/b"))
    #expect(try path("a").parent == .root)
    #expect(ArchivePath.root.parent == nil)
    #expect(Array(deep.name) == [0x63])
    #expect(ArchivePath.root.name.isEmpty)
    #expect(deep.components.map(Array.init) == [[0x61], [0x62], [0x63]])
    #expect(ArchivePath.root.components.isEmpty)
    #expect(try ArchivePath.root.appending([0x61]).appending([0x62]).bytes == [0x61, 0x2f, 0x62])
  }
}
