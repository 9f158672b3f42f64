import Glibc
import StoreCrypto
import Synchronization
import Testing

@testable import archivist

/// Variables that a test makes up.
final class TestEnvironment: Sendable {
  private let variables: Mutex<[String: [UInt8]]>

  init(_ variables: [String: String]) {
    self.variables = Mutex(variables.mapValues { Array($0.utf8) })
  }

  var environment: Environment {
    Environment(
      value: { name in self.variables.withLock { $0[name] } },
      remove: { name in self.variables.withLock { $0[name] = nil } })
  }

  var names: [String] { variables.withLock { $0.keys.sorted() } }
}

/// Nobody is there to answer.
private let noTerminal = TerminalPrompt(path: "/nonexistent")

private func text(_ passphrase: Passphrase) -> String {
  passphrase.secret.withBytes { bytes in
    String(decoding: (0..<bytes.count).map { bytes[$0] }, as: UTF8.self)
  }
}

@Suite struct `Passphrase sources` {
  func sources(_ variables: [String: String]) -> PassphraseSources {
    PassphraseSources(environment: TestEnvironment(variables).environment, terminal: noTerminal)
  }

  func passphrase(_ variables: [String: String]) throws -> String {
    var sources = sources(variables)
    return text(try sources.passphrase(prompt: "?"))
  }

  func newPassphrase(_ variables: [String: String], usesExisting: Bool = false) throws -> String {
    var sources = sources(variables)
    return text(try sources.newPassphrase(usesExisting: usesExisting, allowsEmpty: false))
  }

  @Test func `comes from the first variable that is set`() throws {
    var variables = [
      "ARCHIVIST_PASSPHRASE": "one", "BORG_PASSPHRASE": "two",
      "ARCHIVIST_PASSCOMMAND": "echo three",
      "BORG_PASSCOMMAND": "echo four", "ARCHIVIST_PASSPHRASE_FD": "none",
    ]
    #expect(try passphrase(variables) == "one")
    variables["ARCHIVIST_PASSPHRASE"] = nil
    #expect(try passphrase(variables) == "two")
    variables["BORG_PASSPHRASE"] = nil
    #expect(try passphrase(variables) == "three")
    variables["ARCHIVIST_PASSCOMMAND"] = nil
    #expect(try passphrase(variables) == "four")
    variables["BORG_PASSCOMMAND"] = nil
    #expect(
      throws: PassphraseError.invalidDescriptor("ARCHIVIST_PASSPHRASE_FD", Array("none".utf8))
    ) {
      try passphrase(variables)
    }
  }

  @Test func `in a variable is taken as it is, empty or not`() throws {
    #expect(try passphrase(["ARCHIVIST_PASSPHRASE": " a\n"]) == " a\n")
    #expect(try passphrase(["BORG_PASSPHRASE": ""]) == "")
  }

  @Test func `variables are gone once they were read`() throws {
    var variables = ["HOME": "/root"]
    for owner in ["ARCHIVIST", "BORG"] {
      for kind in ["PASSPHRASE", "PASSCOMMAND", "PASSPHRASE_FD"] {
        variables["\(owner)_\(kind)"] = "1000"
        variables["\(owner)_NEW_\(kind)"] = "1000"
        variables["\(owner)_OTHER_\(kind)"] = "1000"
      }
    }
    let environment = TestEnvironment(variables)
    _ = PassphraseSources(environment: environment.environment, terminal: noTerminal)
    #expect(environment.names == ["HOME"])
  }

  @Test func `for a new key has variables of its own`() throws {
    let existing = ["ARCHIVIST_PASSPHRASE": "old"]
    #expect(throws: PassphraseError.noTerminalForNew) { try newPassphrase(existing) }
    #expect(try newPassphrase(existing, usesExisting: true) == "old")
    var both = existing
    both["BORG_NEW_PASSCOMMAND"] = "echo new"
    #expect(try newPassphrase(both, usesExisting: true) == "new")
    #expect(try passphrase(both) == "old")
  }

  @Test(arguments: [false, true])
  func `for a new key must not be empty, wherever it comes from`(usesExisting: Bool) throws {
    typealias Origin = Passphrase.Origin
    for (kind, value, origin) in [
      ("PASSPHRASE", "", { Origin.variable($0) }),
      ("PASSCOMMAND", "printf '\\n'", { .command($0) }),
      ("PASSPHRASE_FD", "", { .descriptor($0) }),
    ] as [(String, String, (String) -> Origin)] {
      let name = "BORG_" + (usesExisting ? "" : "NEW_") + kind
      func new(allowsEmpty: Bool) throws -> Passphrase {
        let nothing = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        var sources = sources([name: kind.hasSuffix("FD") ? "\(nothing)" : value])
        return try sources.newPassphrase(usesExisting: usesExisting, allowsEmpty: allowsEmpty)
      }
      #expect(throws: PassphraseError.emptyNew(origin(name))) { try new(allowsEmpty: false) }
      #expect(try new(allowsEmpty: true).isEmpty)
      #expect("\(PassphraseError.emptyNew(origin(name)))".contains(name))
    }
  }

  @Test func `a zero byte in one for a new key is refused, and zeros alone are nothing`() throws {
    func new(_ command: String) throws -> Passphrase {
      var sources = sources(["BORG_NEW_PASSCOMMAND": command])
      return try sources.newPassphrase(usesExisting: false, allowsEmpty: false)
    }
    let origin = Passphrase.Origin.command("BORG_NEW_PASSCOMMAND")
    for text in ["pass\\0", "\\0pass", "pa\\0ss\\n"] {
      #expect(throws: PassphraseError.zeroInNew(origin)) { try new("printf '\(text)'") }
    }
    for text in ["\\0", "\\0\\0", "\\0\\n"] {
      #expect(throws: PassphraseError.emptyNew(origin)) { try new("printf '\(text)'") }
    }
  }

  @Test func `of a second repository is its own, or the same`() throws {
    func other(_ variables: [String: String]) throws -> String {
      var sources = sources(variables)
      return text(try sources.passphrase(prompt: "?", isOther: true))
    }
    var variables = ["BORG_OTHER_PASSPHRASE": "other"]
    #expect(try other(variables) == "other")
    #expect(throws: PassphraseError.noTerminal) { try passphrase(variables) }
    variables["ARCHIVIST_PASSPHRASE"] = "own"
    #expect(try other(variables) == "other")
    #expect(try passphrase(variables) == "own")
    #expect(try other(["ARCHIVIST_PASSPHRASE": "own"]) == "own")
    #expect(throws: PassphraseError.noTerminal) { try other([:]) }
  }

  @Test func `without a source and a terminal is a clear error`() {
    #expect(throws: PassphraseError.noTerminal) { try passphrase([:]) }
    #expect(PassphraseError.noTerminal.exitStatus.code(.classic) == 2)
    #expect(PassphraseError.noTerminal.exitStatus.code(.modern) == 50)
  }

  @Test(arguments: [
    ("a b\n", "a b"), ("a", "a"), ("a\n\n", "a"), ("a\r\n", "a"), ("a\nb\n", "a\nb"), ("", ""),
  ])
  func `from a descriptor ends before the last line ends`(written: String, expected: String) throws
  {
    let pipe = try Pipe()
    #expect(writeAll(Array(written.utf8), to: pipe.writer) == 0)
    pipe.closeWriter()
    let copy = dup(pipe.reader)
    var sources = sources(["ARCHIVIST_PASSPHRASE_FD": "\(copy)"])
    #expect(fcntl(copy, F_GETFD) == FD_CLOEXEC)
    #expect(text(try sources.passphrase(prompt: "?")) == expected)
    #expect(text(try sources.passphrase(prompt: "?")) == expected, "a second time, from memory")
  }

  @Test func `descriptor that is not open is an error`() {
    #expect(throws: PassphraseError.unreadable("BORG_PASSPHRASE_FD", ErrorNumber(EBADF))) {
      try passphrase(["BORG_PASSPHRASE_FD": "99999"])
    }
    #expect(throws: PassphraseError.invalidDescriptor("BORG_PASSPHRASE_FD", Array("-1".utf8))) {
      try passphrase(["BORG_PASSPHRASE_FD": "-1"])
    }
  }

  @Test func `descriptor that never ends is an error`() throws {
    let zeros = unsafe open("/dev/zero", O_RDONLY | O_CLOEXEC)
    #expect(throws: PassphraseError.tooLong) {
      try passphrase(["ARCHIVIST_PASSPHRASE_FD": "\(zeros)"])
    }
  }

  @Test func `command runs without a shell`() throws {
    #expect(
      try passphrase(["ARCHIVIST_PASSCOMMAND": "printf '%s|' 'a b' $HOME \"c\""]) == "a b|$HOME|c|")
    #expect(try passphrase(["ARCHIVIST_PASSCOMMAND": "printf 'x\\n\\n'"]) == "x")
  }

  @Test func `command that fails is an error that says how`() {
    let name = "ARCHIVIST_PASSCOMMAND"
    func failure(_ command: String) -> PassphraseError? {
      do { _ = try passphrase([name: command]) } catch { return error as? PassphraseError }
      return nil
    }
    #expect(failure("sh -c 'echo secret; exit 3'") == .commandFailed(name, status: 3))
    #expect(failure("sh -c 'kill -9 $$'") == .commandKilled(name, signal: SIGKILL))
    #expect(failure("/nonexistent/command") == .commandNotStarted(name, ErrorNumber(ENOENT)))
    #expect(failure("") == .commandEmpty(name))
    #expect(failure("echo 'a") == .commandMalformed(name, .noClosingQuote))
    #expect(failure("cat /dev/zero") == .commandKilled(name, signal: SIGPIPE))
    #expect(PassphraseError.commandEmpty(name).exitStatus.code(.modern) == 51)
  }
}

/// The other side of a terminal: reads what is asked and types answers.
private final class Person: @unchecked Sendable {
  // The fields are written before the thread starts, and read by it alone until it has ended.
  let terminal: Int32
  let path: String
  /// The program's side, held open, or the terminal would hang up between two questions.
  private var side: Int32
  private var script: [(question: String, answer: () -> Void)] = []
  private(set) var seen = ""

  init() throws {
    var ends: (person: Int32, program: Int32) = (-1, -1)
    var name = [CChar](repeating: 0, count: 64)
    try #require(unsafe openpty(&ends.person, &ends.program, &name, nil, nil) == 0)
    (terminal, side) = ends
    path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func when(_ question: String, types answer: String) {
    script.append((question, { [terminal] in _ = writeAll(Array(answer.utf8), to: terminal) }))
  }

  func when(_ question: String, does action: @escaping () -> Void) {
    script.append((question, action))
  }

  /// Whether what is typed is shown.
  var isShown: Bool {
    var state = termios()
    return unsafe tcgetattr(terminal, &state) == 0 && state.c_lflag & tcflag_t(ECHO) != 0
  }

  /// Runs `body` while the person follows the script on a thread of their own.
  func during<R>(_ body: () throws -> R) rethrows -> R {
    var thread = pthread_t()
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe pthread_create(
      &thread, nil,
      {
        guard let raw = unsafe $0 else { return nil }
        unsafe Unmanaged<Person>.fromOpaque(raw).takeUnretainedValue().follow()
        return nil
      }, me)
    defer {
      close(side)
      side = -1
      pthread_join(thread, nil)
    }
    return try body()
  }

  private func follow() {
    var pending = script[...]
    var unread = ""
    var buffer = [UInt8](repeating: 0, count: 1024)
    while true {
      let count = unsafe read(terminal, &buffer, buffer.count)
      if count <= 0 { return }
      let text = String(decoding: buffer[..<count], as: UTF8.self)
      seen += text
      unread += text
      if let next = pending.first, unread.contains(next.question) {
        pending = pending.dropFirst()
        unread = ""
        next.answer()
      }
    }
  }

  deinit {
    close(terminal)
    if side >= 0 { close(side) }
  }
}

@Suite(.serialized) struct `Terminal prompt` {
  private func sources(_ person: Person) -> PassphraseSources {
    PassphraseSources(
      environment: TestEnvironment([:]).environment, terminal: TerminalPrompt(path: person.path))
  }

  @Test func `does not show the answer`() throws {
    let person = try Person()
    person.when("Passphrase for x: ", types: "söcret word\n")
    var sources = sources(person)
    let passphrase = try person.during { try sources.passphrase(prompt: "Passphrase for x: ") }
    #expect(text(passphrase) == "söcret word")
    #expect(passphrase.canAskAgain)
    #expect(person.isShown)
    #expect(!person.seen.contains("cret"))
  }

  @Test func `asks twice for a new passphrase, until both are the same`() throws {
    let person = try Person()
    person.when("new passphrase: ", types: "\n")
    person.when("must not be blank\r\nEnter new passphrase: ", types: "one\n")
    person.when("again: ", types: "two\n")
    person.when("do not match\r\nEnter new passphrase: ", types: "three\n")
    person.when("again: ", types: "three\n")
    var sources = sources(person)
    let passphrase = try person.during {
      try sources.newPassphrase(usesExisting: true, allowsEmpty: false)
    }
    #expect(text(passphrase) == "three")
  }

  @Test func `accepts an empty new passphrase where that is allowed`() throws {
    let person = try Person()
    person.when("new passphrase: ", types: "\n")
    person.when("again: ", types: "\n")
    var sources = sources(person)
    let passphrase = try person.during {
      try sources.newPassphrase(usesExisting: false, allowsEmpty: true)
    }
    #expect(text(passphrase).isEmpty)
  }

  @Test func `gives up after ten tries`() throws {
    let person = try Person()
    for _ in 0..<10 { person.when("new passphrase: ", types: "\n") }
    var sources = sources(person)
    #expect(throws: PassphraseError.tooManyTries) {
      try person.during { try sources.newPassphrase(usesExisting: true, allowsEmpty: false) }
    }
    #expect(PassphraseError.tooManyTries.exitStatus.code(.modern) == 53)
  }

  @Test func `takes the end of input for no answer`() throws {
    let person = try Person()
    person.when("? ", types: "\u{4}")
    var sources = sources(person)
    #expect(throws: PassphraseError.noAnswer) {
      try person.during { try sources.passphrase(prompt: "? ") }
    }
    #expect(person.isShown)
  }

  @Test func `shows what is typed again when a signal ends it`() throws {
    let person = try Person()
    let asking = pthread_self()
    person.when("? ", does: { pthread_kill(asking, SIGHUP) })
    // Its effect would be the end of the tests.
    let before = signal(SIGHUP, SIG_IGN)
    defer { signal(SIGHUP, before) }
    var sources = sources(person)
    #expect(throws: PassphraseError.interrupted(signal: SIGHUP)) {
      try person.during { try sources.passphrase(prompt: "? ") }
    }
    #expect(person.isShown)
    #expect(PassphraseError.interrupted(signal: SIGHUP).exitStatus.code(.classic) == 129)
  }
}
