import ChunkStore
import Glibc

/// A moment as a calendar and a clock on the wall show it.
struct CivilTime: Equatable {
  /// Whose wall.
  enum Zone {
    /// The zone of this machine, or of `TZ`.
    case local
    /// Coordinated universal time.
    case utc
  }

  var year: Int
  /// 1 to 12.
  var month: Int
  /// 1 to 31.
  var day: Int
  var hour = 0
  var minute = 0
  var second = 0
  var nanoseconds: UInt32 = 0
  /// Days since Sunday.
  private(set) var weekday = 0
  /// 1 to 366.
  private(set) var dayOfYear = 1
  /// Seconds east of Greenwich.
  private(set) var offset = 0
  /// The zone's abbreviation, `CET` say.
  private(set) var zoneName: [UInt8] = []

  /// A date and a time of day, as they are written down; not checked.
  init(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0,
    nanoseconds: UInt32 = 0
  ) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
    self.nanoseconds = nanoseconds
  }

  /// Reads a wall's calendar and clock at `moment`.
  ///
  /// Moments more than a thousand million years away are shown as the last one that is not:
  /// Linux counts years in 32 bits.
  ///
  /// - Parameters:
  ///   - moment: When.
  ///   - zone: Whose wall.
  ///   - isNamed: Whether the zone's abbreviation is wanted.
  init(_ moment: Timestamp, in zone: Zone, isNamed: Bool = true) {
    let limit: Int64 = 1 << 55
    var seconds = time_t(max(-limit, min(limit, moment.seconds)))
    var parts = unsafe tm()
    // Neither call fails within these limits.
    switch zone {
    case .local:
      // Asked once, for it looks at a file each time; `localtime_r` need not ask at all.
      _ = Self.knowsZone
      unsafe localtime_r(&seconds, &parts)
    case .utc: unsafe gmtime_r(&seconds, &parts)
    }
    year = unsafe Int(parts.tm_year) + 1900
    month = unsafe Int(parts.tm_mon) + 1
    day = unsafe Int(parts.tm_mday)
    hour = unsafe Int(parts.tm_hour)
    minute = unsafe Int(parts.tm_min)
    second = unsafe Int(parts.tm_sec)
    nanoseconds = moment.nanoseconds
    weekday = unsafe Int(parts.tm_wday)
    dayOfYear = unsafe Int(parts.tm_yday) + 1
    offset = unsafe Int(parts.tm_gmtoff)
    // libc keeps the abbreviations for good.
    if isNamed {
      zoneName =
        zone == .utc ? Array("UTC".utf8) : unsafe parts.tm_zone.map { unsafe bytes(of: $0) } ?? []
    }
  }

  /// Whether libc knows the zone of this machine.
  private static let knowsZone: Bool = {
    tzset()
    return true
  }()

  /// The moment when a wall in `zone` shows this; `nil` if it never does.
  ///
  /// An hour that daylight saving repeats or skips is taken as libc takes it.
  func moment(in zone: Zone) -> Timestamp? {
    guard isValid else { return nil }
    var parts = unsafe self.parts
    unsafe parts.tm_isdst = -1
    switch zone {
    case .local: return unsafe Timestamp(seconds: Int64(mktime(&parts)), nanoseconds: nanoseconds)
    case .utc: return unsafe Timestamp(seconds: Int64(timegm(&parts)), nanoseconds: nanoseconds)
    }
  }

  /// The time in libc's form, without the zone's name.
  var parts: tm {
    var parts = unsafe tm()
    unsafe parts.tm_year = Int32(clamping: year - 1900)
    unsafe parts.tm_mon = Int32(clamping: month - 1)
    unsafe parts.tm_mday = Int32(clamping: day)
    unsafe parts.tm_hour = Int32(clamping: hour)
    unsafe parts.tm_min = Int32(clamping: minute)
    unsafe parts.tm_sec = Int32(clamping: second)
    unsafe parts.tm_wday = Int32(clamping: weekday)
    unsafe parts.tm_yday = Int32(clamping: dayOfYear - 1)
    unsafe parts.tm_gmtoff = offset
    return unsafe parts
  }

  /// The year and the number of the week, as ISO 8601 counts them: weeks start on Monday, and
  /// the first one of a year holds its 4 January.
  var isoWeek: (year: Int, week: Int) {
    let mondayFirst = (weekday + 6) % 7
    let week = (dayOfYear - 1 - mondayFirst + 10) / 7
    if week < 1 { return (year - 1, Self.isoWeeks(in: year - 1)) }
    if week > Self.isoWeeks(in: year) { return (year + 1, 1) }
    return (year, week)
  }

  /// The days of a month.
  static func days(in month: Int, of year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  private var isValid: Bool {
    (-1_000_000...1_000_000).contains(year) && (1...12).contains(month)
      && (1...Self.days(in: month, of: year)).contains(day) && (0...23).contains(hour)
      && (0...59).contains(minute) && (0...59).contains(second)
  }

  /// A year has 53 weeks when it ends on a Thursday, or the one before ends on a Wednesday.
  private static func isoWeeks(in year: Int) -> Int {
    func lastWeekday(_ year: Int) -> Int {
      func floor(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : -((b - 1 - a) / b) }
      let days = year + floor(year, 4) - floor(year, 100) + floor(year, 400)
      return ((days % 7) + 7) % 7
    }
    return lastWeekday(year) == 4 || lastWeekday(year - 1) == 3 ? 53 : 52
  }
}
