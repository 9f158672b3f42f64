extension RememberedRepository {
  /// Copies of which archives are remembered.
  static let copyLimit = 16
  /// All copies, with those of which nothing but the place is remembered.
  private static let knownCopyLimit = 64

  /// The outcome of adopting a copy.
  struct Adoption: Equatable {
    /// Archives that this client has made, and that are in it.
    var present = 0
    /// Archives that were expected of what was taken to be there.
    var missing = 0
    /// Other copies that may still be in the same place.
    var turns = 0
    /// Places of copies of which it is not remembered any more what has to be in them.
    var forgotten: [String] = []
  }

  /// Takes what is in a place for a copy of its own from now on.
  ///
  /// It was copied from one that may come back, and takes its turn in this place: so that one stays
  /// known, too. What was adopted here before is adopted again as it is now, unless it was used
  /// elsewhere or others take turns here.
  ///
  /// - Parameters:
  ///   - place: Where it is.
  ///   - found: What it was taken for so far, compared with all archives of all copies.
  ///   - absent: Those of all archives of all copies that are not in it.
  ///   - generation: The number of its newest configuration.
  ///   - isOnly: Whether the other copies are no more.
  ///   - mayHaveMoved: Whether what it was taken for is in none of its other places now.
  /// - Returns: What there is to say about it.
  mutating func adopt(
    at place: String, found: Recognition, absent: Set<String>, generation: UInt32, isOnly: Bool,
    mayHaveMoved: Bool = false
  ) -> Adoption {
    let index = copies.firstIndex { $0.number == found.copy.number }
    let missing = Set(found.missing.map(\.id))
    var copy = Copy(
      number: (copies.map(\.number).max() ?? 0) + 1, generation: generation, places: [place],
      adopted: place, made: present(found.copy, absent: absent))
    var adoption = Adoption(present: copy.made.count, missing: missing.count)
    if isOnly {
      copies = [copy]
      return adoption
    }
    if let index {
      let old = copies.remove(at: index)
      let isAlone = copies.allSatisfy { !$0.places.contains(place) }
      if missing.isEmpty, isAlone, old.places == [place], old.adopted == place {
        copy.number = old.number
      } else {
        let rest = old.parted(at: place, missing: missing, mayHaveMoved: mayHaveMoved)
        copies.insert(rest, at: index)
      }
    }
    copies = copies.filter { !$0.made.isEmpty || !$0.places.isEmpty } + [copy]
    adoption.forgotten = forgetMore()
    adoption.turns = copies.count { $0.places.contains(place) } - 1
    return adoption
  }

  /// The archives that are there, whichever copy they were made in: those of one copy first.
  private func present(_ first: Copy, absent: Set<String>) -> [Made] {
    var known = absent
    let all = [first] + copies.filter { $0.number != first.number }
    return all.flatMap(\.made).filter { known.insert($0.id).inserted }.suffix(Self.madeLimit)
  }

  /// Forgets what has to be in the copies that were not written to for the longest time.
  ///
  /// Their places stay known: what is there must not be taken for one of the others.
  private mutating func forgetMore() -> [String] {
    var forgotten: [String] = []
    while copies.count(where: { !$0.made.isEmpty }) > Self.copyLimit,
      let index = copies.firstIndex(where: { !$0.made.isEmpty })
    {
      forgotten += copies[index].places
      copies[index].made = []
      let others = Set(copies.indices.filter { $0 != index }.flatMap { copies[$0].places })
      // There, one of the others has to be complete.
      copies[index].places.removeAll { others.contains($0) }
    }
    copies.removeAll { $0.made.isEmpty && $0.places.isEmpty }
    while copies.count > Self.knownCopyLimit,
      let index = copies.firstIndex(where: { $0.made.isEmpty })
    {
      copies.remove(at: index)
    }
    return forgotten
  }
}

extension RememberedRepository.Copy {
  /// The rest of a copy when the repository in a place turned out to be another one.
  ///
  /// What was made here since the two parted is in the other one alone. They had parted when the
  /// first of what is missing here was made, or what was missing then; if nothing is missing, after
  /// the last that was made elsewhere, as long as the first is there.
  fileprivate func parted(at place: String, missing: Set<String>, mayHaveMoved: Bool) -> Self {
    let lacking = made.first { missing.contains($0.id) }?.lacks
    let known = made.firstIndex { missing.contains($0.id) || $0.id == lacking }
    // Where some of it was made and is not, both take turns; where nothing is missing, perhaps.
    let takesTurns =
      made.contains { missing.contains($0.id) && $0.place == place }
      || missing.isEmpty && (mayHaveMoved || places == [place])
    let parting =
      known ?? (takesTurns ? nil : made.lastIndex { $0.place != place }.map { $0 + 1 })
      ?? made.endIndex
    var rest = self
    rest.made =
      made[..<parting]
      + made[parting...].filter {
        missing.contains($0.id) || $0.place != place
      }
    if !takesTurns, rest.places.contains(where: { $0 != place }) {
      rest.places.removeAll { $0 == place }
    }
    return rest
  }
}
