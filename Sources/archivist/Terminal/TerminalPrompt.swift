import CLinux
import Glibc
import StoreCrypto

/// Asks on the terminal, without showing the answer.
///
/// The terminal is the controlling one, so that standard input and output stay free for data.
struct TerminalPrompt {
  /// The terminal's path.
  var path = "/dev/tty"

  /// Asks for a secret.
  ///
  /// Signals that would end or stop the program are held back while the echo is off, and take
  /// their effect when it is on again.
  func ask(_ prompt: Message) throws(PassphraseError) -> Secret {
    let terminal = try open()
    defer { close(terminal) }
    while true {
      let signals = SignalWatch.process
      switch try signals.holdingBack({ () throws(PassphraseError) in
        try askOnce(prompt, on: terminal)
      }) {
      case .answer(let secret): return secret
      case .signal(SIGTSTP):
        // Stops here; once continued, the question is asked again.
        signals.act(on: SIGTSTP)
      case .signal(let number):
        signals.act(on: number)
        // A caller that handles or ignores the signal still gets no passphrase.
        throw .interrupted(signal: number)
      }
    }
  }

  /// Says something on the terminal.
  func tell(_ text: Message) throws(PassphraseError) {
    let terminal = try open()
    defer { close(terminal) }
    try write(text.bytes, to: terminal)
  }

  private enum Outcome {
    case answer(Secret)
    case signal(Int32)
  }

  private func askOnce(_ prompt: Message, on terminal: Int32) throws(PassphraseError) -> Outcome {
    var held = sigset_t()
    unsafe sigemptyset(&held)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP] { unsafe sigaddset(&held, number) }
    var before = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, &held, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    let signals = unsafe signalfd(-1, &held, Int32(SFD_CLOEXEC))
    guard signals >= 0 else { throw .terminalFailed(ErrorNumber(errno)) }
    defer { close(signals) }

    var shown = termios()
    guard unsafe tcgetattr(terminal, &shown) == 0 else { throw .noTerminal }
    var silent = shown
    silent.c_lflag &= ~tcflag_t(ECHO | ECHONL)
    silent.c_lflag |= tcflag_t(ICANON | ISIG)
    // Text typed before the question was visible is no answer.
    guard unsafe tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else {
      throw .terminalFailed(ErrorNumber(errno))
    }
    defer {
      unsafe tcsetattr(terminal, TCSADRAIN, &shown)
      // The newline that was not shown. Where this fails, the read has failed as well.
      _ = writeAll([UInt8(ascii: "\n")], to: terminal)
    }
    try write(prompt.bytes, to: terminal)
    return try read(from: terminal, orSignalFrom: signals)
  }

  private func read(from terminal: Int32, orSignalFrom signals: Int32) throws(PassphraseError)
    -> Outcome
  {
    var buffer = [UInt8](repeating: 0, count: PassphraseSources.maximumLength + 1)
    defer { wipe(&buffer) }
    var count = 0
    while true {
      var waiting = [
        pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
        pollfd(fd: terminal, events: Int16(POLLIN), revents: 0),
      ]
      if unsafe poll(&waiting, 2, -1) < 0 {
        if errno == EINTR { continue }
        throw .terminalFailed(ErrorNumber(errno))
      }
      if waiting[0].revents != 0 {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard unsafe Glibc.read(signals, &info, size) == size else {
          throw .terminalFailed(ErrorNumber(errno))
        }
        return .signal(Int32(truncatingIfNeeded: info.ssi_signo))
      }
      let got = unsafe buffer.withUnsafeMutableBytes {
        unsafe Glibc.read(terminal, $0.baseAddress?.advanced(by: count), $0.count - count)
      }
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw .terminalFailed(ErrorNumber(errno)) }
      if got == 0, count == 0 { throw .noAnswer }
      count += got
      if count == buffer.count { throw .tooLong }
      if let end = buffer[..<count].firstIndex(of: UInt8(ascii: "\n")) {
        return .answer(Secret(copying: buffer.span.extracting(first: end)))
      }
      if got == 0 { return .answer(Secret(copying: buffer.span.extracting(first: count))) }
    }
  }

  private func open() throws(PassphraseError) -> Int32 {
    let terminal = unsafe Glibc.open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard terminal >= 0 else { throw .noTerminal }
    return terminal
  }

  private func write(_ bytes: [UInt8], to terminal: Int32) throws(PassphraseError) {
    let code = writeAll(bytes, to: terminal)
    if code != 0 { throw .terminalFailed(ErrorNumber(code)) }
  }
}
