import ChunkStore
import LinuxSystem

extension LostItems {
  /// The missing items, and why they are.
  var message: Message {
    let items: Message = count == 1 ? "1 item is missing" : "\(count) items are missing"
    let stretch: Message =
      switch (first, end) {
      case (nil, _): "of the whole archive, "
      case (let first?, let end?): "between \(name: first.bytes) and \(name: end.bytes), "
      case (let first?, nil): "between \(name: first.bytes) and the end of the archive, "
      }
    return stretch + items + ": \(Exit.describe(cause).0)"
  }
}

extension Report {
  /// Tells of items that a command passes over.
  func lost(_ items: LostItems) { warning(.damage, items.message) }

  /// Tells that the system could not be asked for the names of owners.
  func ownersUnknown(_ error: SystemError) {
    warning(
      .various,
      "the names of owners could not be looked up, so numbers stand for them: \(error.reason)")
  }

  /// Tells of paths that were asked for, and that are not in the archive.
  ///
  /// - Parameters:
  ///   - selection: The paths.
  ///   - archive: The argument that names the archive; empty where nobody is to be told how to go on.
  func neverMatched(_ selection: Selection, in archive: [UInt8]) {
    for path in selection.neverMatched {
      let hint: Message =
        Self.search(for: path, in: archive).map { "`\(shell: $0)` looks for it anywhere" }
        ?? "`list` shows its paths"
      warning(.patternNeverMatched, "\(name: path): no match in the archive; \(hint)")
    }
  }

  /// A command that finds what ends like a path, wherever it is; `nil` if it says itself how it is meant.
  private static func search(for path: [UInt8], in archive: [UInt8]) -> [[UInt8]]? {
    let slash = UInt8(ascii: "/")
    let isPattern = path.count > 2 && path[2] == UInt8(ascii: ":")
    let parts = path.split(separator: slash).filter { $0 != [UInt8(ascii: ".")] }
    guard !archive.isEmpty, !isPattern, !parts.isEmpty, !parts.contains(Array("..".utf8)[...])
    else { return nil }
    let end = Array(parts.joined(separator: [slash]))
    let pattern = Array((end.first == UInt8(ascii: "*") ? "fm:" : "fm:*").utf8) + end
    return ["archivist", "list", "--short"].map { Array($0.utf8) } + [archive, pattern]
  }

  /// Tells of paths that were asked for, and that may be among the items that were passed over.
  func perhapsLost(_ selection: Selection) {
    for path in selection.perhapsLost {
      warning(.damage, "\(name: path): may be among the items that are missing")
    }
  }
}
