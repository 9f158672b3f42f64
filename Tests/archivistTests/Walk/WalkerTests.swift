import ChunkStore
import CLinux
import Glibc
import LinuxSystem
import Testing

@testable import archivist

/// The entries that a walk saw.
private struct Seen {
  var entries: [WalkEntry] = []
  var links: [Int] = []
  var failures: [SystemError] = []
  var excluded: [(String, WalkEvent.Exclusion)] = []

  var paths: [String] { entries.map { text($0.path.bytes) } }

  func entry(_ path: String) throws -> WalkEntry {
    try #require(entries.first { $0.path.bytes == bytes(path) })
  }
}

@Suite(.serialized) struct WalkerTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Walks through the temporary directory, with paths relative to it.
  private func walk(
    _ options: WalkOptions = WalkOptions(), roots: [String] = ["/./"],
    select: (ArchivePath, [UInt8]) -> WalkDecision = { _, _ in .include },
    during: (WalkEntry) throws -> Void = { _ in }
  ) throws -> Seen {
    let roots = try WalkRoot.roots(roots.map { directory.path + bytes($0) })
    var seen = Seen()
    try Walker(roots: roots, options: options).run(
      select: select,
      report: { event in
        switch event {
        case .failed(let error), .unreadable(_, let error), .rootFailed(_, let error):
          seen.failures.append(error)
        case .conflict(let location, _): Issue.record("\(location)")
        case .rootIsLink(let root): seen.links.append(root)
        case .excluded(let path, let reason): seen.excluded.append((text(path.bytes), reason))
        }
      },
      visit: { entry throws in
        seen.entries.append(entry)
        try during(entry)
      })
    return seen
  }

  @Test func `a root with a slash behind it is what a link leads to`() throws {
    try directory.shell("mkdir big; touch big/f; ln -s big data; ln -s big/f file; ln -s none lost")
    for root in ["/./data/", "/./data/.", "/./data//"] {
      let seen = try walk(roots: [root])
      #expect(seen.paths == ["data", "data/f"] && seen.links == [])
      #expect(seen.entries.first?.metadata.isDirectory == true)
    }
    #expect(try walk(roots: ["/./data"]).links == [0])
    #expect(try walk(roots: ["/./big", "/./data"]).links == [1])
    #expect(try walk(roots: ["/./"]).links == [])
    for root in ["/./file/", "/./lost/"] {
      #expect(try walk(roots: [root]).failures.count == 1)
    }
  }

  @Test func `entries come in the strict order of archive paths, a directory before its content`()
    throws
  {
    try directory.shell("mkdir -p a/b a-b a.d z/z; touch a/b/c a/b! a-b/x a.d/y a0 aa z/z/z zz")
    let seen = try walk()
    #expect(
      seen.paths == [
        "", "a", "a/b", "a/b/c", "a/b!", "a-b", "a-b/x", "a.d", "a.d/y", "a0", "aa", "z", "z/z",
        "z/z/z", "zz",
      ])
    #expect(zip(seen.entries, seen.entries.dropFirst()).allSatisfy { $0.path < $1.path })
    #expect(seen.failures.isEmpty)
  }

  @Test func `names are bytes: not UTF-8, and as long as they get`() throws {
    let strange = try #require(FileName([0xff, 0xfe, 0x0a, 0x80]))
    let long = try #require(FileName([UInt8](repeating: 0xe9, count: 255)))
    try directory.handle.write([], to: strange)
    try directory.handle.write([], to: long)
    let seen = try walk()
    #expect(
      seen.entries.dropFirst().map { $0.path.bytes } == [Array(long.bytes), Array(strange.bytes)])
  }

  @Test func `all kinds of files are seen, with what belongs to them`() throws {
    try directory.shell(
      """
      mkdir d; printf abc > f; ln -s ../x/y l; mkfifo p; mknod c c 1 3; mknod b b 7 0
      setfattr -n user.k -v v f; setfattr -n user.d -v w d
      """)
    let seen = try walk()
    #expect(
      seen.entries.map(\.metadata.kind) == [
        .directory, .blockDevice, .characterDevice, .directory, .regular, .symbolicLink, .fifo,
      ])
    #expect(try seen.entry("l").linkTarget == bytes("../x/y"))
    #expect(try seen.entry("f").linkTarget == nil)
    #expect(try seen.entry("f").extendedAttributes.map { text($0.value) } == ["v"])
    #expect(try seen.entry("d").extendedAttributes.map { text($0.value) } == ["w"])
    #expect(try seen.entry("c").metadata.deviceNumbers == Item.Device(major: 1, minor: 3))
    let file = try seen.entry("f").openForReading()
    #expect(try file.read(10, at: 1) == bytes("bc"))
  }

  @Test func `symbolic links to directories are not walked through`() throws {
    try directory.shell("mkdir d; touch d/f; ln -s d l; ln -s . loop")
    #expect(try walk().paths == ["", "d", "d/f", "l", "loop"])
  }

  @Test func `a root may be a file or a link, and its parents may be links`() throws {
    try directory.shell("mkdir d; touch d/f; ln -s d l")
    #expect(try walk(roots: ["/./l"]).paths == ["l"])
    #expect(try walk(roots: ["/./l/f"]).paths == ["l/f"])
  }

  @Test func `several roots come in the order of the archive, each known by its number`() throws {
    try directory.shell("mkdir a a-b; touch a/x a-b/y")
    let seen = try walk(roots: ["/./a-b", "/./a"])
    #expect(seen.paths == ["a", "a/x", "a-b", "a-b/y"])
    #expect(seen.entries.map(\.root) == [0, 0, 1, 1])
  }

  @Test func `a root that is missing is reported, and the others are walked`() throws {
    try directory.shell("mkdir b; touch b/f")
    let seen = try walk(roots: ["/./a", "/./b", "/./none/c"])
    #expect(seen.paths == ["b", "b/f"])
    #expect(seen.failures.map(\.code) == [ENOENT, ENOENT])
    #expect(seen.failures.first?.path == directory("a"))
  }

  @Test func `a root inside of another is walked, whatever the outer one leaves out`() throws {
    try directory.shell("mkdir -p a/b/c a/b/d a/e z; touch a/b/c/f a/b/d/g a/b/h a/e/i a/tag z/j")
    let roots = ["/./a", "/./a/b/d", "/./a/b", "/./z", "/./a/k"]
    #expect(
      try walk(roots: roots).paths == [
        "a", "a/b", "a/b/c", "a/b/c/f", "a/b/d", "a/b/d/g", "a/b/h", "a/e", "a/e/i", "a/tag", "z",
        "z/j",
      ])
    // Left out by a tag, by a pattern on the directory alone, and not there at all.
    var options = WalkOptions()
    options.tags.names = [bytes("tag")]
    #expect(
      try walk(options, roots: roots).paths == [
        "a/b", "a/b/c", "a/b/c/f", "a/b/d", "a/b/d/g", "a/b/h", "z", "z/j",
      ])
    let seen = try walk(roots: ["/./", "/./a/b/d", "/./none/x"]) { path, _ in
      path.bytes == bytes("a/b") ? .excludeWithoutRecursion : .include
    }
    #expect(seen.paths == ["", "a", "a/b/d", "a/b/d/g", "a/e", "a/e/i", "a/tag", "z", "z/j"])
    #expect(seen.failures.map(\.code) == [ENOENT])
  }

  @Test func `a root on another file system is walked, although the outer one stays on its own`()
    throws
  {
    try directory.shell("mkdir m; mount -t tmpfs none m; touch m/f n")
    defer { try? directory.shell("umount -l m") }
    var options = WalkOptions()
    options.staysOnOneFileSystem = true
    #expect(try walk(options, roots: ["/./", "/./m"]).paths == ["", "m", "m/f", "n"])
  }

  @Test func `a tag may be a path or a link, but not a link that leads nowhere`() throws {
    try directory.shell(
      """
      mkdir -p git/.git link none; touch git/.git/HEAD git/x link/x none/x
      ln -s x link/tag; ln -s missing none/tag
      """)
    var options = WalkOptions()
    options.tags.names = [bytes("tag"), bytes(".git/HEAD")]
    #expect(try walk(options).paths == ["", "none", "none/tag", "none/x"])
  }

  @Test func `the roots slash and dot are walked under the root of the archive`() throws {
    for root in ["/", "."] {
      var first: WalkEntry?
      try Walker(roots: [WalkRoot(bytes(root))], options: WalkOptions()).run(
        select: { path, _ in path == .root ? .include : .excludeWithoutRecursion },
        report: { _ in }, visit: { first = $0 })
      #expect(first?.path == .root)
      #expect(first?.name == .itself)
      #expect(first?.metadata.isDirectory == true)
    }
  }

  @Test func `what is excluded is left out, and what is below it as decided`() throws {
    try directory.shell("mkdir -p a/k b/k; touch a/f a/k/f b/f b/k/f c")
    let seen = try walk(select: { path, _ in
      switch text(path.bytes) {
      case "a", "a/f", "c": return .exclude
      case "b/k": return .excludeWithoutRecursion
      default: return .include
      }
    })
    #expect(seen.paths == ["", "a/k", "a/k/f", "b", "b/f"])
  }

  @Test func `patterns see the part of the path that is stripped`() throws {
    try directory.shell("mkdir -p x/y; touch x/y/z")
    var asked: [[UInt8]] = []
    let seen = try walk(
      roots: ["/x/./y"],
      select: { _, patternPath in
        asked.append(patternPath)
        return .include
      })
    #expect(seen.paths == ["y", "y/z"])
    let prefix = directory.path.dropFirst() + bytes("/x/")
    #expect(asked == [prefix + bytes("y"), prefix + bytes("y/z")])
  }

  @Test func `an identity to be skipped is skipped, wherever it is`() throws {
    try directory.shell("mkdir -p a/repository; touch a/repository/x a/z")
    let identity = try DirectoryHandle(path: directory("a/repository")).identity()
    var options = WalkOptions()
    options.skip = [identity]
    let seen = try walk(options)
    #expect(seen.paths == ["", "a", "a/z"])
    #expect(seen.excluded.map(\.0) == ["a/repository"])
  }

  @Test func `another file system is visited, and entered only if the walk may leave its own`()
    throws
  {
    try directory.shell(
      "mkdir -p m n; mount -t tmpfs none m; touch m/f n/f; setfattr -n trusted.a m")
    defer { try? directory.shell("umount -l m") }
    var options = WalkOptions()
    options.staysOnOneFileSystem = true
    let staying = try walk(options)
    #expect(staying.paths == ["", "m", "n", "n/f"])
    #expect(try staying.entry("m").extendedAttributes.count == 1)
    #expect(try walk().paths == ["", "m", "m/f", "n", "n/f"])
    // A root on another file system is at home there.
    #expect(try walk(options, roots: ["/./m"]).paths == ["m", "m/f"])
  }

  @Test func `files marked as not to be dumped are left out on request`() throws {
    try directory.shell("mkdir d; touch d/x f g; chattr +d f d")
    var options = WalkOptions()
    #expect(try walk(options).paths == ["", "d", "d/x", "f", "g"])
    options.excludesNoDump = true
    let seen = try walk(options)
    #expect(seen.paths == ["", "g"])
    #expect(seen.excluded.map(\.0) == ["d", "f"])
  }

  @Test func `tagged directories are left out, or reduced to their tags`() throws {
    try directory.shell(
      """
      mkdir cache fake named plain; touch cache/x fake/x named/x plain/x named/.nobackup
      printf 'Signature: 8a477f597d28d172789f06886806bc55 more' > cache/CACHEDIR.TAG
      printf 'Signature: none' > fake/CACHEDIR.TAG
      """)
    var options = WalkOptions()
    options.tags.caches = true
    options.tags.names = [bytes(".nobackup")]
    #expect(
      try walk(options).paths == ["", "fake", "fake/CACHEDIR.TAG", "fake/x", "plain", "plain/x"])
    options.tags.keepsTags = true
    #expect(
      try walk(options).paths == [
        "", "cache", "cache/CACHEDIR.TAG", "fake", "fake/CACHEDIR.TAG", "fake/x", "named",
        "named/.nobackup", "plain", "plain/x",
      ])
  }

  @Test func `the deepest tree is walked with few open files`() throws {
    let name = try #require(FileName([UInt8](repeating: UInt8(ascii: "d"), count: 200)))
    let depth = 320  // 64,320 bytes of path; Linux takes 4,095 at once
    var inner = directory.handle
    for _ in 0..<depth { inner = try inner.making(name) }
    try inner.write(bytes("deep"), to: FileName("f"))
    // Behind the deep part, so that the walk has to come back to directories that it closed.
    try directory.handle.directory(name).write([], to: FileName("z"))
    var highest: Int32 = 0
    var content: [UInt8] = []
    let before = try openFiles()
    var seen = 0
    try Walker(
      roots: [WalkRoot(directory.path + bytes("/./"))], options: WalkOptions()
    ).run(
      select: { _, _ in .include }, report: { Issue.record("\($0)") },
      visit: { entry throws in
        seen += 1
        highest = max(highest, try openFiles() - before)
        if entry.name == (try FileName("f")) { content = try entry.openForReading().read(9, at: 0) }
      })
    #expect(seen == 1 + depth + 2)
    #expect(content == bytes("deep"))
    // Others run at the same time, and open files too.
    #expect(highest < 200)
  }

  private func openFiles() throws -> Int32 {
    Int32(DirectoryListing(of: try DirectoryHandle(path: bytes("/proc/self/fd"))).count)
  }

  @Test func `a directory moved away while the walk is deep inside does not stop it`() throws {
    let name = try FileName("d")
    var inner = directory.handle
    let depth = 100
    for _ in 0..<depth { inner = try inner.making(name) }
    try inner.write([], to: FileName("f"))
    try directory.shell("touch d/z zz")
    let seen = try walk(during: { entry in
      guard entry.name == (try FileName("f")) else { return }
      // The way back from here leads elsewhere, the way down from the top still exists.
      try directory.shell("mkdir other; mv d/d/d/d/d other/")
    })
    #expect(seen.paths.suffix(2) == ["d/z", "zz"])
  }

  @Test func `a path too long for an archive is reported, and the walk goes on`() throws {
    let name = try #require(FileName([UInt8](repeating: UInt8(ascii: "d"), count: 255)))
    var inner = directory.handle
    for _ in 0..<257 { inner = try inner.making(name) }
    try directory.handle.write([], to: FileName("z"))
    let seen = try walk()
    #expect(seen.failures.map(\.code) == [ENAMETOOLONG])
    #expect(seen.entries.count == 1 + 256 + 1)
    #expect(seen.paths.last == "z")
  }

  @Test func `what vanishes during the walk is reported, and the walk goes on`() throws {
    try directory.shell("mkdir b d; touch a b/f c d/f e")
    let seen = try walk(during: { entry in
      if entry.path.bytes == bytes("a") { try directory.shell("rm -r b c") }
    })
    #expect(seen.paths == ["", "a", "d", "d/f", "e"])
    #expect(seen.failures.map(\.code) == [ENOENT, ENOENT])
    #expect(seen.failures.map(\.path) == [directory("b"), directory("c")])
  }

  @Test func `a directory replaced by a link to another is not walked through`() throws {
    try directory.shell("mkdir a b outside; touch b/f outside/secret")
    let seen = try walk(
      roots: ["/./a", "/./b"],
      during: { entry in
        if entry.path.bytes == bytes("a") { try directory.shell("rm -r b; ln -s outside b") }
      })
    #expect(seen.paths == ["a", "b"])
    #expect(try seen.entry("b").metadata.kind == .symbolicLink)
  }

  @Test func `an error of the visitor ends the walk`() throws {
    struct Enough: Error {}
    try directory.shell("touch a b c")
    var count = 0
    #expect(throws: Enough.self) {
      _ = try walk(during: { _ in
        count += 1
        if count == 2 { throw Enough() }
      })
    }
    #expect(count == 2)
  }

  @Test func `a file that became something else is not opened`() throws {
    try directory.shell("touch f g h; mkfifo p; ln h h2")
    let seen = try walk()
    try directory.shell("rm f; ln -s /etc/passwd f; mv p g; rm h")
    let f = try seen.entry("f"), g = try seen.entry("g"), h = try seen.entry("h")
    #expect(throws: SystemError("openat", code: ELOOP, path: bytes("f"))) {
      _ = try f.openForReading()
    }
    #expect(throws: SystemError("openat", code: ESTALE, path: bytes("g"))) {
      _ = try g.openForReading()
    }
    #expect(throws: SystemError("openat", code: ENOENT, path: bytes("h"))) {
      _ = try h.openForReading()
    }
  }

  @Test func `another file under the same name is noticed`() throws {
    try directory.shell("printf old > f")
    let entry = try walk().entry("f")
    try directory.shell("printf newer > g; mv g f")
    let file = try entry.openForReading()
    #expect(file.metadata.identity != entry.metadata.identity)
    #expect(file.metadata.size == 5)
  }

  @Test func `a user without permission sees what is permitted and is told the rest`() throws {
    try directory.shell(
      "mkdir closed open; touch closed/f open/f; chmod 700 closed; chmod 755 . open")
    let roots = try WalkRoot.roots([directory.path + bytes("/./")])
    // The rights of this thread only, while other tests go on as root.
    setfsuid(12_345)
    defer { setfsuid(0) }
    var seen = Seen()
    Walker(roots: roots, options: WalkOptions()).run(
      select: { _, _ in .include },
      report: { if case .failed(let error) = $0 { seen.failures.append(error) } },
      visit: { seen.entries.append($0) })
    #expect(seen.paths == ["", "closed", "open", "open/f"])
    #expect(seen.failures == [SystemError("openat", code: EACCES, path: directory("closed"))])
  }

  @Test func `a directory of very many names is listed in order`() throws {
    let count = 20_000
    try directory.shell("seq -f 'a-rather-long-name-%.0f' \(count) | xargs touch")
    let seen = try walk()
    #expect(seen.entries.count == count + 1)
    #expect(zip(seen.entries, seen.entries.dropFirst()).allSatisfy { $0.path < $1.path })
  }
}
