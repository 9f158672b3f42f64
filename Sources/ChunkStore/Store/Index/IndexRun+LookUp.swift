import ObjectStorage
import StoreCrypto
import StoreEncoding

extension IndexRun {
  /// A row of the table of chunks, and the segment that it speaks of.
  struct Place {
    var row: Int
    var segment: Int
    /// Bytes of the chunk.
    var length: UInt32
  }

  /// Where a chunk is; several places, if it is stored more than once.
  func places(of id: ChunkID) -> [Place] {
    var places: [Place] = []
    _ = hasPlace(of: id) { place in
      places.append(place)
      return false
    }
    return places
  }

  /// Whether one of the places of a chunk is what is wanted.
  func hasPlace(of id: ChunkID, where isWanted: (Place) -> Bool) -> Bool {
    let stretch = stretches.stretch(of: id)
    // In a damaged run they may point anywhere: then the chunk is not found, or only by luck.
    let high = stretch + 1 < stretches.number ? min(firstRow(stretch + 1), count) : count
    let low = min(firstRow(stretch), high)
    if isLarge, high - low < Self.mostRead {
      let likely = likelyRows(of: id, in: low..<high)
      if let found = readPlace(of: id, in: likely, of: low..<high, where: isWanted)
        ?? readPlace(of: id, in: low..<high, of: low..<high, where: isWanted)
      {
        return found
      }
    }
    return hasPlace(
      of: id, in: low..<high, at: self.id,
      tail: { row in
        let found = self.row(row)
        return (found.length, found.segment)
      }, isWanted)
  }

  /// The rows of a stretch that are near where an id would be if they were spread evenly.
  private func likelyRows(of id: ChunkID, in rows: Range<Int>) -> Range<Int> {
    guard rows.count > Self.likelyCount else { return rows }
    let guess = rows.lowerBound + stretches.place(of: id, among: rows.count)
    let first = min(
      max(guess - Self.likelyCount / 2, rows.lowerBound), rows.upperBound - Self.likelyCount)
    return first..<(first + Self.likelyCount)
  }

  /// Reads some rows of a stretch.
  ///
  /// - Returns: `nil` if they do not tell, because the id may be before them or behind them.
  private func readPlace(
    of id: ChunkID, in rows: Range<Int>, of stretch: Range<Int>, where isWanted: (Place) -> Bool
  ) -> Bool? {
    guard !rows.isEmpty else { return false }
    do throws(StorageError) {
      return try file.withWords(
        from: chunksStart + Self.chunkSize * rows.lowerBound, count: Self.chunkWords * rows.count
      ) { words -> Bool? in
        func idOfRow(_ row: Int) -> ChunkID {
          let start = Self.chunkWords * (row - rows.lowerBound)
          return ChunkID(
            Digest256(
              bigEndianWords: words[start].bigEndian, words[start + 1].bigEndian,
              words[start + 2].bigEndian, words[start + 3].bigEndian))
        }
        guard rows.lowerBound == stretch.lowerBound || idOfRow(rows.lowerBound) < id,
          rows.upperBound == stretch.upperBound || id < idOfRow(rows.upperBound - 1)
        else { return nil }
        return hasPlace(
          of: id, in: rows, at: idOfRow,
          tail: { row in
            // The last word: length and segment.
            let last = words[Self.chunkWords * (row - rows.lowerBound + 1) - 1].bigEndian
            return (
              UInt32(truncatingIfNeeded: last >> 32).bigEndian,
              Int(UInt32(truncatingIfNeeded: last).bigEndian)
            )
          }, isWanted)
      } ?? nil
    } catch {
      return nil  // The same bytes are mapped.
    }
  }

  @inline(__always)
  private func hasPlace(
    of id: ChunkID, in rows: Range<Int>, at idOfRow: (Int) -> ChunkID,
    tail: (Int) -> (length: UInt32, segment: Int), _ isWanted: (Place) -> Bool
  ) -> Bool {
    var low = rows.lowerBound
    var high = rows.upperBound
    while low < high {
      let middle = (low + high) / 2
      if idOfRow(middle) < id { low = middle + 1 } else { high = middle }
    }
    while low < rows.upperBound, idOfRow(low) == id {
      let (length, segment) = tail(low)
      if segment < segmentCount,
        isWanted(Place(row: low, segment: segment, length: length))
      {
        return true
      }
      low += 1
    }
    return false
  }

  /// A stretch that is longer, which chance does not make, is searched where it is mapped.
  private static let mostRead = 1000

  private static let chunkWords = chunkSize / 8

  /// Ids are as good as random: of a stretch of 32 one is hardly ever further from where it would
  /// be if all were spread evenly, and reading less costs less.
  private static let likelyCount = 16
}

/// How the chunks of a run are divided by the first bits of their ids.
struct Stretches {
  private static let chunksEach = 32

  private let bits: Int
  var number: Int { 1 << bits }

  init(count: Int) {
    var bits = 0
    while count >> bits > Self.chunksEach { bits += 1 }
    self.bits = bits
  }

  func stretch(of id: ChunkID) -> Int {
    // A shift by 64 gives zero.
    Int(truncatingIfNeeded: id.digest.leadingWord >> UInt64(64 - bits))
  }

  /// Where an id stands among so many in its stretch, if they are spread evenly.
  func place(of id: ChunkID, among count: Int) -> Int {
    let within = id.digest.leadingWord << UInt64(bits)
    return Int(truncatingIfNeeded: within.multipliedFullWidth(by: UInt64(count)).high)
  }
}
