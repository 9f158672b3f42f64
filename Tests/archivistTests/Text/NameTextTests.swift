import Testing

@testable import archivist

@Suite struct NameTextTests {
  let evil = Array("a\u{1B}[2J\u{202E}\u{9B}m\n".utf8)

  @Test func `a name with control characters is quoted for people and for programs`() {
    let quoted = Array("$'a\\033[2J\\342\\200\\256\\302\\233m\\n'".utf8)
    #expect(NameText.display(evil) == quoted)
    #expect(NameText.piped(evil) == quoted)
    #expect(NameText.shown(evil, .exact) == evil)
  }

  @Test func `bytes that are not UTF-8 stay for programs`() {
    let latin: [UInt8] = [0x66, 0xFC, 0x72]
    #expect(NameText.piped(latin) == latin)
    #expect(NameText.display(latin) == Array("$'f\\374r'".utf8))
  }

  @Test(arguments: ["plain", "with space", "für", "😀", "it's", #"back\slash"#])
  func `other names stay`(name: String) {
    let bytes = Array(name.utf8)
    #expect(NameText.display(bytes) == bytes)
    #expect(NameText.piped(bytes) == bytes)
    #expect(NameText.withoutControls(bytes) == bytes)
  }

  @Test func `no name looks like the quoted form of another one`() {
    let name = Array("$'a\\n'".utf8)
    #expect(NameText.piped(name) == Array(#"$'$\'a\\n\''"#.utf8))
  }

  @Test func `a text of somebody else keeps its lines only where that is wanted`() {
    let text = Array("one\ntwo\u{1B}".utf8)
    #expect(NameText.withoutControls(text) == Array("one\ntwo\\033".utf8))
    #expect(NameText.onOneLine(text) == Array("one\\012two\\033".utf8))
  }

  @Test func `a message escapes what it is given`() {
    let error = "gone\u{1B}[1m\nError: no"
    #expect(("\(error)" as Message).bytes == Array("gone\\033[1m\nError: no".utf8))
    #expect(("\(line: error)" as Message).bytes == Array("gone\\033[1m\\012Error: no".utf8))
  }

  @Test func `JSON escapes what acts on a terminal or reorders it`() {
    let line = JSON.string("\u{1B}\u{9B}\u{202E}\u{E0041}ü").line
    #expect(String(decoding: line, as: UTF8.self) == #""\u001b\u009b\u202e\udb40\udc41ü""#)
  }
}
