import Glibc

/// The habits of people in a text: what knowledge of them saves to whoever writes it down.
///
/// Each part is about one habit and says how many bits shorter the text gets by a code for it, or 0. They
/// are of different things, and so are added. Where there are several ways to look, it is the best of
/// them, less what it takes to say which.
struct Habits {
  private typealias CharacterClass = GeneratedText.CharacterClass

  private let text: [UInt8]
  /// The text in lower case.
  private let lower: [UInt8]
  private let classes: [CharacterClass]
  private let form: GeneratedText.Form

  init(_ text: [UInt8], form: GeneratedText.Form) {
    self.text = text
    self.form = form
    classes = text.map(CharacterClass.init)
    lower = text.map { (0x41...0x5a).contains($0) ? $0 + 0x20 : $0 }
  }

  /// All bits that are saved.
  var savings: Double {
    shares + order + ends + neighbours + coincidences + words + copies + readableBytes + substitutes
      + years
  }

  // MARK: Classes

  /// More or fewer characters of a class than generators make: sentences have few capitals.
  private var shares: Double {
    let digits = count(of: .digit)
    let marks = count(of: .mark)
    let capitals = count(of: .capital)
    let others = text.count - marks
    switch form {
    case .hexadecimal: return Self.savings(digits, of: others, chance: 10 / 16)
    case .base32: return Self.savings(digits, of: others, chance: 6 / 32)
    case .base64, .mixed, .allClasses:
      // Some draw the class first, and then the character.
      return Self.savings(capitals, of: others - digits, chance: 0.5)
        + Self.savings(digits, of: others, chance: 10 / 62, to: 0.25)
        + Self.savings(marks, of: text.count, chance: 0, to: 32 / 94)
    }
  }

  private func count(of kind: CharacterClass) -> Int { classes.count { $0 == kind } }

  /// Classes that take turns, or stay: among neighbours, and at distances up to four.
  private var order: Double {
    let chance = Self.chanceOfPair(classes.indices) { classes[$0] == classes[$1] }
    return Self.best(
      (1...4).map { distance in
        let pairs = distance..<text.count
        let same = pairs.count { classes[$0] == classes[$0 - distance] }
        return Self.savings(same, of: pairs.count, chance: chance)
      }, choice: 2)
  }

  /// Digits and marks that are put in front of letters and behind them, and nowhere else.
  private var ends: Double {
    guard form != .hexadecimal, form != .base32 else { return 0 }
    let places = text.indices.filter { !classes[$0].isLetter }
    let front = zip(places, 0...).prefix { $0 == $1 }.count
    let behind = text.count - (places.count - front)
    guard !places.isEmpty, places.dropFirst(front).allSatisfy({ $0 >= behind }) else { return 0 }
    // All the places where they could be.
    let ways = places.indices.reduce(0) {
      $0 + log2(Double(text.count - $1)) - log2(Double($1 + 1))
    }
    return ways - log2(Double(places.count + 1))
  }

  // MARK: Characters

  /// Alphabets, numbers and keys in their order, also if they take turns with something else.
  private var neighbours: Double {
    let chance = Self.chanceOfPair(lower.indices) { Keys.areClose(lower[$0], lower[$1]) }
    return Self.best(
      (1...4).flatMap { distance in
        let pairs = distance..<lower.count
        let close = pairs.count { Keys.areClose(lower[$0], lower[$0 - distance]) }
        let steps = pairs.dropFirst(distance)
        // Steps of any width, as in acegik.
        let equal = steps.count {
          Int(lower[$0]) - Int(lower[$0 - distance])
            == Int(lower[$0 - distance]) - Int(lower[$0 - 2 * distance])
        }
        return [
          Self.savings(close, of: pairs.count, chance: 0, to: chance),
          Self.savings(
            equal, of: steps.count, chance: 0, to: form == .hexadecimal ? 0.08 : 0.04),
        ]
      }, choice: 3)
  }

  /// Characters that come again more often than by chance: few are in use, or some are frequent.
  private var coincidences: Double {
    func savings(_ characters: [UInt8], alphabet: Double) -> Double {
      var counts = [Int](repeating: 0, count: 128)
      for character in characters { counts[Int(character)] += 1 }
      let equal = counts.reduce(0) { $0 + $1 * ($1 - 1) / 2 }
      let pairs = characters.count * (characters.count - 1) / 2
      return Self.savings(equal, of: pairs, chance: 0, to: 1 / alphabet)
    }
    if form == .hexadecimal { return savings(lower, alphabet: 16) }
    let marks = characters(of: .mark)
    return savings(letters, alphabet: 26)
      + savings(characters(of: .digit), alphabet: form == .base32 ? 6 : 10)
      + savings(marks, alphabet: marks.allSatisfy("+/-_".utf8.contains) ? 2 : 5)
  }

  /// Stretches that were there before, forwards or backwards.
  private var copies: Double {
    let bits = form == .hexadecimal ? 4.0 : 5.0
    // Where it was, and how long it is.
    let price = 2 * log2(Double(lower.count))
    func savings(backwards: Bool) -> Double {
      var total = 0.0
      var index = 0
      while index < lower.count {
        let longest =
          (0..<index).map { copied(to: index, from: $0, backwards: backwards) }.max() ?? 0
        let saved = Double(longest) * bits - price
        if saved > 0 { total += saved }
        index += saved > 0 ? longest : 1
      }
      return total
    }
    return max(savings(backwards: false), savings(backwards: true))
  }

  private func copied(to index: Int, from earlier: Int, backwards: Bool) -> Int {
    var count = 0
    while index + count < lower.count {
      let source = backwards ? earlier - count : earlier + count
      guard source >= 0, lower[source] == lower[index + count] else { break }
      count += 1
    }
    return count
  }

  // MARK: Words

  private var letters: [UInt8] { lower.filter { CharacterClass($0).isLetter } }

  private func characters(of kind: CharacterClass) -> [UInt8] {
    lower.indices.filter { classes[$0] == kind }.map { lower[$0] }
  }

  /// Digits and marks that are written for letters.
  private static let letterOf = Dictionary(
    uniqueKeysWithValues: zip("01345789@$!|+&".utf8, "oleastbgasilta".utf8))

  /// Letters that follow each other as in words: with others in between or without, of one case, every
  /// second or third, with digits and marks read as letters; forwards and backwards.
  private var words: Double {
    guard form != .hexadecimal else { return 0 }
    let read = lower.compactMap { CharacterClass($0).isLetter ? $0 : Self.letterOf[$0] }
    let sequences = [letters, read, characters(of: .capital), characters(of: .small)]
    let parts =
      (1...3).flatMap { step in sequences.flatMap { Self.columns(of: $0, step: step) } }
      + (2...3).flatMap { step in
        Self.columns(of: lower, step: step).map { $0.filter { CharacterClass($0).isLetter } }
      }
    let greatest = parts.map {
      max(LetterPairs.greatestGain($0), LetterPairs.greatestGain($0.reversed()))
    }
    let whole = max(
      LetterPairs.gain(letters), LetterPairs.gain(letters.reversed()) - 1,
      LetterPairs.gain(read) - 1)
    // Habits of letters are the strongest of all.
    return 1.25 * max(whole, Self.best(greatest, choice: 1 + log2(Double(lower.count))))
  }

  private static func columns(of characters: [UInt8], step: Int) -> [[UInt8]] {
    (0..<step).map { first in
      stride(from: first, to: characters.count, by: step).map { characters[$0] }
    }
  }

  /// Digits and marks all of which look like letters.
  private var substitutes: Double {
    guard form != .hexadecimal, form != .base32 else { return 0 }
    let others = text.filter { !CharacterClass($0).isLetter }
    return Self.savings(
      others.count { Self.letterOf[$0] != nil }, of: others.count, chance: 0, to: 0.6)
  }

  /// Years of this century and the last.
  private var years: Double {
    guard form != .hexadecimal else { return 0 }
    let numbers = text.split { CharacterClass($0) != .digit }.filter { $0.count == 4 }
    return 8 * Double(numbers.count { $0.starts(with: "19".utf8) || $0.starts(with: "20".utf8) })
  }

  /// Bytes that are text, if the characters are digits of base 16, 32 or 64.
  private var readableBytes: Double {
    let width =
      switch form {
      case .hexadecimal: 4
      case .base32: 5
      case .base64, .mixed, .allClasses: 6
      }
    var bytes: [UInt8] = []
    var (held, count) = (0, 0)
    for character in text {
      guard let digit = Self.digit(character, width: width) else { return 0 }
      held = (held << width | digit) & 0xffff
      count += width
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(held >> count & 0xff))
      }
    }
    let readable = bytes.count { (0x20...0x7e).contains($0) }
    return Self.savings(readable, of: bytes.count, chance: 0, to: 95 / 256)
  }

  private static func digit(_ character: UInt8, width: Int) -> Int? {
    let isSmall = (0x61...0x7a).contains(character)
    let number = Int(isSmall && width < 6 ? character - 0x20 : character)
    return switch (number, width) {
    case (0x30...0x39, 4): number - 0x30
    case (0x41...0x46, 4): number - 0x41 + 10
    case (0x41...0x5a, 5): number - 0x41
    case (0x32...0x37, 5): number - 0x32 + 26
    case (0x41...0x5a, 6): number - 0x41
    case (0x61...0x7a, 6): number - 0x61 + 26
    case (0x30...0x39, 6): number - 0x30 + 52
    case (0x2b, 6), (0x2d, 6): 62
    case (0x2f, 6), (0x5f, 6): 63
    default: nil
    }
  }

  // MARK: Codes

  /// The bits saved in saying which of `all` are the `count` that something is true of, by whoever knows
  /// how many there are, against whoever expects a share between `chance` and `most`.
  ///
  /// It is the divergence of the shares, which by Chernoff bounds how likely so large a deviation is.
  private static func savings(
    _ count: Int, of all: Int, chance least: Double, to most: Double? = nil
  ) -> Double {
    guard all > 0 else { return 0 }
    let share = Double(count) / Double(all)
    let expected = max(least, min(most ?? least, share))
    var divergence = 0.0
    if share > 0 { divergence += share * log2(share / expected) }
    if share < 1 { divergence += (1 - share) * log2((1 - share) / (1 - expected)) }
    return Double(all) * divergence
  }

  /// How often something is true of two characters of the text, wherever they are.
  private static func chanceOfPair(_ places: Range<Int>, _ isTrue: (Int, Int) -> Bool) -> Double {
    var count = 0
    for second in places { count += (0..<second).count { isTrue($0, second) } }
    let all = places.count * (places.count - 1) / 2
    return min(max(Double(count) / Double(max(1, all)), 0.01), 0.99)
  }

  private static func best(_ savings: [Double], choice: Double) -> Double {
    max(0, (savings.max() ?? 0) - choice)
  }
}

/// The keys of a keyboard.
private enum Keys {
  /// Whether two characters follow each other in the alphabet, or their keys are side by side, or one
  /// below the other; or they are the same.
  static func areClose(_ a: UInt8, _ b: UInt8) -> Bool {
    let classes = (GeneratedText.CharacterClass(a), GeneratedText.CharacterClass(b))
    if classes.0 == classes.1, classes.0 != .mark, abs(Int(a) - Int(b)) <= 1 { return true }
    if a == b { return true }
    guard let first = places[a], let second = places[b] else { return false }
    let (rows, columns) = (abs(first.row - second.row), abs(first.column - second.column))
    return rows + columns <= 1
  }

  private static let places: [UInt8: (row: Int, column: Int)] = {
    var places: [UInt8: (row: Int, column: Int)] = [:]
    let layers = [
      ["1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"],
      ["!@#$%^&*()_+", "          {}", "         :\"", "       <>?"],
    ]
    for layer in layers {
      for (row, keys) in layer.enumerated() {
        for (column, key) in keys.utf8.enumerated() where key != 0x20 {
          places[key] = (row, column)
        }
      }
    }
    return places
  }()
}
