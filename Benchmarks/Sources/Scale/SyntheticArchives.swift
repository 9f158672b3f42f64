import StoreCrypto

@testable import ChunkStore
@testable import LinuxSystem
@testable import ObjectStorage
@testable import StoreEncoding
@testable import StoreFormat

/// Archives of very many items, whose contents are chunks of a `SyntheticIndex`.
struct SyntheticItems {
  let repository: Repository
  let count: Int

  private static let changes = 100

  /// Makes the archives `first`, and `second`, in which some items are different.
  func make() throws {
    for name in ["first", "second"] {
      let builder = try ArchiveBuilder(repository, options: .init()) { _, _ in }
      let every = count / Self.changes
      try forEach { number, item in
        var item = item
        if name == "second", let number, number % every == every / 2 { item.mtime.seconds += 1 }
        try builder.add(item)
      }
      _ = try builder.finish { manifest in manifest.name = name }
    }
  }

  /// Files in directories of a hundred, and those in directories of a hundred.
  private func forEach(_ body: (Int?, Item) throws -> Void) throws {
    func path(_ n: Int, _ depth: Int) throws -> ArchivePath {
      let parts = ["\(1_000_000 + n / 10_000)", "\(100 + n / 100 % 100)", "\(100 + n % 100)"]
      return try ArchivePath(Array(("data/" + parts[...depth].joined(separator: "/")).utf8))
    }
    func item(_ path: ArchivePath, _ mode: UInt32, _ n: Int) -> Item {
      var item = Item(
        path: path, mode: mode, uid: 1000, gid: 1000,
        mtime: Timestamp(seconds: 1_700_000_000 + Int64(n), nanoseconds: 123_456_789))
      (item.user, item.group) = (Array("somebody".utf8), Array("somebody".utf8))
      item.ctime = item.mtime
      item.inode = UInt64(n)
      return item
    }
    try body(nil, item(try ArchivePath(Array("data".utf8)), 0o040755, 0))
    for n in 0..<count {
      if n % 10_000 == 0 { try body(nil, item(try path(n, 0), 0o040755, n)) }
      if n % 100 == 0 { try body(nil, item(try path(n, 1), 0o040755, n)) }
      var file = item(try path(n, 2), 0o100644, n)
      file.content = Item.Content(
        size: 32 << 10,
        chunks: .inline([ChunkReference(id: SyntheticIndex.id(n), length: 32 << 10)]))
      try body(n, file)
    }
  }

  func measure(_ figures: inout Figures) throws {
    try repository.refresh()
    let first = try repository.archive(named: "first")
    let second = try repository.archive(named: "second")
    figures.add("items", Int(first.manifest.tree?.itemCount ?? 0))
    let middle = count / 2 / 100 * 100
    let directory = try ArchivePath(
      Array("data/\(1_000_000 + middle / 10_000)/\(100 + middle / 100 % 100)".utf8))
    let found = try figures.time("list_directory") {
      var items = try repository.items(of: first)
      try items.skip(to: directory)
      var found = 0
      while let item = try items.next(), item.path.isWithin(directory) { found += 1 }
      return found
    }
    guard found == 101 else { throw RepositoryError.cancelled }
    let file = try directory.appending(Array("142".utf8))
    try figures.time("find_path") {
      var items = try repository.items(of: second)
      try items.skip(to: file)
      guard try items.next()?.path == file else { throw RepositoryError.cancelled }
    }
    var differences = 0
    try figures.time("differences") {
      try repository.differences(between: first, and: second, lost: { lost, _ in throw lost }) { _ in
        differences += 1
      }
    }
    guard differences == Self.changes else { throw RepositoryError.cancelled }
    figures.addMemory("memory_reading")
    try figures.time("read_all") {
      var items = try repository.items(of: first)
      while let item = try items.next() { differences += item.content == nil ? 1 : 0 }
    }
    // The work of an unchanged backup, but for the walk through the file system.
    try figures.time("unchanged") {
      var items = try repository.items(of: first)
      let builder = try ArchiveBuilder(repository, options: .init()) { _, _ in }
      while let item = try items.next() {
        if let content = item.content {
          guard try repository.isUsable(content) else { throw RepositoryError.cancelled }
        }
        try builder.add(item)
      }
      _ = try builder.finish { $0.name = "third" }
    }
  }
}

/// Very many archives without items.
struct SyntheticArchives {
  let repository: Repository

  func make(_ count: Int) throws {
    for number in 0..<count {
      let start = Timestamp(seconds: 1_500_000_000 + Int64(number) * 3600)
      var manifest = ArchiveManifest(name: "host-\(number)", start: start, end: start)
      manifest.hostname = "host"
      manifest.username = "root"
      manifest.series = "series-\(number % 10)"
      manifest.commandLine = ["archivist", "create", "repo::{hostname}-{now}", "/etc", "/home"]
        .map { Array($0.utf8) }
      manifest.roots = ["/etc", "/home"].map { .init(path: Array($0.utf8), settledBefore: start) }
      manifest.chunker = "buzhash,19,23,21,4095"
      manifest.compression = "lz4"
      try repository.publish(try manifest.encoded(), as: .archive, in: .archive)
    }
  }

  func measure(_ count: Int, _ figures: inout Figures) throws {
    for turn in ["archives", "archives_again"] {
      let found = try figures.time(turn) { try repository.archives().count }
      guard found == count else { throw RepositoryError.cancelled }
    }
  }
}
