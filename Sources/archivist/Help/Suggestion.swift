/// The nearest sensible word to one that nobody knows.
enum Suggestion {
  /// The word that was meant in all likelihood; `nil` if none is near.
  ///
  /// A beginning of at least three characters counts, if only one word has it, and a slip of the
  /// keyboard: one in a short word, two in a longer one. Others would be guesses.
  static func nearest(to word: String, among words: [String]) -> String? {
    let lowercase = word.lowercased()
    if words.contains(lowercase) { return lowercase }
    let length = lowercase.unicodeScalars.drop { $0 == "-" }.count
    if length >= 3 {
      let longer = words.filter { $0.hasPrefix(lowercase) }
      if longer.count == 1 { return longer.first }
    }
    let most = length < 3 ? 0 : length < 6 ? 1 : 2
    let near = words.map { (word: $0, distance: distance(lowercase, $0)) }
      .filter { $0.distance <= most }
    guard let least = near.map(\.distance).min() else { return nil }
    let nearest = near.filter { $0.distance == least }
    return nearest.count == 1 ? nearest.first?.word : nil
  }

  /// The name that was meant in all likelihood, among names that people have given.
  ///
  /// - Returns: The one that differs by a slip, or in large and small letters alone; `nil` if there are
  ///   several.
  static func nearestName(to name: String, among names: [String]) -> String? {
    let lowercase = name.lowercased()
    let same = names.filter { $0.lowercased() == lowercase }
    if let only = same.first { return same.count == 1 ? only : nil }
    let most = name.unicodeScalars.count < 4 ? 1 : 2
    let near = names.map { (name: $0, distance: distance(lowercase, $0.lowercased())) }
      .filter { $0.distance <= most }
    guard let least = near.map(\.distance).min() else { return nil }
    let nearest = near.filter { $0.distance == least }
    return nearest.count == 1 ? nearest[0].name : nil
  }

  /// The number of characters to insert, delete, replace, or exchange with the next one.
  static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.unicodeScalars), Array(b.unicodeScalars))
    // Nobody needs to know how far a page of text is from a word.
    guard a.count < 64, b.count < 64 else { return .max }
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var best = min(row[j] + 1, last[j + 1] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, beforeLast[j - 1] + 1)
        }
        row.append(best)
      }
      (beforeLast, last) = (last, row)
    }
    return last[b.count]
  }
}
