/// A moment in Unix time, to the nanosecond, before 1970 and beyond 2262 as well.
public struct Timestamp: Hashable, Comparable, Sendable {
  /// Seconds since 1970-01-01T00:00:00Z, rounded down.
  public var seconds: Int64
  /// Nanoseconds after `seconds`: 0 to 999,999,999.
  public var nanoseconds: UInt32

  /// Makes a moment from its two parts.
  public init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// Says which moment is earlier.
  public static func < (a: Timestamp, b: Timestamp) -> Bool {
    a.seconds != b.seconds ? a.seconds < b.seconds : a.nanoseconds < b.nanoseconds
  }

  /// This moment, some whole seconds earlier; saturates at the ends of time.
  public func earlier(bySeconds count: Int64) -> Timestamp {
    let (difference, overflow) = seconds.subtractingReportingOverflow(count)
    return Timestamp(
      seconds: overflow ? (count > 0 ? .min : .max) : difference, nanoseconds: nanoseconds)
  }
}
