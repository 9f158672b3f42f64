import Glibc
import StoreCrypto

@testable import ChunkStore
@testable import archivist

extension Target {
  private static let now = Timestamp(seconds: 1_795_000_000, nanoseconds: 5)

  /// Texts that people type, and the texts of files of theirs.
  static let texts: [Target] = [
    // A style, a pattern, and behind a zero the path.
    Target(
      "pattern",
      seeds: [
        "fm:home/*/.cache\0home/a/.cache/x", "sh:**/[!a-z]?\0x/y/Z1", "pp:etc\0etc/fstab",
        "pf:/a/b\0a/b", "re:^a+(b|c)*$\0aab", "*[]a-]*\0]", "sh:a/**/b/\0a/x/y/b/c",
      ]
    ) { bytes in
      let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
      let path = parts.count > 1 ? Array(parts[1]) : []
      for style in Pattern.Style.allCases {
        guard let pattern = try? Pattern(Array(parts[0]), defaultStyle: style) else { continue }
        let found = PatternTest(pattern).matches(SelectionPath(path))
        // A matcher that may remember next to nothing finds the same.
        let again = PatternTest(pattern, capacity: 16).matches(SelectionPath(path))
        precondition(found == again, "matches or not")
      }
    },
    Target(
      "patternFile",
      seeds: ["# comment\n*.o\n\n sh:a/**\n", "pp:x", "R /a\nP sh\n- x\n+ re:y\n! z"]
    ) { bytes in
      var rules = SelectionRules()
      _ = try? rules.exclude(linesOf: bytes)
      _ = try? rules.add(rulesOf: bytes)
    },
    Target(
      "timestampArgument",
      seeds: ["2026-11-21T06:45:00", "2026-11-21", "2026-325", "2026-11-21 06:45"]
    ) { bytes in
      _ = TimestampArgument.utc(bytes)
    },
    Target(
      "timeSelector",
      seeds: [
        "now", "10D", "3W2D1h30m5s", "2026-11-01", "2026-11-01T12:00:00+01:00", "1793534400",
        "99999999999999999Y",
      ]
    ) { bytes in
      _ = try? TimeSelector.bound(bytes, now: now)
    },
    Target("keepInterval", seeds: ["3H", "14d", "6m", "999999999999999y"]) { bytes in
      _ = try? KeepInterval(String(decoding: bytes, as: UTF8.self))
    },
    Target(
      "placeholders",
      seeds: [
        "{hostname}-{now:%Y-%m-%dT%H:%M:%S}", "{{x}}", "{utcnow}", "{now:%%%j%U%s%f%z}",
        "{pid}{unixtime}{user}{fqdn}{reverse-fqdn}{version}{uuid4}",
      ]
    ) { bytes in
      let placeholders = Placeholders(
        now: now, hostname: Array("host".utf8), fullName: { Array("host.example.org".utf8) },
        user: Array("user".utf8), process: 7, version: Array("1".utf8))
      _ = try? placeholders.expand(bytes)
    },
    Target("paperKey") {
      var random = PseudoRandomBytes(seed: 1)
      return [70, 1152].compactMap { try? PaperKey.file(random.bytes($0)) }
    } take: { bytes in
      guard let key = try? PaperKey.parse(bytes) else { return }
      guard let text = try? PaperKey.file(key), (try? PaperKey.parse(text)) == key else {
        preconditionFailure("what was read cannot be written and read again")
      }
    },
    Target("path", seeds: ["a/b/c", "/a", "a//b", "../a", ".", "a/./b"]) { bytes in
      guard let path = try? ArchivePath(bytes) else { return }
      precondition(path.bytes == bytes, "changed")
      let parts = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      // The root of an archive has no name at all.
      for part in parts where !bytes.isEmpty {
        precondition(
          !part.isEmpty && Array(part) != [0x2e] && Array(part) != [0x2e, 0x2e]
            && !part.contains(0), "unsafe")
      }
      precondition(!(path < path) && path.isWithin(path), "not in order with itself")
    },
    Target(
      "chunkerParameters",
      seeds: ["buzhash,19,23,21,4095", "fixed,4194304", "default", "fixed,4M,1024"]
    ) { bytes in
      guard let value = try? ChunkerParameters(parsing: String(decoding: bytes, as: UTF8.self))
      else { return }
      guard (try? ChunkerParameters(parsing: value.description)) == value else {
        preconditionFailure("written and read it is another")
      }
    },
    Target("compression", seeds: ["none", "lz4", "zstd,19", "auto,zstd,3", "auto,lz4"]) { bytes in
      guard let value = try? Compression(parsing: String(decoding: bytes, as: UTF8.self)) else {
        return
      }
      guard (try? Compression(parsing: value.description)) == value else {
        preconditionFailure("written and read it is another")
      }
    },
    Target("location", seeds: ["/backup::a", "::a", "file:///x::@10D", "host:x", "a::b::c"]) {
      bytes in
      let environment = Environment(value: { _ in nil }, remove: { _ in })
      _ = try? RepositoryLocation(BytesArgument(bytes), environment: environment)
    },
    Target("argumentBytes", seeds: ["--exclude=a", "a=\u{301}b", "\u{10FE80}"]) { bytes in
      precondition(ArgumentBytes.decode(ArgumentBytes.encode(bytes)) == bytes, "changed")
    },
    Target("shellWords", seeds: ["a 'b c' \"d\\\"e\" f\\ g", "''", "\\"]) { bytes in
      _ = try? ShellWords.split(bytes)
    },
    Target("nameText", seeds: ["a\nb", "\u{202e}x", "a'b", "ä"]) { bytes in
      let shown = NameText.display(bytes)
      precondition(
        shown.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a control character reaches the terminal")
      _ = NameText.replacingInvalid(shown)
      // A word that is quoted for a shell is one word again.
      if !bytes.contains(0) {
        let words = try? ShellWords.split(NameText.shellQuoted(bytes))
        _ = words
      }
    },
    Target("objectName", seeds: ["00000001", "4294967295", String(repeating: "ab", count: 32)]) {
      bytes in
      if let generation = ObjectName.generation(bytes) {
        precondition(
          ObjectName.config(generation).path == "config/" + String(decoding: bytes, as: UTF8.self),
          "two spellings")
      }
      if let digest = Digest256(hex: bytes) { precondition(Array(digest.hex.utf8) == bytes) }
    },
  ]
}
