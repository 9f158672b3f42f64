/// The units of intervals: the same ones in `--keep-within`, behind `@` and in `--as-of`.
enum TimeUnit: Int64, CaseIterable {
  case second = 1
  case minute = 60
  case hour = 3600
  case day = 86_400
  case week = 604_800
  /// 31 days, as with borg.
  case month = 2_678_400
  /// 365 days.
  case year = 31_536_000

  /// The length of the unit.
  var seconds: Int64 { rawValue }

  /// The words of the units, those that others begin with behind them.
  private static let words: [(String, TimeUnit)] = [
    ("min", .minute), ("s", .second), ("h", .hour), ("H", .hour), ("d", .day), ("D", .day),
    ("w", .week), ("W", .week), ("m", .month), ("M", .month), ("y", .year), ("Y", .year),
  ]

  /// Takes a unit off the front of a text.
  static func take(_ scanner: inout Scanner) -> TimeUnit? {
    for (word, unit) in words where scanner.take(word) { return unit }
    return nil
  }
}
