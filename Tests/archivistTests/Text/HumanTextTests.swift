import Testing

@testable import archivist

@Suite struct `Human text` {
  @Test(
    arguments: [
      (0, "0 B", "0 B"), (1, "1 B", "1 B"), (999, "999 B", "999 B"), (1_000, "1.00 kB", "1000 B"),
      (1_234, "1.23 kB", "1.21 KiB"), (999_994, "999.99 kB", "976.56 KiB"),
      (999_995, "1.00 MB", "976.56 KiB"), (12_345_678, "12.35 MB", "11.77 MiB"),
      (1_000_000_000_000_000_000, "1.00 EB", "888.18 PiB"), (-1_500, "-1.50 kB", "-1.46 KiB"),
    ] as [(Int, String, String)])
  func `has borg's sizes`(bytes: Int, decimal: String, binary: String) {
    #expect(HumanText.size(bytes) == decimal)
    #expect(HumanText.size(bytes, iec: true) == binary)
  }

  @Test func `shows the sign of a difference, and as many digits as asked for`() {
    #expect(HumanText.size(1_000, sign: true) == "+1.00 kB")
    #expect(HumanText.size(-1_000, sign: true) == "-1.00 kB")
    #expect(HumanText.size(0, sign: true) == "0 B")
    #expect(HumanText.size(999_994, precision: 0) == "1 MB")
    #expect(HumanText.size(UInt64.max) == "18.45 EB")
  }

  @Test(
    arguments: [
      (0, "0.00 seconds"), (1_500_000_000, "1.50 seconds"),
      (60_000_000_000, "1 minutes 0.00 seconds"),
      (61_250_000_000, "1 minutes 1.25 seconds"), (3_600_000_000_000, "1 hours 0.00 seconds"),
      (90_061_500_000_000, "1 days 1 hours 1 minutes 1.50 seconds"),
      (-1_000_000_000, "-1.00 seconds"),
    ] as [(Int64, String)])
  func `has borg's durations`(nanoseconds: Int64, text: String) {
    #expect(HumanText.duration(nanoseconds: nanoseconds) == text)
  }

  @Test(
    arguments: [
      (0o100644, "-rw-r--r--"), (0o40755, "drwxr-xr-x"), (0o120777, "lrwxrwxrwx"),
      (0o104755, "-rwsr-xr-x"), (0o102644, "-rw-r-Sr--"), (0o41777, "drwxrwxrwt"),
      (0o41776, "drwxrwxrwT"), (0o10644, "prw-r--r--"), (0o20600, "crw-------"),
      (0o60660, "brw-rw----"), (0o140777, "srwxrwxrwx"), (0, "?---------"),
      (0o104000, "---S------"),
    ] as [(UInt32, String)])
  func `has the modes of ls`(mode: UInt32, text: String) {
    #expect(HumanText.mode(mode) == text)
  }
}

@Suite struct `Name text` {
  func display(_ bytes: [UInt8]) -> String {
    String(decoding: NameText.display(bytes), as: UTF8.self)
  }

  @Test func `shows an ordinary name as it is`() {
    for name in ["a", "a b", "ä€😀", "it's", "dev-disk\\x2d", "👨‍👩‍👧", "", "$a"] {
      #expect(display(Array(name.utf8)) == name)
    }
  }

  @Test func `escapes what could deceive`() {
    #expect(display(Array("a\nb".utf8)) == "$'a\\nb'")
    #expect(display(Array("\u{1B}[31mred".utf8)) == "$'\\033[31mred'")
    #expect(display(Array("\u{9B}31m".utf8)) == "$'\\302\\23331m'")
    #expect(display(Array("a\u{202E}fdp.exe".utf8)) == "$'a\\342\\200\\256fdp.exe'")
    #expect(display([0x61, 0xFF, 0x27, 0x5C]) == "$'a\\377\\'\\\\'")
    #expect(display([0xE2, 0x82]) == "$'\\342\\202'")
    #expect(display(Array("\t\r\u{7F}".utf8)) == "$'\\t\\r\\177'")
  }

  @Test func `tells an escaped name from one that looks like it`() {
    #expect(display(Array("$'a\\nb'".utf8)) == "$'$\\'a\\\\nb\\''")
  }

  @Test(arguments: [
    ("", "''"), ("a", "a"), ("a b", "'a b'"), ("it's", "'it'\"'\"'s'"), ("ä", "'ä'"),
    ("a@%+=:,./_-Z", "a@%+=:,./_-Z"), ("~", "'~'"),
  ])
  func `is quoted for a shell as Python does it`(word: String, quoted: String) {
    #expect(NameText.shellQuoted(Array(word.utf8)) == Array(quoted.utf8))
  }

  @Test func `makes a command line that can be pasted`() {
    let words = ["archivist", "create", "r::a b", "x\ny"].map { Array($0.utf8) }
    #expect(NameText.commandLine(words) == Array("archivist create 'r::a b' $'x\\ny'".utf8))
  }
}

@Suite struct `JSON text` {
  func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  let value = JSON.object([
    ("b", .array([.integer(-1), .unsigned(.max), .number(0.5), .null])),
    ("a", .string("x\"\\\n\u{1}\u{9B}ä")),
    ("empty", .object([])), ("none", .array([])), ("yes", .bool(true)),
    ("endless", .number(.infinity)),
  ])

  @Test func `keeps the order of members`() {
    #expect(
      text(value.line)
        == #"{"b": [-1, 18446744073709551615, 0.5, null], "a": "x\"\\\n\u0001\u009bä", "#
        + #""empty": {}, "none": [], "yes": true, "endless": null}"#)
  }

  @Test func `is indented as borg's`() {
    #expect(
      text(JSON.object([("a", .array([.integer(1)])), ("b", .object([]))]).lines())
        == "{\n    \"a\": [\n        1\n    ],\n    \"b\": {}\n}")
  }

  @Test func `loses no byte of a name`() {
    #expect(text(JSON.object(JSON.members("path", Array("ä/b".utf8))).line) == #"{"path": "ä/b"}"#)
    #expect(
      text(JSON.object(JSON.members("path", [0x61, 0xFF, 0xC3])).line)
        == #"{"path": "a??", "path_b64": "Yf/D"}"#)
    #expect(
      text(JSON.object(JSON.members("path", [0xFF])).line) == #"{"path": "?", "path_b64": "/w=="}"#)
    #expect(
      text(JSON.object(JSON.members("path", [0xFF, 0x61])).line)
        == #"{"path": "?a", "path_b64": "/2E="}"#)
  }
}
