import ChunkStore
import Testing

@testable import archivist

@Suite struct ArchiveTableTests {
  @Test(
    arguments: [
      ([], 6), (["0123456789"], 6), (["0123456789", "0123466789"], 6),
      (["0123456789", "0123456799", "9"], 9), (["0123456789", "0123456789"], 6),
    ] as [([String], Int)])
  func `ids are as short as they can be`(ids: [String], length: Int) {
    #expect(ArchiveTable.uniqueLength(ids) == length)
  }

  @Test func `times have their offset`() {
    let moment = Timestamp(seconds: 1_793_534_400)
    #expect(TimeText.rfc3339(CivilTime(moment, in: .utc)) == "2026-11-01T12:00:00+00:00")
    withTimeZone("<-0330>3:30") {
      #expect(TimeText.rfc3339(CivilTime(moment, in: .local)) == "2026-11-01T08:30:00-03:30")
    }
  }
}
