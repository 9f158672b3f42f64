import ChunkStore
import Testing

@testable import archivist

@Suite struct `Formats` {
  private func filled(
    _ template: String, _ values: [String: FormatValue] = [:]
  ) throws -> String {
    let template = try FormatTemplate(Array(template.utf8), keys: values.keys.sorted())
    return String(decoding: try template.filled { values[$0] ?? .text([]) }, as: UTF8.self)
  }

  // The results of Python 3 for these formats.
  @Test(arguments: [
    ("{a}", "abc"), ("{a:6}|", "abc   |"), ("{a:>6}", "   abc"), ("{a:^6}|", " abc  |"),
    ("{a:*^7}", "**abc**"), ("{a:.2}", "ab"), ("{a:5.1}|", "a    |"), ("{a:s}", "abc"),
    ("{a:06}", "abc000"), ("{a:\u{E9}>5}", "\u{E9}\u{E9}abc"), ("{n}", "1234567"),
    ("{n:10}", "   1234567"), ("{n:<10}|", "1234567   |"), ("{n:,}", "1,234,567"),
    ("{n:_d}", "1_234_567"), ("{n:x}", "12d687"), ("{n:X}", "12D687"), ("{n:010}", "0001234567"),
    ("{n:3}", "1234567"), ("{{{a}}}", "{abc}"), ("a{NL}b{NUL}{TAB}", "a\nb\0\t"), ("", ""),
  ])
  func `are filled in as Python does it`(template: String, expected: String) throws {
    #expect(
      try filled(template, ["a": .text(Array("abc".utf8)), "n": .number(1_234_567)]) == expected)
  }

  @Test(arguments: [
    "{", "}", "{a", "a}", "{b}", "{a!r}", "{a:d}", "{a:,}", "{a:=5}", "{n:s}", "{n:.2}", "{n:q}",
    "{n:5000}", "{n:99999999999999999999}", "{a.b}", "{a[0]}",
  ])
  func `that make no sense are refused`(template: String) {
    #expect(throws: FormatTemplateError.self) {
      try filled(template, ["a": .text([0x61]), "n": .number(1)])
    }
  }

  @Test func `count characters, not bytes, and leave alone what is not UTF-8`() throws {
    let template = try FormatTemplate(Array("{a:4}|".utf8), keys: ["a"])
    #expect(
      try template.filled { _ in .text([0xFF, 0xC3, 0xBC]) }
        == [0xFF, 0xC3, 0xBC, 0x20, 0x20, UInt8(ascii: "|")])
  }

  @Test func `that use an unknown field are told the known ones`() {
    #expect(throws: FormatTemplateError.self) { try filled("{size}", ["path": .text([])]) }
    let error = FormatTemplateError.unknownKey(Array("size".utf8), known: ["path", "NL"])
    #expect(error.description.contains("path, NL"))
  }
}
