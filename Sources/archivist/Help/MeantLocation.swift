/// The place that was meant in all likelihood where no repository is.
enum MeantLocation {
  /// `REPOSITORY::ARCHIVE`, where something else than two colons stands between the two, or a variable
  /// names the repository.
  ///
  /// - Parameters:
  ///   - location: What was named, and is no repository.
  ///   - repository: The repository that a variable names.
  ///   - isRepository: Whether a path leads to one.
  /// - Returns: The argument that was meant; `nil` if it was none of these.
  static func archive(
    in location: String, repository: String? = nil, isRepository: (String) -> Bool
  ) -> String? {
    for separator in [":", "@", "/"] as [Character] {
      guard let index = location.lastIndex(of: separator) else { continue }
      let repository = String(location[..<index])
      let name = location[location.index(after: index)...]
      guard !repository.isEmpty, !name.isEmpty, isRepository(repository) else { continue }
      switch separator {
      case "@": return "\(repository)::@\(name)"
      // A directory of the repository itself is no archive.
      case "/" where isRepository("\(repository)/\(name)/.."): return repository
      default: return "\(repository)::\(Moment.meant(by: String(name)) ?? String(name))"
      }
    }
    guard repository != nil, !location.isEmpty, !location.contains("/") else { return nil }
    return "::\(Moment.meant(by: location) ?? location)"
  }

  /// The place that differs from a location by a slip of the keyboard, or in the directory alone.
  static func place(near location: String, among places: [String]) -> String? {
    let path =
      location.hasPrefix("ssh://")
      ? location : String(decoding: AbsolutePath.of(Array(location.utf8)), as: UTF8.self)
    let near = places.filter { slips(path, $0) <= 2 }
    if near.count == 1 { return near[0] }
    guard let name = path.split(separator: "/").last else { return nil }
    let namesakes = places.filter { $0.split(separator: "/").last == name }
    return namesakes.count == 1 ? namesakes[0] : nil
  }

  /// The slips between two paths, of which only the parts that differ are compared.
  private static func slips(_ a: String, _ b: String) -> Int {
    var (a, b) = (Array(a.unicodeScalars)[...], Array(b.unicodeScalars)[...])
    while let first = a.first, first == b.first {
      a.removeFirst()
      b.removeFirst()
    }
    while let last = a.last, last == b.last {
      a.removeLast()
      b.removeLast()
    }
    func text(_ part: ArraySlice<Unicode.Scalar>) -> String {
      String(String.UnicodeScalarView(part))
    }
    return Suggestion.distance(text(a), text(b))
  }
}

/// Words for a moment that are none of archivist's.
enum Moment {
  /// The moment that somebody means who writes `latest`; `nil` for other words.
  static func meant(by word: String) -> String? {
    switch word.lowercased().drop(while: { $0 == "@" }) {
    case "latest", "last", "newest", "head", "today", "current": "@now"
    case "now" where !word.hasPrefix("@"): "@now"
    case "yesterday": "@1d"
    default: nil
    }
  }
}
