/// A text that looks like the output of a generator of passwords or keys, and like nothing else.
///
/// It has to pass two tests, each of which only errs towards people at a price that is known:
///
/// 1. It is written as generators write (`Form`): nobody thinks up 32 hexadecimal digits, and a sentence
///    is not a number in base64.
/// 2. It is as irregular as what comes from a uniform source. Added up are the bits that somebody would
///    save who writes the text down in a code for what people make (`savings`). Of uniform texts at most
///    one in 2ⁿ gets n bits shorter by any one code, whichever it is, so the limit decides how many of
///    them are taken for people's; the rest of the texts below it is what no code here knows.
///
/// Nothing tells a random number from the digest of a known text, or from one that was published. A few of
/// the latter are in `PublishedNumbers`.
struct GeneratedText {
  /// The bits of a uniform source that writes texts of this form and length.
  let bits: Double

  /// Reads the characters of a text; `nil` if a person may have thought it up.
  init?(_ units: [UInt32]) {
    guard units.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
    var text = units.map { UInt8(truncatingIfNeeded: $0) }
    guard let form = Form(&text), !PublishedNumbers.contain(text) else { return nil }
    let limit = Self.limit(length: text.count) + form.evidence
    guard Habits(text, form: form).savings < limit else { return nil }
    bits = Double(text.count) * form.bits
  }

  /// The savings from which on a text is taken for a person's.
  ///
  /// A longer one has more places in which something looks regular by chance, and shows more of what it
  /// is.
  private static func limit(length: Int) -> Double { 6 + 0.2 * Double(length) }
}

extension GeneratedText {
  /// The ways in which generators write.
  enum Form {
    /// 32 digits or more, of one case; also a UUID of the fourth version, which is a random one.
    case hexadecimal
    /// 26 characters or more, capitals and digits as RFC 4648 has them.
    case base32
    /// Base64 of 16 bytes: 22 characters, and two to fill it up.
    case base64
    /// 32 characters or more: letters of both cases, digits, perhaps marks; so base64 of 24 bytes.
    case mixed
    /// 32 characters or more, of all four classes: what is shorter may be a formula, code, an address.
    case allClasses

    /// The bits of a character.
    var bits: Double {
      switch self {
      case .hexadecimal: 4
      case .base32: 5
      case .base64: 128 / 22
      case .mixed: 5.95
      // With eight marks, as generators have at the least.
      case .allClasses: 6.13
      }
    }

    /// The bits that somebody would have to guess right to write so by chance.
    ///
    /// Of the last character of base64 four bits are 0, of those that are filled up.
    var evidence: Double { self == .base64 ? 4 : 0 }

    /// Finds the form of a text, and takes away what is not random in it; `nil` if it has none of them,
    /// or is too short for that.
    init?(_ text: inout [UInt8]) {
      // Links, and prints of keys that servers show to everybody.
      guard !text.contains(Array("://".utf8)), !text.starts(with: "SHA256:".utf8) else {
        return nil
      }
      let length = text.count
      while text.last == UInt8(ascii: "=") { text.removeLast() }
      let classes = Set(text.map(CharacterClass.init))
      let isOfOneCase = !classes.isSuperset(of: [.small, .capital])
      let bare = text.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ":") }
      if isOfOneCase, bare.allSatisfy(isHexadecimalDigit) {
        guard bare.count >= 32, Set(bare.map(CharacterClass.init)).count == 2,
          bare == text || Self.isRandomUUID(text)
        else { return nil }
        text = bare
        self = .hexadecimal
      } else if isOfOneCase {
        guard text.count >= 26, classes == [.capital, .digit],
          text.allSatisfy({ CharacterClass($0) != .digit || (0x32...0x37).contains($0) })
        else { return nil }
        self = .base32
      } else if length == 24, text.count == 22, text.last.map("AQgw".utf8.contains) == true {
        self = .base64
      } else if classes.count == 4, text.count >= 32 {
        self = .allClasses
      } else if text.count >= 32, classes.count > 2 {
        self = .mixed
      } else {
        return nil
      }
    }

    /// Whether a text is a UUID of the fourth version: others are times and names.
    private static func isRandomUUID(_ text: [UInt8]) -> Bool {
      let groups = text.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
      guard groups.map(\.count) == [8, 4, 4, 4, 12] else { return false }
      return groups[2].first == UInt8(ascii: "4")
        && groups[3].first.map("89abAB".utf8.contains) == true
    }
  }

  /// The classes of characters that generators are asked to take.
  enum CharacterClass: Int {
    case small, capital, digit, mark

    init(_ character: UInt8) {
      self =
        switch character {
        case 0x61...0x7a: .small
        case 0x41...0x5a: .capital
        case 0x30...0x39: .digit
        default: .mark
        }
    }

    var isLetter: Bool { self == .small || self == .capital }
  }

  private static func isHexadecimalDigit(_ character: UInt8) -> Bool {
    (0x30...0x39).contains(character) || (0x61...0x66).contains(character | 0x20)
  }
}

/// Numbers that look random and stand in books.
private enum PublishedNumbers {
  /// Whether one of them is in a text without marks.
  static func contain(_ text: [UInt8]) -> Bool {
    let lower = text.filter { GeneratedText.CharacterClass($0) != .mark }.map {
      (0x41...0x5a).contains($0) ? $0 + 0x20 : $0
    }
    return numbers.contains { lower.firstIndex(ofSubsequence: $0) != nil }
  }

  /// The beginnings of the digests of nothing (MD5, SHA-1, SHA-2 of four lengths, git's tree), of UUIDs
  /// in examples, of Linux's first commit, of `password`, of keys in the standards of AES, of π and e in
  /// hexadecimal digits and their fractions, of the first bitcoin block, its address, and the key of a DVD.
  private static let numbers: [[UInt8]] = [
    "d41d8cd98f00b204e9800998", "da39a3ee5e6b4b0d3255bfef", "d14a028c2a3a2bc9476102bb",
    "e3b0c44298fc1c149afbf4c8", "38b060a751ac96384cd9327e", "cf83e1357eefb8bdf1542850",
    "4b825dc642cb6eb9a060e54b", "550e8400e29b41d4a7164466", "f47ac10b58cc4372a5670e02",
    "919108f752d143209bacf847", "f81d4fae7dec11d0a76500a0", "6ba7b8109dad11d180b400c0",
    "123e4567e89b12d3a4564266", "2b7e151628aed2a6abf71588", "603deb1015ca71be2b73aef0",
    "8e73b0f7da0e6452c810f32b", "3243f6a8885a308d31319", "243f6a8885a308d31319",
    "b7e151628aed2a6abf71588", "000000000019d6689c085ae1", "1a1zp1ep5qgefi2dmptftl5s",
    "09f911029d74e35bd84156c5", "1da177e4c3f41524e886b7f1", "5f4dcc3b5aa765d61d8327de",
    "5baa61e4c9b93f3f0682250b", "5e884898da28047151d0e56f",
  ].map { Array($0.utf8) }
}
