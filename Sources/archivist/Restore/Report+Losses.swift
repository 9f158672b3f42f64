import ChunkStore

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
  func neverMatched(_ selection: Selection) {
    for path in selection.neverMatched {
      warning(
        .patternNeverMatched,
        "\(name: path): no match in the archive; `list` shows its paths, wildcards need `fm:` or "
          + "`sh:` in front")
    }
  }

  /// Tells of paths that were asked for, and that may be among the items that were passed over.
  func perhapsLost(_ selection: Selection) {
    for path in selection.perhapsLost {
      warning(.damage, "\(name: path): may be among the items that are missing")
    }
  }
}
