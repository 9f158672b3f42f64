/// This client's memory of one repository: how it is sealed, and which archives it has made in each
/// of its copies.
///
/// Nothing tells a repository from a copy of its files but what is in it. So a copy is a list of
/// archives that have to be there, and the places where it was used. In the usual case there is one.
///
///     suite N          seen KEY          generation N          copy NUMBER
///     authority HEX    place KEY PATH    at KEY                generation N
///     used KEY SECONDS checkpoint ID     adopted KEY           …
///                                        made ID KEY LACKED
///
/// Lines before the first `copy` are of copy 0. `KEY` stands for a place. The copy that was made use of
/// last stands last; numbers are not used again.
struct RememberedRepository: Equatable {
  /// One of the copies.
  struct Copy: Equatable {
    var number = 0
    /// The newest configuration that was seen in it.
    var generation: UInt32 = 0
    /// Where archives were made in it, or where it was adopted.
    var places: [String] = []
    /// The place where it was adopted; `nil` if it is the first one.
    var adopted: String?
    /// The archives that have to be there, the newest last.
    var made: [Made] = []
  }

  /// An archive that this client has made.
  struct Made: Equatable {
    var id: String
    /// Where; `nil` if that is not known.
    var place: String?
    /// The first of those that had to be there, and were not, when it was made.
    var lacks: String?
  }

  var suite: UInt8?
  var authority: String?
  /// Paths of places, by which people know them.
  var paths: [(key: String, path: String)] = []
  /// When this client made its last backup in a place: seconds since 1970.
  var lastBackups: [(key: String, seconds: Int64)] = []
  /// The place that it was found in last, of those where it had not been.
  var seen: String?
  var checkpoints: [String] = []
  var copies = [Copy()]

  /// Archives that are remembered for each copy.
  static let madeLimit = 1000
  private static let checkpointLimit = 20
  private static let placeLimit = 32

  static func == (a: RememberedRepository, b: RememberedRepository) -> Bool {
    a.encoded == b.encoded
  }

  /// The path of a place, if it is still known.
  func path(of place: String?) -> String? { paths.last { $0.key == place }?.path }

  /// The copies that may be in a place: those that have been there, or else all of them.
  ///
  /// One that nothing has to be in would be found anywhere: it is, if there is no other one.
  func candidates(at place: String) -> [Copy] {
    let known = copies.filter { $0.places.contains(place) }
    if !known.isEmpty { return known }
    let others = copies.filter { !$0.made.isEmpty }
    return others.isEmpty ? copies : others
  }

  /// Whether what was found to be in a place may still be that: nobody has adopted anything, or
  /// forgotten it, meanwhile.
  func confirms(_ found: Recognition, at place: String) -> Bool {
    Set(candidates(at: place).map(\.number)) == found.candidates
  }

  /// Whether somebody has forgotten what was found to be in a place, and no other copy has been there.
  func hasForgotten(_ found: Recognition, at place: String) -> Bool {
    copies.allSatisfy { $0.number != found.copy.number && !$0.places.contains(place) }
  }

  // MARK: Which copy it is

  /// Which of the copies a repository is, and what it lacks of that.
  struct Recognition {
    var copy = Copy()
    /// The numbers of all copies that it could have been.
    var candidates: Set<Int> = [0]
    /// The archives that have to be there, and are not.
    var missing: [Made] = []
    /// The archives that an owner has removed.
    var removed: Set<String> = []
  }

  /// The copy in a place: the one that nothing is missing of, or else the least.
  ///
  /// Of several, the one that says most of what has to be there.
  func recognize(at place: String, vanished: Set<String>, removed: Set<String>) -> Recognition {
    let candidates = candidates(at: place)
    var found = Recognition(candidates: Set(candidates.map(\.number)), removed: removed)
    var best: (missing: Int, made: Int)?
    for copy in candidates {
      let missing = copy.made.filter { vanished.contains($0.id) }
      let rank = (missing: missing.count, made: copy.made.count { !removed.contains($0.id) })
      if let best, (best.missing, -best.made) < (rank.missing, -rank.made) { continue }
      best = rank
      found.copy = copy
      found.missing = missing
    }
    return found
  }

  // MARK: Changes

  /// Remembers a place by its path.
  mutating func note(_ path: String, as place: String) {
    if self.path(of: place) == path { return }
    paths.removeAll { $0.key == place }
    paths = (paths + [(place, path)]).suffix(Self.placeLimit)
  }

  /// Remembers when this client made a backup in a place.
  mutating func noteBackup(at place: String, seconds: Int64) {
    lastBackups.removeAll { $0.key == place }
    lastBackups = (lastBackups + [(place, seconds)]).suffix(Self.placeLimit)
  }

  /// Remembers an archive that was made in a copy.
  mutating func add(
    _ archive: String, at place: String, to found: Recognition, generation: UInt32
  ) {
    var copy = found.copy
    if let index = copies.firstIndex(where: { $0.number == copy.number }) {
      copy = copies.remove(at: index)
    } else {
      // Forgotten while the archive was made: what is in other places is another one by now.
      let missing = Set(found.missing.map(\.id))
      copy.made.removeAll { missing.contains($0.id) }
      copy.places = []
    }
    copy.generation = max(copy.generation, generation)
    copy.made.removeAll { found.removed.contains($0.id) }
    let made = Made(id: archive, place: place, lacks: found.missing.first?.id)
    copy.made = (copy.made + [made]).suffix(Self.madeLimit)
    if !copy.places.contains(place) {
      copy.places = (copy.places + [place]).suffix(Self.placeLimit)
    }
    copies.append(copy)
  }

  /// Forgets archives that were made in a place, and were deleted there.
  ///
  /// What was made elsewhere may still have to be there: the copies may have parted since.
  mutating func forget(_ deleted: Set<String>, at place: String) {
    for index in copies.indices where copies[index].places.contains(where: { $0 != place }) {
      copies[index].made.removeAll { $0.place == place && deleted.contains($0.id) }
    }
  }

  mutating func add(checkpoint: String) {
    checkpoints = (checkpoints + [checkpoint]).suffix(Self.checkpointLimit)
  }
}

// MARK: In a file

extension RememberedRepository {
  init(decoding bytes: [UInt8]) {
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count >= 2, let last = copies.indices.last else { continue }
      switch words[0] {
      case "suite": suite = UInt8(words[1])
      case "authority": authority = words[1]
      case "seen": seen = words[1]
      case "used":
        if words.count > 2, let seconds = Int64(words[2]) {
          lastBackups.append((words[1], seconds))
        }
      case "place":
        let path = String(line.split(separator: " ", maxSplits: 2).dropFirst(2).first ?? "")
        paths.append((words[1], path.replacing("%0A", with: "\n").replacing("%25", with: "%")))
      case "checkpoint": checkpoints.append(words[1])
      case "copy": UInt32(words[1]).map { copies.append(Copy(number: Int($0))) }
      case "generation": copies[last].generation = UInt32(words[1]) ?? 0
      case "at": copies[last].places.append(words[1])
      case "adopted": copies[last].adopted = words[1]
      case "made":
        copies[last].made.append(
          Made(id: words[1], place: words.dropFirst(2).first, lacks: words.dropFirst(3).first))
      default: continue
      }
    }
    // Copy 0 may have gone.
    if copies.count > 1 { copies.removeAll { $0.made.isEmpty && $0.places.isEmpty } }
    if copies.isEmpty { copies = [Copy()] }
  }

  /// The lines of the file.
  var encoded: [UInt8] {
    var lines: [String] = []
    if let suite { lines.append("suite \(suite)") }
    if let authority { lines.append("authority \(authority)") }
    lines += paths.map { key, path in
      "place \(key) "
        + path.replacing("%", with: "%25").replacing("\n", with: "%0A")
    }
    lines += lastBackups.map { key, seconds in "used \(key) \(seconds)" }
    if let seen { lines.append("seen \(seen)") }
    lines += checkpoints.map { "checkpoint \($0)" }
    for (index, copy) in copies.enumerated() {
      if index > 0 || copy.number != 0 { lines.append("copy \(copy.number)") }
      lines.append("generation \(copy.generation)")
      lines += copy.places.map { "at \($0)" }
      if let adopted = copy.adopted { lines.append("adopted \(adopted)") }
      lines += copy.made.map { made in
        (["made", made.id] + [made.place, made.lacks].compactMap(\.self)).joined(separator: " ")
      }
    }
    return Array(lines.map { $0 + "\n" }.joined().utf8)
  }
}
