import ChunkStore
import Glibc

/// Moments as text.
enum TimeText {
  /// The format could not be carried out.
  struct FormatTooLong: Error, CustomStringConvertible {
    var description: String { "the time format makes a text of more than 64 KiB" }
  }

  /// `Sat, 2026-11-21 03:45:12`, as listings have it.
  static func list(_ time: CivilTime) -> String {
    var text: [UInt8] = []
    append(list: time, to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"].map {
    Array($0.utf8)
  }

  /// Appends the same to `text`.
  static func append(list time: CivilTime, to text: inout [UInt8]) {
    func two(_ number: Int) {
      text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10))
      text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }
    text += weekdays[time.weekday]
    text.append(UInt8(ascii: ","))
    text.append(UInt8(ascii: " "))
    if (1000...9999).contains(time.year) {
      two(time.year / 100)
      two(time.year % 100)
    } else {
      text += padded(time.year, to: 4).utf8
    }
    text.append(UInt8(ascii: "-"))
    two(time.month)
    text.append(UInt8(ascii: "-"))
    two(time.day)
    text.append(UInt8(ascii: " "))
    two(time.hour)
    text.append(UInt8(ascii: ":"))
    two(time.minute)
    text.append(UInt8(ascii: ":"))
    two(time.second)
  }

  /// `2026-11-21T03:45:12.000000`, as JSON has it: local time, without a zone, as in borg.
  static func json(_ time: CivilTime) -> String {
    "\(iso(time)).\(padded(Int(time.nanoseconds / 1000), to: 6))"
  }

  /// `2026-11-21T03:45:12+01:00`, as RFC 3339 has it.
  static func rfc3339(_ time: CivilTime) -> String {
    let minutes = time.offset / 60
    let zone =
      (minutes < 0 ? "-" : "+") + padded(abs(minutes) / 60, to: 2) + ":"
      + padded(abs(minutes) % 60, to: 2)
    return iso(time) + zone
  }

  /// `2026-11-21T03:45:12`, as `{now}` has it.
  static func iso(_ time: CivilTime) -> String { "\(date(time))T\(clock(time))" }

  /// Carries out a format of `strftime(3)`, and `%f` for microseconds, as Python has it.
  static func format(_ format: [UInt8], _ time: CivilTime) throws(FormatTooLong) -> [UInt8] {
    // The marker tells an empty result from a buffer that is too small.
    let marked = expandingMicroseconds(format, time) + [UInt8(ascii: ".")]
    var size = 256
    while size <= 1 << 16 {
      var buffer = [UInt8](repeating: 0, count: size)
      let written = unsafe withCString(marked) { format in
        unsafe withCString(time.zoneName) { zone in
          var parts = unsafe time.parts
          unsafe parts.tm_zone = unsafe zone
          return unsafe buffer.withUnsafeMutableBytes {
            unsafe strftime(
              $0.assumingMemoryBound(to: CChar.self).baseAddress, $0.count, format, &parts)
          }
        }
      }
      if written > 0 { return Array(buffer[..<(written - 1)]) }
      size *= 4
    }
    throw FormatTooLong()
  }

  private static func expandingMicroseconds(_ format: [UInt8], _ time: CivilTime) -> [UInt8] {
    var result: [UInt8] = []
    var rest = format[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%"), let kind = rest.popFirst() else {
        result.append(byte)
        continue
      }
      if kind == UInt8(ascii: "f") {
        result += padded(Int(time.nanoseconds / 1000), to: 6).utf8
      } else {
        result += [byte, kind]
      }
    }
    return result
  }

  private static func date(_ time: CivilTime) -> String {
    "\(padded(time.year, to: 4))-\(padded(time.month, to: 2))-\(padded(time.day, to: 2))"
  }

  private static func clock(_ time: CivilTime) -> String {
    "\(padded(time.hour, to: 2)):\(padded(time.minute, to: 2)):\(padded(time.second, to: 2))"
  }

  private static func padded(_ number: Int, to width: Int) -> String {
    let digits = String(number.magnitude)
    let zeros = String(repeating: "0", count: max(0, width - digits.count))
    return (number < 0 ? "-" : "") + zeros + digits
  }
}
