/// Looks for a regular expression in texts, one character after the other.
///
/// All ways in which the expression could go on are followed at once, so the time for a text is at
/// most in proportion to its length times the size of the program, whatever both look like. A set
/// of such ways is a state; where each state leads is remembered, so that most characters cost
/// one look into a table. What is remembered is bounded, and forgotten when it has grown too large.
///
/// Belongs to one thread.
final class RegexMatcher {
  /// The facts known about the place in front of the next character.
  private struct Before: OptionSet, Hashable {
    let rawValue: UInt8
    static let start = Before(rawValue: 1)
    static let newline = Before(rawValue: 2)
    static let word = Before(rawValue: 4)
    static let asciiWord = Before(rawValue: 8)
  }

  private struct State: Hashable {
    let before: Before
    /// The instructions to go on with, ascending.
    let places: [Int32]
  }

  /// Characters that the program cannot tell apart.
  private struct Class: Hashable {
    enum Kind { case end, finalNewline, other }
    var kind = Kind.other
    var before: Before = []
    /// A bit for each test that they pass.
    var passed: [UInt64] = []
  }

  private enum Known {
    static let none: Int32 = -1
    static let found: Int32 = -2
    static let failed: Int32 = -3
  }

  private let program: RegexProgram
  /// Whether it can be found only at the start of a text.
  private let isAnchored: Bool
  /// The facts about a place in a text that matter to the program.
  private let relevant: Before
  /// How many table entries are remembered.
  private let capacity: Int

  private var states: [State] = []
  private var numbers: [State: Int32] = [:]
  /// Where each state leads for each class.
  private var table: [[Int32]] = []
  private var used = 0
  /// How often everything was forgotten.
  private var generation = 0

  private var classes: [Class] = []
  private var classNumbers: [Class: Int] = [:]
  private var asciiClasses: [Int32]
  private var otherClasses: [UInt32: Int] = [:]

  // Scratch space of `step`.
  private var isVisited: [Bool]
  private var isNext: [Bool]

  /// Prepares to look for what `program` describes, remembering up to `capacity` table entries.
  init(_ program: RegexProgram, capacity: Int = 1 << 18) {
    self.program = program
    self.capacity = capacity
    isAnchored =
      if case .require(.textStart) = program.instructions.first { true } else { false }
    var relevant: Before = []
    for case .require(let assertion) in program.instructions {
      switch assertion {
      case .textStart: relevant.insert(.start)
      case .lineStart: relevant.formUnion([.start, .newline])
      case .wordBoundary(_, let isASCII):
        relevant.formUnion([.start, isASCII ? .asciiWord : .word])
      case .textEnd, .end, .lineEnd: break
      }
    }
    self.relevant = relevant
    asciiClasses = Array(repeating: -1, count: 128)
    isVisited = Array(repeating: false, count: program.instructions.count)
    isNext = isVisited
    _ = number(of: Class(kind: .end))
    forget()
  }

  /// Whether the expression is found anywhere in `text`.
  func matches(_ text: Span<UInt8>) -> Bool {
    var state = 0
    var position = 0
    while position < text.count {
      let byte = text[position]
      let number: Int
      if byte == 0x0A, position == text.count - 1 {
        number = finalNewline
        position += 1
      } else if byte < 0x80 {
        let known = asciiClasses[Int(byte)]
        number = known >= 0 ? Int(known) : asciiClass(byte)
        position += 1
      } else {
        let unit = CharacterUnit(text, at: position)
        number = otherClass(unit.value)
        position += unit.length
      }
      let known = number < table[state].count ? table[state][number] : Known.none
      let next = known == Known.none ? step(state, number) : known
      if next < 0 { return next == Known.found }
      state = Int(next)
    }
    return step(state, 0) == Known.found
  }

  // MARK: Classes

  private func number(of new: Class) -> Int {
    if let number = classNumbers[new] { return number }
    classes.append(new)
    classNumbers[new] = classes.count - 1
    return classes.count - 1
  }

  private func describe(_ character: UInt32) -> Class {
    var described = Class()
    described.passed = Array(repeating: 0, count: (program.tests.count + 63) / 64)
    for (number, test) in program.tests.enumerated() where test.matches(character) {
      described.passed[number >> 6] |= 1 << UInt64(number & 63)
    }
    if character == "\n" { described.before.insert(.newline) }
    if relevant.contains(.word), CharacterCategory.word.contains(character, isASCII: false) {
      described.before.insert(.word)
    }
    if CharacterCategory.word.contains(character, isASCII: true) {
      described.before.insert(.asciiWord)
    }
    described.before.formIntersection(relevant.union(.newline))
    return described
  }

  private func asciiClass(_ byte: UInt8) -> Int {
    let number = number(of: describe(UInt32(byte)))
    asciiClasses[Int(byte)] = Int32(number)
    return number
  }

  private func otherClass(_ character: UInt32) -> Int {
    if let known = otherClasses[character] { return known }
    if otherClasses.count >= 4096 { otherClasses = [:] }
    let number = number(of: describe(character))
    otherClasses[character] = number
    return number
  }

  /// The class of a line feed that ends the text.
  private var finalNewline: Int {
    var last = describe(0x0A)
    last.kind = .finalNewline
    return number(of: last)
  }

  // MARK: States

  /// Starts over with nothing but the state that every text starts in.
  private func forget() {
    states = []
    numbers = [:]
    table = []
    used = 0
    generation += 1
    _ = number(of: State(before: relevant.intersection(.start), places: [0]))
  }

  private func number(of state: State) -> Int32 {
    if let number = numbers[state] { return number }
    if used > capacity { forget() }
    if let number = numbers[state] { return number }
    used += state.places.count + 8
    let number = Int32(states.count)
    states.append(state)
    table.append([])
    numbers[state] = number
    return number
  }

  /// Finds out where a state leads, and remembers it.
  private func step(_ number: Int, _ classNumber: Int) -> Int32 {
    let state = states[number], next = classes[classNumber]
    guard let places = advance(state, next) else {
      return remember(Known.found, number, classNumber)
    }
    if next.kind == .end { return remember(Known.failed, number, classNumber) }
    if places.isEmpty { return remember(Known.failed, number, classNumber) }
    let before = next.before.intersection(relevant)
    let known = generation
    let result = self.number(of: State(before: before, places: places))
    // If everything was forgotten, then this state too.
    return known == generation ? remember(result, number, classNumber) : result
  }

  private func remember(_ result: Int32, _ number: Int, _ classNumber: Int) -> Int32 {
    let missing = classNumber + 1 - table[number].count
    if missing > 0 {
      table[number] += Array(repeating: Known.none, count: missing)
      used += missing
    }
    table[number][classNumber] = result
    return result
  }

  /// The instructions that a character leads to; `nil` if the expression is found before it.
  private func advance(_ state: State, _ next: Class) -> [Int32]? {
    for place in isVisited.indices {
      isVisited[place] = false
      isNext[place] = false
    }
    var open = state.places.map { Int($0) }
    var places: [Int32] = []
    while let place = open.popLast() {
      if isVisited[place] { continue }
      isVisited[place] = true
      switch program.instructions[place] {
      case .found: return nil
      case .jump(let distance): open.append(place + distance)
      case .split(let distance): open += [place + 1, place + distance]
      case .require(let assertion):
        if Self.holds(assertion, state.before, next) { open.append(place + 1) }
      case .take(let test):
        guard next.kind != .end, next.passed[test >> 6] & 1 << UInt64(test & 63) != 0,
          !isNext[place + 1]
        else { continue }
        isNext[place + 1] = true
        places.append(Int32(place + 1))
      }
    }
    // It may begin anywhere.
    if !isAnchored, !isNext[0] { places.append(0) }
    places.sort()
    return places
  }

  private static func holds(
    _ assertion: RegexProgram.Assertion, _ before: Before, _ next: Class
  ) -> Bool {
    switch assertion {
    case .textStart: return before.contains(.start)
    case .lineStart: return before.contains(.start) || before.contains(.newline)
    case .textEnd: return next.kind == .end
    case .end: return next.kind != .other
    case .lineEnd: return next.kind == .end || next.before.contains(.newline)
    case .wordBoundary(let isNegated, let isASCII):
      // In an empty text Python finds neither.
      if next.kind == .end, before.contains(.start) { return false }
      let word: Before = isASCII ? .asciiWord : .word
      return before.contains(word) != next.before.contains(word) ? !isNegated : isNegated
    }
  }
}
