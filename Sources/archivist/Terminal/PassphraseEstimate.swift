/// The bits that each character of a passphrase counts, worked out step by step.
struct PassphraseEstimate {
  /// The place of a byte that is no text.
  static let invalid: UInt32 = .max

  private enum Kind {
    case small, capital, digit
    /// Letters of other alphabets.
    case letter
    case other

    var isLetter: Bool { self == .small || self == .capital || self == .letter }
  }

  private let units: [UInt32]
  private let kinds: [Kind]
  /// The text in lower case.
  private let lower: [UInt32]
  private var bits: [Double]
  /// The places that may be words, and whether each is one that sentences are full of.
  private var found: [(place: Range<Int>, isFrequent: Bool)] = []

  init(_ units: [UInt32]) {
    self.units = units
    kinds = units.map { unit in
      switch unit {
      case 0x61...0x7a: .small
      case 0x41...0x5a: .capital
      case 0x30...0x39: .digit
      case 0x80..<Self.invalid: .letter
      default: .other
      }
    }
    lower = units.map { (0x41...0x5a).contains($0) ? $0 + 32 : $0 }
    bits = [Double](repeating: 0, count: units.count)
  }

  /// All bits.
  var total: Double { bits.reduce(0, +) }

  // MARK: Characters

  /// Counts each character by itself, and looks for words.
  mutating func tokens() {
    var marks: Set<UInt32> = []
    var start = 0
    while start < units.count {
      guard belongsToToken(start) else {
        switch units[start] {
        case 0x20: bits[start] = 0
        case Self.invalid: bits[start] = 6
        default: bits[start] = marks.insert(units[start]).inserted ? 4 : 1
        }
        start += 1
        continue
      }
      var end = start + 1
      while end < units.count, belongsToToken(end) { end += 1 }
      token(start..<end)
      start = end
    }
  }

  /// Letters, digits, and marks that stand for letters in between.
  private func belongsToToken(_ index: Int) -> Bool {
    if kinds[index] != .other { return true }
    return Self.substitutes[units[index]] != nil && isBetweenLetters(index, in: units.indices)
  }

  private func isBetweenLetters(_ index: Int, in range: Range<Int>) -> Bool {
    index > range.lowerBound && index + 1 < range.upperBound && kinds[index - 1].isLetter
      && kinds[index + 1].isLetter
  }

  private mutating func token(_ range: Range<Int>) {
    if isHexadecimal(range) {
      for index in range { bits[index] = 4 }
      return
    }
    let isMixed = isMixed(range)
    for index in range {
      let own = kinds[index] == .digit ? 3.32 : 4.7
      let changes = index > range.lowerBound && kinds[index - 1] != kinds[index]
      bits[index] = isMixed ? 5.7 : changes ? own + 1 : own
    }
    years(range)
    wordsIn(range, isMixed: isMixed)
  }

  /// Eight digits or more, letters among them, of one case.
  private func isHexadecimal(_ range: Range<Int>) -> Bool {
    guard range.count >= 8 else { return false }
    let digits = range.count { kinds[$0] == .digit }
    let small = range.count { kinds[$0] == .small }
    let capital = range.count { kinds[$0] == .capital }
    return digits > 0 && (small == 0) != (capital == 0) && digits + small + capital == range.count
      && range.allSatisfy { kinds[$0] == .digit || (0x61...0x66).contains(lower[$0]) }
  }

  /// Capitals in places where no word has them, as in base64.
  private func isMixed(_ range: Range<Int>) -> Bool {
    guard range.count(where: { kinds[$0] == .small }) >= 2 else { return false }
    let odd = range.count { index in
      kinds[index] == .capital
        && !(index + 2 < range.upperBound && kinds[index + 1] == .small
          && kinds[index + 2] == .small)
    }
    return odd >= 2
  }

  private mutating func years(_ range: Range<Int>) {
    var start = range.lowerBound
    while start < range.upperBound {
      var end = start
      while end < range.upperBound, kinds[end] == .digit { end += 1 }
      let century = end - start == 4 ? (units[start], units[start + 1]) : (0, 0)
      if century == (0x31, 0x39) || century == (0x32, 0x30) {
        for index in start..<end { bits[index] = min(bits[index], 1.75) }
      }
      start = max(end, start + 1)
    }
  }

  // MARK: Words

  /// Digits and marks that are written for letters.
  private static let substitutes: [UInt32: UInt32] = [
    0x30: 0x6f, 0x31: 0x6c, 0x33: 0x65, 0x34: 0x61, 0x35: 0x73, 0x37: 0x74, 0x40: 0x61, 0x24: 0x73,
    0x21: 0x69,
  ]

  private mutating func wordsIn(_ range: Range<Int>, isMixed: Bool) {
    func letter(_ index: Int) -> UInt32? {
      if kinds[index].isLetter { return lower[index] }
      guard !isMixed, isBetweenLetters(index, in: range) else { return nil }
      return Self.substitutes[units[index]]
    }
    var start = range.lowerBound
    while start < range.upperBound {
      guard let first = letter(start) else {
        start += 1
        continue
      }
      var text = [first]
      var end = start + 1
      while end < range.upperBound, let next = letter(end),
        !beginsWord(end, after: start, in: range)
      {
        text.append(next)
        end += 1
      }
      let place = start..<end
      let isFrequent =
        (place == range || place.count > 2) && WordShapes.isFrequent(text[...])
      let share =
        isMixed
        ? (place.count < 6 ? 1 : 0.7) : place.allSatisfy { kinds[$0].isLetter } ? 0.6 : 0.8
      if isFrequent || WordShapes.isWordLike(text[...], share: share) {
        found.append((place, isFrequent))
      }
      start = end
    }
  }

  /// Whether a capital begins another word.
  private func beginsWord(_ index: Int, after start: Int, in range: Range<Int>) -> Bool {
    guard kinds[index] == .capital else { return false }
    if kinds[index - 1] == .small { return true }
    return index > start && kinds[index - 1] == .capital && index + 1 < range.upperBound
      && kinds[index + 1] == .small
  }

  /// Counts words instead of their letters, where that is less.
  mutating func words() {
    let isSentence = found.count { $0.isFrequent } >= 2
    for (place, isFrequent) in found {
      let length = Double(place.count)
      var word = length <= 3 ? 4 * length : 12.5 + 1.6 * max(0, length - 8)
      if isSentence { word = min(word, isFrequent ? 3 : 6) }
      word += Double(place.count { !kinds[$0].isLetter })
      limit(place, to: word)
    }
  }

  // MARK: Order

  /// Half a bit for each character that goes on with a sequence.
  mutating func sequences() {
    guard units.count > 2 else { return }
    for index in 2..<units.count
    where !steps(index - 1).isDisjoint(with: steps(index)) {
      bits[index] = min(bits[index], 0.5)
    }
  }

  /// How a character follows from the one before, by code and on a keyboard.
  private func steps(_ index: Int) -> Set<Int> {
    let first = lower[index - 1]
    let second = lower[index]
    guard first < 128, second < 128 else { return first == second ? [0] : [] }
    var steps = Self.neighbours[first << 8 | second] ?? []
    let distance = Int(second) - Int(first)
    if abs(distance) <= 1 { steps.insert(distance) }
    return steps
  }

  /// Rows and columns.
  private static let keyboard = [
    "1234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm", "1qaz", "2wsx",
    "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "!qaz", "@wsx", "#edc", "$rfv", "%tgb", "^yhn", "&ujm",
  ].map { $0.unicodeScalars.map(\.value) }

  /// In which of them, and in which direction, one key follows another.
  private static let neighbours = {
    var neighbours: [UInt32: Set<Int>] = [:]
    for (number, row) in keyboard.enumerated() {
      for (left, right) in zip(row, row.dropFirst()) {
        neighbours[left << 8 | right, default: []].insert(100 + number)
        neighbours[right << 8 | left, default: []].insert(200 + number)
      }
    }
    return neighbours
  }()

  /// Four bits for each stretch of four or more characters that was there before.
  mutating func repetitions() {
    let length = lower.count
    var index = 0
    while index < length {
      var longest = 0
      for earlier in 0..<index {
        var count = 0
        while index + count < length, lower[earlier + count] == lower[index + count] { count += 1 }
        longest = max(longest, count)
      }
      if longest >= 4 { limit(index..<(index + longest), to: 4) }
      index += longest >= 4 ? longest : 1
    }
  }

  private mutating func limit(_ place: Range<Int>, to most: Double) {
    guard bits[place].reduce(0, +) > most else { return }
    for index in place { bits[index] = most / Double(place.count) }
  }
}
