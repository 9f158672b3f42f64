import ChunkStore
import Glibc
import Testing

@testable import archivist

@Suite struct DataExtentsTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func extents(_ name: String) throws -> [DataExtents.Extent] {
    let file = try OpenedFile(FileName(name), in: directory.handle)
    var extents = DataExtents(file.metadata)
    var all: [DataExtents.Extent] = []
    while let next = try extents.next(in: file.descriptor) { all.append(next) }
    return all
  }

  @Test func `an ordinary file is one stretch of data, an empty one is nothing`() throws {
    try directory.shell("head -c 100000 /dev/urandom > f; touch empty")
    #expect(try extents("f") == [.data(0..<100_000)])
    #expect(try extents("empty").isEmpty)
  }

  @Test func `a file that is all hole has no data`() throws {
    try directory.shell("truncate -s 5000001 f")
    #expect(try extents("f") == [.hole(Item.Hole(offset: 0, length: 5_000_001))])
  }

  @Test func `holes at the start, between and at the end are told from data`() throws {
    try directory.shell(
      """
      truncate -s 10M f
      head -c 65536 /dev/urandom | dd of=f bs=64K seek=16 conv=notrunc status=none
      head -c 65536 /dev/urandom | dd of=f bs=64K seek=32 conv=notrunc status=none
      """)
    let data = UInt64(1 << 16), start = UInt64(1 << 20), second = UInt64(2 << 20)
    #expect(
      try extents("f") == [
        .hole(Item.Hole(offset: 0, length: start)), .data(start..<(start + data)),
        .hole(Item.Hole(offset: start + data, length: second - start - data)),
        .data(second..<(second + data)),
        .hole(Item.Hole(offset: second + data, length: (10 << 20) - second - data)),
      ])
  }

  @Test func `data at both ends is kept, and written zeros are data`() throws {
    try directory.shell(
      """
      head -c 65536 /dev/zero > f
      truncate -s 1M f
      head -c 65537 /dev/zero >> f
      """)
    #expect(
      try extents("f") == [
        .data(0..<65_536), .hole(Item.Hole(offset: 65_536, length: (1 << 20) - 65_536)),
        .data((1 << 20)..<((1 << 20) + 65_537)),
      ])
  }

  @Test func `a file that shrinks while it is looked at ends in a hole`() throws {
    try directory.shell(
      "truncate -s 1M f; head -c 4096 /dev/urandom | dd of=f conv=notrunc status=none")
    let file = try OpenedFile(FileName("f"), in: directory.handle)
    try directory.shell("truncate -s 0 f")
    var extents = DataExtents(file.metadata)
    #expect(
      try extents.next(in: file.descriptor) == .hole(Item.Hole(offset: 0, length: 1 << 20)))
    #expect(try extents.next(in: file.descriptor) == nil)
  }
}
