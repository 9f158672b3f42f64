/// A length of time as `--keep-within` takes it: `12H`, `7d`, `4w`, `6m` or `2y`.
///
/// A month has 31 days and a year 365, as in borg.
struct KeepInterval: Equatable {
  /// The interval's length.
  let hours: Int

  /// Reads a number and a unit.
  ///
  /// - Throws: `RetentionError` for an unknown unit, and for a number that is not positive.
  init(_ text: String) throws(RetentionError) {
    guard let unit = text.unicodeScalars.last, let hoursPerUnit = Self.hours(of: unit) else {
      throw .unknownUnit(text)
    }
    guard let number = Int(String(text.unicodeScalars.dropLast())), number > 0 else {
      throw .invalidNumber(text)
    }
    let (hours, overflow) = number.multipliedReportingOverflow(by: hoursPerUnit)
    guard !overflow, hours <= Int.max / 3600 else { throw .invalidNumber(text) }
    self.hours = hours
  }

  private static func hours(of unit: Unicode.Scalar) -> Int? {
    switch unit {
    case "H": 1
    case "d": 24
    case "w": 24 * 7
    case "m": 24 * 31
    case "y": 24 * 365
    default: nil
    }
  }
}

/// A keep rule that cannot be read.
enum RetentionError: Error, Equatable, CustomStringConvertible {
  /// The interval does not end in a unit.
  case unknownUnit(String)
  /// What stands before the unit is not a positive number, or far too large.
  case invalidNumber(String)

  var description: String {
    switch self {
    case .unknownUnit(let text):
      "\"\(text)\" is not an interval: it must end in H, d, w, m or y (hours to years)"
    case .invalidNumber(let text):
      "\"\(text)\" is not an interval: before the unit there must be a number greater than 0"
    }
  }
}
