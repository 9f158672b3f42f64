import ChunkStore
import Testing

@testable import archivist

@Suite struct `An order of differences` {
  func item(_ path: String, size: UInt64, uid: UInt32, mtime: Int64) throws -> Item {
    var item = Item(
      path: try ArchivePath(Array(path.utf8)), mode: 0o100644, uid: uid, gid: 0,
      mtime: Timestamp(seconds: mtime))
    item.content = Item.Content(size: size, chunks: .inline([]))
    return item
  }

  func entries() throws -> [DifferenceOrder.Entry] {
    let differences: [ItemDifference] = [
      .added(try item("a", size: 5, uid: 3, mtime: 30)),
      .removed(try item("b", size: 9, uid: 1, mtime: 20)),
      .changed(
        from: try item("c", size: 1, uid: 2, mtime: 10),
        to: try item("c", size: 7, uid: 2, mtime: 25)),
    ]
    var changes = [0, 1, 2].map { _ in DifferenceFormat.Change("x", "x") }
    changes[0].added = 5
    changes[1].removed = 9
    (changes[2].added, changes[2].removed) = (7, 1)
    return zip(differences, changes).map {
      DifferenceOrder.Entry($0, [$1], $0.path.bytes)
    }
  }

  @Test(arguments: [
    ("path", "abc"), (">path", "cba"), ("size_added", "bac"), (">size_added", "cab"),
    ("size_removed", "acb"), ("size_diff", "bac"), ("size", "bac"), ("uid", "bca"), ("<uid", "bca"),
    ("mtime", "bca"), ("gid,>path", "cba"), ("mtime_diff", "bca"), ("user , path", "abc"),
    ("ctime", "abc"),
  ])
  func `is by its keys`(keys: String, expected: String) throws {
    let sorted = try DifferenceOrder(keys).sorted(entries())
    #expect(String(decoding: sorted.flatMap(\.line), as: UTF8.self) == expected)
  }

  @Test(arguments: ["", ",", "nothing", "path,>", "mode"])
  func `is refused if there is no such key`(keys: String) {
    #expect(throws: (any Error).self) { try DifferenceOrder(keys) }
  }
}
