import ChunkStore
import Glibc
import LinuxSystem

/// A key to sort by, and what belongs to it.
struct SortedRecord: Equatable {
  var key: [UInt8]
  var value: [UInt8]
}

/// Sorts any number of records by their keys, in bounded memory.
///
/// What does not fit is written to nameless files in a temporary directory, sorted in parts, which
/// are merged. Equal keys stay in the order in which they were added; of equal records only one
/// stays.
struct RecordSorter: ~Copyable {
  /// How many files are merged into one, and how many are merged at a time.
  private static let fanIn = 16

  private let directory: [UInt8]
  private let memory: Int
  private var batch = RecordBatch()
  /// Files in the order in which their records were added; those at a higher level, which are
  /// merged ones, hold earlier records.
  private var levels: [[RecordFile]] = []

  /// Prepares to sort, with about `memory` bytes of it, and files in `directory`.
  init(directory: [UInt8], memory: Int = 16 << 20) {
    self.directory = directory
    self.memory = memory
  }

  /// Adds a record.
  mutating func add(key: [UInt8], value: [UInt8]) throws(SystemError) {
    batch.add(key: key, value: value)
    if batch.size >= memory { try spill() }
  }

  /// All records, in order.
  consuming func sorted() throws(SystemError) -> RecordMerge {
    var sources: [any RecordSource] = []
    for level in levels.reversed() {
      for file in level { sources.append(try file.reader()) }
    }
    batch.sort()
    sources.append(batch)
    return try RecordMerge(sources)
  }

  private mutating func spill() throws(SystemError) {
    batch.sort()
    var file = try write(try RecordMerge([batch]))
    batch = RecordBatch()
    for level in levels.indices {
      levels[level].append(file)
      guard levels[level].count == Self.fanIn else { return }
      var sources: [any RecordSource] = []
      for file in levels[level] { sources.append(try file.reader()) }
      file = try write(try RecordMerge(sources))
      levels[level] = []
    }
    levels.append([file])
  }

  private func write(_ records: RecordMerge) throws(SystemError) -> RecordFile {
    let file = try RecordFile(in: directory)
    while let record = try records.next() { try file.append(record) }
    try file.flush()
    return file
  }
}

/// Something that gives records in order.
protocol RecordSource {
  mutating func next() throws(SystemError) -> SortedRecord?
}

/// Records in memory.
private struct RecordBatch: RecordSource {
  private struct Entry {
    let start: Int
    let keyLength: Int
    let valueLength: Int
  }

  private var bytes: [UInt8] = []
  private var entries: [Entry] = []
  private var position = 0

  /// How much memory it takes.
  var size: Int { bytes.count + entries.count * MemoryLayout<Entry>.stride }

  mutating func add(key: [UInt8], value: [UInt8]) {
    entries.append(
      Entry(start: bytes.count, keyLength: key.count, valueLength: value.count))
    bytes += key
    bytes += value
  }

  mutating func sort() {
    let bytes = self.bytes
    entries.sort { a, b in
      for i in 0..<min(a.keyLength, b.keyLength) {
        let x = bytes[a.start + i], y = bytes[b.start + i]
        if x != y { return x < y }
      }
      // Equal keys stay as they were added.
      return a.keyLength != b.keyLength ? a.keyLength < b.keyLength : a.start < b.start
    }
  }

  mutating func next() -> SortedRecord? {
    guard position < entries.count else { return nil }
    let entry = entries[position]
    position += 1
    let middle = entry.start + entry.keyLength
    return SortedRecord(
      key: Array(bytes[entry.start..<middle]),
      value: Array(bytes[middle..<(middle + entry.valueLength)]))
  }
}

/// Several ordered sources as one.
final class RecordMerge {
  private var sources: [any RecordSource]
  /// The next record of each source.
  private var heads: [SortedRecord?]
  private var last: SortedRecord?

  init(_ sources: [any RecordSource]) throws(SystemError) {
    self.sources = sources
    heads = []
    for index in sources.indices { heads.append(try self.sources[index].next()) }
  }

  /// The next record; `nil` at the end.
  func next() throws(SystemError) -> SortedRecord? {
    while true {
      var best: Int?
      for (index, head) in heads.enumerated() {
        guard let head else { continue }
        // Of equal keys the one of the earlier source, which was added earlier.
        if let best, let least = heads[best], !head.key.lexicographicallyPrecedes(least.key) {
          continue
        }
        best = index
      }
      guard let best, let record = heads[best] else { return nil }
      heads[best] = try sources[best].next()
      if record == last { continue }
      last = record
      return record
    }
  }
}
