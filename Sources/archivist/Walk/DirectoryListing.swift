import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// The names in one directory, sorted bytewise.
///
/// All names lie in one buffer: a directory of ten million files costs its names and 24 bytes for
/// each, not ten million arrays.
struct DirectoryListing: Sendable {
  /// The type of an entry by the directory itself.
  enum EntryType: UInt8, Sendable {
    case directory
    case other
    /// The file system does not say.
    case unknown
  }

  private struct Entry {
    /// The first eight bytes, as a number that sorts like them.
    let prefix: UInt64
    let start: Int
    let length: Int32
    let type: EntryType
  }

  private var names: [UInt8] = []
  private var entries: [Entry] = []
  /// Why the listing is not complete, if it is not.
  private(set) var failure: SystemError?

  /// Reads all names in a directory just opened; `.` and `..` are left out.
  init(of directory: DirectoryHandle) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let size = buffer.count
      let count = retryingInterrupts {
        unsafe buffer.withUnsafeMutableBytes {
          unsafe linux_getdents64(directory.number, $0.baseAddress, size)
        }
      }
      if count < 0 { failure = .last("getdents64", []) }
      if count <= 0 { break }
      take(buffer.span.extracting(first: count))
    }
    sort()
  }

  /// How many names there are.
  var count: Int { entries.count }

  /// The name at a place of the sorted order.
  func name(_ index: Int) -> ArraySlice<UInt8> { bytes(entries[index]) }

  /// The type of the entry with this name by the directory.
  func type(_ index: Int) -> EntryType { entries[index].type }

  /// Whether a name is there.
  func contains(_ name: [UInt8]) -> Bool {
    var low = 0, high = entries.count
    while low < high {
      let middle = low + (high - low) / 2
      if self.name(middle).lexicographicallyPrecedes(name) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low < entries.count && self.name(low).elementsEqual(name)
  }

  /// Keeps only the names that are wanted.
  mutating func filter(_ isWanted: (ArraySlice<UInt8>) -> Bool) {
    entries = entries.filter { isWanted(bytes($0)) }
  }

  /// Takes the records of one `getdents64` call.
  ///
  ///     record := inode:u64 offset:i64 length:u16 type:u8 name NUL padding
  private mutating func take(_ records: Span<UInt8>) {
    let header = 19
    var start = 0
    while start + header <= records.count {
      // Put together as little-endian, then read as the machine's own order.
      let pair = UInt16(records[start + 16]) | UInt16(records[start + 17]) << 8
      let length = Int(UInt16(littleEndian: pair))
      guard length > header, start + length <= records.count else { return }
      var end = start + header
      while end < start + length, records[end] != 0 { end += 1 }
      let name = records.extracting((start + header)..<end)
      if !Self.isSelfOrParent(name) { append(name, type: records[start + 18]) }
      start += length
    }
  }

  private mutating func append(_ name: Span<UInt8>, type: UInt8) {
    let start = names.count
    var prefix: UInt64 = 0
    for i in 0..<name.count {
      names.append(name[i])
      if i < 8 { prefix |= UInt64(name[i]) << UInt64(56 - 8 * i) }
    }
    let kind: EntryType =
      switch Int(type) {
      case DT_DIR: .directory
      case DT_UNKNOWN: .unknown
      default: .other
      }
    entries.append(
      Entry(prefix: prefix, start: start, length: Int32(name.count), type: kind))
  }

  private mutating func sort() {
    let names = self.names
    entries.sort { a, b in
      if a.prefix != b.prefix { return a.prefix < b.prefix }
      let aLength = Int(a.length), bLength = Int(b.length)
      var i = 8
      while i < aLength, i < bLength {
        let x = names[a.start + i], y = names[b.start + i]
        if x != y { return x < y }
        i += 1
      }
      return aLength < bLength
    }
  }

  private func bytes(_ entry: Entry) -> ArraySlice<UInt8> {
    names[entry.start..<(entry.start + Int(entry.length))]
  }

  private static func isSelfOrParent(_ name: Span<UInt8>) -> Bool {
    let dot = UInt8(ascii: ".")
    return name.count == 1 && name[0] == dot
      || name.count == 2 && name[0] == dot && name[1] == dot
  }
}
