import ChunkStore
import Glibc
import Testing

@testable import archivist

private let berlin = "CET-1CEST,M3.5.0,M10.5.0/3"

@Suite struct `Civil time` {
  @Test func `shows a moment in its zone`() {
    // 2026-11-21T03:45:12.123456789Z, a Saturday.
    let moment = Timestamp(seconds: 1_795_232_712, nanoseconds: 123_456_789)
    let utc = CivilTime(moment, in: .utc)
    #expect(TimeText.list(utc) == "Sat, 2026-11-21 03:45:12")
    #expect(TimeText.json(utc) == "2026-11-21T03:45:12.123456")
    #expect(TimeText.iso(utc) == "2026-11-21T03:45:12")
    withTimeZone(berlin) {
      let local = CivilTime(moment, in: .local)
      #expect(TimeText.list(local) == "Sat, 2026-11-21 04:45:12")
      #expect(local.offset == 3600)
      #expect(local.moment(in: .local) == moment)
    }
    #expect(utc.moment(in: .utc) == moment)
  }

  @Test func `survives the ends of time`() {
    for seconds in [Int64.min, .max] {
      let time = CivilTime(Timestamp(seconds: seconds), in: .utc)
      #expect((1...12).contains(time.month))
      #expect(!TimeText.list(time).isEmpty)
    }
    #expect(
      TimeText.iso(CivilTime(Timestamp(seconds: -62_135_596_800), in: .utc))
        == "0001-01-01T00:00:00")
  }

  @Test(arguments: [
    (2025, 12, 29, 2026, 1), (2026, 1, 1, 2026, 1), (2026, 12, 31, 2026, 53),
    (2027, 1, 3, 2026, 53),
    (2027, 1, 4, 2027, 1), (2024, 12, 30, 2025, 1), (2021, 1, 3, 2020, 53), (2000, 1, 1, 1999, 52),
  ])
  func `knows the ISO week`(year: Int, month: Int, day: Int, isoYear: Int, week: Int) throws {
    let moment = try #require(CivilTime(year: year, month: month, day: day).moment(in: .utc))
    #expect(CivilTime(moment, in: .utc).isoWeek == (isoYear, week))
  }

  @Test(arguments: [(2026, 2, 29), (2026, 13, 1), (2026, 0, 1), (2026, 4, 31), (2100, 2, 29)])
  func `has no moment for a date that never comes`(year: Int, month: Int, day: Int) {
    #expect(CivilTime(year: year, month: month, day: day).moment(in: .utc) == nil)
  }
}

@Suite struct `Time format` {
  let time = CivilTime(Timestamp(seconds: 1_795_232_712, nanoseconds: 252_775_999), in: .utc)

  func format(_ text: String) throws -> String {
    String(decoding: try TimeText.format(Array(text.utf8), time), as: UTF8.self)
  }

  @Test func `is that of strftime, with microseconds`() throws {
    #expect(try format("%Y-%m-%d %H.%M") == "2026-11-21 03.45")
    #expect(try format("%f %% %%f %a %j") == "252775 % %f Sat 325")
    #expect(try format("%z %Z") == "+0000 UTC")
    #expect(try format("").isEmpty)
    #expect(try format("ä") == "ä")
  }

  @Test func `has an end`() {
    #expect(throws: TimeText.FormatTooLong.self) { try format("%999999d") }
  }

  @Test func `knows the local zone's name`() throws {
    try withTimeZone(berlin) { () throws in
      let local = CivilTime(Timestamp(seconds: 1_795_232_712), in: .local)
      #expect(try TimeText.format(Array("%H %z %Z".utf8), local) == Array("04 +0100 CET".utf8))
    }
  }
}

@Suite struct `Timestamp argument` {
  @Test(
    arguments: [
      ("2026-11-21T03:45:12Z", 1_795_232_712), ("2026-11-21T03:45:12+00:00", 1_795_232_712),
      ("2026-11-21T03:45:12", 1_795_232_712), ("2026-11-21 03:45:12", 1_795_232_712),
      ("2026-11-21T03:45", 1_795_232_700), ("2026-11-21 03:45", 1_795_232_700),
      ("2026-11-21", 1_795_219_200), ("2026-325", 1_795_219_200), ("2026-1", 1_767_225_600),
      ("2026-1-2", 1_767_312_000), ("2026-11-21T3:4:5", 1_795_230_245), ("2024-366", 1_735_603_200),
      ("1969-12-31", -86_400), ("0001-01-01", -62_135_596_800), ("2026-11-1T5:06", 1_793_509_560),
    ] as [(String, Int64)])
  func `is read as borg reads it`(text: String, seconds: Int64) {
    #expect(TimestampArgument.utc(Array(text.utf8)) == Timestamp(seconds: seconds))
  }

  @Test func `is a file's modification time where there is such a file`() throws {
    var path = Array("/tmp/archivist-tests-XXXXXX".utf8).map { CChar(bitPattern: $0) } + [0]
    let file = unsafe mkstemp(&path)
    try #require(file >= 0)
    defer { close(file) }
    let times = [timespec(tv_sec: 5, tv_nsec: 6), timespec(tv_sec: 7, tv_nsec: 8)]
    try #require(unsafe futimens(file, times) == 0)
    let name = path.dropLast().map { UInt8(bitPattern: $0) }
    #expect(TimestampArgument.read(name) == Timestamp(seconds: 7, nanoseconds: 8))
    unsafe unlink(path)
    #expect(TimestampArgument.read(name) == nil)
    #expect(TimestampArgument.read(Array("2026-11-21".utf8)) == Timestamp(seconds: 1_795_219_200))
  }

  @Test(arguments: [
    "", "26-1-2", "2026-02-29", "2026-11-21T24:00", "2026-11-21T03:45:60", " 2026-11-21",
    "2026-11-21T03:45:12+01:00", "2026-11-21T03:45Z", "2026-11-21 03:45:12Z", "2026-000",
    "2026-13-01", "2026-11-21T03:45:12.5", "2026-0325", "2026-366", "0000-01-01", "2026", "2026-",
  ])
  func `is refused in any other form`(text: String) {
    #expect(TimestampArgument.utc(Array(text.utf8)) == nil)
  }
}

@Suite struct `Time selector` {
  let now = Timestamp(seconds: 1_795_232_712, nanoseconds: 5)

  func bound(_ text: String) throws -> Timestamp {
    try TimeSelector.bound(Array(text.utf8), now: now)
  }

  @Test(
    arguments: [
      ("10D", 864_000), ("10d", 864_000), ("1h30min", 5_400), ("3W2D", 1_987_200),
      ("1M", 2_678_400), ("3m", 8_035_200), ("2m1d", 5_443_200), ("1Y", 31_536_000), ("45s", 45),
      ("2H", 7_200), ("0s", 0),
    ] as [(String, Int64)])
  func `goes back by an interval`(text: String, seconds: Int64) throws {
    #expect(try bound(text) == now.earlier(bySeconds: seconds))
  }

  @Test func `months are as long as those of keep-within`() throws {
    let hours = try KeepInterval("3m").hours
    #expect(try bound("3m") == now.earlier(bySeconds: Int64(hours) * 3600))
  }

  @Test func `now is now`() throws {
    #expect(try bound("now") == now)
  }

  @Test func `includes all that a date names`() throws {
    try withTimeZone(berlin) { () throws in
      let end: UInt32 = 999_999_999
      #expect(try bound("2026-11-01") == Timestamp(seconds: 1_793_573_999, nanoseconds: end))
      #expect(try bound("2026-11-01T12:00") == Timestamp(seconds: 1_793_530_859, nanoseconds: end))
      #expect(
        try bound("2026-11-01 12:00:00") == Timestamp(seconds: 1_793_530_800, nanoseconds: end))
      #expect(
        try bound("2026-11-01T12:00:00Z") == Timestamp(seconds: 1_793_534_400, nanoseconds: end))
      #expect(
        try bound("2026-11-01T12:00:00+02:00")
          == Timestamp(seconds: 1_793_527_200, nanoseconds: end))
      #expect(try bound("1793534400") == Timestamp(seconds: 1_793_534_400, nanoseconds: end))
    }
  }

  @Test(arguments: [
    "", "D", "10X", "1h30m", "2d1w", "1d1d", "10D5", "-10D", "yesterday", "2026-1-1", "2026-02-30",
    "2026-11-01T",
    "2026-11-01T12", "2026-11-01T12:00+0", "2026-11-01T12:00:00+24:00", "999999999999999999Y",
    "Now", "10 D",
  ])
  func `refuses what is no time`(text: String) {
    #expect(throws: TimeSelector.NotATime.self) { try bound(text) }
  }
}
