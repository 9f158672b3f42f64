import ChunkStore
import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// Turns the signals that end a program into a request to shut down cleanly.
///
/// They are blocked in the first thread before there is another, so that they are blocked in all,
/// and a thread of its own takes them: so a handler may do whatever a thread may, whichever threads
/// there are. Without a handler a signal does what it does to any program. Who asks again, a second
/// later, is in earnest: that ends the program at once.
///
/// A program that waits for input waits for a signal as well: `waitForInput`.
final class SignalWatch: Sendable {
  /// The watch of this process; it sees nothing before `begin`.
  static let process = SignalWatch()

  private let received = Mutex<(number: Int32, time: Double)?>(nil)
  private let handler = Mutex<(@Sendable () -> Void)?>(nil)
  private let group = ThreadGroup()
  /// Can be read from when the work is to end.
  private let end: Int32

  /// Who takes the signals: the thread, or somebody who asks on the terminal meanwhile.
  private let turns = Monitor()
  private let isHeldBack = Atomic(false)
  private let isWatching = Atomic(false)
  /// A signal is ending the program: what fails because of that is not worth telling.
  private let isDying = Atomic(false)

  /// The first signal that came, of those that end the work.
  var signal: Int32? { received.withLock { $0?.number } }

  /// Some programs send one signal twice, to the process and to its group.
  private static let patience = 1.0

  /// Those that ask for the end.
  private static let endings = [SIGINT, SIGTERM, SIGHUP]
  /// Those that would end or stop the program while the terminal is silent.
  private static let others = [SIGQUIT, SIGTSTP]

  private init() {
    // Where there is no descriptor left, a signal is noticed by those who do not wait.
    end = eventfd(0, Int32(EFD_CLOEXEC))
  }

  /// Starts to watch, except for signals that whoever started us wants to be ignored.
  ///
  /// Call it before any other thread is started.
  func begin() {
    var set = Self.set(of: (Self.endings + Self.others).filter { !Self.isIgnored($0) })
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    let source = unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
    if source >= 0 {
      group.start("signals") { [self] in
        while let number = next(from: source) { act(on: number) }
      }
    }
    if source >= 0, group.failure == nil {
      isWatching.store(true, ordering: .releasing)
    } else {
      // Better no good order than a program that cannot be ended.
      unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }
  }

  /// Sets the action at the first signal; without it, the program ends.
  func handle(_ body: (@Sendable () -> Void)?) { handler.withLock { $0 = body } }

  // MARK: Waiting

  /// Waits until something can be read from a descriptor, or nothing will come any more.
  ///
  /// - Throws: `RepositoryError.interrupted` if a signal came first.
  func waitForInput(_ descriptor: Int32) throws(RepositoryError) {
    var waiting = [
      pollfd(fd: end, events: Int16(POLLIN), revents: 0),
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
    ]
    while unsafe poll(&waiting, 2, -1) < 0, errno == EINTR {}
    if waiting[0].revents != 0 { throw .interrupted }
  }

  /// Waits so many seconds, or until a signal comes; `true` if one has come.
  func waitForEnd(seconds: Double) -> Bool {
    var waiting = pollfd(fd: end, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&waiting, 1, Int32(seconds * 1000)) > 0
  }

  /// Runs `body`, which takes signals itself while it runs.
  func holdingBack<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    isHeldBack.store(true, ordering: .releasing)
    defer {
      turns.withLock {
        isHeldBack.store(false, ordering: .releasing)
        turns.broadcast()
      }
    }
    return try body()
  }

  // MARK: Signals

  /// The next signal; `nil` if there never will be one.
  private func next(from source: Int32) -> Int32? {
    while true {
      var waiting = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
      if unsafe poll(&waiting, 1, -1) < 0, errno != EINTR { return nil }
      let number = turns.withLock { () -> Int32? in
        while isHeldBack.load(ordering: .acquiring) { turns.wait() }
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        // Nothing is there if somebody else has taken it.
        return unsafe read(source, &info, size) == size
          ? Int32(truncatingIfNeeded: info.ssi_signo) : nil
      }
      if let number { return number }
    }
  }

  /// Does what a signal asks for.
  func act(on number: Int32) {
    switch number {
    case _ where !isWatching.load(ordering: .acquiring): raise(number)
    case SIGTSTP: Self.takeDefaultAction(of: number)
    case _ where Self.endings.contains(number): receive(number)
    default: Self.die(of: number)
    }
  }

  private func receive(_ number: Int32) {
    let now = SystemClock.monotonicSeconds
    let first = received.withLock { received in
      defer { received = received ?? (number, now) }
      return received
    }
    if let first {
      if now - first.time > Self.patience { Self.die(of: number) }
      return
    }
    guard let body = handler.withLock({ $0 }) else { Self.die(of: number) }
    body()
    // After that: whoever waits for input finds that the work is to end.
    _ = eventfd_write(end, 1)
  }

  /// Ends the program as this signal ends any other, so that a shell knows.
  private static func die(of number: Int32) -> Never {
    process.isDying.store(true, ordering: .releasing)
    CarrierProcess.endAll()
    takeDefaultAction(of: number)
    _exit(ExitStatus.signal(number).code(.classic))
  }

  /// Does not return while a signal ends the program.
  func waitIfDying() {
    while isDying.load(ordering: .acquiring) { pause() }
  }

  private static func takeDefaultAction(of number: Int32) {
    _ = Glibc.signal(number, SIG_DFL)
    var set = set(of: [number])
    var before = sigset_t()
    unsafe pthread_sigmask(SIG_UNBLOCK, &set, &before)
    raise(number)
    unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard unsafe sigaction(number, nil, &action) == 0 else { return false }
    // The value of `SIG_IGN`, which is no function.
    return unsafe action.__sigaction_handler.sa_handler.map {
      unsafe unsafeBitCast($0, to: Int.self) == 1
    } ?? false
  }

  private static func set(of signals: [Int32]) -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in signals { unsafe sigaddset(&set, signal) }
    return set
  }
}
