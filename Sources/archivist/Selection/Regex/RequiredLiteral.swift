/// Finds a run of bytes that every text has to have in which a pattern is found.
///
/// It is what thousands of patterns are told apart by before any of them is tried.
struct RequiredLiteral {
  /// More would not tell patterns apart any better.
  static let maximumLength = 32

  /// The longest run so far; of long ones the end, which is mostly what differs.
  private(set) var best: [UInt8] = []
  private var run: [UInt8] = []
  private var lastLength = 0
  private var isPossible = true

  /// Adds a character right behind the last one.
  mutating func add(_ character: UInt32) {
    guard let bytes = CharacterUnit.bytes(of: character) else {
      end()
      return
    }
    run += bytes
    lastLength = bytes.count
  }

  mutating func add(bytes: [UInt8]) { run += bytes }

  /// The last element can stand there several times, or not at all.
  mutating func repeatLast(atLeastOnce: Bool) {
    if !atLeastOnce { run.removeLast(min(lastLength, run.count)) }
    end()
  }

  /// Something unknown follows.
  mutating func end() {
    if isPossible, run.count > best.count { best = run.suffix(Self.maximumLength) }
    run = []
    lastLength = 0
  }

  /// No literal is required: there are alternatives.
  mutating func giveUp() {
    isPossible = false
    best = []
  }
}
