import Glibc
import Synchronization

/// Numbers as people read them, in borg's forms.
enum HumanText {
  /// Whether sizes are shown in powers of 1024 where nothing else is said; set once, at the start.
  static let usesPowersOf1024 = Atomic(false)

  /// A number of bytes: `999 B`, `1.23 kB`, `12.34 MB`; with `iec` in powers of 1024, `1.21 KiB`.
  static func size(
    _ bytes: some BinaryInteger, precision: Int = 2, iec: Bool? = nil, sign: Bool = false
  ) -> String {
    let iec = iec ?? usesPowersOf1024.load(ordering: .relaxed)
    let units =
      iec
      ? ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"]
      : ["", "k", "M", "G", "T", "P", "E", "Z", "Y"]
    let power = iec ? 1024.0 : 1000.0
    var value = Double(bytes)
    var digits = 0
    var unit = 0
    // A value that is rounded up to the next unit is shown in it: 1.00 MB, never 1000.00 kB.
    while unit < units.count - 1, rounded(value, precision).magnitude >= power {
      value /= power
      unit += 1
      digits = precision
    }
    return "\(sign && bytes > 0 ? "+" : "")\(fixed(value, digits)) \(units[unit])B"
  }

  /// How many of something: `1 segment`, `2 segments`.
  static func count(_ number: some BinaryInteger, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }

  /// A length of time: `1 days 2 hours 3 minutes 4.50 seconds`, without leading zeros.
  static func duration(nanoseconds: Int64) -> String {
    let total = nanoseconds.magnitude
    let (minutes, rest) = total.quotientAndRemainder(dividingBy: 60_000_000_000)
    var text = "\(fixed(Double(rest) / 1e9, 2)) seconds"
    if minutes % 60 > 0 { text = "\(minutes % 60) minutes \(text)" }
    if minutes / 60 % 24 > 0 { text = "\(minutes / 60 % 24) hours \(text)" }
    if minutes / 1440 > 0 { text = "\(minutes / 1440) days \(text)" }
    return nanoseconds < 0 ? "-" + text : text
  }

  /// Type and permissions of a file as `ls -l` shows them: `-rwxr-xr-x`.
  static func mode(_ mode: UInt32) -> String {
    let type: Character =
      switch mode & 0o170000 {
      case 0o010000: "p"
      case 0o020000: "c"
      case 0o040000: "d"
      case 0o060000: "b"
      case 0o100000: "-"
      case 0o120000: "l"
      case 0o140000: "s"
      default: "?"
      }
    func execute(_ bit: UInt32, _ special: UInt32, _ both: Character, _ alone: Character)
      -> Character
    {
      switch (mode & bit != 0, mode & special != 0) {
      case (true, true): both
      case (false, true): alone
      case (true, false): "x"
      case (false, false): "-"
      }
    }
    return String([
      type,
      mode & 0o400 != 0 ? "r" : "-", mode & 0o200 != 0 ? "w" : "-",
      execute(0o100, 0o4000, "s", "S"),
      mode & 0o040 != 0 ? "r" : "-", mode & 0o020 != 0 ? "w" : "-",
      execute(0o010, 0o2000, "s", "S"),
      mode & 0o004 != 0 ? "r" : "-", mode & 0o002 != 0 ? "w" : "-",
      execute(0o001, 0o1000, "t", "T"),
    ])
  }

  /// A number with so many digits behind the point.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    // No double has more than 309 digits before the point, and nobody asks for 64 behind it.
    var buffer = [CChar](repeating: 0, count: 384)
    let count = buffer.count
    unsafe withVaList([Int32(clamping: min(digits, 64)), value]) {
      _ = unsafe vsnprintf(&buffer, count, "%.*f", $0)
    }
    return String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func rounded(_ value: Double, _ digits: Int) -> Double {
    Double(fixed(value, digits)) ?? value
  }
}
