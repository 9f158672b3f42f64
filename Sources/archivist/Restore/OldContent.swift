import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// The content of a file that is there already.
///
/// What cannot be read of it is worth nothing, and no error. Confined to one thread.
final class OldContent {
  let file: OpenedFile

  init(_ file: consuming OpenedFile) { self.file = file }

  /// Says whether it is the content of an item, chunk by chunk and hole by hole.
  func holds(
    _ content: Item.Content, _ repository: Repository, _ reader: ContentReader
  ) throws -> Bool {
    var place = PlacementCursor(content.holes)
    var chunks = try repository.chunks(of: content)
    while let chunk = try chunks.next() {
      guard try bytes(of: chunk, place.next(Int(chunk.length)), reader) != nil else { return false }
    }
    return content.holes.allSatisfy(isZero)
  }

  /// The bytes of a chunk, if they are at their places in the file.
  func bytes(
    of chunk: ChunkReference, _ places: [Placement], _ reader: ContentReader
  ) throws -> [UInt8]? {
    var bytes: [UInt8] = []
    do throws(SystemError) {
      for place in places { bytes += try file.read(place.range.count, at: place.offset) }
    } catch {
      return nil
    }
    return try reader.isContent(bytes, of: chunk) ? bytes : nil
  }

  /// Whether a stretch reads as zeros; what is a hole here as well is not read.
  private func isZero(_ hole: Item.Hole) -> Bool {
    var position = hole.offset
    while position < hole.end {
      guard let from = off_t(exactly: position) else { return false }
      let data = lseek(file.descriptor.number, from, linux_SEEK_DATA)
      if data < 0, errno == ENXIO { return true }
      // A file system that does not know of holes has data everywhere.
      let start = data < 0 ? position : UInt64(data)
      guard start < hole.end else { return true }
      let count = Int(min(hole.end - start, 1 << 18))
      do throws(SystemError) {
        let bytes = try file.read(count, at: start)
        guard bytes.count == count, bytes.allSatisfy({ $0 == 0 }) else { return false }
      } catch {
        return false
      }
      position = start + UInt64(count)
    }
    return true
  }
}
