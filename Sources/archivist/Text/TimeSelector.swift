import ChunkStore

/// Which archive is meant by a time: in `repo::@10d`, the newest one as of ten days ago.
///
///     @now                     the newest archive that is not dated in the future
///     @10d  @3w2d  @1h30min    this long ago: s, min, h, d, w, m (31 days), y (365 days)
///     @2026-11-01              what there was at the end of that day, in local time
///     @2026-11-01T12:00        what there was at the end of that minute; with seconds as well
///     @2026-11-01T12:00:00Z    in UTC; or with an offset, +01:00
///     @1793534400              seconds since 1970
///
/// What is named by a date includes all of it: the archive of the night of 1 November is the one
/// that `@2026-11-01` finds. Units are those of `--keep-within` (`TimeUnit`), larger ones first.
enum TimeSelector {
  /// The text behind the `@` is no time.
  struct NotATime: Error, Equatable, CustomStringConvertible {
    var text: [UInt8]

    var description: String {
      let shown = NameText.replacingInvalid(NameText.display(text))
      if let meant = Moment.meant(by: shown) {
        return "\"@\(shown)\" is not a time; did you mean \(meant)?"
      }
      return "\"@\(shown)\" is not a time; write @now, @10d, @1h30min (units: s, min, h, d, w, m "
        + "for months, y), @2026-11-01 or @2026-11-01T12:00"
    }
  }

  /// The latest moment at which an archive may have been started; `text` is what follows the `@`.
  static func bound(_ text: [UInt8], now: Timestamp) throws(NotATime) -> Timestamp {
    if text == Array("now".utf8) { return now }
    if let seconds = interval(text) { return now.earlier(bySeconds: seconds) }
    if let moment = date(text) { return moment }
    var scanner = Scanner(text)
    if let seconds = scanner.number(digits: 1...18), scanner.isAtEnd {
      return lastNanosecond(of: Timestamp(seconds: Int64(seconds)), seconds: 1)
    }
    throw NotATime(text: text)
  }

  /// Numbers with a unit each, the larger units first, added up.
  ///
  /// In `1h30m` somebody means minutes, and `m` is months: in the wrong order, it is no interval.
  private static func interval(_ text: [UInt8]) -> Int64? {
    var scanner = Scanner(text)
    var total: Int64 = 0
    var last: TimeUnit?
    repeat {
      guard let number = scanner.number(digits: 1...18), let unit = TimeUnit.take(&scanner),
        last.map({ unit.seconds < $0.seconds }) ?? true
      else { return nil }
      last = unit
      let (product, tooLarge) = Int64(number).multipliedReportingOverflow(by: unit.seconds)
      let (sum, overflow) = total.addingReportingOverflow(product)
      if tooLarge || overflow { return nil }
      total = sum
    } while !scanner.isAtEnd
    return total
  }

  private static func date(_ text: [UInt8]) -> Timestamp? {
    var scanner = Scanner(text)
    guard let date = scanner.date(digits: 2...2) else { return nil }
    if scanner.isAtEnd {
      var end = date
      (end.hour, end.minute, end.second) = (23, 59, 59)
      return end.moment(in: .local).map { lastNanosecond(of: $0, seconds: 1) }
    }
    guard scanner.take("T") || scanner.take(" "),
      let (time, hasSeconds) = scanner.time(on: date, digits: 2...2)
    else { return nil }
    let length: Int64 = hasSeconds ? 1 : 60
    if scanner.isAtEnd {
      return time.moment(in: .local).map { lastNanosecond(of: $0, seconds: length) }
    }
    guard let offset = offset(&scanner), scanner.isAtEnd else { return nil }
    return time.moment(in: .utc).map {
      lastNanosecond(of: $0.earlier(bySeconds: offset), seconds: length)
    }
  }

  /// `Z`, or hours and minutes east of Greenwich.
  private static func offset(_ scanner: inout Scanner) -> Int64? {
    if scanner.take("Z") { return 0 }
    guard let sign = scanner.take(oneOf: "+-"), let hours = scanner.number(digits: 2...2) else {
      return nil
    }
    _ = scanner.take(":")
    guard let minutes = scanner.number(digits: 2...2), hours < 24, minutes < 60 else { return nil }
    let seconds = Int64(hours * 3600 + minutes * 60)
    return sign == UInt8(ascii: "-") ? -seconds : seconds
  }

  private static func lastNanosecond(of start: Timestamp, seconds: Int64) -> Timestamp {
    Timestamp(seconds: start.seconds + seconds - 1, nanoseconds: 999_999_999)
  }
}
