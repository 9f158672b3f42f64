import Testing

@testable import archivist

@Suite struct `Regular expressions` {
  private func matches(_ expression: String, _ text: [UInt8], capacity: Int = 1 << 18) throws
    -> Bool
  {
    RegexMatcher(try RegexProgram(Array(expression.utf8)), capacity: capacity).matches(text.span)
  }

  private func error(_ expression: String) -> RegexError? {
    do throws(RegexError) {
      _ = try RegexProgram(Array(expression.utf8))
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    "(a+)+$", "(a*)*$", "(a|a)*$", "(a|aa)+$", "(.*)*b$", "(a?){50}a{50}$", "^(([a-z])+.)+[A-Z]$",
    "(x+x+)+y", "(.*a){20}$", ".*.*.*.*=.*", "(?:a*)*(?:a*)*(?:a*)*c", "(\\w+\\s?)*$", "(?i)(A+)+$",
    "(a+)*b|(a*)+c|((a?)+)+d", "\\b(a+)+\\b!", "^(a{1,5}){1,50}$",
  ])
  func `take time in proportion to the text`(_ expression: String) throws {
    let short = [UInt8](repeating: UInt8(ascii: "a"), count: 10_000) + Array("!".utf8)
    let long = [UInt8](repeating: UInt8(ascii: "a"), count: 80_000) + Array("!".utf8)
    let matcher = RegexMatcher(try RegexProgram(Array(expression.utf8)))
    let clock = ContinuousClock()
    _ = matcher.matches(short.span)
    let first = clock.measure { _ = matcher.matches(short.span) }
    let second = clock.measure { _ = matcher.matches(long.span) }
    // Eight times the text; with a margin for a machine that does other things too.
    #expect(second < first * 80 + .milliseconds(200))
  }

  @Test func `are found the same however little is remembered`() throws {
    for _ in 0..<300 {
      let atoms = ["a", "b", "[ab]", ".", "(?:a|bb)", "(a*b)", "\\b", "^", "$", "ä", "[^b]"]
      let quantifiers = ["", "", "*", "+", "?", "{2,3}", "{0,2}"]
      let expression = (0..<6).map { _ in
        let atom = atoms.randomElement() ?? ""
        let isPlace = ["\\b", "^", "$"].contains(atom)
        return atom + (isPlace ? "" : quantifiers.randomElement() ?? "")
      }.joined()
      for _ in 0..<10 {
        let text = Array(
          (0..<20).map { _ in ["a", "b", "ä", " ", "\n"].randomElement() ?? "" }.joined().utf8)
        #expect(
          try matches(expression, text, capacity: 0) == matches(expression, text), "\(expression)")
      }
    }
  }

  @Test(arguments: [
    "a{10001}", "a{1,10000}", "(a{100}){101}", "((a{20}){20}){30}", "(((a{9}){9}){9}){9}{9}",
    "a{999999999999999999999999}", "(a|b){5000}", "a{0,9223372036854775807}", ".{99999999},",
  ])
  func `that would grow too large are refused`(_ expression: String) {
    #expect(error(expression) != nil)
  }

  @Test func `may repeat nothing as often as they like`() throws {
    #expect(try matches("(?:){4294967295}a", Array("a".utf8)))
    #expect(try matches("(?:(?:){1000000}){1000000}a", Array("a".utf8)))
  }

  @Test func `may be nested as deep as they are long`() throws {
    let depth = 100_000
    let nested = String(repeating: "(", count: depth) + "a" + String(repeating: ")", count: depth)
    #expect(try matches(nested, Array("a".utf8)))
    #expect(error(String(repeating: "(", count: depth)) != nil)
    let repeated =
      String(repeating: "(?:", count: 3000) + "a" + String(repeating: ")*", count: 3000)
    #expect(try matches("^\(repeated)$", Array("aaa".utf8)))
  }

  @Test(arguments: [
    ("(a)\\1", "references to groups"), ("(?P<n>a)(?P=n)", "references to groups"),
    ("(?=a)", "looking ahead or behind"), ("(?<!a)b", "looking ahead or behind"),
    ("(?>a)", "atomic groups"), ("a*+", "possessive"), ("(a)(?(1)b)", "conditions"),
    ("\\N{BULLET}", "\\N"),
  ])
  func `that need more than linear time are refused by name`(_ expression: String, _ reason: String)
  {
    #expect(error(expression)?.reason.contains(reason) == true)
  }

  @Test func `say at which character they are wrong`() {
    #expect(error("ab)")?.position == 3)
    #expect(error("ä[")?.position == 2)
    #expect(error("a**")?.position == 3)
  }

  @Test(arguments: [
    ("\\.o$", ".o"), ("^home/[^/]+\\.tmp/", "home/"), ("a|b", ""), ("abc*", "ab"), ("abc+d", "abc"),
    ("(abc)", ""), ("x(abc)yz", "yz"), ("(?i)abc", ""), ("ä?bc", "bc"), ("a{0}", ""),
    ("ab{0,1}cd", "cd"),
  ])
  func `know what every text with them has in it`(_ expression: String, _ literal: String) throws {
    let program = try RegexProgram(Array(expression.utf8))
    #expect(String(decoding: program.requiredLiteral, as: UTF8.self) == literal)
  }
}
