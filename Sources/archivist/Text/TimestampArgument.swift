import ChunkStore
import CLinux
import Glibc

/// Moments as people write them.
enum TimestampArgument {
  /// Reads an argument of `--timestamp`: a file whose modification time is meant, else a text.
  static func read(_ text: [UInt8]) -> Timestamp? { modificationTime(of: text) ?? utc(text) }

  /// Reads an argument of `--timestamp`: a date with or without a time of day, in UTC.
  ///
  /// The forms are those of borg: `2026-11-21`, `2026-325` (the day of the year), and after a day
  /// and `T` or a space `03:45` or `03:45:12`, the latter also with `Z` or `+00:00`.
  static func utc(_ text: [UInt8]) -> Timestamp? {
    var scanner = Scanner(text)
    guard let year = scanner.number(digits: 4...4), scanner.take("-") else { return nil }
    var dayOfYear = scanner
    if let day = dayOfYear.number(digits: 1...3), dayOfYear.isAtEnd {
      return Self.moment(year: year, dayOfYear: day)
    }
    scanner = Scanner(text)
    guard let date = scanner.date(digits: 1...2) else { return nil }
    guard !scanner.isAtEnd else { return date.moment(in: .utc) }
    let isISO = scanner.take("T")
    guard isISO || scanner.take(" "),
      let time = scanner.time(on: date, digits: 1...2)
    else { return nil }
    if isISO, time.hasSeconds, !scanner.isAtEnd {
      guard scanner.take("Z") || scanner.take("+00:00") else { return nil }
    }
    return scanner.isAtEnd ? time.civil.moment(in: .utc) : nil
  }

  private static func modificationTime(of path: [UInt8]) -> Timestamp? {
    var status = stat()
    // A path that cannot be looked at is no file that could be meant.
    guard unsafe withCString(path, { unsafe stat($0, &status) }) == 0,
      let nanoseconds = UInt32(exactly: status.st_mtim.tv_nsec)
    else { return nil }
    return Timestamp(seconds: Int64(status.st_mtim.tv_sec), nanoseconds: nanoseconds)
  }

  private static func moment(year: Int, dayOfYear: Int) -> Timestamp? {
    guard dayOfYear >= 1, dayOfYear <= 337 + CivilTime.days(in: 2, of: year),
      let newYear = CivilTime(year: year, month: 1, day: 1).moment(in: .utc)
    else { return nil }
    return Timestamp(seconds: newYear.seconds + Int64(dayOfYear - 1) * 86_400)
  }
}

/// Takes the parts of a date off the front of a text.
struct Scanner {
  private var rest: ArraySlice<UInt8>

  init(_ text: [UInt8]) { rest = text[...] }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func take(_ text: String) -> Bool {
    guard rest.starts(with: text.utf8) else { return false }
    rest = rest.dropFirst(text.utf8.count)
    return true
  }

  /// The first byte, if it is one of `choices`.
  mutating func take(oneOf choices: String) -> UInt8? {
    guard let first = rest.first, choices.utf8.contains(first) else { return nil }
    return rest.popFirst()
  }

  /// As many digits as there are, `digits.upperBound` at most.
  mutating func number(digits: ClosedRange<Int>) -> Int? {
    let found = rest.prefix(digits.upperBound).prefix {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
    }
    guard digits.contains(found.count), let value = Int(String(decoding: found, as: UTF8.self))
    else { return nil }
    rest = rest.dropFirst(found.count)
    return value
  }

  /// A year, a month and a day of so many digits.
  mutating func date(digits: ClosedRange<Int>) -> CivilTime? {
    guard let year = number(digits: 4...4), year > 0, take("-"),
      let month = number(digits: digits), take("-"), let day = number(digits: digits)
    else { return nil }
    return CivilTime(year: year, month: month, day: day)
  }

  /// An hour, a minute and perhaps a second, of so many digits.
  mutating func time(on date: CivilTime, digits: ClosedRange<Int>) -> (
    civil: CivilTime, hasSeconds: Bool
  )? {
    guard let hour = number(digits: digits), take(":"), let minute = number(digits: digits) else {
      return nil
    }
    var civil = date
    civil.hour = hour
    civil.minute = minute
    guard take(":") else { return (civil, false) }
    guard let second = number(digits: digits) else { return nil }
    civil.second = second
    return (civil, true)
  }
}
