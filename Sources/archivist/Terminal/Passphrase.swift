import Glibc
import StoreCrypto

/// A passphrase, and where it came from.
struct Passphrase: Sendable {
  /// Where a passphrase came from.
  enum Origin: Equatable, Sendable {
    case variable(String)
    /// The command of this variable.
    case command(String)
    /// The descriptor that this variable names.
    case descriptor(String)
    case terminal
  }

  /// The passphrase.
  let secret: Secret
  /// Where it came from.
  let origin: Origin

  /// Whether asking again can help when it was wrong.
  var canAskAgain: Bool { origin == .terminal }

  /// Whether there is nothing: a program that should have written it has failed, perhaps.
  ///
  /// Zeros are nothing to scrypt, whose HMAC puts them behind every key.
  var isEmpty: Bool {
    secret.withBytes { bytes in bytes.indices.allSatisfy { bytes[$0] == 0 } }
  }

  /// Whether there is a zero in it: at the end it would not count.
  var hasZero: Bool {
    secret.withBytes { bytes in bytes.indices.contains { bytes[$0] == 0 } }
  }
}

/// Where passphrases come from: the environment, else the terminal.
///
/// Made once, at the start, before any child process: it takes the variables out of the
/// environment, so that no child inherits them, and closes the descriptors to children.
///
/// The first that is set counts: `ARCHIVIST_PASSPHRASE`, `ARCHIVIST_PASSCOMMAND`,
/// `ARCHIVIST_PASSPHRASE_FD`, each also under its `BORG_` name, ours first. A new passphrase comes
/// from `ARCHIVIST_NEW_PASSPHRASE` and so on in the same way, that of a second repository from
/// `ARCHIVIST_OTHER_PASSPHRASE`. Line ends at the end of what a command or a descriptor gives are no
/// part of the passphrase, as in borg.
struct PassphraseSources {
  /// The longest passphrase, in bytes.
  static let maximumLength = 1 << 16
  /// Set to `yes`, it lets a new passphrase be empty.
  static let emptyVariable = "ARCHIVIST_EMPTY_PASSPHRASE_IS_OK"

  private enum Source {
    case secret(Passphrase)
    case command(variable: String, [UInt8])
    case descriptor(variable: String, [UInt8])
  }

  private var existing: Source?
  private var new: Source?
  private var other: Source?
  private let terminal: TerminalPrompt

  /// Takes the variables out of `environment`.
  init(environment: Environment = .process, terminal: TerminalPrompt = TerminalPrompt()) {
    self.terminal = terminal
    existing = Self.take("", from: environment)
    new = Self.take("NEW_", from: environment)
    other = Self.take("OTHER_", from: environment)
  }

  /// The passphrase of a key that exists.
  ///
  /// What the environment gave is read once and is the same at every call; on the terminal each
  /// call asks.
  ///
  /// - Parameters:
  ///   - prompt: What the terminal asks.
  ///   - isOther: It is the key of the second repository of a command. Where nothing is set for that
  ///     one, both may have the same passphrase.
  /// - Returns: The passphrase.
  /// - Throws: `PassphraseError` where there is none.
  mutating func passphrase(
    prompt: Message, isOther: Bool = false
  ) throws(PassphraseError) -> Passphrase {
    if isOther, let found = try Self.resolve(&other) { return found }
    if let found = try Self.resolve(&existing) { return found }
    return Passphrase(secret: try terminal.ask(prompt), origin: .terminal)
  }

  /// Whether the passphrase of a key that exists is still to be read from this descriptor.
  func readsDescriptor(_ number: Int32) -> Bool {
    guard case .descriptor(_, let value) = existing else { return false }
    return PassphraseDescriptor(value)?.number == number
  }

  /// A passphrase for a new key.
  ///
  /// - Parameters:
  ///   - usesExisting: Where nothing is set for a new one, take the one of `passphrase`: for a
  ///     new repository, not for a change of passphrase.
  ///   - allowsEmpty: Whether it may be empty, so that anybody can open the repository.
  /// - Returns: The passphrase; on the terminal it was entered twice.
  /// - Throws: `PassphraseError` where there is none, it is empty, or ten tries gave none.
  mutating func newPassphrase(usesExisting: Bool, allowsEmpty: Bool) throws(PassphraseError)
    -> Passphrase
  {
    var found = try Self.resolve(&new)
    if found == nil, usesExisting { found = try Self.resolve(&existing) }
    if let found {
      guard allowsEmpty || !found.isEmpty else { throw .emptyNew(found.origin) }
      guard found.isEmpty || !found.hasZero else { throw .zeroInNew(found.origin) }
      return found
    }
    do throws(PassphraseError) {
      return try askForNew(allowsEmpty: allowsEmpty)
    } catch .noTerminal where !usesExisting {
      throw .noTerminalForNew
    }
  }

  private func askForNew(allowsEmpty: Bool) throws(PassphraseError) -> Passphrase {
    for _ in 0..<10 {
      let first = try terminal.ask("Enter new passphrase: ")
      if first.count == 0, !allowsEmpty {
        try terminal.tell("Passphrase must not be blank\n")
      } else if try terminal.ask("Enter same passphrase again: ").isEqual(to: first) {
        return Passphrase(secret: first, origin: .terminal)
      } else {
        try terminal.tell("Passphrases do not match\n")
      }
    }
    throw .tooManyTries
  }

  private static func take(_ infix: String, from environment: Environment) -> Source? {
    func variables(_ kind: String) -> [String] {
      ["ARCHIVIST", "BORG"].map { "\($0)_\(infix)\(kind)" }
    }
    var source: Source?
    for name in variables("PASSPHRASE") where source == nil {
      if var value = environment.value(name) {
        source = .secret(Passphrase(secret: Secret(wiping: &value), origin: .variable(name)))
      }
    }
    for name in variables("PASSCOMMAND") where source == nil {
      source = environment.value(name).map { .command(variable: name, $0) }
    }
    for name in variables("PASSPHRASE_FD") {
      guard let value = environment.value(name) else { continue }
      source = source ?? .descriptor(variable: name, value)
      // Also where another variable comes first: no child is to find the passphrase there.
      if let descriptor = PassphraseDescriptor(value) { descriptor.closeInChildren() }
    }
    for kind in ["PASSPHRASE", "PASSCOMMAND", "PASSPHRASE_FD"] {
      variables(kind).forEach(environment.remove)
    }
    return source
  }

  private static func resolve(_ source: inout Source?) throws(PassphraseError) -> Passphrase? {
    let found: Passphrase
    switch source {
    case nil: return nil
    case .secret(let passphrase): return passphrase
    case .command(let variable, let line):
      found = Passphrase(
        secret: try PassphraseCommand.run(line, variable: variable), origin: .command(variable))
    case .descriptor(let variable, let value):
      guard let descriptor = PassphraseDescriptor(value) else {
        throw .invalidDescriptor(variable, value)
      }
      found = Passphrase(
        secret: try descriptor.readToEnd(variable: variable), origin: .descriptor(variable))
    }
    source = .secret(found)
    return found
  }
}

extension Passphrase.Origin: CustomStringConvertible {
  /// Where that is, for a sentence.
  var description: String {
    switch self {
    case .variable(let name): "which is the value of \(name)"
    case .command(let name): "which the command in \(name) has printed"
    case .descriptor(let name): "which was read from the descriptor in \(name)"
    case .terminal: "which was entered on the terminal"
    }
  }
}

/// A passphrase that could not be had.
enum PassphraseError: Error, Equatable, CustomStringConvertible {
  /// Nothing is set, and there is nobody to ask.
  case noTerminal
  /// There is no terminal to ask for a passphrase that is to be another than that of the
  /// repository.
  case noTerminalForNew
  /// A new one that has no bytes.
  case emptyNew(Passphrase.Origin)
  /// A new one that has a zero byte in it.
  case zeroInNew(Passphrase.Origin)
  /// One that has no bytes, and opens nothing.
  case emptyAndWrong(Passphrase.Origin)
  /// The terminal was closed instead of an answer.
  case noAnswer
  /// The terminal failed.
  case terminalFailed(ErrorNumber)
  /// A variable that should hold a number does not.
  case invalidDescriptor(String, [UInt8])
  /// The descriptor that a variable names cannot be read.
  case unreadable(String, ErrorNumber)
  /// More than `PassphraseSources.maximumLength` bytes.
  case tooLong
  /// The command of this variable cannot be taken apart into words.
  case commandMalformed(String, ShellWords.Malformed)
  /// The command of this variable is empty.
  case commandEmpty(String)
  /// The command of this variable did not start.
  case commandNotStarted(String, ErrorNumber)
  /// The command of this variable ended with this status.
  case commandFailed(String, status: Int32)
  /// The command of this variable was ended by this signal.
  case commandKilled(String, signal: Int32)
  /// Ten pairs of answers that were not the same.
  case tooManyTries
  /// A signal arrived during the prompt.
  case interrupted(signal: Int32)

  /// How a run ends because of it.
  var exitStatus: ExitStatus {
    switch self {
    case .tooManyTries: .failure(.tooManyTries)
    case .commandMalformed, .commandEmpty, .commandNotStarted, .commandFailed, .commandKilled:
      .failure(.passCommandFailed)
    case .interrupted(let signal): .signal(signal)
    case .emptyAndWrong: .failure(.wrongPassphrase)
    default: .failure(.noPassphrase)
    }
  }

  var description: String {
    switch self {
    case .noTerminal:
      "no passphrase: none of ARCHIVIST_PASSPHRASE, ARCHIVIST_PASSCOMMAND and "
        + "ARCHIVIST_PASSPHRASE_FD is set, and there is no terminal to ask on"
    case .noTerminalForNew:
      "no new passphrase: none of ARCHIVIST_NEW_PASSPHRASE, ARCHIVIST_NEW_PASSCOMMAND and "
        + "ARCHIVIST_NEW_PASSPHRASE_FD is set, and there is no terminal to ask on"
    case .emptyNew(let origin):
      "the new passphrase, \(origin), is empty: did what should have given it fail? Nothing was "
        + "changed. Should anybody be able to open the repository, set "
        + "\(PassphraseSources.emptyVariable)=yes"
    case .zeroInNew(let origin):
      "the new passphrase, \(origin), has a zero byte in it, which would not count at its end: "
        + "nothing was changed. Take one without, encoded in hexadecimal digits or base64, say"
    case .emptyAndWrong(let origin):
      "the passphrase, \(origin), is empty, and opens nothing: did what should have given it fail?"
    case .noAnswer: "no passphrase was entered"
    case .terminalFailed(let error): "cannot ask for the passphrase on the terminal: \(error)"
    case .invalidDescriptor(let variable, let value):
      "\(variable) must be the number of a file descriptor, not "
        + "\"\(NameText.replacingInvalid(NameText.display(value)))\""
    case .unreadable(let variable, let error):
      "cannot read the passphrase from the descriptor in \(variable): \(error)"
    case .tooLong: "the passphrase has more than \(PassphraseSources.maximumLength) bytes"
    case .commandMalformed(let variable, let error):
      "the command in \(variable) cannot be read: \(error)"
    case .commandEmpty(let variable): "the command in \(variable) is empty"
    case .commandNotStarted(let variable, let error):
      "the command in \(variable) could not be started: \(error)"
    case .commandFailed(let variable, let status):
      "the command in \(variable) failed with exit status \(status)"
    case .commandKilled(let variable, let signal):
      "the command in \(variable) was ended by signal \(signal)"
    case .tooManyTries: "the passphrase was not entered the same way twice in ten tries"
    case .interrupted(let signal): "interrupted by signal \(signal)"
    }
  }
}
