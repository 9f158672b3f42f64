import ChunkStore
import CLinux
import Glibc
import LinuxSystem
import Testing

@testable import archivist

private func item(_ path: String, _ mode: UInt32, seconds: Int64 = 1_000_000_000) throws -> Item {
  Item(
    path: try ArchivePath(bytes(path)), mode: mode, uid: 0, gid: 0,
    mtime: Timestamp(seconds: seconds, nanoseconds: 987_654_321))
}

extension RestoreTarget {
  /// Restores an item with a content, and returns all that was reported.
  @discardableResult
  func restoring(
    _ item: Item, _ content: String = "", beneath parents: [Item] = []
  ) throws -> [RestoreProblem] {
    var problems: [RestoreProblem] = []
    let file: RestoredFile
    switch try restore(item, beneath: parents, report: { problems.append($0) }) {
    case .file(let made): file = made
    case .existing(let existing): file = try existing.replacement(item)
    case .done, .skipped, .lost, .waiting: return problems
    }
    try file.write(Array(content.utf8).span, at: 0)
    problems += try file.finish(item, size: UInt64(content.utf8.count))
    return problems
  }

  @discardableResult func finishing() -> [RestoreProblem] {
    var problems: [RestoreProblem] = []
    finish { problems.append($0) }
    return problems
  }
}

@Suite struct RestoreTargetTests {
  let directory: TemporaryDirectory
  let target: RestoreTarget

  init() throws {
    directory = try TemporaryDirectory()
    try directory.shell("mkdir t outside; echo precious > outside/f; chmod 711 outside")
    target = try RestoreTarget(path: directory("t"), options: RestoreOptions())
  }

  private func found(_ path: String) throws -> FileMetadata {
    let stack = DirectoryStack(top: try directory.handle.directory(FileName("t")))
    let path = try ArchivePath(bytes(path))
    return try stack.existing(path.parent ?? .root).metadata(
      of: path == .root ? .itself : try #require(FileName(path.name)))
  }

  private func content(_ path: String) throws -> String {
    let path = try ArchivePath(bytes(path))
    let stack = DirectoryStack(top: try directory.handle.directory(FileName("t")))
    let file = try OpenedFile(
      try #require(FileName(path.name)), in: stack.existing(path.parent ?? .root))
    return text(try file.read(1 << 20, at: 0))
  }

  /// The files outside of the target are as they were.
  private func expectOutsideUntouched() throws {
    try directory.shell(
      """
      test "$(ls -A outside)" = f; test "$(cat outside/f)" = precious
      test "$(stat -c %a outside)" = 711
      """)
  }

  @Test func `a file gets content, owner, permissions, attributes and times, all by descriptor`()
    throws
  {
    var file = try item("f", 0o106751, seconds: -3)
    file.uid = 1234
    file.gid = 5678
    file.atime = Timestamp(seconds: 2_000_000_000, nanoseconds: 1)
    file.extendedAttributes = [
      // cap_net_raw+ep
      .init(
        name: bytes("security.capability"),
        value: [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      .init(name: bytes("trusted.t"), value: []),
      .init(name: bytes("user.u"), value: bytes("v")),
    ]
    file.mode = 0o106751
    #expect(try target.restoring(file, "hello") == [])
    let found = try found("f")
    #expect(found.mode == 0o106751)
    #expect((found.uid, found.gid) == (1234, 5678))
    #expect(found.mtime == file.mtime)
    #expect(found.atime == file.atime)
    #expect(try content("f") == "hello")
    let opened = try OpenedFile(FileName("f"), in: directory.handle.directory(FileName("t")))
    #expect(opened.descriptor.extendedAttributes().attributes == file.extendedAttributes)
  }

  @Test func `a walk over what was restored finds what was walked before`() throws {
    try directory.shell(
      """
      mkdir -p s/d/e s/ro; cd s; head -c 100000 /dev/urandom > d/f; ln d/f d/g; ln -s ../x d/l
      ln -P d/l d/m; mkfifo -m 640 p; mknod -m 644 c c 1 3; mknod b b 7 1; ln c c2
      setfattr -n user.k -v v d; setfacl -m u:77:rw d/f; setfacl -d -m g:78:r d/e
      setfattr -h -n trusted.l -v v d/l; chown -h 5:6 d/l p c d; chmod 2755 d; chmod 555 ro
      touch -h -d '1960-01-01 00:00:00.5Z' d/l; touch -d '2100-01-01 00:00:00.25Z' d/f p c ro d
      """)
    func walk(_ root: String) throws -> [Item] {
      var items: [Item] = []
      var links = HardLinkTracker(startedAt: Timestamp(seconds: 0))
      let roots = try WalkRoot.roots([directory(root) + bytes("/./")])
      Walker(roots: roots, options: WalkOptions()).run(
        select: { _, _ in .include }, report: { Issue.record("\($0)") },
        visit: { entry in
          var item = entry.metadata.item(
            at: entry.path, linkTarget: entry.linkTarget, names: OwnerNames(), recording: [])
          item.extendedAttributes = entry.extendedAttributes
          item.hardLinkGroup = links.group(of: entry, on: .local)
          items.append(item)
        })
      return items
    }
    let archived = try walk("s")
    #expect(archived.count == 12)
    for item in archived { #expect(try target.restoring(item, "\(item.path)") == []) }
    #expect(target.finishing() == [])
    #expect(try walk("t") == archived)
  }

  @Test func `directories get permissions and times after everything in them`() throws {
    for path in ["d", "d/e"] { try target.restoring(item(path, 0o040511)) }
    try target.restoring(item("d/e/f", 0o100644))
    #expect(try found("d/e").permissions == 0o700)
    try target.restoring(item("d/f", 0o100644))
    #expect(try found("d/e").permissions == 0o511)
    #expect(try found("d").permissions == 0o700)
    #expect(target.finishing() == [])
    for path in ["d", "d/e"] {
      #expect(try found(path).mode == 0o040511)
      #expect(try found(path).mtime == item(path, 0).mtime)
    }
  }

  @Test func `the root of the archive gives its metadata to the target`() throws {
    try target.restoring(item("", 0o040751))
    try target.restoring(item("f", 0o100600))
    #expect(target.finishing() == [])
    #expect(try found("").mode == 0o040751)
    #expect(try found("").mtime == item("", 0).mtime)
  }

  @Test func `missing parents are made for their owner alone`() throws {
    try target.restoring(item("a/b/c", 0o100644), "x")
    #expect(target.finishing() == [])
    #expect(try content("a/b/c") == "x")
    for path in ["a", "a/b"] { #expect(try found(path).permissions == 0o700) }
  }

  @Test func `missing parents get the archive's metadata when everything in them is there`() throws
  {
    let parents = [try item("a", 0o040511, seconds: 5), try item("a/b", 0o040755, seconds: 6)]
    try target.restoring(item("a/b/c", 0o100644), beneath: parents)
    for path in ["a", "a/b"] { #expect(try found(path).permissions == 0o700) }
    try target.restoring(item("b", 0o100644))
    for parent in parents {
      #expect(try found("\(parent.path)").mode == parent.mode)
      #expect(try found("\(parent.path)").mtime == parent.mtime)
    }
    #expect(target.finishing() == [])
  }

  @Test func `a parent that was there stays as it is`() throws {
    try directory.shell("mkdir -m 705 t/a; touch -d @77 t/a/f")
    let parents = [try item("a", 0o040511, seconds: 5)]
    try target.restoring(item("a/c", 0o100644), beneath: parents)
    #expect(target.finishing() == [])
    #expect(try found("a").permissions == 0o705)
  }

  @Test func `a link that leads out of the target is not followed, and stays`() throws {
    var link = try item("a", 0o120777)
    link.linkTarget = directory("outside")
    try target.restoring(link)
    #expect(throws: RestoreObstacle.parentIsLink(link.path, .leadsOutside)) {
      try target.restoring(item("a/f", 0o100644), "evil")
    }
    #expect(try found("a").kind == .symbolicLink)
    try expectOutsideUntouched()
  }

  @Test func `what is no directory above an item stays, and is named`() throws {
    try directory.shell(
      "cd t; touch file; mkfifo fifo; ln -s nowhere nowhere; ln -s file link; ln -s loop loop")
    for (name, obstacle) in [
      ("file", { .parentIsFile($0) }), ("fifo", { .parentIsFile($0) }),
      ("nowhere", { .parentIsLink($0, .leadsToNoDirectory) }),
      ("link", { .parentIsLink($0, .leadsToNoDirectory) }),
      ("loop", { .parentIsLink($0, .leadsToNoDirectory) }),
    ] as [(String, (ArchivePath) -> RestoreObstacle)] {
      for path in ["\(name)/d", "\(name)/d/e"] {
        #expect(throws: obstacle(try ArchivePath(bytes(name)))) {
          try target.restoring(item(path, 0o040755))
        }
        #expect(throws: obstacle(try ArchivePath(bytes(name)))) {
          try target.restoring(item(path, 0o100644))
        }
      }
    }
    try directory.shell("cd t; test -f file; test -p fifo; test $(find . -type l | wc -l) = 3")
  }

  @Test func `a link of our own to a directory beneath the target is followed above an item`()
    throws
  {
    try directory.shell(
      """
      cd t; mkdir -p usr/lib usr/deep/x; ln -s usr/lib lib; ln -s "$PWD/usr/lib" absolute
      ln -s lib twice; ln -s deep/../lib usr/around; ln -s ../lib usr/up
      """)
    let links = ["lib", "absolute", "twice", "usr/around", "usr/up"]
    for (number, link) in links.enumerated() {
      try target.restoring(item("\(link)/\(number)", 0o100640), link)
      try target.restoring(item("\(link)/d\(number)", 0o040750))
      var (one, two) = (
        try item("\(link)/d\(number)/one", 0o100640), try item("\(link)/two\(number)", 0o100640)
      )
      (one.hardLinkGroup, two.hardLinkGroup) = (one.path, one.path)
      #expect(try target.restoring(one, link) == [])
      #expect(try target.restoring(two, link) == [])
    }
    #expect(target.finishing() == [])
    for (number, link) in links.enumerated() {
      #expect(try found(link).kind == .symbolicLink)
      #expect(try content("usr/lib/\(number)") == link)
      #expect(try found("usr/lib/d\(number)").permissions == 0o750)
      #expect(try found("usr/lib/two\(number)").linkCount == 2)
    }
  }

  @Test func `a link that somebody else may have put there is not followed`() throws {
    try directory.shell(
      """
      cd t; mkdir secret theirs open sticky; ln -s secret foreign; chown -h 99 foreign
      ln -s ../secret theirs/link; chown 99 theirs; ln -s ../secret open/link; chmod 777 open
      ln -s ../secret sticky/link; chmod 1777 sticky; ln -s theirs/link on-the-way
      ln -s secret two; ln -P two names
      """)
    for path in [
      "foreign", "theirs/link", "open/link", "sticky/link", "on-the-way", "two", "names",
    ] {
      #expect(
        throws: RestoreObstacle.parentIsLink(try ArchivePath(bytes(path)), .isNotTrusted)
      ) { try target.restoring(item("\(path)/f", 0o100644), "x") }
    }
    try directory.shell("test -z \"$(ls t/secret)\"")
  }

  @Test(arguments: ["setfacl -d -m u:99:rwx,g::rwx theirs", "chgrp 99 theirs; chmod g+s theirs"])
  func `what the owner of a directory hands down meanwhile is not kept`(change: String) throws {
    try directory.shell("cd t; mkdir theirs; chown 99 theirs")
    try target.restoring(item("theirs/1", 0o100660))
    try directory.shell("cd t; \(change)")
    try target.restoring(item("theirs/2", 0o100660))
    try target.restoring(item("theirs/in", 0o040770))
    try target.restoring(item("theirs/in/3", 0o100660))
    try target.restoring(item("theirs/link", 0o010660))
    #expect(target.finishing() == [])
    try directory.shell(
      """
      cd t/theirs; test "$(stat -c %u:%g 1 2 in in/3 link | sort -u)" = 0:0
      test -z "$(getfacl -ps 1 2 in in/3 link)"
      """)
  }

  @Test func `directories of others are taken from them before anything is restored into them`()
    throws
  {
    try directory.shell(
      """
      cd t; mkdir theirs open acl same; chown 99 theirs same; chmod 777 open
      setfacl -m u:99:rwx,m::rwx acl; setfacl -d -m u:99:rwx theirs
      """)
    for name in ["theirs", "open", "acl", "same"] {
      var directory = try item(name, 0o040755)
      if name == "same" { directory.uid = 99 }
      try target.restoring(directory)
      let isTaken = name != "same"
      #expect(try found(name).uid == (isTaken ? 0 : 99), "\(name)")
      #expect(try found(name).permissions == (isTaken ? 0o700 : 0o755), "\(name)")
      try target.restoring(item("\(name)/f", 0o100664))
    }
    #expect(target.finishing() == [])
    try directory.shell(
      """
      cd t; test "$(stat -c %a theirs open acl same | xargs)" = "755 755 755 755"
      test -z "$(getfacl -ps theirs open acl same theirs/f)"
      """)
  }

  @Test func `an inherited ACL is gone before the permissions would open it`() throws {
    try directory.shell("setfacl -d -m u:99:rwx t")
    var file = try item("f", 0o100664)
    guard case .file(let made) = try target.restore(file, report: { _ in }) else { return }
    // As seen in between: nobody else, whatever the ACL says.
    try directory.shell("getfacl -p t/f | grep -q 'user:99:rwx.*#effective:---'")
    #expect(try made.finish(file, size: 0) == [])
    try directory.shell("test -z \"$(getfacl -ps t/f)\"")
    // A directory that nobody knows the mode of, too.
    file.path = try ArchivePath(bytes("x/y/f"))
    try target.restoring(file)
    try directory.shell(
      "test -z \"$(getfacl -ps t/x t/x/y t/x/y/f)\"; test $(stat -c %a t/x) = 700")
  }

  @Test func `a directory takes the place of a link, unless links are to be kept`() throws {
    try directory.shell("cd t; mkdir -p usr/lib; ln -s usr/lib lib; ln -s ../outside out")
    var options = RestoreOptions()
    options.links = .directories
    let keeping = try RestoreTarget(path: directory("t"), options: options)
    for name in ["lib", "out"] {
      try keeping.restoring(item(name, 0o040750))
      try keeping.restoring(item("\(name)/f", 0o100640), name)
    }
    #expect(keeping.finishing() == [])
    #expect(try found("lib").kind == .symbolicLink)
    #expect(try content("usr/lib/f") == "lib")
    #expect(try found("usr/lib").permissions == 0o750)
    #expect(try found("out").isDirectory)
    try target.restoring(item("lib", 0o040750))
    try target.restoring(item("lib/f", 0o100640), "other")
    #expect(try found("lib").isDirectory)
    #expect(try content("usr/lib/f") == "lib")
    try expectOutsideUntouched()
  }

  @Test func `links on disk are replaced, never written through`() throws {
    try directory.shell("cd t; ln -s ../outside d; ln -s ../outside/f f")
    try target.restoring(item("d", 0o040700))
    try target.restoring(item("d/f", 0o100644), "new")
    try target.restoring(item("f", 0o100644), "new")
    #expect(target.finishing() == [])
    #expect(try found("d").isDirectory)
    #expect(try found("f").kind == .regular)
    #expect(try content("f") == "new")
    try expectOutsideUntouched()
  }

  @Test func `a directory replaced by a link between two items is not left`() throws {
    try target.restoring(item("d", 0o040755))
    try target.restoring(item("d/a", 0o100644), "a")
    for link in ["../outside", "e"] {
      try directory.shell("rm -r t/d; mkdir -p t/e; ln -s \(link) t/d")
      #expect(throws: RestoreObstacle.parentIsLink(try ArchivePath(bytes("d")), .isRestored)) {
        try target.restoring(item("d/b", 0o100644), "b")
      }
    }
    #expect(target.finishing().map(\.aspect) == [.directory])
    try directory.shell("test -z \"$(ls t/e)\"")
    try expectOutsideUntouched()
  }

  @Test func `a directory moved away and replaced by a link is not left`() throws {
    try target.restoring(item("d", 0o040755))
    try target.restoring(item("d/a", 0o100644), "a")
    try directory.shell("mv t/d t/moved; ln -s ../outside t/d")
    try target.restoring(item("d/b", 0o100644), "b")
    target.finishing()
    try expectOutsideUntouched()
  }

  @Test func `a directory that is a link when its metadata comes is reported`() throws {
    for i in 0...DirectoryStack.maximumOpenDirectories {
      let path = ["d"] + (0..<i).map { _ in "d" }
      try target.restoring(item(path.joined(separator: "/"), 0o040755))
    }
    try directory.shell("mv t/d t/moved; ln -s ../outside t/d")
    let problems = target.finishing()
    #expect(problems.map(\.path) == [try ArchivePath(bytes("d"))])
    #expect(problems.map(\.aspect) == [.directory])
    try expectOutsideUntouched()
  }

  @Test func `files, links, FIFOs and empty directories in the way are replaced`() throws {
    try directory.shell(
      "cd t; touch a; ln -s x b; mkfifo c; mkdir d; touch e f; mkdir g; touch g/h")
    for name in ["a", "b", "c", "d"] { try target.restoring(item(name, 0o100600), name) }
    for name in ["a", "b", "c", "d"] { #expect(try content(name) == name) }
    try target.restoring(item("e", 0o010600))
    #expect(try found("e").kind == .fifo)
    try target.restoring(item("f", 0o040700))
    #expect(try found("f").isDirectory)
    #expect(throws: SystemError("unlinkat", code: ENOTEMPTY, path: bytes("g"))) {
      try target.restoring(item("g", 0o100600))
    }
    #expect(try content("g/h") == "")
  }

  @Test func `a directory that is there stays, with what is in it`() throws {
    try directory.shell("cd t; mkdir d; echo old > d/kept")
    try target.restoring(item("d", 0o040750))
    try target.restoring(item("d/new", 0o100600), "new")
    #expect(target.finishing() == [])
    #expect(try content("d/kept") == "old\n")
    #expect(try found("d").permissions == 0o750)
  }

  @Test func `hard links join files, links and devices of this run`() throws {
    var first = try item("a", 0o100644), second = try item("d/b", 0o100644)
    var link = try item("l", 0o120777), other = try item("m", 0o120777)
    for path in [first.path] { (first.hardLinkGroup, second.hardLinkGroup) = (path, path) }
    (link.hardLinkGroup, other.hardLinkGroup) = (link.path, link.path)
    (link.linkTarget, other.linkTarget) = (bytes("t"), bytes("t"))
    try directory.shell("mkdir t/d; echo old > t/d/b")
    for item in [first, second, link, other] { try target.restoring(item, "content") }
    #expect(try found("a").identity == found("d/b").identity)
    #expect(try content("d/b") == "content")
    #expect(try found("l").identity == found("m").identity)
    #expect(try found("l").kind == .symbolicLink)
  }

  @Test func `a link to what this run did not make becomes a file of its own`() throws {
    try directory.shell("ln -s ../outside t/s; echo mine > t/x")
    var first = try item("y", 0o100644), second = try item("z", 0o100644)
    first.hardLinkGroup = try ArchivePath(bytes("s/f"))
    second.hardLinkGroup = try ArchivePath(bytes("x"))
    for item in [first, second] { try target.restoring(item, "content") }
    #expect(try content("y") == "content" && content("z") == "content")
    #expect(try content("x") == "mine\n")
    try expectOutsideUntouched()
  }

  @Test func `a link whose first name was replaced becomes a file of its own`() throws {
    var first = try item("a", 0o100644), second = try item("b", 0o100644)
    (first.hardLinkGroup, second.hardLinkGroup) = (first.path, first.path)
    try target.restoring(first, "first")
    try directory.shell("rm t/a; ln -s ../outside/f t/a")
    try target.restoring(second, "second")
    #expect(try found("b").linkCount == 1)
    #expect(try content("b") == "second")
    try expectOutsideUntouched()
  }

  @Test func `a path beyond the system's limit is restored, and found again`() throws {
    let part = String(repeating: "p", count: 250)
    var path = part
    for _ in 0..<200 {
      try target.restoring(item(path, 0o040755))
      path += "/" + part
    }
    try target.restoring(item(path, 0o100640), "deep")
    #expect(try content(path) == "deep")
    #expect(target.finishing() == [])
    #expect(try found(path).permissions == 0o640)
    #expect(try found(part).mtime == item("x", 0).mtime)
  }

  @Test func `names are bytes, and as long as they get`() throws {
    for name in [[UInt8](repeating: 0xff, count: 255), [0xc3, 0x28], [0x0a]] {
      let item = Item(
        path: try ArchivePath(name), mode: 0o100600, uid: 0, gid: 0,
        mtime: Timestamp(seconds: 0))
      try target.restoring(item, "x")
      let directory = try directory.handle.directory(FileName("t"))
      #expect(try directory.metadata(of: #require(FileName(name))).size == 1)
    }
  }

  @Test func `a socket and a kind that nobody knows are skipped`() throws {
    for mode: UInt32 in [0o140755, 0o030000] {
      guard case .skipped = try target.restore(item("s", mode), report: { _ in }) else {
        Issue.record("not skipped")
        continue
      }
    }
    #expect(throws: SystemError.self) { try found("s") }
  }

  @Test func `a symbolic link without a target is an error`() throws {
    #expect(throws: SystemError("symlinkat", code: EINVAL, path: bytes("l"))) {
      try target.restoring(item("l", 0o120777))
    }
  }

  @Test func `owners are found by name first, or taken by number`() throws {
    var file = try item("f", 0o100644)
    (file.uid, file.gid) = (1111, 2222)
    (file.user, file.group) = (bytes("daemon"), bytes("no such group"))
    try target.restoring(file)
    #expect(try (found("f").uid, found("f").gid) == (1, 2222))
    var options = RestoreOptions()
    options.findsOwnersByName = false
    try RestoreTarget(path: directory("t"), options: options).restoring(file)
    #expect(try (found("f").uid, found("f").gid) == (1111, 2222))
  }

  @Test func `a user owns what is restored, and no program of others runs as the user`() throws {
    try directory.shell("chown 12345:12345 t; chmod 711 .")
    let user = try RestoreTarget(
      path: directory("t"), options: RestoreOptions(findsOwnersByName: false), isRoot: false)
    var directory = try item("d", 0o040555)
    directory.extendedAttributes = [.init(name: bytes("user.d"), value: bytes("d"))]
    var foreign = try item("d/foreign", 0o104755)
    var own = try item("d/own", 0o104444)
    (foreign.uid, foreign.gid) = (7, 7)
    (own.uid, own.gid) = (12_345, 12_345)
    own.extendedAttributes = [.init(name: bytes("user.yes"), value: [])]
    // The rights of this thread only, while other tests go on as root.
    setfsuid(12_345)
    setfsgid(12_345)
    defer {
      setfsuid(0)
      setfsgid(0)
    }
    #expect(try user.restoring(directory) == [])
    let dropped = try user.restoring(foreign, "x")
    #expect(dropped.map(\.aspect) == [.permissions])
    #expect(try user.restoring(own, "x") == [])
    #expect(user.finishing() == [])
    #expect(try found("d/foreign").mode == 0o100755)
    #expect(try found("d/foreign").uid == 12_345)
    #expect(try found("d/own").mode == 0o104444)
    #expect(try found("d").permissions == 0o555)
  }

  @Test func `an owner that root cannot set is reported`() throws {
    try directory.shell("chown 12345 t; chmod 711 .")
    setfsuid(12_345)
    defer { setfsuid(0) }
    var file = try item("f", 0o104755)
    file.uid = 7
    #expect(try target.restoring(file).map(\.aspect) == [.owner, .permissions])
    #expect(try found("f").mode == 0o100755)
  }

  @Test func `an ACL of the target's own is not inherited`() throws {
    try directory.shell("setfacl -d -m u:99:rwx t")
    try target.restoring(item("d", 0o040750))
    try target.restoring(item("d/f", 0o100640))
    #expect(target.finishing() == [])
    try directory.shell("test -z \"$(getfacl -ps t/d t/d/f)\"")
  }

  @Test func `what a directory that was there hands down is not kept`() throws {
    try directory.shell(
      "mkdir t/d; chgrp 99 t/d; chmod 2755 t/d; setfacl -d -m u:99:rwx t/d")
    for name in ["d/a", "d/b"] { try target.restoring(item(name, 0o100640)) }
    var other = try item("d/c", 0o100640)
    other.gid = 99
    try target.restoring(other)
    try target.restoring(item("d/e", 0o040750))
    try target.restoring(item("d/e/f", 0o100640))
    try target.restoring(item("d/e/g", 0o040750))
    var link = try item("d/e/g/h", 0o120777)
    link.linkTarget = bytes("x")
    try target.restoring(link)
    #expect(target.finishing() == [])
    for name in ["d/a", "d/b", "d/e", "d/e/f", "d/e/g", "d/e/g/h"] {
      #expect(try found(name).gid == 0)
    }
    #expect(try found("d/c").gid == 99)
    #expect(try found("d/e").mode == 0o040750)
    try directory.shell("test -z \"$(getfacl -ps t/d/a t/d/b t/d/c t/d/e t/d/e/f t/d/e/g)\"")
  }

  @Test func `two directories of the archive that come under one path are one after the other`()
    throws
  {
    // Version 2, then tag, permissions and number: the owner, user 99, group, mask, others.
    let entries: [(UInt8, UInt8, UInt8)] = [
      (1, 7, 255), (2, 7, 99), (4, 5, 255), (16, 7, 255), (32, 5, 255),
    ]
    let acl = entries.reduce([2, 0, 0, 0] as [UInt8]) { bytes, entry in
      let (tag, permissions, number) = entry
      let rest: UInt8 = number == 255 ? 255 : 0
      return bytes + [tag, 0, permissions, 0, number, rest, rest, rest]
    }
    var first = try item("d", 0o042755)
    first.gid = 99
    first.extendedAttributes = [
      Item.ExtendedAttribute(
        name: AccessControlList.defaultName, value: acl)
    ]
    try target.restoring(first)
    try target.restoring(item("d/a", 0o100640))
    try target.restoring(item("d", 0o040750))
    try target.restoring(item("d/b", 0o100640))
    try target.restoring(item("d/c", 0o040750))
    try target.restoring(item("d/c/e", 0o100640))
    #expect(target.finishing() == [])
    #expect(try found("d").mode == 0o040750)
    for name in ["d", "d/a", "d/b", "d/c", "d/c/e"] { #expect(try found(name).gid == 0) }
    #expect(try found("d/c").mode == 0o040750)
    try directory.shell("test -z \"$(getfacl -ps t/d t/d/a t/d/b t/d/c t/d/c/e)\"")
  }

  @Test func `attributes and ACLs are left out on request`() throws {
    var file = try item("f", 0o100640)
    file.extendedAttributes = [
      .init(
        name: bytes("system.posix_acl_access"),
        value: [
          2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 6, 0, 99, 0, 0, 0, 4, 0, 4, 0, 255, 255,
          255, 255, 16, 0, 6, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
        ]),
      .init(name: bytes("user.u"), value: bytes("v")),
    ]
    var options = RestoreOptions()
    options.restoresACLs = false
    options.restoresExtendedAttributes = false
    try RestoreTarget(path: directory("t"), options: options).restoring(file)
    let directory = try directory.handle.directory(FileName("t"))
    func attributes() throws -> [Item.ExtendedAttribute] {
      directory.extendedAttributes(of: try FileName("f"), kind: .regular).attributes
    }
    #expect(try attributes() == [])
    #expect(try target.restoring(file) == [])
    #expect(try attributes() == file.extendedAttributes)
  }

  @Test func `what the system does not take is reported, and the rest is there`() throws {
    var file = try item("f", 0o100640)
    file.extendedAttributes = [
      .init(name: bytes("nonsense"), value: []), .init(name: [0x75, 0, 0x76], value: []),
      .init(name: bytes("user.good"), value: bytes("v")),
    ]
    file.mtime.nanoseconds = 1_073_741_823  // UTIME_NOW
    let problems = try target.restoring(file, "x")
    #expect(
      problems.map(\.aspect) == [
        .attribute(bytes("nonsense")), .attribute([0x75, 0, 0x76]), .times,
      ])
    #expect(problems.map(\.error.code) == [EOPNOTSUPP, EINVAL, EINVAL])
    #expect(problems.allSatisfy { $0.path == file.path && $0.error.path == bytes("f") })
    #expect(try content("f") == "x")
    #expect(try found("f").permissions == 0o640)
  }

  @Test func `a missing target is an error`() {
    #expect(throws: SystemError("open", code: ENOENT, path: directory("none"))) {
      _ = try RestoreTarget(path: directory("none"), options: RestoreOptions())
    }
  }
}

@Suite struct RestoredFileTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func restore(
    _ name: String, keepsHoles: Bool = true, size: UInt64, _ write: (RestoredFile) throws -> Void
  ) throws -> FileMetadata {
    var options = RestoreOptions()
    options.keepsHoles = keepsHoles
    let target = try RestoreTarget(path: directory.path, options: options)
    let item = try item(name, 0o100600)
    guard case .file(let file) = try target.restore(item, report: { _ in }) else {
      throw SystemError("restore", code: EINVAL, path: [])
    }
    try write(file)
    #expect(try file.finish(item, size: size) == [])
    return try directory.handle.metadata(of: FileName(name))
  }

  @Test func `a hole stays a hole, or takes up storage on request`() throws {
    let hole = Item.Hole(offset: 4096, length: 1 << 20)
    let size = UInt64(4096 + (1 << 20))
    let data = [UInt8](repeating: 7, count: 4096)
    let sparse = try restore("sparse", size: size) {
      try $0.write(data.span, at: 0)
      try $0.writeHole(hole)
    }
    let full = try restore("full", keepsHoles: false, size: size) {
      try $0.write(data.span, at: 0)
      try $0.writeHole(hole)
    }
    #expect(sparse.size == size && full.size == size)
    #expect(sparse.blocks * 512 < 65_536)
    #expect(full.blocks * 512 >= size)
    try directory.shell("cmp sparse full")
  }

  @Test func `where storage cannot be set aside, zeros are written`() throws {
    // ramfs has no fallocate.
    try directory.shell("mkdir m; mount -t ramfs none m")
    defer { try? directory.shell("umount -l m") }
    let length = (1 << 18) + 5
    let target = try RestoreTarget(
      path: directory("m"), options: RestoreOptions(keepsHoles: false))
    let item = try item("f", 0o100600)
    guard case .file(let file) = try target.restore(item, report: { _ in }) else { return }
    try file.writeHole(Item.Hole(offset: 1, length: UInt64(length)))
    try file.write([1].span, at: 0)
    #expect(try file.finish(item, size: UInt64(length + 1)).isEmpty)
    try directory.shell("(printf '\\001'; head -c \(length) /dev/zero) | cmp - m/f")
  }

  @Test func `several threads write one file`() async throws {
    let piece = 50_000, count = 16
    let item = try item("f", 0o100600)
    let target = try RestoreTarget(path: directory.path, options: RestoreOptions())
    guard case .file(let restored) = try target.restore(item, report: { _ in }) else { return }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for i in 0..<count {
        group.addTask {
          let bytes = [UInt8](repeating: UInt8(i), count: piece)
          try restored.write(bytes.span, at: UInt64(i * piece))
        }
      }
      try await group.waitForAll()
    }
    #expect(try restored.finish(item, size: UInt64(piece * count)) == [])
    let file = try OpenedFile(FileName("f"), in: directory.handle)
    for i in 0..<count {
      #expect(
        try file.read(piece, at: UInt64(i * piece)) == [UInt8](repeating: UInt8(i), count: piece))
    }
  }

  @Test func `an impossible place is an error, not a trap`() throws {
    _ = try restore("f", size: 0) { file in
      #expect(throws: SystemError.self) { try file.write([1].span, at: .max) }
      #expect(throws: SystemError.self) { try file.write([1].span, at: 1 << 63) }
    }
    _ = try restore("g", keepsHoles: false, size: 0) { file in
      #expect(throws: SystemError.self) {
        try file.writeHole(Item.Hole(offset: 5, length: .max))
      }
    }
  }

  @Test func `a full file system is an error of the file`() throws {
    try directory.shell("mkdir m; mount -t tmpfs -o size=64k none m")
    defer { try? directory.shell("umount -l m") }
    let target = try RestoreTarget(path: directory("m"), options: RestoreOptions())
    let item = try item("f", 0o100600)
    guard case .file(let file) = try target.restore(item, report: { _ in }) else { return }
    let bytes = [UInt8](repeating: 1, count: 1 << 17)
    #expect(throws: SystemError("pwrite", code: ENOSPC, path: [])) {
      try file.write(bytes.span, at: 0)
    }
  }

  @Test func `a file is nobody else's until it is finished`() throws {
    let target = try RestoreTarget(path: directory.path, options: RestoreOptions())
    let item = try item("f", 0o100666)
    guard case .file(let file) = try target.restore(item, report: { _ in }) else { return }
    #expect(try directory.handle.metadata(of: FileName("f")).permissions == 0o600)
    _ = try file.finish(item, size: 0)
    #expect(try directory.handle.metadata(of: FileName("f")).permissions == 0o666)
    #expect(throws: SystemError("ftruncate", code: EBADF, path: [])) {
      _ = try file.finish(item, size: 0)
    }
  }
}
