import ChunkStore

/// Where a part of a chunk goes in its file.
struct Placement: Sendable {
  let range: Range<Int>
  let offset: UInt64
}

/// Lays the data of a file around its holes.
struct PlacementCursor {
  private var holes: ArraySlice<Item.Hole>
  private var offset: UInt64 = 0

  init(_ holes: [Item.Hole]) { self.holes = holes[...] }

  mutating func next(_ count: Int) -> [Placement] {
    var placements: [Placement] = []
    var done = 0
    while done < count {
      while let hole = holes.first, hole.offset == offset {
        offset = hole.end
        holes.removeFirst()
      }
      let room = holes.first.map { Int(clamping: $0.offset - offset) } ?? .max
      let length = min(room, count - done)
      placements.append(Placement(range: done..<(done + length), offset: offset))
      done += length
      offset += UInt64(length)
    }
    return placements
  }
}
