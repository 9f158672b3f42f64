/// An option of borg's command line, and what becomes of it.
struct BorgOption: Sendable {
  /// The translation of an option.
  enum Meaning: Sendable {
    /// It is archivist's as well, under the first of its names.
    case kept
    /// archivist has it under another name.
    case renamed(String)
    /// It asks for nothing that could be done, or for what is done anyway.
    case dropped
    /// The nearest thing is done, and that is said.
    case replaced(
      @Sendable (inout BorgCommandLine, _ value: [UInt8]) throws(CommandFailure) -> Void)
  }

  /// All its names; the first is the long one.
  let names: [String]
  /// Whether a value follows.
  let takesValue: Bool
  /// The translation of the option.
  let meaning: Meaning

  /// Describes an option without a value.
  static func flag(_ names: String..., meaning: Meaning = .kept) -> BorgOption {
    BorgOption(names: names, takesValue: false, meaning: meaning)
  }

  /// Describes an option with a value.
  static func value(_ names: String..., meaning: Meaning = .kept) -> BorgOption {
    BorgOption(names: names, takesValue: true, meaning: meaning)
  }
}
