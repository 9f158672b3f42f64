import ChunkStore

/// The values that the archives of a group have in common.
struct ArchiveGroup: Hashable, Comparable {
  /// The keys of the grouping, and their values; none if archives are not grouped.
  var values: [Value] = []

  /// One of the things that archives are grouped by, and what it is.
  struct Value: Hashable {
    /// The key of the grouping.
    let key: GroupKey
    /// The value; of paths there may be several.
    let texts: [[UInt8]]
  }

  static func < (a: ArchiveGroup, b: ArchiveGroup) -> Bool {
    for (a, b) in zip(a.values, b.values) where a.texts != b.texts {
      return a.texts.lexicographicallyPrecedes(b.texts) { $0.lexicographicallyPrecedes($1) }
    }
    return a.values.count < b.values.count
  }

  /// For people: `host web, user root, paths /etc /home`.
  var description: Message { text { $0.rawValue } }

  /// The group at the start of a line: `Host web`.
  var heading: Message { text { $0 == values.first?.key ? $0.title : $0.rawValue } }

  private func text(_ word: (GroupKey) -> String) -> Message {
    var text: Message = ""
    for (number, value) in values.enumerated() {
      text = text + (number == 0 ? "" : ", ") + "\(word(value.key))"
      for part in value.texts { text = text + (part.isEmpty ? " (none)" : " \(name: part)") }
      if value.texts.isEmpty { text = text + " (none)" }
    }
    return text
  }
}

/// Something that archives can be grouped by; the raw values are what people write.
enum GroupKey: String, CaseIterable {
  /// The machine that made them.
  case host
  /// The user that made them.
  case user
  /// The directories that were archived.
  case paths
  /// The series: archives that were made by the same command.
  case series

  /// The word at the start of a line.
  fileprivate var title: String {
    switch self {
    case .host: "Host"
    case .user: "User"
    case .paths: "Paths"
    case .series: "Series"
    }
  }

  /// The value of an archive.
  func value(of manifest: ArchiveManifest) -> ArchiveGroup.Value {
    let texts: [[UInt8]]
    switch self {
    case .host: texts = [Array(manifest.hostname.utf8)]
    case .user: texts = [Array(manifest.username.utf8)]
    case .paths: texts = manifest.roots.map(\.path).sorted { $0.lexicographicallyPrecedes($1) }
    case .series: texts = [Array(manifest.series.utf8)]
    }
    return ArchiveGroup.Value(key: self, texts: texts)
  }
}

/// How archives are grouped.
struct ArchiveGrouping: Equatable {
  /// By what; by nothing: all are one group.
  let keys: [GroupKey]

  /// Each machine's archives by themselves.
  static let byHost = ArchiveGrouping(keys: [.host])

  private init(keys: [GroupKey]) { self.keys = keys }

  /// Reads keys with commas between, or `none`.
  init(_ text: String) throws(ArchiveGroupingError) {
    if text == "none" {
      keys = []
      return
    }
    var keys: [GroupKey] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let key = GroupKey(rawValue: String(word)) else { throw .unknownKey(String(word)) }
      if !keys.contains(key) { keys.append(key) }
    }
    self.keys = keys
  }

  /// The group of an archive.
  func group(of manifest: ArchiveManifest) -> ArchiveGroup {
    ArchiveGroup(values: keys.map { $0.value(of: manifest) })
  }
}

/// A `--group-by` that cannot be read.
enum ArchiveGroupingError: Error, Equatable, CustomStringConvertible {
  /// Nothing that archives can be grouped by.
  case unknownKey(String)

  var description: String {
    switch self {
    case .unknownKey(let word):
      "--group-by: \"\(word)\" is none of "
        + GroupKey.allCases.map(\.rawValue).joined(separator: ", ")
        + " (with commas between), and not none"
    }
  }
}
