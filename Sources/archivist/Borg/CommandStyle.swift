import Synchronization

/// Whose manners a run has: what is printed where, and what is understood on the command line.
enum CommandStyle: Sendable {
  /// archivist's own.
  case native
  /// Those of borg 1.4, for programs that know how to call it.
  case borg

  /// The style of this process, decided once, before the arguments are read.
  static let process = Mutex(CommandStyle.native)

  /// The value of `programName`, set at the start.
  static let program = Mutex("archivist")

  /// The name that this process was called by, without its directory.
  static var programName: String { program.withLock { $0 } }

  /// The words of this process's messages; `nil`: those that they have.
  static var words: BorgWords? {
    guard process.withLock({ $0 }) == .borg else { return nil }
    return BorgWords(program: programName)
  }

  /// The release of borg whose manners these are.
  static let borgVersion = "1.4.5"

  /// The variable that asks for a style, whatever the program is called.
  static let variable = "ARCHIVIST_COMPAT"

  /// Decides by the name that the program was called by, or by the environment.
  ///
  /// - Parameters:
  ///   - program: The first word of the command line.
  ///   - environment: May ask for a style.
  /// - Returns: The style.
  /// - Throws: `CommandFailure` for a style that is not known.
  static func of(
    program: [UInt8], environment: Environment
  ) throws(CommandFailure) -> CommandStyle {
    if let wanted = environment.nonEmpty(variable) {
      guard wanted == Array("borg".utf8) else {
        throw CommandFailure("\(variable)=\(name: wanted): the only style is borg")
      }
      return .borg
    }
    let name = name(of: program)
    return name == "borg" || name.hasPrefix("borg-") ? .borg : .native
  }

  /// The name of a program without its directory, fit to be shown.
  static func name(of program: [UInt8]) -> String {
    NameText.replacingInvalid(
      NameText.display(Array(program.suffix(while: { $0 != UInt8(ascii: "/") }))))
  }
}

extension [UInt8] {
  /// The longest end whose elements all satisfy a condition.
  fileprivate func suffix(while condition: (UInt8) -> Bool) -> ArraySlice<UInt8> {
    let start = lastIndex { !condition($0) }.map { $0 + 1 } ?? startIndex
    return self[start...]
  }
}
