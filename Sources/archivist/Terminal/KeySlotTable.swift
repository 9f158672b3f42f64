import ChunkStore
import StoreCrypto

/// The key slots of a repository, for people: a line each, its columns below each other.
struct KeySlotTable {
  /// The digits of an id that are shown: two slots that begin alike are none that anybody meets.
  static let idLength = 12

  /// The lines, without their ends.
  let lines: [Message]

  init(_ slots: [KeySlots.Entry]) {
    let costs = slots.map { $0.problem == nil ? Self.cost($0) : "" }
    let dates = slots.map { $0.date.map { TimeText.rfc3339(CivilTime($0, in: .local)) } ?? "" }
    let costWidth = costs.map(\.utf8.count).max() ?? 0
    let dateWidth = dates.map(\.utf8.count).max() ?? 0
    lines = slots.indices.map { index in
      let slot = slots[index]
      let place = slot.isWithClient ? "client" : "repository"
      var columns: [(text: Message, width: Int)] = [
        ("\(slot.id.hex.prefix(Self.idLength))", Self.idLength), ("\(place)", "repository".count),
      ]
      if let problem = slot.problem {
        columns.append(("not usable: \(Exit.reason(problem))", 0))
        if !dates[index].isEmpty { columns.append(("\(dates[index])", 0)) }
      } else {
        columns.append(("\(costs[index])", costWidth))
        if dateWidth > 0 {
          columns.append(("\(dates[index].isEmpty ? "-" : dates[index])", dateWidth))
        }
      }
      if slot.isOpened { columns.append(("(opened now)", 0)) }
      if !slot.note.isEmpty { columns.append(("\(name: Array(slot.note.utf8))", 0)) }
      return Self.line(columns)
    }
  }

  private static func line(_ columns: [(text: Message, width: Int)]) -> Message {
    var line: Message = ""
    for (number, column) in columns.enumerated() {
      line = line + column.text
      guard number < columns.count - 1 else { break }
      let missing = max(0, column.width - column.text.bytes.count)
      line = line + "\(String(repeating: " ", count: missing + 2))"
    }
    return line
  }

  private static func cost(_ slot: KeySlots.Entry) -> String {
    guard let parameters = slot.parameters else { return "no passphrase" }
    // r is always 8, and p mostly 1.
    return "scrypt N=2^\(parameters.logN)" + (parameters.p == 1 ? "" : " p=\(parameters.p)")
  }
}
