import ChunkStore
import StoreCrypto

/// Archives as a person at a terminal sees them: a line each, no wider than the terminal.
///
/// Where there is none, ids and names are whole. At a terminal the id is as short as it can be while `repo::id:…` names one archive. Of a long name its end
/// counts more than its beginning. Times are local, with their offset.
struct ArchiveTable {
  private let idLength: Int
  private let nameWidth: Int
  private let hostWidth: Int

  private static let nameHeading = Array("ARCHIVE".utf8)
  private static let hostHeading = Array("HOST".utf8)
  private static let shortestID = 6
  /// The columns of `2026-11-21T03:45:12+01:00`.
  private static let timeWidth = 25
  private static let sizeWidth = 9
  private static let longestHost = 16

  /// Measures what is to be shown.
  ///
  /// - Parameters:
  ///   - archives: Those that are shown.
  ///   - ids: Those of all archives there are.
  ///   - width: Columns of the terminal; `nil` where there is none.
  init(_ archives: [Archive], ids: [Digest256], width: Int?) {
    idLength = width == nil ? 2 * Digest256.size : Self.uniqueLength(ids.map(\.hex))
    let longestHost = width == nil ? Int.max : Self.longestHost
    hostWidth = archives.reduce(Self.hostHeading.count) {
      max($0, min(DisplayText.width(Self.host($1)), longestHost))
    }
    let longest = archives.map { DisplayText.width(Self.name($0)) }.max() ?? 0
    let fixed = idLength + hostWidth + Self.timeWidth + Self.sizeWidth + 4 * 2
    nameWidth = max(Self.nameHeading.count, min(longest, width.map { $0 - fixed } ?? .max))
  }

  /// The headings of the columns.
  var heading: [UInt8] {
    line(
      id: "ID", name: Self.nameHeading, host: Self.hostHeading, time: "TIME", size: "SIZE")
  }

  /// The line of an archive.
  func line(_ archive: Archive) -> [UInt8] {
    line(
      id: String(archive.id.hex.prefix(idLength)), name: Self.name(archive),
      host: Self.host(archive), time: TimeText.rfc3339(CivilTime(archive.start, in: .local)),
      size: HumanText.size(archive.manifest.statistics.originalSize))
  }

  private func line(
    id: String, name: [UInt8], host: [UInt8], time: String, size: String
  ) -> [UInt8] {
    let columns = [
      (Array(id.utf8), idLength), (name, nameWidth), (host, hostWidth),
      (Array(time.utf8), Self.timeWidth),
    ]
    var line: [UInt8] = []
    for (text, width) in columns {
      let shown = DisplayText.shortened(text, to: width)
      line += shown + Self.spaces(width - DisplayText.width(shown) + 2)
    }
    return line + Self.spaces(Self.sizeWidth - size.utf8.count) + Array(size.utf8) + [0x0a]
  }

  /// The number of digits that tells each id from all others.
  static func uniqueLength(_ ids: [String]) -> Int {
    let sorted = Set(ids).sorted()
    var length = shortestID
    for (one, next) in zip(sorted, sorted.dropFirst()) {
      let shared = zip(one, next).prefix { $0 == $1 }.count
      length = max(length, shared + 1)
    }
    return length
  }

  private static func name(_ archive: Archive) -> [UInt8] {
    NameText.display(Array(archive.name.utf8))
  }

  private static func host(_ archive: Archive) -> [UInt8] {
    NameText.display(Array(archive.manifest.hostname.utf8))
  }

  private static func spaces(_ count: Int) -> [UInt8] {
    [UInt8](repeating: UInt8(ascii: " "), count: max(0, count))
  }
}
