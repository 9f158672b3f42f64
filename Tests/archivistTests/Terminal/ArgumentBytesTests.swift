import ArgumentParser
import Testing

@testable import archivist

@Suite struct `Argument bytes` {
  @Test func `come back as they were, whatever they are`() {
    var generator = SystemRandomNumberGenerator()
    // Bytes that make valid, invalid and almost valid characters, and the carrying range itself.
    let pool: [UInt8] = [
      0x3D, 0x61, 0xC3, 0xA4, 0xCC, 0x81, 0xF4, 0x8F, 0xBA, 0xBB, 0x80, 0xBF, 0xFF, 0xED, 0xA0,
    ]
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...10, using: &generator)).map { _ in
        pool.randomElement(using: &generator) ?? 0
      }
      #expect(ArgumentBytes.decode(ArgumentBytes.encode(bytes)) == bytes)
    }
    for byte in UInt8.min...UInt8.max {
      #expect(ArgumentBytes.decode(ArgumentBytes.encode([byte])) == [byte])
    }
  }

  @Test func `that are text stay readable`() {
    #expect(ArgumentBytes.encode(Array("/home/ä".utf8)) == "/home/ä")
  }

  @Test func `keep names apart that only differ in their normal form`() {
    let composed: [UInt8] = [0xC3, 0xA4]
    let decomposed: [UInt8] = [0x61, 0xCC, 0x88]
    #expect(ArgumentBytes.decode(ArgumentBytes.encode(composed)) == composed)
    #expect(ArgumentBytes.decode(ArgumentBytes.encode(decomposed)) == decomposed)
  }

  @Test func `never let two arguments become one text`() {
    #expect(ArgumentBytes.encode([0xF4, 0x8F, 0xBB, 0xBF]) != ArgumentBytes.encode([0xFF]))
  }

  struct Command: ParsableArguments {
    @Option var name: BytesArgument
    @Argument var paths: [BytesArgument] = []
  }

  @Test func `pass through the parser`() throws {
    let arguments: [[UInt8]] = [
      Array("--name=".utf8) + [0xCC, 0x81, 0x78], [0xFF, 0x2F], Array("b".utf8),
    ]
    let parsed = try Command.parse(arguments.map(ArgumentBytes.encode))
    #expect(parsed.name.bytes == [0xCC, 0x81, 0x78])
    #expect(parsed.paths.map(\.bytes) == [[0xFF, 0x2F], [0x62]])
  }
}

@Suite struct `Command line` {
  @Test func `is taken apart at its NULs`() {
    #expect(CommandLineBytes.split([]) == [])
    #expect(CommandLineBytes.split([0x61, 0, 0xFF, 0]) == [[0x61], [0xFF]])
    #expect(CommandLineBytes.split([0x61, 0, 0, 0x62, 0, 0]) == [[0x61], [], [0x62], []])
  }

  @Test func `of this process has the arguments that Swift knows`() throws {
    let found = try CommandLineBytes.all()
    #expect(found.map { String(decoding: $0, as: UTF8.self) } == CommandLine.arguments)
  }
}

@Suite struct `Shell words` {
  func split(_ line: String) throws(ShellWords.Malformed) -> [String] {
    try ShellWords.split(Array(line.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test(
    arguments: [
      (#"a b 'c d' "e\"f\g" h\ i"#, ["a", "b", "c d", #"e"f\g"#, "h i"]), ("''", [""]),
      ("a''b", ["ab"]),
      ("a#b # c", ["a#b", "#", "c"]), ("a\\\nb", ["a\nb"]), ("\"a\\\nb\"", ["a\\\nb"]),
      (#""$x \$ \` \\ ""#, [#"$x \$ \` \ "#]), ("a\tb\nc\rd", ["a", "b", "c", "d"]),
      ("é ü", ["é", "ü"]),
      ("", []), ("  ", []), (#"'a\'b"#, [#"a\b"#]), (#"'"' "'""#, [#"""#, "'"]),
    ] as [(String, [String])])
  func `are those of Python's shlex`(line: String, words: [String]) throws {
    #expect(try split(line) == words)
  }

  @Test func `need their quotes closed`() {
    #expect(throws: ShellWords.Malformed.noClosingQuote) { try split("'a") }
    #expect(throws: ShellWords.Malformed.noClosingQuote) { try split("\"a") }
    #expect(throws: ShellWords.Malformed.nothingAfterBackslash) { try split("a\\") }
    #expect(throws: ShellWords.Malformed.nothingAfterBackslash) { try split("\"a\\") }
  }
}

@Suite struct `Argument lists` {
  @Test func `an empty value stays the value of its option`() {
    let arguments = ["-e=", "--exclude=", "--a=b=", "--", "--exclude="].map { Array($0.utf8) }
    #expect(
      ArgumentBytes.encode(all: arguments)
        == ["-e=", "--exclude", "", "--a=b=", "--", "--exclude="])
  }
}
