import ChunkStore
import LinuxSystem
import Testing

@testable import archivist

@Suite struct `Progress lines` {
  private func backup(
    bytes: UInt64, expected: UInt64? = nil, elapsed: Double = 10, path: String = ""
  ) -> ProgressState {
    ProgressState(
      kind: .backup(
        .init(
          files: 12, originalSize: bytes, storedSize: 1_000_000, expectedSize: expected,
          elapsed: elapsed)), path: Array(path.utf8))
  }

  private func text(_ state: ProgressState, rate: Double? = nil, width: Int = 200) -> String {
    String(decoding: ProgressText.line(state, rate: rate, width: width), as: UTF8.self)
  }

  @Test func `show a backup's size, growth, files, rate and path`() {
    #expect(
      text(backup(bytes: 12_340_000, path: "etc/fstab"), rate: 2e6)
        == "read 12.34 MB, 1.00 MB new  12 files  2.00 MB/s  etc/fstab")
  }

  @Test func `estimate the rest from the archive before, as long as it can be one`() {
    #expect(text(backup(bytes: 25, expected: 100)).hasSuffix("  ~30 s left"))
    #expect(!text(backup(bytes: 25)).contains("left"))
    // More than the time before: nobody knows how much more.
    #expect(!text(backup(bytes: 101, expected: 100)).contains("left"))
    // Too early to say.
    #expect(!text(backup(bytes: 25, expected: 100, elapsed: 0.1)).contains("left"))
  }

  @Test func `show the share of a stage whose size is known`() {
    let meter = Meter()
    #expect(meter.reading == nil)
    meter.begin(.verifyingData, total: 2_000_000, unit: .bytes)
    meter.advance(by: 500_000)
    #expect(
      meter.reading.map { text(ProgressState(kind: .stage($0))) }
        == "Verifying data  25.0%  500.00 kB of 2.00 MB")
    meter.begin(.checkingSegments, total: 3)
    meter.advance()
    #expect(
      meter.reading.map { text(ProgressState(kind: .stage($0))) }
        == "Checking segments  33.3%  1 of 3")
    meter.begin(.checkingSmallObjects, total: 0)
    #expect(
      meter.reading.map { text(ProgressState(kind: .stage($0))) } == "Checking small objects")
  }

  @Test(arguments: 1...120)
  func `are never wider than the terminal`(width: Int) {
    let path = "home/\u{65E5}\u{672C}\u{8A9E}/" + String(repeating: "x", count: 300) + "/end"
    let line = ProgressText.line(backup(bytes: 1 << 40, path: path), rate: 1e9, width: width)
    #expect(DisplayText.width(line) <= width)
  }

  @Test func `leave out the middle of a path that is too long`() {
    let path = Array("home/user/projects/archivist/Sources/main.swift".utf8)
    let short = String(decoding: DisplayText.shortened(path, to: 24), as: UTF8.self)
    #expect(short == "home/us...ces/main.swift")
    #expect(DisplayText.shortened(path, to: 47) == path)
    #expect(DisplayText.shortened(path, to: 2) == Array("..".utf8))
  }

  @Test func `carry no controls of a name`() {
    let line = ProgressText.line(
      backup(bytes: 1, path: "a\u{1B}[2J\nb\u{9B}c"), rate: nil, width: 200)
    #expect(!line.contains { $0 < 0x20 || $0 == 0x7F })
    #expect(!String(decoding: line, as: UTF8.self).unicodeScalars.contains("\u{9B}"))
  }

  @Test(arguments: [
    (0.2, "1 s"), (99, "99 s"), (100, "2 min"), (3600, "60 min"), (5970, "1 h 40 min"),
    (86_400, "24 h 0 min"), (200_000, "2 d 8 h"), (.infinity, "11574 d 2 h"),
  ])
  func `round times to what anybody needs`(seconds: Double, expected: String) {
    #expect(ProgressText.duration(seconds) == expected)
  }
}

@Suite struct `Progress for programs` {
  @Test func `has borg's fields for a backup`() {
    let state = ProgressState(
      kind: .backup(
        .init(files: 2, originalSize: 30, storedSize: 10, expectedSize: nil, elapsed: 1)),
      path: Array("a/b".utf8))
    #expect(
      String(decoding: ProgressJSON.object(state, time: 1.5).line, as: UTF8.self)
        == #"{"original_size": 30, "deduplicated_size": 10, "nfiles": 2, "path": "a/b", "#
        + #""time": 1.5, "type": "archive_progress", "finished": false}"#)
    #expect(
      String(decoding: ProgressJSON.finished(state, time: 1.5).line, as: UTF8.self)
        == #"{"time": 1.5, "type": "archive_progress", "finished": true}"#)
  }

  @Test func `has borg's fields for a stage`() throws {
    let meter = Meter()
    meter.begin(.extracting, total: 4, unit: .bytes)
    meter.advance(by: 1)
    let reading = try #require(meter.reading)
    let state = ProgressState(kind: .stage(reading), path: [0x61])
    #expect(
      String(decoding: ProgressJSON.object(state, time: 2).line, as: UTF8.self)
        == #"{"operation": 1, "msgid": "extract", "message": "Extracting  25.0%  1 B of 4 B", "#
        + #""current": 1, "total": 4, "info": ["a"], "time": 2.0, "type": "progress_percent", "#
        + #""finished": false}"#)
  }
}

@Suite struct `Rates` {
  @Test func `are those of the last ten seconds`() {
    var rate = RateMeter()
    #expect(rate.bytesPerSecond == nil)
    rate.add(0, at: 0)
    #expect(rate.bytesPerSecond == nil)
    rate.add(100, at: 1)
    #expect(rate.bytesPerSecond == 100)
    for second in 2...60 { rate.add(100 + UInt64(second), at: Double(second)) }
    #expect(rate.bytesPerSecond == 1)
  }
}
