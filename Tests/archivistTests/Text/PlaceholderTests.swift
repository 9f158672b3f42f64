import ChunkStore
import Testing

@testable import archivist

@Suite struct `Placeholder` {
  let placeholders = Placeholders(
    now: Timestamp(seconds: 1_795_232_712, nanoseconds: 252_775_000), hostname: Array("vm".utf8),
    fullName: { Array("vm.example.org".utf8) }, user: [0xFF], process: 17,
    version: Array("1.2".utf8))

  func expand(_ text: String) throws(PlaceholderError) -> String {
    String(decoding: try placeholders.expand(Array(text.utf8)), as: UTF8.self)
  }

  @Test func `times have borg's default and strftime's formats`() throws {
    try withTimeZone("CET-1CEST,M3.5.0,M10.5.0/3") { () throws in
      #expect(try expand("{now}") == "2026-11-21T04:45:12")
      #expect(try expand("{now:}") == "2026-11-21T04:45:12")
      #expect(try expand("a-{now:%Y-%m-%d %H:%M:%S.%f %z}") == "a-2026-11-21 04:45:12.252775 +0100")
      #expect(try expand("{utcnow}") == "2026-11-21T03:45:12")
      #expect(try expand("{utcnow:%H%M}") == "0345")
      #expect(try expand("{unixtime}") == "1795232712")
    }
  }

  @Test func `names stand for themselves`() throws {
    #expect(try expand("{hostname}/{fqdn}/{reverse-fqdn}") == "vm/vm.example.org/org.example.vm")
    #expect(try expand("{pid} {version}") == "17 1.2")
    #expect(
      try expand("{archivist_version} {archivist_major} {archivist_minor} {archivist_patch}")
        == "1.2 1 2 ")
    #expect(try placeholders.expand(Array("{user}".utf8)) == [0xFF])
    #expect(try placeholders.expand([0xC3, 0x7B, 0x7B]) == [0xC3, 0x7B])
  }

  @Test(arguments: [
    ("{hostname:.1}", "v"), ("{hostname:>4}|{hostname:<4}|{hostname:*^6}", "  vm|vm  |**vm**"),
    ("{pid:x} {pid:05d} {unixtime:015d} {pid:6}", "11 00017 000001795232712     17"),
    ("{borgversion} {borgmajor} {borgminor} {borgpatch}", "1.4.5 1 1.4 1.4.5"),
  ])
  func `values take Python's formats`(text: String, expected: String) throws {
    #expect(try expand(text) == expected)
  }

  @Test func `a UUID is random and of version 4`() throws {
    let text = try expand("{uuid4}")
    #expect(text.count == 36)
    #expect(text.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12])
    #expect(text.split(separator: "-")[2].first == "4")
    #expect(try expand("{uuid4}") != text)
  }

  @Test func `doubled braces are braces`() throws {
    #expect(try expand("{{x}} {{{pid}}}") == "{x} {17}")
  }

  @Test(arguments: [
    ("{bad}", PlaceholderError.unknown(Array("bad".utf8))), ("{}", .unknown([])),
    ("{now.year}", .unknown(Array("now.year".utf8))), ("{now!r}", .unknown(Array("now!r".utf8))),
    ("{hostname:d}", .invalidFormat(Array("hostname".utf8), Array("d".utf8))),
    ("{pid:.3}", .invalidFormat(Array("pid".utf8), Array(".3".utf8))),
    ("{pid:99999}", .invalidFormat(Array("pid".utf8), Array("99999".utf8))),
    ("{", .unmatchedBrace([0x7B])),
    ("}", .unmatchedBrace([0x7D])), ("{now:{pid}}", .unmatchedBrace(Array("{now:{pid}}".utf8))),
    ("{now:%99999d}", .formatTooLong(Array("%99999d".utf8))),
  ])
  func `that cannot be replaced is an error that names it`(text: String, error: PlaceholderError) {
    #expect(throws: error) { try expand(text) }
  }

  @Test func `of this machine can be overridden as with borg`() throws {
    let environment = Environment(
      value: { $0 == "BORG_HOSTNAME" ? Array("other".utf8) : nil }, remove: { _ in })
    let system = Placeholders.system(
      now: Timestamp(seconds: 0), version: "1", environment: environment)
    #expect(try system.expand(Array("{hostname}".utf8)) == Array("other".utf8))
    #expect(try !system.expand(Array("{user}{fqdn}".utf8)).isEmpty)
  }
}
