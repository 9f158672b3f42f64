import ChunkStore

extension InodeFlags {
  /// The flags with the numbers that BSD gives them, and borg everywhere.
  var bsdNumber: UInt64 {
    let numbers: [(flag: InodeFlags, number: UInt64)] = [
      (.noDump, 1), (.immutable, 2), (.appendOnly, 4), (.compressed, 0x20),
    ]
    return numbers.reduce(0) { contains($1.flag) ? $0 | $1.number : $0 }
  }
}
