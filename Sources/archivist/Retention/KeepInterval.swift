/// A length of time as `--keep-within` takes it: `12H`, `7d`, `4w`, `6m` or `2y`.
///
/// A month has 31 days and a year 365, as in borg. The units are those of `TimeUnit`.
struct KeepInterval: Equatable {
  /// The interval's length.
  let hours: Int

  /// Reads a number and a unit.
  ///
  /// - Throws: `RetentionError` for an unknown unit, and for a number that is not positive.
  init(_ text: String) throws(RetentionError) {
    let digits = text.unicodeScalars.prefix {
      !("a"..."z").contains($0) && !("A"..."Z").contains($0)
    }
    var scanner = Scanner(Array(text.utf8.dropFirst(digits.count)))
    guard let unit = TimeUnit.take(&scanner), scanner.isAtEnd,
      unit.seconds >= TimeUnit.hour.seconds
    else { throw .unknownUnit(text) }
    guard let number = Int(String(digits)), number > 0 else { throw .invalidNumber(text) }
    let (hours, overflow) = number.multipliedReportingOverflow(
      by: Int(unit.seconds / TimeUnit.hour.seconds))
    guard !overflow, hours <= Int.max / 3600 else { throw .invalidNumber(text) }
    self.hours = hours
  }
}

/// A keep rule that cannot be read.
enum RetentionError: Error, Equatable, CustomStringConvertible {
  /// The interval does not end in a unit.
  case unknownUnit(String)
  /// The text before the unit is not a positive number, or far too large.
  case invalidNumber(String)

  var description: String {
    switch self {
    case .unknownUnit(let text):
      "\"\(text)\" is not an interval: it must end in h, d, w, m (months) or y"
    case .invalidNumber(let text):
      "\"\(text)\" is not an interval: before the unit there must be a number greater than 0"
    }
  }
}
