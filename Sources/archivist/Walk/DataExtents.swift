import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// The stretches of a file, in order: data and holes.
///
/// Asks the system as it goes on, so that a file in a million pieces needs no memory. It moves the
/// position of the descriptor; whoever reads at the same time has to name positions.
struct DataExtents {
  /// One stretch.
  enum Extent: Hashable {
    /// Bytes to be read.
    case data(Range<UInt64>)
    /// Bytes that have no storage and read as zeros.
    case hole(Item.Hole)
  }

  private let size: UInt64
  private var position: UInt64 = 0
  /// The data that follows the hole last returned.
  private var upcoming: Range<UInt64>?
  private var isAllData: Bool

  /// Looks at a file of the size in `metadata`.
  init(_ metadata: FileMetadata) {
    size = metadata.size
    isAllData = !metadata.mayHaveHoles
  }

  /// The next stretch; `nil` at the end.
  mutating func next(in file: borrowing FileDescriptor) throws(SystemError) -> Extent? {
    if let data = upcoming {
      upcoming = nil
      position = data.upperBound
      return .data(data)
    }
    guard position < size else { return nil }
    let data = try isAllData ? position..<size : dataBehindPosition(in: file)
    guard data.lowerBound > position else {
      position = data.upperBound
      return .data(data)
    }
    let hole = Item.Hole(offset: position, length: data.lowerBound - position)
    position = data.lowerBound
    if !data.isEmpty { upcoming = data }
    return .hole(hole)
  }

  /// The first stretch of data that begins at the position or behind it; empty, and at the end of
  /// the file, if only a hole is left.
  private mutating func dataBehindPosition(
    in file: borrowing FileDescriptor
  ) throws(SystemError) -> Range<UInt64> {
    guard let start = try seek(file, position, linux_SEEK_DATA) else { return size..<size }
    guard !isAllData, start < size else { return isAllData ? position..<size : size..<size }
    let end = try seek(file, start, linux_SEEK_HOLE) ?? size
    // A file system that goes backwards here is not asked again.
    guard !isAllData, end > start else {
      isAllData = true
      return start..<size
    }
    return start..<min(end, size)
  }

  /// Where the next data or the next hole is; `nil` if there is none before the end.
  private mutating func seek(
    _ file: borrowing FileDescriptor, _ from: UInt64, _ whence: Int32
  ) throws(SystemError) -> UInt64? {
    guard let offset = off_t(exactly: from) else {
      throw SystemError("lseek", code: EOVERFLOW, path: [])
    }
    let found = lseek(file.number, offset, whence)
    if found >= 0, let place = UInt64(exactly: found), place >= from { return place }
    if found < 0, errno == ENXIO { return nil }
    guard found >= 0 || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS else {
      throw .last("lseek", [])
    }
    isAllData = true
    return from
  }
}
