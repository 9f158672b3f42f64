import Glibc
import Testing

@testable import archivist

/// A pipe whose ends are closed with it.
final class Pipe {
  let reader: Int32
  private(set) var writer: Int32

  init() throws {
    var ends: [Int32] = [-1, -1]
    try #require(unsafe pipe(&ends) == 0)
    (reader, writer) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  }

  func closeWriter() {
    if writer >= 0 { close(writer) }
    writer = -1
  }

  /// The written text, after the writing end was closed.
  func text() -> String {
    closeWriter()
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe read(reader, &buffer, buffer.count)
      if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += buffer[..<count]
    }
  }

  deinit {
    closeWriter()
    close(reader)
  }
}

@Suite struct `Reports` {
  @Test func `shows what is important enough, and counts the rest as well`() throws {
    let pipe = try Pipe()
    let report = Report(to: pipe.writer, minimum: .error)
    report.debug("d")
    report.info("i")
    report.warning(.fileChanged, "w")
    report.warning(.fileChanged, "w")
    #expect(report.warningCount == 2)
    #expect(report.exitStatus == .warning(.fileChanged))
    report.warning(.fileMissing, "w")
    #expect(report.exitStatus == .warning(.various))
    report.warning(.damage, "w")
    #expect(report.exitStatus == .warning(.damage))
    #expect(report.exitStatus.code(.classic) == 1)
    #expect(report.exitStatus.code(.modern) == 90)
    report.error("e")
    #expect(report.errorCount == 1)
    #expect(report.exitStatus == .failure(.other))
    report.error("f", .integrity)
    #expect(report.exitStatus == .failure(.integrity))
    #expect(report.exitStatus.code(.modern) == 90)
    #expect(pipe.text() == "Error: e\nError: f\n")
  }

  @Test func `keeps a progress line below the messages`() throws {
    let pipe = try Pipe()
    let report = Report(to: pipe.writer)
    report.progress(Array("10%".utf8))
    report.warning(.various, "w")
    report.item(status: UInt8(ascii: "A"), path: Array("a".utf8))
    report.aside { _ = writeAll(Array("out\n".utf8), to: pipe.writer) }
    report.progress([])
    report.error("e")
    let clear = "\r\u{1B}[K"
    #expect(
      pipe.text() == "\(clear)10%" + "\(clear)Warning: w\n10%" + "\(clear)A a\n10%"
        + "\(clear)out\n10%" + clear + "Error: e\n")
  }

  @Test func `shows names in their safe form`() throws {
    let pipe = try Pipe()
    let report = Report(to: pipe.writer, minimum: .debug)
    report.warning(.fileMissing, "\(name: [0x61, 0x0A]): gone after \(3) tries")
    report.info("fine")
    report.debug("deep")
    #expect(pipe.text() == "Warning: $'a\\n': gone after 3 tries\nfine\ndeep\n")
  }

  @Test func `is an object in each line for programs`() throws {
    let pipe = try Pipe()
    Report(to: pipe.writer, format: .json).warning(.various, "a \"b\"")
    let text = pipe.text()
    #expect(text.hasPrefix(#"{"type": "log_message", "time": "#))
    #expect(
      text.hasSuffix(
        ##""message": "a \"b\"", "levelname": "WARNING", "name": "archivist"}"## + "\n"))
  }
}

@Suite struct `Exit status` {
  @Test func `has borg's numbers`() {
    #expect(ExitStatus.success.code(.modern) == 0)
    #expect(ExitStatus.warning(.fileChanged).code(.classic) == 1)
    #expect(ExitStatus.warning(.fileChanged).code(.modern) == 100)
    #expect(ExitStatus.failure(.wrongPassphrase).code(.classic) == 2)
    #expect(ExitStatus.failure(.wrongPassphrase).code(.modern) == 52)
    #expect(ExitStatus.failure(.repositoryMissing).code(.modern) == 13)
    #expect(ExitStatus.failure(.lockTimeout).code(.modern) == 73)
    #expect(ExitStatus.signal(SIGTERM).code(.classic) == 143)
  }

  @Test func `never looks like another class`() {
    for failure in ExitStatus.Failure.allCases { #expect((2..<100).contains(failure.rawValue)) }
    for warning in ExitStatus.Warning.allCases {
      // Damage is no mere warning, wherever a run can go on: its number is the failure's.
      let isDamage = warning == .damage && warning.rawValue == ExitStatus.Failure.integrity.rawValue
      #expect(warning == .various || isDamage || (100..<128).contains(warning.rawValue))
    }
    for number in Int32(-1)...300 {
      #expect((128...255).contains(ExitStatus.signal(number).code(.modern)))
    }
  }

  @Test func `is specific where all warnings are of one kind`() {
    #expect(ExitStatus(warnings: []) == .success)
    #expect(ExitStatus(warnings: [.fileChanged, .fileChanged]) == .warning(.fileChanged))
    #expect(ExitStatus(warnings: [.fileChanged, .fileMissing]) == .warning(.various))
  }
}

@Suite struct `Output` {
  @Test func `arrives whole and in order`() throws {
    let pipe = try Pipe()
    let output = OutputWriter(to: pipe.writer, capacity: 4)
    #expect(!output.isTerminal)
    try output.write("abc")
    try output.write([0x64, 0x65])
    try output.write(Array("\nf".utf8))
    try output.finish()
    #expect(pipe.text() == "abcde\nf")
  }

  @Test func `that nobody reads is an error`() throws {
    OutputWriter.ignoreSignals()
    let writer: Int32
    do {
      let pipe = try Pipe()
      writer = dup(pipe.writer)
    }
    defer { close(writer) }
    let output = OutputWriter(to: writer)
    try output.write("lost")
    #expect(throws: OutputError.closedByReader) { try output.finish() }
  }

  @Test func `on a full disk is an error`() throws {
    let full = unsafe open("/dev/full", O_WRONLY | O_CLOEXEC)
    try #require(full >= 0)
    defer { close(full) }
    let output = OutputWriter(to: full, capacity: 1)
    #expect(throws: OutputError.failed(ErrorNumber(ENOSPC))) { try output.write("lost") }
    #expect("\(OutputError(ENOSPC))" == "cannot write the output: No space left on device")
  }
}
