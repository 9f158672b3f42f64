import Glibc
import LinuxSystem
import StoreCrypto
import Synchronization
import Testing

@testable import ChunkStore
@testable import archivist

/// A repository with archives as no `create` makes them, a target, and a place outside of it.
private struct Attack {
  let directory: TemporaryDirectory
  let repository: Repository
  let report = Report(to: -1, minimum: .error)

  init() throws {
    directory = try TemporaryDirectory()
    try directory.shell(
      """
      mkdir t outside outside/d; echo precious > outside/f; echo deep > outside/d/f
      chmod 711 outside; chmod 640 outside/f; setfattr -n user.k -v v outside/f
      touch -d 2001-02-03 outside/f outside/d/f outside/d outside
      """)
    let storage = try LocalStorage.create(path: text(directory("repo")))
    repository = try Repository.create(
      in: storage, suite: .none, passphrase: nil, cacheDirectory: text(directory("cache")))
  }

  /// Everything that is outside, down to the time of each inode's last change.
  func outside() throws -> String {
    try directory.shell(
      """
      (find outside -printf '%p %i %m %u %g %s %n %T@ %C@ %l\\n' | sort
       sha256sum $(find outside -type f | sort); getfattr -R -d -m - outside; ls -A .) > picture
      """)
    return text(try OpenedFile(FileName("picture"), in: directory.handle).read(1 << 20, at: 0))
  }

  /// Makes an archive of items, each file with its path as content, or that of its first name.
  func archive(
    _ name: String, _ items: [Item], contents: [ArchivePath: [UInt8]] = [:]
  ) throws -> Archive {
    let builder = try ArchiveBuilder(repository, options: .init()) { _, _ in }
    for item in items.sorted(by: { $0.path < $1.path }) {
      if item.kind == .regular {
        let path = contents[item.path] ?? (item.hardLinkGroup ?? item.path).bytes
        try builder.add(item, content: PathContent(bytes: path))
      } else {
        try builder.add(item)
      }
    }
    return try builder.finish { $0.name = name }
  }

  /// - Returns: The items that could not be read.
  @discardableResult
  func extract(
    _ archive: Archive, continues: Bool = false, stripping count: Int = 0,
    select: (Item) -> Bool = { _ in true }
  ) throws -> [LostItems] {
    var lost: [LostItems] = []
    var options = RestoreOptions()
    let disk = try RestoreDisk(path: directory("t"))
    if continues { options.finished = try disk.everything() }
    if count > 0 { options.links = .never }
    let target = try RestoreTarget(path: directory("t"), options: options)
    let paths = try StrippedPaths(
      leavingOff: count, SelectedItems(try repository.items(of: archive), in: nil),
      directory: directory.path, isChosen: select)
    try RestoreRun(repository, onto: disk, report: report).run(
      archive, to: target, under: paths, select: select, lost: { lost.append($0) },
      visit: { _ in })
    return lost
  }
}

private struct PathContent: ContentSource {
  let bytes: [UInt8]
  var expectedSize: UInt64 { UInt64(bytes.count) }
  func open() throws -> any ContentStream { Stream(bytes) }
  func isWorthReading(afterAttempt attempt: Int) -> Bool { false }

  private final class Stream: ContentStream {
    private var rest: [UInt8]
    private let size: Int

    init(_ bytes: [UInt8]) {
      rest = bytes
      size = bytes.count
    }

    func read(_ count: Int) -> [UInt8] {
      defer { rest = [] }
      return rest
    }

    func finish() -> ContentSummary { ContentSummary(size: UInt64(size)) }
  }
}

private func item(_ path: String, _ mode: UInt32) throws -> Item {
  Item(
    path: try ArchivePath(bytes(path)), mode: mode, uid: 0, gid: 0, mtime: Timestamp(seconds: 7))
}

/// Numbers that are the same in each run.
private struct Dice: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    // SplitMix64
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  mutating func pick<T>(_ values: [T]) -> T { values[Int(next() % UInt64(values.count))] }
}

@Suite struct HostileArchiveTests {
  @Test(arguments: [
    "../outside/evil", "..", "/tmp/evil-of-archivist-tests", "d/../../outside/evil", "./x", "d//x",
    "d/..", "d/", "a\u{0}b",
  ])
  func `a path that leads elsewhere is refused with the node that it is in`(path: String) throws {
    let attack = try Attack()
    let before = try attack.outside()
    // A node by hand, because no writer of ours takes such a path.
    let group = ThreadGroup()
    let writer = ChunkWriter(attack.repository, group: group)
    var node = ByteWriter()
    node.byte(NodeKind.items.rawValue)
    node.byte(0)
    node.varint(1)
    node.varint(0)
    node.blob(bytes(path))
    var directory = try item("x", 0o040755)
    directory.extendedAttributes = []
    node.blob(ItemCoding.encode(directory))
    let nodes = try NodeWriter(writer)
    let root = try nodes.store(node: node.bytes)
    try nodes.endBlock()
    writer.close()
    try group.join()
    var manifest = ArchiveManifest(name: "evil", start: SystemClock.now, end: SystemClock.now)
    manifest.tree = ItemTreeRoot(id: root, itemCount: 1)
    let id = try attack.repository.publish(try manifest.encoded(), as: .archive, in: .archive)
    try attack.repository.refresh()
    #expect(try attack.extract(Archive(id: id, name: "evil", manifest: manifest)).count == 1)
    #expect(try attack.outside() == before)
    try attack.directory.shell("test -z \"$(ls -A t)\"; test ! -e /tmp/evil-of-archivist-tests")
  }

  @Test func `what is not beneath a node that cannot be read is restored whole`() throws {
    let attack = try Attack()
    let items = try (1000..<1600).map { try item("file-\($0)", 0o100644) }
    var archive = try attack.archive("a", items)
    let repository = attack.repository
    try repository.refresh()
    let root = try #require(archive.manifest.tree)
    guard case .itemNodes(var children, 1) = try TreeReader(repository).node(root.id) else {
      Issue.record("the root is no inner node of level 1")
      return
    }
    let lost = children.count / 2
    let count = children[..<lost].reduce(0) { $0 + $1.itemCount }
    let lostCount = children[lost].itemCount
    #expect(count > 0 && lost + 1 < children.count)
    children[lost].id = ChunkID(Digest256(bigEndianWords: 1, 2, 3, 4))
    var builder = NodeBuilder(.itemNodes, level: 1)
    var boundary = try repository.keys.boundaryHash()
    for child in children {
      _ = try builder.add(
        path: child.path, key: child.key, value: child.value, boundary: &boundary)
    }
    let group = ThreadGroup()
    let writer = ChunkWriter(repository, group: group)
    let nodes = try NodeWriter(writer)
    archive.manifest.tree?.id = try nodes.store(node: builder.finish())
    try nodes.endBlock()
    writer.close()
    try group.join()
    try repository.refresh()

    let told = try attack.extract(archive)
    #expect(told.map(\.first) == [children[lost].firstPath])
    #expect(told.map(\.end) == [children[lost + 1].firstPath])
    #expect(told.map(\.count) == [lostCount])
    try attack.directory.shell(
      """
      cd t; test $(ls -A | wc -l) = \(600 - lostCount) || exit 1
      for file in *; do test "$(cat $file)" = $file || exit 1; done
      """)

    // Of chosen places only those are told of that may be among the lost.
    let end = Int(count + lostCount)
    for (chosen, tells) in [
      ([0, 1], 0), ([Int(count)], 1), ([Int(count) - 1], 0), ([end - 1], 1), ([end], 0),
      ([0, Int(count) - 1, end, 599], 0), ([0, Int(count) + 1, end - 1, end], 1),
    ] {
      var selected = SelectedItems(
        try repository.items(of: archive), in: chosen.map { items[$0].path })
      var found: [ArchivePath] = []
      var told = 0
      while let item = try selected.next(passing: { _ in told += 1 }) { found.append(item.path) }
      #expect(told == tells, "\(chosen)")
      #expect(
        found == chosen.filter { $0 < Int(count) || $0 >= end }.map { items[$0].path }, "\(chosen)")
    }
  }

  @Test func `what lies under a file, a link, a FIFO or a device of the archive stays inside`()
    throws
  {
    let attack = try Attack()
    var items: [Item] = []
    for (name, mode) in [
      ("file", 0o100644), ("fifo", 0o010644), ("device", 0o020644), ("link", 0o120777),
      ("absolute", 0o120777),
    ] as [(String, UInt32)] {
      var parent = try item(name, mode)
      if name == "device" { parent.device = Item.Device(major: 1, minor: 3) }
      if name == "link" { parent.linkTarget = bytes("../outside") }
      if name == "absolute" { parent.linkTarget = attack.directory("outside") }
      items.append(parent)
      items.append(try item("\(name)/f", 0o100777))
      items.append(try item("\(name)/d", 0o040777))
      items.append(try item("\(name)/d/f", 0o100777))
    }
    let before = try attack.outside()
    try attack.extract(try attack.archive("a", items))
    try attack.extract(try attack.archive("b", items), continues: true)
    #expect(try attack.outside() == before)
    // Nothing is put in the place of what the archive has there.
    try attack.directory.shell("cd t; test -f file; test -p fifo; test -c device; test -L link")
  }

  @Test func `names in the target that lead outside are replaced, and what they led to stays`()
    throws
  {
    let attack = try Attack()
    try attack.directory.shell(
      """
      cd t; ln ../outside/f hard; ln -s ../outside/f soft; ln -s ../outside directory
      mkfifo fifo; mknod device c 1 3; mkdir sub; ln ../outside/d/f sub/hard; mkdir full; touch full/x
      """)
    var items = try ["hard", "soft", "fifo", "device", "full"].map { try item($0, 0o104777) }
    items += [try item("directory", 0o040777), try item("directory/f", 0o100777)]
    var (one, two) = (try item("sub/hard", 0o100777), try item("sub/other", 0o100777))
    (one.hardLinkGroup, two.hardLinkGroup) = (one.path, one.path)
    items += [one, two]
    for index in items.indices {
      items[index].uid = 1234
      items[index].flags = [.noDump]
      items[index].extendedAttributes = [.init(name: bytes("user.evil"), value: [1])]
    }
    try attack.extract(try attack.archive("a", items))
    // The links are other files now: only how many names the ones outside have has changed.
    try attack.directory.shell(
      """
      test "$(cat outside/f)" = precious; test "$(stat -c '%a %u %h' outside/f)" = "640 0 1"
      test "$(cat outside/d/f)" = deep; test "$(stat -c '%u %h' outside/d/f)" = "0 1"
      test -z "$(getfattr -n user.evil outside/f 2>/dev/null)"; test "$(ls -A outside)" = "d
      f"
      test "$(cat t/hard)" = hard; test "$(cat t/soft)" = soft; test -f t/fifo; test -f t/device
      test "$(stat -c '%u %h' t/sub/hard)" = "1234 2"; test "$(cat t/directory/f)" = directory/f
      """)
  }

  @Test func `members of a group that are not one file are files of their own`() throws {
    let attack = try Attack()
    var items: [Item] = []
    // Another content, owner, permissions; a first member that comes later, or never.
    for (name, group) in [
      ("a", "a"), ("b-equal", "a"), ("c-content", "a"), ("d-owner", "a"), ("e-mode", "a"),
      ("f-equal", "z"), ("g-equal", "z"), ("h", "never"), ("i-equal", "never"), ("z", "z"),
    ] {
      var item = try item(name, name == "e-mode" ? 0o104755 : 0o100644)
      if name == "d-owner" { item.uid = 77 }
      item.hardLinkGroup = try ArchivePath(bytes(group))
      items.append(item)
    }
    let archive = try attack.archive(
      "a", items, contents: [try ArchivePath(bytes("c-content")): bytes("other")])
    try attack.extract(archive)
    try attack.directory.shell(
      """
      cd t; test "$(stat -c %h:%u:%a a)" = 2:0:644; test a -ef b-equal
      test "$(cat c-content)" = other; test "$(stat -c %h:%u:%a c-content)" = 1:0:644
      test "$(stat -c %h:%u:%a d-owner)" = 1:77:644; test "$(stat -c %h:%u:%a e-mode)" = 1:0:4755
      test f-equal -ef g-equal; test f-equal -ef z; test h -ef i-equal
      test "$(cat a d-owner e-mode f-equal h)" = aaaznever
      """)
  }

  @Test func `an archive whose root is no directory is refused with its node`() throws {
    for mode: UInt32 in [0o100644, 0o120777, 0o010600] {
      var root = try item("", mode)
      if mode == 0o120777 { root.linkTarget = bytes("outside") }
      if mode == 0o100644 { root.content = Item.Content(size: 0, chunks: .inline([])) }
      let encoded = ItemCoding.encode(root)
      #expect(throws: FormatError.self) {
        _ = try ItemCoding.decode(ByteReader(encoded), path: .root)
      }
    }
  }

  @Test func `without parents, access time or known owners an item is restored all the same`()
    throws
  {
    let attack = try Attack()
    var file = try item("no/parents/f", 0o100640)
    (file.uid, file.gid) = (4_000_000, 4_000_001)
    (file.user, file.group) = (bytes("nobody knows this one"), bytes("nor this"))
    var named = try item("named", 0o106755)
    (named.uid, named.gid) = (4_000_000, 4_000_001)
    (named.user, named.group) = (bytes("daemon"), bytes("daemon"))
    try attack.extract(try attack.archive("a", [file, named]))
    try attack.directory.shell(
      """
      cd t; test "$(stat -c %u:%g:%a:%X:%Y no/parents/f)" = 4000000:4000001:640:7:7
      test "$(stat -c %a no)$(stat -c %a no/parents)" = 700700
      test "$(stat -c %u:%g:%a named)" = "$(id -u daemon):$(id -g daemon):6755"
      """)
  }

  @Test func `a leaf without items is refused`() throws {
    #expect(throws: FormatError.self) {
      _ = try TreeNode(decoding: [NodeKind.items.rawValue, 0, 0])
    }
  }

  @Test func `of several items under one path the first is restored, and the others are named`()
    throws
  {
    let attack = try Attack()
    var link = try item("c/link", 0o120777)
    link.linkTarget = attack.directory("outside")
    let items = [
      try item("a", 0o040755), try item("a/dir", 0o040750), try item("a/dir/1", 0o100644),
      try item("a/same", 0o100644), try item("b", 0o040755), try item("b/dir", 0o040755),
      try item("b/dir/2", 0o100644), try item("b/dir/1", 0o100644), try item("b/same", 0o100644),
      try item("c", 0o040755), try item("c/dir", 0o100644), link, try item("d", 0o040755),
      try item("d/link", 0o040755), try item("d/link/f", 0o100644), try item("e/link/f", 0o100644),
    ]
    let before = try attack.outside()
    try attack.extract(try attack.archive("a", items), stripping: 1)
    #expect(try attack.outside() == before)
    try attack.directory.shell(
      """
      cd t; test "$(cat same)" = a/same; test "$(cat dir/1)" = a/dir/1
      test "$(cat dir/2)" = b/dir/2; test -L link; test "$(echo *)" = "dir link same"
      """)
  }

  @Test func `what lies beneath something that was not chosen and is no directory is not restored`()
    throws
  {
    let attack = try Attack()
    var link = try item("link", 0o120777)
    link.linkTarget = bytes("real")
    let items = [
      link, try item("link/f", 0o100644), try item("real", 0o040711),
      try item("real/f", 0o100644), try item("real/g", 0o100600),
    ]
    let archive = try attack.archive("a", items)
    try attack.directory.shell("cd t; mkdir real; ln -s real link")
    try attack.extract(archive) { $0.path.name.elementsEqual("f".utf8) }
    try attack.directory.shell(
      """
      cd t; test -L link; test "$(cat real/f)" = real/f; test "$(stat -c %a real)" = 755
      rm -r real link
      """)
    try attack.extract(archive) { $0.path.name.elementsEqual("f".utf8) }
    try attack.directory.shell(
      "cd t; test \"$(echo * */*)\" = 'real real/f'; test $(stat -c %a real) = 711")
  }

  @Test(arguments: 0..<12)
  func `whatever is in the archive and in the target, nothing outside changes`(seed: Int) throws {
    let attack = try Attack()
    var dice = Dice(state: UInt64(seed))
    let names = ["a", "b", "c"]
    let targets = [
      "../outside", "../../outside", text(attack.directory("outside")), "../outside/f", "..", ".",
      "a",
      "../t/b", "/",
    ]
    func path(_ dice: inout Dice) -> String {
      (0...dice.pick([0, 0, 1, 2])).map { _ in dice.pick(names) }.joined(separator: "/")
    }
    func archive(_ number: Int, _ dice: inout Dice) throws -> Archive {
      var items: [ArchivePath: Item] = [:]
      for _ in 0..<15 {
        let kinds: [UInt32] = [
          0o100000, 0o100000, 0o040000, 0o120000, 0o120000, 0o010000, 0o020000,
        ]
        var item = try item(path(&dice), dice.pick(kinds) | dice.pick([0o777, 0o4000, 0o644]))
        switch item.kind {
        case .symbolicLink: item.linkTarget = bytes(dice.pick(targets))
        case .characterDevice: item.device = Item.Device(major: 1, minor: 3)
        default: break
        }
        item.uid = dice.pick([0, 1234])
        item.mtime = Timestamp(seconds: dice.pick([0, 981_158_400]))
        if item.kind != .directory, dice.next() % 2 == 0 {
          item.hardLinkGroup = try ArchivePath(bytes(path(&dice)))
        }
        if dice.next() % 3 == 0, item.kind != .symbolicLink { item.flags = [.noDump] }
        items[item.path] = item
      }
      return try attack.archive("\(number)", Array(items.values))
    }
    let before = try attack.outside()
    for round in 0..<4 {
      // Somebody has been in the target in between.
      let path = path(&dice)
      try attack.directory.shell(
        """
        cd t; parent=$(dirname \(path))
        case $(realpath -m "$parent")/ in "$PWD"/*)
          rm -rf \(path); mkdir -p "$parent" || true
          ln -sfn \(dice.pick(targets)) \(path) || true
        esac 2>/dev/null
        """)
      #expect(try attack.outside() == before)
      try attack.extract(try archive(round, &dice), continues: round % 2 == 1)
      #expect(try attack.outside() == before)
    }
  }

  @Test func `a directory that becomes a link while files are restored into it leads nowhere`()
    throws
  {
    let attack = try Attack()
    var items = [try item("d", 0o040755), try item("d/e", 0o040755)]
    for number in 0..<400 {
      items.append(try item("d/\(number)", 0o100644))
      items.append(try item("d/e/\(number)", 0o100644))
    }
    items.append(try item("d/f", 0o100777))
    items.append(try item("d/d/f", 0o100777))
    let archive = try attack.archive("a", items)
    let before = try attack.outside()
    final class Flag: Sendable { let isSet = Atomic(false) }
    let isOver = Flag()
    let swaps = Flag()
    let target = text(attack.directory("t"))
    let group = ThreadGroup()
    group.start("swap") {
      // As fast as can be: the directory, a link to the outside, the directory again.
      while !isOver.isSet.load(ordering: .relaxed) {
        for (path, link) in [("\(target)/d", "../outside"), ("\(target)/d/e", "../../outside")] {
          guard unsafe rename(path, "\(target)/away") == 0 else { continue }
          if unsafe symlink(link, path) == 0 { swaps.isSet.store(true, ordering: .relaxed) }
          usleep(50)
          _ = unsafe unlink(path)
          _ = unsafe rename("\(target)/away", path)
        }
      }
    }
    for round in 0..<8 {
      // An obstacle, such as a full directory, may make it fail; nothing may go elsewhere.
      do { try attack.extract(archive, continues: round % 2 == 1) } catch is SystemError {}
    }
    isOver.isSet.store(true, ordering: .relaxed)
    try group.join()
    let hasSwapped = swaps.isSet.load(ordering: .relaxed)
    #expect(hasSwapped)
    #expect(try attack.outside() == before)
  }
}
