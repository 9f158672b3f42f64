import ChunkStore
import Glibc
import LinuxSystem

/// Paths that somebody lists: each is archived, and nothing else.
///
/// They come in any order, any number, any of them more than once; they are gone through in the
/// order of the archive.
struct PathList: ~Copyable {
  /// A list that is not one.
  enum Malformed: Error, Equatable {
    /// There is no delimiter where there should have been several.
    case endlessPath
  }

  /// Longer than any path that can be opened or archived.
  private static let maximumLength = 1 << 20

  private var sorter: RecordSorter
  private let delimiter: [UInt8]

  /// Prepares to read a list whose paths end at `delimiter`.
  init(delimiter: [UInt8], directory: [UInt8], memory: Int = 16 << 20) {
    self.delimiter = delimiter
    sorter = RecordSorter(directory: directory, memory: memory)
  }

  /// Reads the list to its end; `report` learns of paths that cannot be archived.
  mutating func read(
    _ descriptor: Int32, report: (WalkRootError) -> Void
  ) throws {
    var pending: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let size = buffer.count
      let count = retryingInterrupts { unsafe Glibc.read(descriptor, &buffer, size) }
      if count < 0 { throw SystemError.last("read", []) }
      if count == 0 { break }
      // A delimiter may have begun in what is pending.
      let searched = max(0, pending.count - delimiter.count + 1)
      pending += buffer[..<count]
      try takePaths(from: &pending, searched: searched, report)
      if pending.count > Self.maximumLength { throw Malformed.endlessPath }
    }
    try take(pending[...], report)
  }

  /// All paths, in the order of the archive.
  consuming func sorted() throws(SystemError) -> SortedPaths {
    SortedPaths(try sorter.sorted())
  }

  /// Takes the paths that a delimiter ends.
  private mutating func takePaths(
    from pending: inout [UInt8], searched: Int, _ report: (WalkRootError) -> Void
  ) throws(SystemError) {
    guard let first = delimiter.first else { return }
    var start = 0, position = searched
    while let found = pending[position...].firstIndex(of: first) {
      guard found + delimiter.count <= pending.count else { break }
      guard pending[found..<(found + delimiter.count)].elementsEqual(delimiter) else {
        position = found + 1
        continue
      }
      try take(pending[start..<found], report)
      start = found + delimiter.count
      position = start
    }
    pending.removeFirst(start)
  }

  private mutating func take(
    _ path: ArraySlice<UInt8>, _ report: (WalkRootError) -> Void
  ) throws(SystemError) {
    guard !path.isEmpty else { return }
    let root: WalkRoot
    do throws(WalkRootError) {
      root = try WalkRoot(Array(path))
    } catch {
      report(error)
      return
    }
    // A `/` sorts before everything else in an archive: no path has a NUL in it.
    let slash = UInt8(ascii: "/")
    let key = root.path.bytes.map { $0 == slash ? 0 : $0 }
    let isDirectory = root.isDirectory && root.location.last != slash
    try sorter.add(key: key, value: root.location + (isDirectory ? [slash] : []))
  }
}

/// Paths in the order of an archive, and where to find what they name.
final class SortedPaths {
  private let records: RecordMerge
  /// The record behind the last one that was handed out.
  private var following: SortedRecord?
  private var hasBegun = false

  fileprivate init(_ records: RecordMerge) { self.records = records }

  /// The next path, each once; `nil` at the end.
  ///
  /// `report` learns of places that are left out because another one is archived as the same.
  func next(
    _ report: (_ location: [UInt8], _ path: ArchivePath) -> Void
  ) throws(SystemError) -> (path: ArchivePath, location: [UInt8])? {
    if !hasBegun {
      following = try records.next()
      hasBegun = true
    }
    guard let record = following else { return nil }
    let path: ArchivePath
    do throws(FormatError) {
      path = try ArchivePath(record.key.map { $0 == 0 ? UInt8(ascii: "/") : $0 })
    } catch {
      // It was a path when it was added.
      throw SystemError("read", code: EIO, path: record.value)
    }
    following = try records.next()
    while let next = following, next.key == record.key {
      if next.value != record.value { report(next.value, path) }
      following = try records.next()
    }
    return (path, record.value)
  }
}
