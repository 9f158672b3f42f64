import ChunkStore
import CLinux
import Glibc
import LinuxSystem

/// A program that was started by us, and whose standard output we read.
///
/// Its standard input and error are ours, so that it can ask and explain.
struct ChildProcess: ~Copyable {
  /// Why there is no answer of the program's, or none to rely on.
  enum Failure: Error, Equatable {
    case notStarted(ErrorNumber)
    /// It ended with this status, which is not 0.
    case failed(status: Int32)
    case killed(signal: Int32)

    /// The end of a sentence about the program.
    var description: String {
      switch self {
      case .notStarted(let error): "could not be started: \(error)"
      case .failed(let status): "failed with exit status \(status)"
      case .killed(let signal): "was ended by signal \(signal)"
      }
    }
  }

  private let process: pid_t
  /// The descriptor of its output; closed by whoever started it.
  let output: Int32

  /// Starts a program, found as a shell would find it, without a shell.
  ///
  /// - Parameters:
  ///   - words: Its name, and its arguments.
  ///   - input: What it reads; else it reads what we read.
  /// - Throws: `Failure.notStarted`.
  init(_ words: [[UInt8]], input: Int32 = STDIN_FILENO) throws(Failure) {
    var ends: [Int32] = [-1, -1]
    guard unsafe linux_pipe(&ends) == 0 else { throw .notStarted(ErrorNumber(errno)) }
    defer { close(ends[1]) }
    do throws(Failure) {
      process = try Self.start(words, input: input, output: ends[1])
    } catch {
      close(ends[0])
      throw error
    }
    output = ends[0]
  }

  /// Runs a program that writes where we write, and waits for its end.
  ///
  /// - Throws: Why it did not end well.
  static func run(_ words: [[UInt8]]) throws(Failure) {
    try wait(for: try start(words, output: STDOUT_FILENO))
  }

  /// Runs a program on a short text, and waits for its end.
  ///
  /// - Parameters:
  ///   - words: Its name, and its arguments.
  ///   - input: What it reads: no more than every pipe holds, 4 KiB.
  /// - Returns: What it wrote.
  /// - Throws: Why it did not end well.
  static func output(of words: [[UInt8]], input: [UInt8]) throws(Failure) -> [UInt8] {
    guard input.count <= 1 << 12 else { throw .notStarted(ErrorNumber(E2BIG)) }
    var ends: [Int32] = [-1, -1]
    guard unsafe linux_pipe(&ends) == 0 else { throw .notStarted(ErrorNumber(errno)) }
    defer { close(ends[0]) }
    // It fits, so that nobody has to read it meanwhile.
    let code = writeAll(input, to: ends[1])
    close(ends[1])
    guard code == 0 else { throw .notStarted(ErrorNumber(code)) }
    let process = try ChildProcess(words, input: ends[0])
    let output = readAll(process.output)
    close(process.output)
    try process.wait()
    return output
  }

  /// All that comes out of a pipe; less, if that fails.
  private static func readAll(_ descriptor: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = retryingInterrupts { unsafe read(descriptor, &buffer, buffer.count) }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
    }
  }

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - words: Its name, and its arguments.
  ///   - input: What it reads; else it reads what we read.
  ///   - output: Where it writes.
  ///   - error: Where it writes messages; else where we do.
  ///   - blocked: Signals that pass it by.
  /// - Returns: Its number, which somebody has to wait for.
  /// - Throws: `Failure.notStarted`.
  static func start(
    _ words: [[UInt8]], input: Int32 = STDIN_FILENO, output: Int32,
    error: Int32 = STDERR_FILENO, blocked: [Int32] = []
  ) throws(Failure) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    if input != STDIN_FILENO {
      unsafe posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    }
    unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    if error != STDERR_FILENO {
      unsafe posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO)
    }

    // We ignore broken pipes and limits, and hold signals back; a command expects none of that.
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var defaults = sigset_t()
    unsafe sigemptyset(&defaults)
    unsafe sigaddset(&defaults, SIGPIPE)
    unsafe sigaddset(&defaults, SIGXFSZ)
    unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
    var mask = sigset_t()
    unsafe sigemptyset(&mask)
    for number in blocked { unsafe sigaddset(&mask, number) }
    unsafe posix_spawnattr_setsigmask(&attributes, &mask)
    unsafe posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

    // Copies on the heap, because an array of pointers into Swift arrays has no safe form.
    var arguments = unsafe words.map { word in unsafe withCString(word) { unsafe strdup($0) } }
    defer { unsafe arguments.forEach { unsafe free($0) } }
    unsafe arguments.append(nil)
    var process: pid_t = 0
    let status = unsafe withCString(words.first ?? []) {
      unsafe posix_spawnp(
        &process, $0, &actions, &attributes, &arguments, linux_environment())
    }
    guard status == 0 else { throw .notStarted(ErrorNumber(status)) }
    return process
  }

  /// Waits for the end of the program, and says if it was not a good one.
  consuming func wait() throws(Failure) { try Self.wait(for: process) }

  /// Waits for its end, but not longer than until a signal wants us to end: then the program is
  /// told to.
  consuming func wait(unlessInterrupted signals: SignalWatch) throws(Failure) {
    var pause = 0.001
    while true {
      var status: Int32 = 0
      let ended = unsafe waitpid(process, &status, WNOHANG)
      if ended == process { return try Self.judge(status) }
      if ended < 0, errno != EINTR { throw .notStarted(ErrorNumber(errno)) }
      if signals.waitForEnd(seconds: pause) { return giveUp() }
      pause = min(2 * pause, 0.05)
    }
  }

  /// Tells the program to end, and gives it a moment for that.
  consuming func giveUp() { _ = Self.end(process, with: SIGTERM, patience: 0.5) }

  /// Sends a signal to a program that was started by us, and waits so long for its end.
  static func end(_ process: pid_t, with number: Int32, patience: Double) -> Bool {
    _ = kill(process, number)
    return hasEnded(process, within: patience)
  }

  /// Waits so long for the end of a program that was started by us.
  static func hasEnded(_ process: pid_t, within patience: Double) -> Bool {
    let end = SystemClock.monotonicSeconds + patience
    while waitpid(process, nil, WNOHANG) == 0 {
      if SystemClock.monotonicSeconds > end { return false }
      usleep(5_000)
    }
    return true
  }

  private static func wait(for process: pid_t) throws(Failure) {
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw .notStarted(ErrorNumber(errno)) }
    }
    try judge(status)
  }

  private static func judge(_ status: Int32) throws(Failure) {
    // The layout of wait(2): the signal in the low seven bits, else the status above them.
    let signal = status & 0x7F
    if signal != 0 { throw .killed(signal: signal) }
    let code = status >> 8 & 0xFF
    if code != 0 { throw .failed(status: code) }
  }
}
