import ArgumentParser
import ChunkStore

/// The order of archives in a list.
struct ArchiveOrder: CustomStringConvertible {
  private enum Key: String, CaseIterable {
    case timestamp
    case name
    case id
  }

  private let keys: [Key]

  /// As they were made.
  static let byTime = ArchiveOrder(keys: [.timestamp])

  private init(keys: [Key]) { self.keys = keys }

  /// Reads keys with commas between; `archive` is borg's other word for `name`.
  init(_ text: String) throws(ValidationError) {
    var keys: [Key] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let key = Key(rawValue: word == "archive" ? "name" : String(word)) else {
        throw ValidationError(
          "--sort-by: \"\(word)\" is none of "
            + Key.allCases.map(\.rawValue).joined(separator: ", "))
      }
      keys.append(key)
    }
    self.keys = keys
  }

  var description: String { keys.map(\.rawValue).joined(separator: ",") }

  /// The archives in this order; equal ones stay as they are.
  func sorted(_ archives: [Archive]) -> [Archive] {
    archives.enumerated().sorted { a, b in
      for key in keys {
        switch key {
        case .timestamp where a.element.start != b.element.start:
          return a.element.start < b.element.start
        case .name where Array(a.element.name.utf8) != Array(b.element.name.utf8):
          return a.element.name.utf8.lexicographicallyPrecedes(b.element.name.utf8)
        case .id where a.element.id != b.element.id: return a.element.id < b.element.id
        default: continue
        }
      }
      return a.offset < b.offset
    }.map(\.element)
  }
}
